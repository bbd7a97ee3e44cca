//===- Pool.cpp - one vector for a sequence -------------------------------===//
// A thread has a few columns of one row of the batch, over all positions; sums
// are f64.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

namespace {
class PoolKernel {
public:
  PoolKernel(KernelEmitter &e, graph::PoolOp op)
      : e(e), b(e.b), op(op), input(e.operand(op.getInput())),
        mask(e.operand(op.getMask())) {}

  Value first(Point &point) { return load(point, e.index(0)); }
  Value mean(Point &point);
  Value largest(Point &point);

private:
  Value load(Point &point, Value token) {
    Value at = e.add(e.mul(tokenOf(point, token), input.dims[2]), point.column);
    return e.load(e.at(input.pointer, input.element(), at), input.element(),
                  point.width);
  }
  Value tokenOf(Point &point, Value token) {
    return e.add(e.mul(point.row, input.dims[1]), token);
  }
  Value weight(Point &point, Value token) {
    return e.loadScalar(
        e.at(mask.pointer, mask.element(), tokenOf(point, token)),
        mask.element());
  }
  Value counts(Value weight) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, weight,
                                 e.number(0));
  }
  SmallVector<Value>
  overTokens(SmallVector<Value> start,
             function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    return e.loop(e.index(0), input.dims[1], e.index(1), start, body);
  }
  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  graph::PoolOp op;
  const Tensor &input, &mask;
};
} // namespace

/// Masked positions do not count, whatever they hold.
Value PoolKernel::mean(Point &point) {
  SmallVector<Value> sums(size_t(point.width) + 1, f64(0));
  sums = overTokens(sums, [&](Value token, ValueRange carried) {
    Value flag = weight(point, token), x = load(point, token);
    Value factor = arith::SIToFPOp::create(b, b.getF64Type(), flag);
    SmallVector<Value> next;
    for (int64_t i = 0; i < point.width; ++i) {
      Value wide = arith::ExtFOp::create(b, b.getF64Type(), e.element(x, i));
      Value sum = arith::AddFOp::create(
          b, carried[size_t(i)], Value(arith::MulFOp::create(b, wide, factor)));
      next.push_back(e.select(counts(flag), sum, carried[size_t(i)]));
    }
    next.push_back(arith::AddFOp::create(b, carried.back(), factor));
    return next;
  });
  MathEmitter math(b, b.getLoc());
  Value total = math.fastMax(sums.pop_back_val(), f64(1e-9));
  for (Value &sum : sums)
    sum = arith::TruncFOp::create(b, b.getF32Type(),
                                  Value(arith::DivFOp::create(b, sum, total)));
  return e.collect(sums);
}

Value PoolKernel::largest(Point &point) {
  MathEmitter math(b, b.getLoc());
  Value lowest = e.splat(-std::numeric_limits<double>::infinity(), point.width);
  return overTokens(
      {lowest}, [&](Value token, ValueRange carried) -> SmallVector<Value> {
        Value most = math.fastMax(load(point, token), carried[0]);
        return {e.select(counts(weight(point, token)), most, carried[0])};
      })[0];
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::PoolOp>(rootOf(e.kernel));
  const Tensor &space = e.result(0);
  if (!e.operand(op.getInput()).type || !e.operand(op.getMask()).type)
    return op.emitOpError("expected arguments as operands in a cuda kernel");
  int64_t width = std::min<int64_t>(2, PointEvaluator::width(e.kernel, space));
  return overPoints(e, space, width, /*flat=*/false, [&](Point &point) {
    PoolKernel pool(e, op);
    Value value = op.getKind() == graph::PoolKind::Mean  ? pool.mean(point)
                  : op.getKind() == graph::PoolKind::Max ? pool.largest(point)
                                                         : pool.first(point);
    point.known[op.getResult()] =
        e.round(value, getElementTypeOrSelf(op.getType()));
    return PointEvaluator(e, space).store(point);
  });
}

const Family cuda::poolFamily = {
    "rows", [](Operation *op) { return isa<graph::PoolOp>(op); }, emit,
    fusesPointwise};
