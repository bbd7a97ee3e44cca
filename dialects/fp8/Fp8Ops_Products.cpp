//===- Fp8Ops_Products.cpp - products of codes with scales ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "dialects/graph/ShapeHelpers.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace trine;
using namespace trine::fp8;
using graph::ErrorEmitter;
using graph::SymbolicShape;

/// Takes a product's input and its scales from the front of the operands.
template <typename OpT>
static LogicalResult expectInput(OpT op, ArrayRef<SymbolicShape> &operands,
                                 ErrorEmitter emitError) {
  const SymbolicShape &input = operands.consume_front();
  if (input.empty())
    return emitError() << "expected input of rank 1 or more, got rank 0";
  if (!op.getInputScales())
    return success();
  return expectScales(operands.consume_front(), input, *op.getInputBlock(),
                      "input scales", emitError);
}

/// weight [N, K] with its scales, for rows of K.
static LogicalResult expectWeight(const SymbolicShape &weight,
                                  const SymbolicShape &scales, AffineExpr k,
                                  ArrayRef<int64_t> block, StringRef name,
                                  ErrorEmitter emitError) {
  if (failed(graph::expectRank(weight, 2, name, emitError)) ||
      failed(graph::expectDim(weight, 1, k, name, emitError)))
    return failure();
  return expectScales(scales, weight, block, (name + " scales").str(),
                      emitError);
}

/// F5, on the side of the weight.
template <typename OpT>
static bool groupDivides(OpT op, int64_t k, ArrayRef<int64_t> block) {
  int64_t group = op.getGroup() ? int64_t(op.getGroup()) : k;
  return block[1] == 0 || block[1] >= k || block[1] % group == 0;
}

/// What both products demand of their input and of how they sum.
template <typename OpT>
static LogicalResult verifyProduct(OpT op, Type weight) {
  Type input = getElementTypeOrSelf(op.getInput().getType());
  bool coded = formatOf(input), scaled = bool(op.getInputScales());
  if (coded != scaled) // F1
    return op.emitOpError("expected ")
           << (coded ? "scales for an input of codes"
                     : "no scales for an input that is no codes");
  bool one = scaled && isOneScale(op.getInputScales().getType().getShape());
  if (scaled && !one && op.getInputBlock()->front() != 1)
    return op.emitOpError("expected an input block of one row, got ")
           << op.getInputBlock()->front();
  int64_t k = cast<ShapedType>(weight).getShape().back();
  if (!groupDivides(op, k, op.getWeightBlock()) ||
      (scaled && !groupDivides(op, k, *op.getInputBlock()))) // F5
    return op.emitOpError("expected a group inside one block of either side, "
                          "got a group of ")
           << (op.getGroup() ? int64_t(op.getGroup()) : k);
  bool narrow = op.getOrder() == Order::Pairs || op.getOrder() == Order::Hopper;
  if (narrow && !coded && !input.isBF16()) // F8
    return op.emitOpError("expected an input of bf16 or codes for the order ")
           << stringifyOrder(op.getOrder()) << ", got " << input;
  return success();
}

LogicalResult
ScaledMatmulOp::inferShapes(ArrayRef<SymbolicShape> operands,
                            SmallVectorImpl<SymbolicShape> &results,
                            ErrorEmitter emitError) {
  SymbolicShape result = operands.front();
  if (failed(expectInput(*this, operands, emitError)))
    return failure();
  if (failed(expectWeight(operands[0], operands[1], result.back(),
                          getWeightBlock(), "weight", emitError)))
    return failure();
  result.back() = operands[0][0];
  if (getBias() && failed(graph::expectVector(operands[2], result.back(),
                                              "bias", emitError)))
    return failure();
  results.push_back(result);
  return success();
}

LogicalResult ScaledMatmulOp::verify() {
  if (getBias() && getBias().getType().getElementType() !=
                       getResult().getType().getElementType()) // G8
    return emitOpError("expected a bias of ")
           << getResult().getType().getElementType() << ", got "
           << getBias().getType().getElementType();
  return verifyProduct(*this, getWeight().getType());
}

LogicalResult
ScaledGatedOp::inferShapes(ArrayRef<SymbolicShape> operands,
                           SmallVectorImpl<SymbolicShape> &results,
                           ErrorEmitter emitError) {
  SymbolicShape result = operands.front();
  if (failed(expectInput(*this, operands, emitError)))
    return failure();
  AffineExpr k = result.back();
  if (failed(expectWeight(operands[0], operands[1], k, getWeightBlock(), "gate",
                          emitError)) ||
      failed(expectWeight(operands[2], operands[3], k, getWeightBlock(), "up",
                          emitError)) ||
      failed(graph::expectDim(operands[2], 0, operands[0][0], "up", emitError)))
    return failure();
  result.back() = operands[0][0];
  results.push_back(result);
  return success();
}

template <typename OpT> static LogicalResult verifyAlike(OpT op) {
  if (op.getGate().getType().getElementType() !=
      op.getUp().getType().getElementType())
    return op.emitOpError("expected gate and up of one format, got ")
           << op.getGate().getType() << " and " << op.getUp().getType();
  return success();
}

LogicalResult ScaledGatedOp::verify() {
  if (failed(verifyAlike(*this)))
    return failure();
  return verifyProduct(*this, getGate().getType());
}

//===----------------------------------------------------------------------===//
// Experts
//===----------------------------------------------------------------------===//

template <typename OpT>
static LogicalResult verifyExperts(OpT op, RankedTensorType weight) {
  if (weight.isDynamicDim(0)) // G25
    return op.emitOpError("expected a static number of experts");
  if (!groupDivides(op, weight.getShape().back(), op.getWeightBlock())) // F5
    return op.emitOpError("expected a group inside one block of the weight, "
                          "got a group of ")
           << op.getGroup();
  return success();
}

LogicalResult
ScaledExpertGatedOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                 SmallVectorImpl<SymbolicShape> &results,
                                 ErrorEmitter emitError) {
  if (failed(graph::inferExpertGated(
          {operands[0], operands[1], operands[2], operands[4]}, results,
          emitError)) ||
      failed(expectScales(operands[3], operands[2], getWeightBlock(),
                          "gate scales", emitError)))
    return failure();
  return expectScales(operands[5], operands[4], getWeightBlock(), "up scales",
                      emitError);
}

LogicalResult ScaledExpertGatedOp::verify() {
  if (failed(verifyAlike(*this)))
    return failure();
  return verifyExperts(*this, getGate().getType());
}

LogicalResult
ScaledExpertLinearOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                  SmallVectorImpl<SymbolicShape> &results,
                                  ErrorEmitter emitError) {
  if (failed(
          graph::inferExpertLinear(operands.take_front(4), results, emitError)))
    return failure();
  return expectScales(operands[4], operands[3], getWeightBlock(),
                      "weight scales", emitError);
}

LogicalResult ScaledExpertLinearOp::verify() {
  RankedTensorType input = getInput().getType();
  if (input.isDynamicDim(input.getRank() - 2)) // G25
    return emitOpError("expected a static number of experts chosen");
  return verifyExperts(*this, getWeight().getType());
}
