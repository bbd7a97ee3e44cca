//===- Rope.cpp - rotary position embedding -------------------------------===//
// A thread computes the angle of a pair of one token, in f64 quarter turns (at
// position 131072 an f32 angle would be off by 0.004), and turns that pair of
// all heads; threads beyond the pairs copy the elements that stay. Part of
// Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kThreads = 128;

namespace {
class RopeKernel {
public:
  RopeKernel(KernelEmitter &e, graph::RopeOp op)
      : e(e), b(e.b), op(op), input(e.operand(op.getInput())),
        result(e.result(0)), pairs(int64_t(op.getDims()) / 2),
        size(input.type.getShape()[3]) {}

  void emit();

private:
  std::pair<Value, Value> angle(Value position, Value pair);
  void rotate(Value token, Value pair);
  void copyRest(Value token, Value column);
  /// body(offset of the head's first element)
  void overHeads(Value token, function_ref<void(Value)> body);

  Value load(Value offset) {
    return e.element(e.load(e.at(input.pointer, input.element(), offset),
                            input.element(), 1),
                     0);
  }
  void store(Value scalar, Value offset) {
    e.store(e.broadcast(scalar, 1),
            e.at(result.pointer, result.element(), offset), result.element());
  }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  graph::RopeOp op;
  const Tensor &input, &result;
  int64_t pairs, size;
};
} // namespace

std::pair<Value, Value> RopeKernel::angle(Value position, Value pair) {
  graph::RopeFrequencies frequencies = graph::ropeFrequencies(op);
  // Quarter turns a position, as the sum of two floats (48 bits).
  SmallVector<float> parts;
  for (double inverse : frequencies.inverse) {
    double quarters = inverse * 2 / std::numbers::pi;
    parts.push_back(float(quarters));
    parts.push_back(float(quarters - double(parts.back())));
  }
  Value both = e.load(e.at(e.table(parts), b.getF32Type(), e.mul(pair, 2)),
                      b.getF32Type(), 2);
  auto wide = [&](int64_t i) -> Value {
    return arith::ExtFOp::create(b, b.getF64Type(), e.element(both, i));
  };
  Value turns = arith::MulFOp::create(
      b, Value(arith::SIToFPOp::create(b, b.getF64Type(), position)),
      Value(arith::AddFOp::create(b, wide(0), wide(1))));
  auto [sine, cosine] = MathEmitter(b, b.getLoc()).sinCos(turns);
  if (frequencies.attention != 1) {
    Value factor = e.real(frequencies.attention);
    sine = arith::MulFOp::create(b, sine, factor);
    cosine = arith::MulFOp::create(b, cosine, factor);
  }
  return {sine, cosine};
}

void RopeKernel::overHeads(Value token, function_ref<void(Value)> body) {
  Value heads = input.dims[2];
  e.loop(e.index(0), heads, e.index(1), [&](Value head) {
    body(e.mul(e.add(e.mul(token, heads), head), size));
  });
}

void RopeKernel::rotate(Value token, Value pair) {
  const Tensor &positions = e.operand(op.getPositions());
  Value position = e.loadScalar(
      e.at(positions.pointer, positions.element(), token), b.getI32Type());
  auto turn = angle(position, pair);
  Value sine = turn.first, cosine = turn.second;
  bool half = op.getStyle() == graph::RopeStyle::Half;
  Value first = half ? pair : e.mul(pair, 2);
  overHeads(token, [&](Value head) {
    Value at = e.add(head, first), other = e.add(at, half ? pairs : 1);
    Value x = load(at), y = load(other);
    Value minus =
        arith::NegFOp::create(b, Value(arith::MulFOp::create(b, y, sine)));
    Value plus = arith::MulFOp::create(b, x, sine);
    store(math::FmaOp::create(b, x, cosine, minus), at);
    store(math::FmaOp::create(b, y, cosine, plus), other);
  });
}

void RopeKernel::copyRest(Value token, Value column) {
  overHeads(token, [&](Value head) {
    Value at = e.add(head, column);
    store(load(at), at);
  });
}

void RopeKernel::emit() {
  int64_t units = size - pairs; // of a token
  LaunchShape shape;
  shape.threads = kThreads;
  shape.grid[0] = KernelEmitter::extent(input, 0, 2);
  shape.grid[1] = {.times = (units + kThreads - 1) / kThreads};
  e.begin(shape);
  Value token = e.wide(e.block(0));
  Value unit = e.add(e.mul(e.wide(e.block(1)), kThreads), e.wide(e.thread));
  e.when(e.less(unit, e.index(pairs)), [&] { rotate(token, unit); });
  if (units > pairs)
    e.when(
        e.both(e.less(e.index(pairs - 1), unit), e.less(unit, e.index(units))),
        [&] { copyRest(token, e.add(unit, pairs)); });
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::RopeOp>(rootOf(e.kernel));
  if (failed(expectAlone(e, op)))
    return failure();
  RopeKernel(e, op).emit();
  return success();
}

const Family cuda::ropeFamily = {
    "movement", [](Operation *op) { return isa<graph::RopeOp>(op); }, emit};
