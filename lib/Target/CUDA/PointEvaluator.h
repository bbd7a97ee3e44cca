//===- PointEvaluator.h - values of a kernel at a position ------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "lib/Target/PointOps.h"
#include "llvm/ADT/MapVector.h"

namespace trine::cuda {

/// Some columns of a row of a space: what one thread computes at once.
struct Point {
  Value row, column; ///< i64; of the flat space the row is null
  int64_t width;     ///< columns from `column` on
  Value condition{}; ///< is it inside? null: yes
  llvm::DenseMap<Value, Value> known{}; ///< f32 or i32 vectors
};

/// Emits the values of a kernel's region at points of an index space, the shape
/// of one of its results. Arguments are broadcast as NumPy does; elementwise
/// operations are emitted on demand.
class PointEvaluator {
public:
  PointEvaluator(KernelEmitter &emitter, const Tensor &space);

  /// Does every argument have the shape of the space, or a single element?
  static bool isFlat(launch::KernelOp kernel, const Tensor &space);
  /// Columns that a thread's loads and stores may take at once.
  static int64_t width(launch::KernelOp kernel, const Tensor &space);

  /// The vector of a value of the region, f32 or i32, rounded to its element
  /// type. Null after an error.
  Value evaluate(Value value, Point &point);
  /// Evaluates and stores the kernel's results that `wanted` picks.
  mlir::LogicalResult store(
      Point &point,
      llvm::function_ref<bool(Value)> wanted = [](Value) { return true; });

private:
  struct Address {
    Value offset;  ///< of the row's first element
    bool repeated; ///< one element for all columns
  };

  Address addressOf(const Tensor &tensor, const Point &point);
  Value load(const Tensor &tensor, const Point &point);

  KernelEmitter &e;
  const Tensor &space;
  llvm::MapVector<Value, Tensor> memory; ///< arguments and constants
};

} // namespace trine::cuda
