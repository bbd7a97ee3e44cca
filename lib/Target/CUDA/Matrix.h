//===- Matrix.h - matrix instructions and their tiles -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"

namespace trine::cuda {

/// The instructions of sm_80's matrix units on 16-bit floats, and what feeds
/// them. A fragment's registers hold two neighbouring elements each.
class MatrixEmitter {
public:
  explicit MatrixEmitter(KernelEmitter &emitter) : e(emitter), b(emitter.b) {}

  /// Four 8 x 8 matrices of 16-bit elements; a lane gives the address of a row
  /// of 16 bytes: lanes 0-7 of the first, and so on.
  std::array<Value, 4> load(Value address, bool transposed = false);
  /// 16 x 16 · 16 x 8 + 16 x 8 in f32: sums[0..1] are at row lane/4, columns
  /// 2·(lane%4), +1; sums[2..3] 8 rows below.
  void multiply(llvm::ArrayRef<Value> left, llvm::ArrayRef<Value> right,
                llvm::MutableArrayRef<Value> sums, Type element);
  /// Two f32 as a register of a fragment.
  Value pack(Value low, Value high, Type element);

  /// 16 bytes from global to shared memory, zeros where `condition` is false.
  void copy(Value shared, Value global, Value condition);
  void commit();
  /// Waits until at most `pending` groups of copies are under way.
  void wait(int64_t pending);

private:
  KernelEmitter &e;
  mlir::ImplicitLocOpBuilder &b;
};

/// Where 16 bytes of a row lie in a tile of rows of `bytes` (64, or a multiple
/// of 128), in bytes: the same piece of eight rows meets each bank once.
Value swizzled(KernelEmitter &emitter, Value row, Value piece, int64_t bytes);

} // namespace trine::cuda
