//===- Memory.h - anonymous pages -------------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace trine {

/// Every buffer a kernel sees is aligned to this and followed by as many
/// readable bytes (KernelABI.h).
constexpr size_t kBufferAlign = 64;

/// Zeroed anonymous memory. `Huge` asks for 2 MiB pages, worth a fifth of the
/// speed of weights that stream from memory. `Sparse` costs what is touched:
/// small pages, nothing reserved. Throws Environment when there is none.
class Pages {
public:
  enum class Kind { Huge, Sparse };

  Pages() = default;
  Pages(uint64_t bytes, Kind kind, const char *purpose);
  ~Pages();
  Pages(Pages &&other) noexcept { *this = std::move(other); }
  Pages &operator=(Pages &&other) noexcept {
    std::swap(mapping, other.mapping);
    std::swap(mapped, other.mapped);
    std::swap(start, other.start);
    std::swap(bytes, other.bytes);
    return *this;
  }

  uint8_t *data() const { return start; }
  uint64_t size() const { return bytes; }
  void makeReadOnly();

private:
  void *mapping = nullptr;
  size_t mapped = 0;
  uint8_t *start = nullptr;
  uint64_t bytes = 0;
};

} // namespace trine
