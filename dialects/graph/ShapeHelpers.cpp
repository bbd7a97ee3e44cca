//===- ShapeHelpers.cpp ---------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult trine::graph::expectRank(const SymbolicShape &shape, size_t rank,
                                       StringRef operand,
                                       ErrorEmitter emitError) {
  if (shape.size() == rank)
    return success();
  return emitError() << "expected " << operand << " of rank " << rank
                     << ", got rank " << shape.size();
}

LogicalResult trine::graph::expectDim(const SymbolicShape &shape, size_t index,
                                      AffineExpr expected, StringRef operand,
                                      ErrorEmitter emitError) {
  if (unify(shape[index], expected))
    return success();
  InFlightDiagnostic error = emitError();
  std::string want, got;
  llvm::raw_string_ostream(want) << expected;
  llvm::raw_string_ostream(got) << shape[index];
  return error << "expected dimension " << index << " of " << operand
               << " to be " << want << ", got " << got;
}

LogicalResult trine::graph::expectVector(const SymbolicShape &vector,
                                         AffineExpr size, StringRef operand,
                                         ErrorEmitter emitError) {
  if (failed(expectRank(vector, 1, operand, emitError)))
    return failure();
  return expectDim(vector, 0, size, operand, emitError);
}

LogicalResult trine::graph::expectNarrower(Operation *op, ValueRange operands) {
  Type result = getElementTypeOrSelf(op->getResult(0).getType());
  for (Value operand : operands) {
    Type element = getElementTypeOrSelf(operand.getType());
    if (element != result &&
        element.getIntOrFloatBitWidth() >= result.getIntOrFloatBitWidth())
      return op->emitOpError("expected operands of ")
             << result << " or narrower, got " << element;
  }
  return success();
}

LogicalResult trine::graph::broadcast(const SymbolicShape &a,
                                      const SymbolicShape &b,
                                      SymbolicShape &result,
                                      ErrorEmitter emitError) {
  bool aIsLonger = a.size() >= b.size();
  const SymbolicShape &longer = aIsLonger ? a : b;
  const SymbolicShape &shorter = aIsLonger ? b : a;
  size_t missing = longer.size() - shorter.size();
  auto isOne = [](AffineExpr dim) {
    auto constant = dyn_cast<AffineConstantExpr>(dim);
    return constant && constant.getValue() == 1;
  };
  result = longer;
  for (auto [index, dim] : llvm::enumerate(shorter)) {
    AffineExpr &other = result[index + missing];
    if (isOne(dim))
      continue;
    if (isOne(other)) {
      other = dim;
      continue;
    }
    std::optional<AffineExpr> both = unify(other, dim);
    if (!both)
      return emitError() << "operands do not broadcast: dimension "
                         << index + missing << " differs";
    other = *both;
  }
  return success();
}
