//===- GraphOps_Contraction.cpp - linear layers and matrix products -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

/// input [.., K], weight [N, K] → result [.., N].
static LogicalResult inferLinear(const SymbolicShape &input,
                                 const SymbolicShape &weight, StringRef name,
                                 SymbolicShape &result,
                                 ErrorEmitter emitError) {
  if (input.empty())
    return emitError() << "expected input of rank 1 or more, got rank 0";
  if (failed(expectRank(weight, 2, name, emitError)) ||
      failed(expectDim(weight, 1, input.back(), name, emitError)))
    return failure();
  result = input;
  result.back() = weight[0];
  return success();
}

LogicalResult LinearOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  SymbolicShape result;
  if (failed(
          inferLinear(operands[0], operands[1], "weight", result, emitError)))
    return failure();
  if (getBias() &&
      failed(expectVector(operands[2], result.back(), "bias", emitError)))
    return failure();
  results.push_back(result);
  return success();
}

LogicalResult GatedOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                   SmallVectorImpl<SymbolicShape> &results,
                                   ErrorEmitter emitError) {
  SymbolicShape gate, up;
  if (failed(inferLinear(operands[0], operands[1], "gate", gate, emitError)) ||
      failed(inferLinear(operands[0], operands[2], "up", up, emitError)) ||
      failed(expectDim(operands[2], 0, gate.back(), "up", emitError)))
    return failure();
  results.push_back(gate);
  return success();
}

LogicalResult MatmulOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  const SymbolicShape &a = operands[0], &b = operands[1];
  size_t rank = a.size();
  if (rank < 2)
    return emitError() << "expected lhs of rank 2 or more, got rank " << rank;
  if (failed(expectRank(b, rank, "rhs", emitError)))
    return failure();
  size_t kIndex = getTransposeB() ? rank - 1 : rank - 2;
  if (failed(expectDim(b, kIndex, a.back(), "rhs", emitError)))
    return failure();
  SymbolicShape result = a;
  for (size_t i = 0; i + 2 < rank; ++i) {
    if (failed(expectDim(b, i, a[i], "rhs", emitError)))
      return failure();
    result[i] = *unify(a[i], b[i]);
  }
  result.back() = b[getTransposeB() ? rank - 2 : rank - 1];
  results.push_back(result);
  return success();
}

SmallVector<OpOperand *> MatmulOp::getNarrowOperands() {
  return {&getLhsMutable(), &getRhsMutable()};
}

LogicalResult LinearOp::verify() {
  if (getBias() && getBias().getType().getElementType() !=
                       getResult().getType().getElementType()) // G8
    return emitOpError("expected a bias of ")
           << getResult().getType().getElementType() << ", got "
           << getBias().getType().getElementType();
  return expectNarrower(*this, getOperands().take_front(2));
}

LogicalResult GatedOp::verify() { return expectNarrower(*this, getOperands()); }

LogicalResult MatmulOp::verify() {
  return expectNarrower(*this, getOperands());
}
