//===- GraphOps_Elementwise.cpp - elementwise operations ------------------===//
// The float64 formulas here are what the reference executes.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace trine::graph;

static double silu(double x) { return x / (1 + std::exp(-x)); }
static double gelu(double x) {
  // erfc keeps the tail exact where 1 + erf would cancel.
  return 0.5 * x * std::erfc(-x / std::numbers::sqrt2);
}
static double geluTanh(double x) {
  double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1 + std::tanh(inner));
}
static double relu(double x) { return std::isnan(x) ? x : std::max(x, 0.0); }

#define UNARY(OP, FORMULA)                                                     \
  double OP::evaluate(ArrayRef<double> operands) {                             \
    double x = operands[0];                                                    \
    return FORMULA;                                                            \
  }                                                                            \
  LogicalResult OP::inferShapes(ArrayRef<SymbolicShape> operands,              \
                                SmallVectorImpl<SymbolicShape> &results,       \
                                ErrorEmitter) {                                \
    results.push_back(operands[0]);                                            \
    return success();                                                          \
  }
UNARY(NegOp, -x)
UNARY(AbsOp, std::fabs(x))
UNARY(SqrtOp, std::sqrt(x))
UNARY(RsqrtOp, 1 / std::sqrt(x))
UNARY(ExpOp, std::exp(x))
UNARY(ErfOp, std::erf(x))
UNARY(TanhOp, std::tanh(x))
UNARY(SigmoidOp, 1 / (1 + std::exp(-x)))
UNARY(SiluOp, silu(x))
UNARY(ReluOp, relu(x))
UNARY(GeluOp, gelu(x))
UNARY(GeluTanhOp, geluTanh(x))
#undef UNARY

#define BINARY(OP, FORMULA)                                                    \
  double OP::evaluate(ArrayRef<double> operands) {                             \
    double a = operands[0], b = operands[1];                                   \
    return FORMULA;                                                            \
  }                                                                            \
  LogicalResult OP::inferShapes(ArrayRef<SymbolicShape> operands,              \
                                SmallVectorImpl<SymbolicShape> &results,       \
                                ErrorEmitter emitError) {                      \
    return broadcast(operands[0], operands[1], results.emplace_back(),         \
                     emitError);                                               \
  }
BINARY(AddOp, a + b)
BINARY(SubOp, a - b)
BINARY(MulOp, a *b)
BINARY(DivOp, a / b)
BINARY(MaxOp, std::isnan(a) || std::isnan(b) ? a + b : std::max(a, b))
BINARY(MinOp, std::isnan(a) || std::isnan(b) ? a + b : std::min(a, b))
#undef BINARY

double trine::graph::evaluate(Activation activation, double x) {
  switch (activation) {
  case Activation::Silu:
    return silu(x);
  case Activation::Gelu:
    return gelu(x);
  case Activation::GeluTanh:
    return geluTanh(x);
  case Activation::Relu:
    return relu(x);
  }
  llvm_unreachable("closed enum");
}

/// `value` if `other` holds only `neutral` and broadcasting changes no shape.
static OpFoldResult foldNeutral(Attribute other, double neutral, Value value,
                                Type result) {
  auto elements = dyn_cast_or_null<DenseElementsAttr>(other);
  if (!elements || !elements.isSplat() || value.getType() != result)
    return {};
  // Bitwise, so that +0 is not taken for -0: x + (+0) changes x = -0.
  APFloat wanted(neutral), got = elements.getSplatValue<APFloat>();
  bool inexact;
  wanted.convert(got.getSemantics(), APFloat::rmNearestTiesToEven, &inexact);
  return got.bitwiseIsEqual(wanted) ? OpFoldResult(value) : OpFoldResult();
}

OpFoldResult AddOp::fold(FoldAdaptor constants) {
  if (auto kept = foldNeutral(constants.getRhs(), -0.0, getLhs(), getType()))
    return kept;
  return foldNeutral(constants.getLhs(), -0.0, getRhs(), getType());
}

OpFoldResult SubOp::fold(FoldAdaptor constants) {
  return foldNeutral(constants.getRhs(), 0.0, getLhs(), getType());
}

OpFoldResult MulOp::fold(FoldAdaptor constants) {
  if (auto kept = foldNeutral(constants.getRhs(), 1.0, getLhs(), getType()))
    return kept;
  return foldNeutral(constants.getLhs(), 1.0, getRhs(), getType());
}

OpFoldResult DivOp::fold(FoldAdaptor constants) {
  return foldNeutral(constants.getRhs(), 1.0, getLhs(), getType());
}

/// Every value of `from` is a value of `to`.
static bool widens(Type from, Type to) {
  return from == to || (isa<FloatType>(from) && to.isF32());
}

OpFoldResult CastOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto inner = getInput().getDefiningOp<CastOp>();
  if (!inner || !widens(inner.getInput().getType().getElementType(),
                        inner.getType().getElementType()))
    return {};
  setOperand(inner.getInput());
  return getResult();
}

LogicalResult CastOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                  SmallVectorImpl<SymbolicShape> &results,
                                  ErrorEmitter) {
  results.push_back(operands[0]);
  return success();
}
