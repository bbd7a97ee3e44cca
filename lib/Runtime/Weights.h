//===- Weights.h - the weights' bytes in memory -----------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Memory.h"
#include "trine/Package/Package.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace trine {

/// The package's section `weights`, copied into huge pages by threads of its
/// own: the rest of the package, and whatever the application does before its
/// first call, takes as long as a small model's copy.
class Weights {
public:
  Weights() = default;
  ~Weights();
  Weights(const Weights &) = delete;
  Weights &operator=(const Weights &) = delete;

  /// Throws Environment when there is not enough memory. `package` is let go
  /// once all is copied.
  void load(std::shared_ptr<const PackageReader> package, int threads);

  /// Zeros, for a program without a package.
  void clear(uint64_t bytes) {
    pages = Pages(bytes, Pages::Kind::Sparse, "the weights");
  }

  uint64_t size() const { return pages.size(); }
  /// Waits for the copy.
  const uint8_t *data() const;

private:
  void copy();

  std::shared_ptr<const PackageReader> package;
  Bytes source;
  Pages pages;
  std::atomic<size_t> next{0}; ///< byte that nobody copies yet
  std::vector<std::thread> threads;
  mutable std::once_flag copied;
};

} // namespace trine
