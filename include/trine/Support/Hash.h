//===- Hash.h - SHA-256 (libcrypto) -----------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/File.h"
#include <array>

namespace trine {

using Digest = std::array<uint8_t, 32>;

/// Incremental SHA-256.
class Sha256 {
public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256 &) = delete;
  Sha256 &operator=(const Sha256 &) = delete;
  void update(Bytes bytes);
  Digest finish();

private:
  void *context;
};

Digest sha256(Bytes bytes);
std::string hex(const Digest &digest);

} // namespace trine
