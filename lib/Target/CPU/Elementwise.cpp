//===- Elementwise.cpp - elementwise operations on registers --------------===//
// A graph operation on vectors of its operands -> the vector of its result; and
// the family whose kernels hold nothing else.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"
#include "Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

//===----------------------------------------------------------------------===//
// One operation
//===----------------------------------------------------------------------===//

/// f32 -> i32 toward zero, saturating, NaN to 0.
static Value toInteger(KernelEmitter &emitter, Value x) {
  auto &b = emitter.b;
  using arith::CmpFPredicate;
  auto compare = [&](CmpFPredicate predicate, Value a, Value c) {
    return arith::CmpFOp::create(b, predicate, a, c).getResult();
  };
  // The conversion itself is undefined beyond i32.
  Value tooBig = compare(CmpFPredicate::OGE, x, emitter.splat(0x1p31));
  Value tooSmall = compare(CmpFPredicate::OLT, x, emitter.splat(-0x1p31));
  Value nan = compare(CmpFPredicate::UNO, x, x);
  Value outside = arith::OrIOp::create(b, tooBig, nan);
  Value inside = emitter.select(outside, emitter.splat(0), x);
  inside = emitter.select(tooSmall, emitter.splat(-0x1p31), inside);
  Value integer =
      arith::FPToSIOp::create(b, emitter.vectorOf(b.getI32Type()), inside);
  return emitter.select(tooBig, emitter.splatInt(INT32_MAX), integer);
}

/// i32 -> f32, such that rounding on to `element` rounds only once.
static Value toFloat(KernelEmitter &emitter, Value x, Type element) {
  auto &b = emitter.b;
  if (element.isBF16()) {
    // Beyond 2^24 the f32 would round first: fold the lowest byte into the next
    // bit (round to odd), which leaves 23 significant bits.
    Value low = arith::AndIOp::create(b, x, emitter.splatInt(0xff));
    Value sticky = arith::AndIOp::create(
        b, arith::AddIOp::create(b, low, emitter.splatInt(0xff)),
        emitter.splatInt(0x100));
    Value odd =
        arith::SubIOp::create(b, arith::OrIOp::create(b, x, sticky), low);
    Value large = arith::CmpIOp::create(
        b, arith::CmpIPredicate::uge,
        arith::AddIOp::create(b, x, emitter.splatInt(1 << 24)),
        emitter.splatInt(1 << 25));
    x = emitter.select(large, odd, x);
  }
  return arith::SIToFPOp::create(b, emitter.vectorOf(b.getF32Type()), x);
}

static Value emitCast(KernelEmitter &emitter, graph::CastOp op, Value x) {
  Type from = getElementTypeOrSelf(op.getInput().getType());
  Type to = getElementTypeOrSelf(op.getType());
  if (isa<FloatType>(from) == isa<FloatType>(to))
    return x; // the caller rounds to a narrower float
  return isa<FloatType>(from) ? toInteger(emitter, x) : toFloat(emitter, x, to);
}

Value cpu::emitElementwise(KernelEmitter &emitter, Operation *op,
                           ValueRange operands) {
  auto &b = emitter.b;
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
      .Case([&](graph::CastOp cast) { return emitCast(emitter, cast, x); })
      .Default(Value());
}

Value cpu::emitActivation(KernelEmitter &emitter, graph::Activation activation,
                          Value x) {
  MathEmitter math(emitter.b, emitter.b.getLoc());
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

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

static LogicalResult emitFlat(KernelEmitter &emitter, const Tensor &space) {
  PointEvaluator points(emitter, space, /*flat=*/true);
  Value total = emitter.product(space, 0, space.rank());
  auto [from, to] = emitter.share(emitter.ceilDiv(total, emitter.lanes()));
  Value first = emitter.mul(from, emitter.lanes());
  Value last = emitter.min(emitter.mul(to, emitter.lanes()), total);
  points.enterRow(emitter.index(0));
  LogicalResult status = success();
  // Without units of work, `last` may lie before `first`.
  Value count = emitter.max(emitter.sub(last, first), emitter.index(0));
  emitter.columnLoop(count, [&](Value column, Value mask) {
    PointEvaluator::Point point{emitter.add(first, column), mask};
    status = points.store(point);
  });
  return status;
}

static LogicalResult emit(KernelEmitter &emitter) {
  if (llvm::any_of(emitter.kernel.getBlock(),
                   [](Operation &op) { return isRowOp(&op); }))
    return rowsFamily.emit(emitter);
  const Tensor &space = emitter.result(0);
  if (PointEvaluator::isFlat(emitter, space))
    return emitFlat(emitter, space);
  PointEvaluator points(emitter, space);
  auto [from, to] = emitter.share(emitter.rows(space));
  LogicalResult status = success();
  emitter.loop(from, to, 1, [&](Value row) {
    points.enterRow(row);
    emitter.columnLoop(emitter.columns(space), [&](Value column, Value mask) {
      PointEvaluator::Point point{column, mask};
      status = points.store(point);
    });
  });
  return status;
}

/// Elementwise consumers, and a norm or softmax of the root itself.
static bool canFuse(Operation *root, Operation *consumer) {
  return fusesPointwise(root, consumer) ||
         (isRowOp(consumer) && !isa<graph::PoolOp>(consumer) &&
          consumer->getOperand(0) == root->getResult(0));
}

const Family cpu::elementwiseFamily = {"elementwise", isElementwise, emit,
                                       canFuse, rowsFamily.scratch};
