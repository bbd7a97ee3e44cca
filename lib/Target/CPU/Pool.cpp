//===- Pool.cpp - one vector for a sequence -------------------------------===//
// A register of columns of one batch row at a time, over all positions.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Pool.h"
#include "Elementwise.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// The pooled f32 vector of batch row `row` from `column` on.
static Value pooled(KernelEmitter &e, graph::PoolOp op, Value row, Value column,
                    Value lanes) {
  auto &b = e.b;
  MathEmitter math(b, b.getLoc());
  const Tensor &input = e.operand(op.getInput());
  const Tensor &mask = e.operand(op.getMask());
  Value tokens = input.dims[1], width = input.dims[2];
  VectorType wide = e.vectorOf(b.getF64Type());
  bool isMax = op.getKind() == graph::PoolKind::Max;
  bool isFirst = op.getKind() == graph::PoolKind::Cls;

  Value start = isMax
                    ? e.splat(-std::numeric_limits<double>::infinity())
                    : Value(arith::ConstantOp::create(b, b.getZeroAttr(wide)));
  Value none = arith::ConstantOp::create(b, b.getF64FloatAttr(0));
  Value count = isFirst ? e.min(tokens, e.index(1)) : tokens;
  auto sums = e.loop(
      e.index(0), count, 1, {start, none},
      [&](Value s, ValueRange carried) -> SmallVector<Value> {
        Value token = e.add(e.mul(row, tokens), s);
        Value offset = e.add(e.mul(token, width), column);
        Value x = e.load(e.at(input.pointer, input.element(), offset),
                         input.element(), lanes);
        Value flag =
            isFirst ? e.b.createOrFold<arith::ConstantIntOp>(1, 32)
                    : e.loadScalar(e.at(mask.pointer, mask.element(), token),
                                   mask.element());
        Value weight = arith::SIToFPOp::create(b, b.getF64Type(), flag);
        Value next;
        if (isMax)
          next = math.fastMax(x, carried[0]);
        else
          next = arith::AddFOp::create(
              b, carried[0],
              arith::MulFOp::create(b, arith::ExtFOp::create(b, wide, x),
                                    e.broadcast(weight)));
        // Masked positions do not count, whatever they hold.
        Value zero = arith::ConstantIntOp::create(b, 0, 32);
        Value counts =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ne, flag, zero);
        return {e.select(counts, next, carried[0]),
                arith::AddFOp::create(b, carried[1], weight)};
      });
  if (isMax)
    return sums[0];
  Value least = arith::ConstantOp::create(b, b.getF64FloatAttr(1e-9));
  Value weights =
      isFirst ? Value(arith::ConstantOp::create(b, b.getF64FloatAttr(1)))
              : math.fastMax(sums[1], least);
  Value mean = arith::DivFOp::create(b, sums[0], e.broadcast(weights));
  return arith::TruncFOp::create(b, e.vectorOf(b.getF32Type()), mean);
}

LogicalResult cpu::emitPool(KernelEmitter &e, graph::PoolOp op) {
  if (!isa<BlockArgument>(op.getInput()) || !isa<BlockArgument>(op.getMask()))
    return op.emitOpError("expected arguments as operands in a cpu kernel");
  const Tensor &space = e.result(0);
  PointEvaluator points(e, space);
  Value columns = e.columns(space);
  Value registers = e.ceilDiv(columns, e.lanes());
  auto [from, to] = e.share(e.mul(space.dims[0], registers));
  LogicalResult status = success();
  Type element = getElementTypeOrSelf(op.getType());
  e.loop(from, to, 1, [&](Value unit) {
    Value row = e.div(unit, registers);
    Value column = e.mul(e.rem(unit, registers), e.lanes());
    points.enterRow(row);
    PointEvaluator::Point point{column, e.mask(e.sub(columns, column))};
    Value value = pooled(e, op, row, column, point.mask);
    point.known[op.getResult()] = e.round(value, element);
    status = points.store(point);
  });
  return status;
}
