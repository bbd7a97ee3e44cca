//===- PointOps.cpp - elementwise operations on registers -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/PointOps.h"
#include "lib/Target/Float8Bits.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;

static Type likeShape(Value value, Type element) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(vector.clone(element)) : element;
}

/// f32 -> i32 toward zero, saturating, NaN to 0.
static Value toInteger(ImplicitLocOpBuilder &b, Value x) {
  using arith::CmpFPredicate;
  auto compare = [&](CmpFPredicate predicate, Value a, Value c) {
    return arith::CmpFOp::create(b, predicate, a, c).getResult();
  };
  auto splat = [&](float value) -> Value {
    TypedAttr attr = b.getF32FloatAttr(value);
    if (auto vector = dyn_cast<VectorType>(x.getType()))
      attr = DenseElementsAttr::get(vector, Attribute(attr));
    return arith::ConstantOp::create(b, attr);
  };
  // The conversion itself is undefined beyond i32.
  Value tooBig = compare(CmpFPredicate::OGE, x, splat(0x1p31f));
  Value tooSmall = compare(CmpFPredicate::OLT, x, splat(-0x1p31f));
  Value nan = compare(CmpFPredicate::UNO, x, x);
  Value outside = arith::OrIOp::create(b, tooBig, nan);
  Value inside = b.createOrFold<arith::SelectOp>(outside, splat(0), x);
  inside = b.createOrFold<arith::SelectOp>(tooSmall, splat(-0x1p31f), inside);
  Value integer =
      arith::FPToSIOp::create(b, likeShape(x, b.getI32Type()), inside);
  return b.createOrFold<arith::SelectOp>(tooBig, constantLike(b, x, INT32_MAX),
                                         integer);
}

/// i32 -> f32, such that rounding on to `element` rounds only once.
static Value toFloat(ImplicitLocOpBuilder &b, Value x, Type element) {
  if (element.isBF16()) {
    // Beyond 2^24 the f32 would round first: fold the lowest byte into the next
    // bit (round to odd), which leaves 23 significant bits.
    Value low = arith::AndIOp::create(b, x, constantLike(b, x, 0xff));
    Value sticky = arith::AndIOp::create(
        b, arith::AddIOp::create(b, low, constantLike(b, x, 0xff)),
        constantLike(b, x, 0x100));
    Value odd =
        arith::SubIOp::create(b, arith::OrIOp::create(b, x, sticky), low);
    Value large = arith::CmpIOp::create(
        b, arith::CmpIPredicate::uge,
        arith::AddIOp::create(b, x, constantLike(b, x, 1 << 24)),
        constantLike(b, x, 1 << 25));
    x = b.createOrFold<arith::SelectOp>(large, odd, x);
  }
  return arith::SIToFPOp::create(b, likeShape(x, b.getF32Type()), x);
}

static Value emitCast(ImplicitLocOpBuilder &b, graph::CastOp op, Value x) {
  Type from = getElementTypeOrSelf(op.getInput().getType());
  Type to = getElementTypeOrSelf(op.getType());
  if (isa<FloatType>(from) == isa<FloatType>(to))
    return x; // the caller rounds to a narrower float
  return isa<FloatType>(from) ? toInteger(b, x) : toFloat(b, x, to);
}

Value trine::emitElementwise(ImplicitLocOpBuilder &b, Operation *op,
                             ValueRange operands) {
  MathEmitter math(b, b.getLoc());
  Value x = operands.front(), y = operands.back();
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](graph::NegOp) { return arith::NegFOp::create(b, x); })
      .Case([&](graph::AbsOp) { return math::AbsFOp::create(b, x); })
      .Case([&](graph::SqrtOp) { return math.sqrt(x); })
      .Case([&](graph::RsqrtOp) { return math.rsqrt(x); })
      .Case([&](graph::ExpOp) { return math.exp(x); })
      .Case([&](graph::ErfOp) { return math.erf(x); })
      .Case([&](graph::TanhOp) { return math.tanh(x); })
      .Case([&](graph::SigmoidOp) { return math.sigmoid(x); })
      .Case([&](graph::SiluOp) { return math.silu(x); })
      .Case([&](graph::ReluOp) { return math.relu(x); })
      .Case([&](graph::GeluOp) { return math.gelu(x); })
      .Case([&](graph::GeluTanhOp) { return math.geluTanh(x); })
      .Case([&](graph::AddOp) { return arith::AddFOp::create(b, x, y); })
      .Case([&](graph::SubOp) { return arith::SubFOp::create(b, x, y); })
      .Case([&](graph::MulOp) { return arith::MulFOp::create(b, x, y); })
      .Case([&](graph::DivOp) { return arith::DivFOp::create(b, x, y); })
      .Case([&](graph::MaxOp) { return math.maximum(x, y); })
      .Case([&](graph::MinOp) { return math.minimum(x, y); })
      .Case([&](graph::CastOp cast) { return emitCast(b, cast, x); })
      .Default(Value());
}

Value trine::emitActivation(ImplicitLocOpBuilder &b,
                            graph::Activation activation, Value x) {
  MathEmitter math(b, b.getLoc());
  switch (activation) {
  case graph::Activation::Silu:
    return math.silu(x);
  case graph::Activation::Gelu:
    return math.gelu(x);
  case graph::Activation::GeluTanh:
    return math.geluTanh(x);
  case graph::Activation::Relu:
    return math.relu(x);
  }
  llvm_unreachable("closed enum");
}

bool trine::isElementwise(Operation *op) {
  return isa<graph::Elementwise, graph::CastOp>(op);
}

bool trine::follows(Value value, Operation *op) {
  Operation *producer = value.getDefiningOp();
  if (!producer || producer == op)
    return producer == op;
  return llvm::any_of(producer->getOperands(),
                      [&](Value operand) { return follows(operand, op); });
}

bool trine::fusesPointwise(Operation *root, Operation *consumer) {
  auto shape = [](Operation *op) {
    return cast<RankedTensorType>(op->getResult(0).getType()).getShape();
  };
  return isElementwise(consumer) && shape(root) == shape(consumer);
}
