//===- Elementwise.h - values of a kernel at a position ---------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "lib/Target/PointOps.h"
#include "llvm/ADT/MapVector.h"

namespace trine::cpu {

/// Emits the values of a kernel's region at positions of an index space, the
/// shape of one of its results: a row (all but the last dimension) and a
/// register of columns. Arguments are broadcast as NumPy does; elementwise
/// operations are emitted on demand.
class PointEvaluator {
public:
  /// `flat`: one row holds the whole space (isFlat).
  PointEvaluator(KernelEmitter &emitter, const Tensor &space,
                 bool flat = false);

  /// Does every argument have the shape of the space, or a single element?
  static bool isFlat(KernelEmitter &emitter, const Tensor &space);

  struct Point {
    Value column, mask; ///< a null mask is a full register
    llvm::DenseMap<Value, Value> known{};
  };

  /// Emits the addresses of this row; before any of its points.
  void enterRow(Value row);
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

  Address addressOf(const Tensor &tensor, Value row);
  Value load(Value value, const Tensor &tensor, Point &point);

  KernelEmitter &emitter;
  const Tensor &space;
  bool flat;
  Value row;
  llvm::MapVector<Value, Tensor> memory; ///< arguments and constants
  llvm::DenseMap<Value, Address> addresses;
};

/// A constant's elements in read-only memory, as f32 or i32.
Tensor tableOf(KernelEmitter &emitter, graph::ConstantOp op);

/// Symbolic shape of a value of the kernel's region.
graph::SymbolicShape shapeOf(Value value, launch::KernelOp kernel,
                             llvm::ArrayRef<graph::SymbolicShape> operands);

/// A norm, softmax or pool: what heads the family "rows".
bool isRowOp(mlir::Operation *op);

} // namespace trine::cpu
