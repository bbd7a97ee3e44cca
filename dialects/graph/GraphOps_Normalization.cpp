//===- GraphOps_Normalization.cpp - row reductions ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

/// Input of rank ≥ 1; the other operands are vectors over its last dimension.
static LogicalResult inferRowwise(ArrayRef<SymbolicShape> operands,
                                  ArrayRef<StringRef> names,
                                  SmallVectorImpl<SymbolicShape> &results,
                                  ErrorEmitter emitError) {
  if (operands[0].empty())
    return emitError() << "expected input of rank 1 or more, got rank 0";
  for (auto [vector, name] : llvm::zip_equal(operands.drop_front(), names))
    if (failed(expectVector(vector, operands[0].back(), name, emitError)))
      return failure();
  results.push_back(operands[0]);
  return success();
}

LogicalResult RmsNormOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                     SmallVectorImpl<SymbolicShape> &results,
                                     ErrorEmitter emitError) {
  return inferRowwise(operands, {"weight"}, results, emitError);
}

LogicalResult LayerNormOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  return inferRowwise(operands, {"weight", "bias"}, results, emitError);
}

LogicalResult SoftmaxOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                     SmallVectorImpl<SymbolicShape> &results,
                                     ErrorEmitter emitError) {
  return inferRowwise(operands, {}, results, emitError);
}

LogicalResult NormalizeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  return inferRowwise(operands, {}, results, emitError);
}

LogicalResult PoolOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                  SmallVectorImpl<SymbolicShape> &results,
                                  ErrorEmitter emitError) {
  if (failed(expectRank(operands[0], 3, "input", emitError)) ||
      failed(expectRank(operands[1], 2, "mask", emitError)))
    return failure();
  for (size_t i = 0; i < 2; ++i)
    if (failed(expectDim(operands[1], i, operands[0][i], "mask", emitError)))
      return failure();
  results.push_back({operands[0][0], operands[0][2]});
  return success();
}
