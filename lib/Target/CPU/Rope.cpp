//===- Rope.cpp - rotary position embedding -------------------------------===//
// Sine and cosine of each token's angles go to scratch, then all its heads are
// rotated. Angles are f64 quarter turns: at position 131072 an f32 angle would
// be off by 0.004, this one is by less than 1e-9.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <numbers>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {
class RopeKernel {
public:
  RopeKernel(KernelEmitter &e, graph::RopeOp op)
      : e(e), b(e.b), op(op), input(e.operand(op.getInput())),
        result(e.result(0)), pairs(op.getDims() / 2),
        padded(llvm::alignTo(pairs, e.lanes())) {}

  void emit();

private:
  void emitTables();
  void emitAngles(Value position);
  void rotateHalves(Value head);
  void rotateInterleaved(Value head);

  Value angles(bool cosines, Value pair) {
    Value index = e.add(pair, cosines ? padded : 0);
    return e.load(e.at(e.scratch, b.getF32Type(), index), b.getF32Type());
  }
  Value element(const Tensor &tensor, Value offset) {
    return e.at(tensor.pointer, tensor.element(), offset);
  }
  /// (x, y) -> (x·cos - y·sin, y·cos + x·sin)
  std::pair<Value, Value> rotate(Value x, Value y, Value pair);

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  graph::RopeOp op;
  const Tensor &input, &result;
  int64_t pairs, padded;
  /// Quarter turns a position, as the sum of two floats (48 bits).
  Value high, low;
  float factor = 1;
};
} // namespace

void RopeKernel::emitTables() {
  graph::RopeFrequencies frequencies = graph::ropeFrequencies(op);
  SmallVector<float> highs(padded, 0), lows(padded, 0);
  for (auto [i, inverse] : llvm::enumerate(frequencies.inverse)) {
    double quarters = inverse * 2 / std::numbers::pi;
    highs[i] = float(quarters);
    lows[i] = float(quarters - highs[i]);
  }
  high = e.table(highs);
  low = e.table(lows);
  factor = float(frequencies.attention);
}

void RopeKernel::emitAngles(Value position) {
  MathEmitter math(b, b.getLoc());
  VectorType wide = e.vectorOf(b.getF64Type());
  Value positions =
      e.broadcast(arith::SIToFPOp::create(b, b.getF64Type(), position));
  Type f32 = b.getF32Type();
  e.loop(e.index(0), e.index(padded), e.lanes(), [&](Value pair) {
    auto load = [&](Value table) -> Value {
      return arith::ExtFOp::create(b, wide,
                                   e.load(e.at(table, f32, pair), f32));
    };
    Value frequency = arith::AddFOp::create(b, load(high), load(low));
    auto [sine, cosine] =
        math.sinCos(arith::MulFOp::create(b, positions, frequency));
    if (factor != 1) {
      sine = arith::MulFOp::create(b, sine, e.splat(factor));
      cosine = arith::MulFOp::create(b, cosine, e.splat(factor));
    }
    e.store(sine, e.at(e.scratch, f32, pair), f32);
    e.store(cosine, e.at(e.scratch, f32, e.add(pair, padded)), f32);
  });
}

std::pair<Value, Value> RopeKernel::rotate(Value x, Value y, Value pair) {
  Value sine = angles(false, pair), cosine = angles(true, pair);
  Value minus = arith::NegFOp::create(b, arith::MulFOp::create(b, y, sine));
  Value plus = arith::MulFOp::create(b, x, sine);
  return {math::FmaOp::create(b, x, cosine, minus),
          math::FmaOp::create(b, y, cosine, plus)};
}

void RopeKernel::rotateHalves(Value head) {
  e.columnLoop(e.index(pairs), [&](Value pair, Value mask) {
    Value at[] = {e.add(head, pair), e.add(head, e.add(pair, pairs))};
    Value x = e.load(element(input, at[0]), input.element(), mask);
    Value y = e.load(element(input, at[1]), input.element(), mask);
    auto [first, second] = rotate(x, y, pair);
    e.store(first, element(result, at[0]), result.element(), mask);
    e.store(second, element(result, at[1]), result.element(), mask);
  });
}

void RopeKernel::rotateInterleaved(Value head) {
  int64_t lanes = e.lanes();
  SmallVector<int64_t> evens, odds, woven;
  for (int64_t i = 0; i < lanes; ++i) {
    evens.push_back(2 * i);
    odds.push_back(2 * i + 1);
    woven.append({i, lanes + i});
  }
  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> order) -> Value {
    return vector::ShuffleOp::create(b, x, y, order);
  };
  e.columnLoop(e.index(pairs), [&](Value pair, Value mask) {
    Value at[2], masks[2], part[2];
    for (int64_t i = 0; i < 2; ++i) {
      Value offset = e.add(e.mul(pair, 2), i * lanes);
      at[i] = e.add(head, offset);
      if (mask)
        masks[i] = e.mask(e.sub(e.index(2 * pairs), offset));
      part[i] = e.load(element(input, at[i]), input.element(), masks[i]);
    }
    auto [x, y] = rotate(shuffle(part[0], part[1], evens),
                         shuffle(part[0], part[1], odds), pair);
    ArrayRef<int64_t> order(woven);
    e.store(shuffle(x, y, order.take_front(lanes)), element(result, at[0]),
            result.element(), masks[0]);
    e.store(shuffle(x, y, order.drop_front(lanes)), element(result, at[1]),
            result.element(), masks[1]);
  });
}

void RopeKernel::emit() {
  emitTables();
  const Tensor &positions = e.operand(op.getPositions());
  Value heads = input.dims[2], size = input.dims[3];
  auto [from, to] = e.share(e.mul(input.dims[0], input.dims[1]));
  e.loop(from, to, 1, [&](Value token) {
    emitAngles(e.loadScalar(element(positions, token), b.getI32Type()));
    e.loop(e.index(0), heads, 1, [&](Value index) {
      Value head = e.mul(e.add(e.mul(token, heads), index), size);
      if (op.getStyle() == graph::RopeStyle::Half)
        rotateHalves(head);
      else
        rotateInterleaved(head);
      e.columnLoop(e.sub(size, e.index(2 * pairs)),
                   [&](Value column, Value mask) {
                     Value at = e.add(head, e.add(column, 2 * pairs));
                     e.store(e.load(element(input, at), input.element(), mask),
                             element(result, at), result.element(), mask);
                   });
    });
  });
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::RopeOp>(rootOf(e.kernel));
  if (failed(expectAlone(e, op)))
    return failure();
  RopeKernel(e, op).emit();
  return success();
}

/// Sines and cosines of one token.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape>,
                          const MachineModel &machine) {
  auto op = cast<graph::RopeOp>(rootOf(kernel));
  int64_t padded = llvm::alignTo(op.getDims() / 2, machine.lanes);
  return getAffineConstantExpr(2 * padded * 4, kernel.getContext());
}

static bool heads(Operation *root) { return isa<graph::RopeOp>(root); }

const Family cpu::ropeFamily = {"movement", heads, emit, nullptr, scratch};
