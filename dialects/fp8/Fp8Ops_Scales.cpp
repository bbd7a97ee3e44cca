//===- Fp8Ops_Scales.cpp - codes and the scales of their blocks -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace trine;
using namespace trine::fp8;
using graph::ErrorEmitter;
using graph::SymbolicShape;

static LogicalResult expectDimensions(const SymbolicShape &shape,
                                      StringRef operand, ErrorEmitter emit) {
  if (shape.empty())
    return emit() << "expected " << operand << " of rank 1 or more, got rank 0";
  return success();
}

/// Codes, or what becomes them, with a scale for each block (F2).
static LogicalResult expectCoded(const SymbolicShape &codes, StringRef operand,
                                 const SymbolicShape &scales,
                                 ArrayRef<int64_t> block, ErrorEmitter emit) {
  if (failed(expectDimensions(codes, operand, emit)))
    return failure();
  return expectScales(scales, codes, block, "scales", emit);
}

/// Codes and scales are of the scheme's types.
static LogicalResult expectTypes(Operation *op, SchemeAttr scheme) {
  Type types[] = {scheme.getCodes(), scheme.getScales()};
  for (auto [result, wanted] : llvm::zip_equal(op->getResults(), types))
    if (getElementTypeOrSelf(result) != wanted)
      return op->emitOpError("expected a result of the scheme's ")
             << wanted << ", got " << result.getType();
  return success();
}

LogicalResult QuantizeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results,
                                      ErrorEmitter emitError) {
  if (failed(expectDimensions(operands[0], "input", emitError)))
    return failure();
  results.push_back(operands[0]);
  results.push_back(scaleShape(operands[0], getScheme().getBlock()));
  return success();
}

LogicalResult QuantizeOp::verify() { return expectTypes(*this, getScheme()); }

LogicalResult EncodeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (failed(expectCoded(operands[0], "input", operands[1], getBlock(),
                         emitError)))
    return failure();
  results.push_back(operands[0]);
  return success();
}

LogicalResult EncodeOp::verify() { return success(); }

LogicalResult DequantizeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                        SmallVectorImpl<SymbolicShape> &results,
                                        ErrorEmitter emitError) {
  if (failed(expectCoded(operands[0], "codes", operands[1], getBlock(),
                         emitError)))
    return failure();
  results.push_back(operands[0]);
  return success();
}

LogicalResult DequantizeOp::verify() { return success(); }

LogicalResult
ConvertScalesOp::inferShapes(ArrayRef<SymbolicShape> operands,
                             SmallVectorImpl<SymbolicShape> &results,
                             ErrorEmitter emitError) {
  if (failed(
          expectCoded(operands[1], "like", operands[0], getFrom(), emitError)))
    return failure();
  results.push_back(scaleShape(operands[1], getTo()));
  return success();
}

LogicalResult ConvertScalesOp::verify() {
  for (auto [from, to] : llvm::zip_equal(getFrom(), getTo()))
    if (from != to && from != 0 && (to == 0 || from % to != 0)) // F6
      return emitOpError("expected each block of `to` inside one of `from`, "
                         "got [")
             << getFrom() << "] to [" << getTo()
             << "]; merging blocks needs fp8.requantize";
  return success();
}

LogicalResult RequantizeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                        SmallVectorImpl<SymbolicShape> &results,
                                        ErrorEmitter emitError) {
  if (failed(expectCoded(operands[0], "codes", operands[1], getBlock(),
                         emitError)))
    return failure();
  results.push_back(operands[0]);
  results.push_back(scaleShape(operands[0], getScheme().getBlock()));
  return success();
}

LogicalResult RequantizeOp::verify() {
  if (!getAllowLossy()) // F7
    return emitOpError("other scales for codes that exist round twice; the "
                       "recipe must consent (`requantize: allow`)");
  return expectTypes(*this, getScheme());
}

LogicalResult ObserveOp::inferShapes(ArrayRef<SymbolicShape>,
                                     SmallVectorImpl<SymbolicShape> &results,
                                     ErrorEmitter) {
  results.push_back({getAffineConstantExpr(1, getContext())});
  return success();
}

LogicalResult ObserveOp::verify() { return success(); }

LogicalResult CompareOp::inferShapes(ArrayRef<SymbolicShape>,
                                     SmallVectorImpl<SymbolicShape> &results,
                                     ErrorEmitter) {
  results.push_back({getAffineConstantExpr(4, getContext())});
  return success();
}

LogicalResult CompareOp::verify() { return success(); }

LogicalResult CensusOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (operands[0].size() != operands[1].size())
    return emitError() << "expected codes of the input's rank "
                       << operands[0].size() << ", got " << operands[1].size();
  if (failed(expectCoded(operands[1], "codes", operands[2], getBlock(),
                         emitError)))
    return failure();
  results.push_back({getAffineConstantExpr(3 + 256, getContext())});
  return success();
}

LogicalResult CensusOp::verify() { return success(); }
