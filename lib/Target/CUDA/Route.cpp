//===- Route.cpp - the experts of each token ------------------------------===//
// A warp takes a token: scores and the values they are chosen by wait in shared
// memory, where what cannot be chosen any more is -infinity.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include <limits>

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

namespace {
class RouteKernel {
public:
  RouteKernel(KernelEmitter &emitter, graph::RouteOp op)
      : e(emitter), b(e.b), math(b, b.getLoc()), op(op),
        logits(e.operand(op.getLogits())),
        experts(logits.type.getShape().back()), f32(b.getF32Type()) {}

  void emit();

private:
  Value infinity() { return e.real(-std::numeric_limits<double>::infinity()); }
  Value lowest() { return e.real(std::numeric_limits<float>::lowest()); }
  Value read(Value values, Value index) {
    return e.loadScalar(e.at(values, f32, index), f32);
  }
  void write(Value x, Value values, Value index) {
    e.store(e.broadcast(x, 1), e.at(values, f32, index), f32);
  }
  void sync() { NVVM::SyncWarpOp::create(b, e.number(-1)); }
  /// body(index) by the lanes in turn.
  void over(int64_t count, function_ref<void(Value)> body) {
    e.loop(e.lane, e.number(count), e.number(kWarp), body);
    sync();
  }
  Value fold(Value start, function_ref<Value(Value, Value)> step,
             function_ref<Value(Value, Value)> join);
  void emitScores();
  void emitChoice();
  void limitGroups();
  Value takeLargest(Value values, int64_t count);
  void emitWeights();

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MathEmitter math;
  graph::RouteOp op;
  const Tensor &logits;
  int64_t experts;
  Type f32;
  Value token, scores, choice, sums;
};
} // namespace

/// step(carried, score) over all scores, joined.
Value RouteKernel::fold(Value start, function_ref<Value(Value, Value)> step,
                        function_ref<Value(Value, Value)> join) {
  Value own = e.loop(e.lane, e.number(experts), e.number(kWarp), {start},
                     [&](Value i, ValueRange carried) -> SmallVector<Value> {
                       return {step(carried[0], i)};
                     })[0];
  return e.reduceWarp(own, join);
}

void RouteKernel::emitScores() {
  bool isSigmoid = op.getScoring() == graph::Scoring::Sigmoid;
  Value first = e.mul(token, experts);
  over(experts, [&](Value i) {
    Value x = e.loadScalar(
        e.at(logits.pointer, logits.element(), e.add(first, e.wide(i))),
        logits.element());
    write(isSigmoid ? math.sigmoid(x) : x, scores, i);
  });
  if (isSigmoid)
    return;
  auto larger = [&](Value x, Value y) { return math.fastMax(x, y); };
  auto plus = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, x, y);
  };
  Value top = fold(
      infinity(),
      [&](Value best, Value i) { return larger(read(scores, i), best); },
      larger);
  Value sum = fold(
      e.real(0),
      [&](Value total, Value i) {
        Value x = arith::SubFOp::create(b, read(scores, i), top);
        x = math.exp(x);
        write(x, scores, i);
        return plus(total, x);
      },
      plus);
  Value factor = math.reciprocal(sum);
  over(experts, [&](Value i) {
    write(arith::MulFOp::create(b, read(scores, i), factor), scores, i);
  });
}

/// What experts are chosen by: never less than the lowest number.
void RouteKernel::emitChoice() {
  over(experts, [&](Value i) {
    Value x = read(scores, i);
    if (op.getBias()) {
      const Tensor &bias = e.operand(op.getBias());
      x = arith::AddFOp::create(
          b, x,
          e.loadScalar(e.at(bias.pointer, bias.element(), i), bias.element()));
    }
    write(math.fastMax(x, lowest()), choice, i);
  });
}

