//===- Tiles.h - the AMX tiles of a thread ----------------------*- C++ -*-===//
// Eight tiles of 16 rows of 64 bytes: sums of f32, inputs of bf16 along k, and
// weights of bf16 in pairs along k for each column. A product adds 32 k to a
// sum, even and odd k apart; subnormals are zero.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"

namespace trine::cpu {

class Tiles {
public:
  static constexpr int64_t kRows = 16;  ///< of a tile; columns of a sum
  static constexpr int64_t kDepth = 32; ///< k of a product
  static constexpr int64_t kLine = 64;  ///< bytes of a tile's row
  // Which tiles there are of each kind.
  static constexpr int64_t kSums = 0, kInputs = 4, kWeights = 6, kAll = 8;

  explicit Tiles(KernelEmitter &emitter) : e(emitter) {}

  /// Before any use; `scratch`: 64 bytes, `rows`: of sums and inputs, 1 to 16.
  void configure(Value scratch, Value rows);
  /// After the last use.
  void release();

  void zero(int64_t tile);
  /// `stride`: bytes from a row to the next; `once`: it need not stay in the
  /// L1.
  void load(int64_t tile, Value pointer, Value stride, bool once = false);
  void store(int64_t tile, Value pointer, Value stride);
  /// sum += input · weight
  void multiply(int64_t sum, int64_t input, int64_t weight);

private:
  KernelEmitter &e;

  void call(llvm::StringRef name, ValueRange operands);
  Value number(int64_t tile);
};

} // namespace trine::cpu