/// The index of the largest of `count` values, the first of equal ones, which
/// becomes -infinity; in all lanes.
Value RouteKernel::takeLargest(Value values, int64_t count) {
  SmallVector<Value> best = e.loop(
      e.lane, e.number(count), e.number(kWarp), {infinity(), e.lane},
      [&](Value i, ValueRange carried) -> SmallVector<Value> {
        Value x = read(values, i);
        Value more =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, carried[0]);
        return {e.select(more, x, carried[0]), e.select(more, i, carried[1])};
      });
  Value top = e.reduceWarp(
      best[0], [&](Value x, Value y) { return math.fastMax(x, y); });
  Value equal =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, best[0], top);
  Value place = e.reduceWarp(e.select(equal, best[1], e.number(INT32_MAX)),
                             [&](Value x, Value y) { return e.min(x, y); });
  sync();
  e.when(e.equal(e.lane, e.number(0)),
         [&] { write(infinity(), values, place); });
  sync();
  return place;
}

void RouteKernel::limitGroups() {
  int64_t groups = int64_t(*op.getGroups()), size = experts / groups;
  over(groups, [&](Value group) {
    Value first = e.mul(group, size);
    auto two = e.loop(
        e.number(0), e.number(size), e.number(1), {infinity(), infinity()},
        [&](Value i, ValueRange carried) -> SmallVector<Value> {
          Value x = read(choice, e.add(first, i));
          Value low = math.fastMin(x, carried[0]);
          return {math.fastMax(x, carried[0]), math.fastMax(low, carried[1])};
        });
    Value sum = arith::AddFOp::create(b, two[0], two[1]);
    write(math.fastMax(sum, lowest()), sums, group);
  });
  e.loop(e.number(0), e.number(int64_t(*op.getLimit())), e.number(1),
         [&](Value) { takeLargest(sums, groups); });
  over(experts, [&](Value i) {
    Value closed = arith::CmpFOp::create(
        b, arith::CmpFPredicate::UNE, read(sums, e.div(i, size)), infinity());
    e.when(closed, [&] { write(infinity(), choice, i); });
  });
}

void RouteKernel::emitWeights() {
  const Tensor &indices = e.result(0), &weights = e.result(1);
  int64_t top = int64_t(op.getTop());
  Value first = e.mul(token, top);
  Value isFirst = e.equal(e.lane, e.number(0));
  Value sum =
      e.loop(e.number(0), e.number(top), e.number(1), {e.real(0)},
             [&](Value j, ValueRange carried) -> SmallVector<Value> {
               Value expert = takeLargest(choice, experts);
               Value score = read(scores, expert);
               e.when(isFirst, [&] {
                 LLVM::StoreOp::create(b, expert,
                                       e.at(indices.pointer, b.getI32Type(),
                                            e.add(first, e.wide(j))));
                 write(score, sums, j);
               });
               return {arith::AddFOp::create(b, carried[0], score)};
             })[0];
  sync();
  Value divisor = arith::AddFOp::create(b, sum, e.real(1e-20));
  over(top, [&](Value j) {
    Value weight = read(sums, j);
    if (op.getNormalize())
      weight = arith::DivFOp::create(b, weight, divisor);
    weight = arith::MulFOp::create(b, weight,
                                   e.real(op.getScale().convertToDouble()));
    e.store(e.broadcast(weight, 1),
            e.at(weights.pointer, weights.element(), e.add(first, e.wide(j))),
            weights.element());
  });
}

void RouteKernel::emit() {
  LaunchShape shape;
  shape.threads = kWarp;
  shape.grid[0] = KernelEmitter::extent(logits, 0, logits.rank() - 1);
  e.begin(shape);
  token = e.wide(e.block(0));
  scores = e.allocateShared(experts * 4);
  choice = e.allocateShared(experts * 4);
  sums = e.allocateShared(
      std::max<int64_t>(op.getGroups().value_or(1), op.getTop()) * 4);
  emitScores();
  emitChoice();
  if (op.getGroups())
    limitGroups();
  emitWeights();
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::RouteOp>(rootOf(e.kernel));
  if (failed(expectAlone(e, op)))
    return failure();
  RouteKernel(e, op).emit();
  return success();
}

const Family cuda::routeFamily = {
    "experts", [](Operation *op) { return isa<graph::RouteOp>(op); }, emit};
