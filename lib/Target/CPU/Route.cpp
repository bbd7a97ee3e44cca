//===- Route.cpp - the experts of each token ------------------------------===//
// A thread takes whole tokens: scores and the values they are chosen by wait in
// its scratch, where what cannot be chosen any more is -infinity.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {
class RouteKernel {
public:
  RouteKernel(KernelEmitter &emitter, graph::RouteOp op)
      : e(emitter), b(e.b), math(b, b.getLoc()), op(op),
        logits(e.operand(op.getLogits())),
        experts(logits.type.getShape().back()), f32(b.getF32Type()),
        scores(e.scratch), choice(at(scores, padded(e.lanes(), experts))),
        sums(at(choice, padded(e.lanes(), experts))) {}

  void emit();
  static int64_t padded(int64_t lanes, int64_t count) {
    return int64_t(llvm::alignTo(uint64_t(count), uint64_t(lanes)));
  }

private:
  Value at(Value pointer, int64_t element) {
    return e.at(pointer, f32, e.index(element));
  }
  Value at(Value pointer, Value element) { return e.at(pointer, f32, element); }
  Value never() { return e.splat(-std::numeric_limits<double>::infinity()); }
  Value scalar(double value) {
    return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
  }
  /// body(column, mask) for each register of `count` values.
  void columns(int64_t count, llvm::function_ref<void(Value, Value)> body) {
    e.columnLoop(e.index(count), body);
  }
  Value logitsAt(Value row, Value column, Value mask) {
    Value first = e.add(e.mul(row, experts), column);
    return e.load(e.at(logits.pointer, logits.element(), first),
                  logits.element(), mask);
  }
  /// All of `count` values joined.
  Value reduce(int64_t count, Value start,
               llvm::function_ref<Value(Value, Value)> value,
               llvm::function_ref<Value(Value, Value)> join);
  void emitScores(Value row);
  void emitChoice();
  void limitGroups();
  Value takeLargest(Value values, int64_t count);
  void emitWeights(Value row);

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MathEmitter math;
  graph::RouteOp op;
  const Tensor &logits;
  int64_t experts;
  Type f32;
  Value scores, choice, sums;
};
} // namespace

/// `value(column, mask)` gives a register, neutral lanes included.
Value RouteKernel::reduce(int64_t count, Value start,
                          llvm::function_ref<Value(Value, Value)> value,
                          llvm::function_ref<Value(Value, Value)> join) {
  Value joined =
      e.loop(e.index(0), e.index(count), e.lanes(), start,
             [&](Value column, ValueRange carried) -> SmallVector<Value> {
               Value mask = e.mask(e.sub(e.index(count), column));
               return {join(carried[0], value(column, mask))};
             })[0];
  return e.reduce(joined, join);
}

void RouteKernel::emitScores(Value row) {
  auto store = [&](Value x, Value column, Value mask) {
    e.store(x, at(scores, column), f32, mask);
  };
  if (op.getScoring() == graph::Scoring::Sigmoid)
    return columns(experts, [&](Value column, Value mask) {
      store(math.sigmoid(logitsAt(row, column, mask)), column, mask);
    });
  auto larger = [&](Value x, Value y) { return math.fastMax(x, y); };
  auto plus = [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, x, y);
  };
  Value top = e.broadcast(reduce(
      experts, never(),
      [&](Value column, Value mask) {
        return e.select(mask, logitsAt(row, column, mask), never());
      },
      larger));
  Value sum = reduce(
      experts, e.splat(0),
      [&](Value column, Value mask) {
        Value x = logitsAt(row, column, mask);
        x = math.exp(arith::SubFOp::create(b, x, top));
        store(x, column, mask);
        return e.select(mask, x, e.splat(0));
      },
      plus);
  Value factor = e.broadcast(arith::DivFOp::create(b, scalar(1), sum));
  columns(experts, [&](Value column, Value mask) {
    Value x = e.load(at(scores, column), f32, mask);
    store(arith::MulFOp::create(b, x, factor), column, mask);
  });
}

/// What experts are chosen by: never less than the lowest number.
void RouteKernel::emitChoice() {
  Value lowest = e.splat(std::numeric_limits<float>::lowest());
  Value last = e.index(padded(e.lanes(), experts) - e.lanes());
  e.store(never(), at(choice, last), f32);
  columns(experts, [&](Value column, Value mask) {
    Value x = e.load(at(scores, column), f32, mask);
    if (op.getBias()) {
      const Tensor &bias = e.operand(op.getBias());
      x = arith::AddFOp::create(
          b, x,
          e.load(e.at(bias.pointer, bias.element(), column), bias.element(),
                 mask));
    }
    e.store(math.fastMax(x, lowest), at(choice, column), f32, mask);
  });
}

/// The index of the largest of `count` values, the first of equal ones, which
/// becomes -infinity.
Value RouteKernel::takeLargest(Value values, int64_t count) {
  auto lanes = llvm::to_vector(llvm::seq<int32_t>(e.lanes()));
  Value lane = arith::ConstantOp::create(
      b, DenseElementsAttr::get(e.vectorOf(b.getI32Type()),
                                ArrayRef<int32_t>(lanes)));
  SmallVector<Value> best = e.loop(
      e.index(0), e.index(padded(e.lanes(), count)), e.lanes(),
      {never(), e.splatInt(0)},
      [&](Value column, ValueRange carried) -> SmallVector<Value> {
        Value x = e.load(at(values, column), f32);
        Value narrow = arith::TruncIOp::create(b, b.getI32Type(), column);
        Value place = arith::AddIOp::create(b, lane, e.broadcast(narrow));
        Value more =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, carried[0]);
        return {e.select(more, x, carried[0]),
                e.select(more, place, carried[1])};
      });
  Value top =
      e.reduce(best[0], [&](Value x, Value y) { return math.fastMax(x, y); });
  Value equal = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, best[0],
                                      e.broadcast(top));
  Value places = e.select(equal, best[1], e.splatInt(INT32_MAX));
  Value place = e.reduce(places, [&](Value x, Value y) -> Value {
    return arith::MinSIOp::create(b, x, y);
  });
  place = arith::ExtSIOp::create(b, b.getI64Type(), place);
  e.storeScalar(scalar(-std::numeric_limits<double>::infinity()),
                at(values, place), f32);
  return place;
}

void RouteKernel::limitGroups() {
  int64_t groups = int64_t(*op.getGroups()), size = experts / groups;
  Value none = scalar(-std::numeric_limits<double>::infinity());
  Value lowest = scalar(std::numeric_limits<float>::lowest());
  Value last = e.index(padded(e.lanes(), groups) - e.lanes());
  e.store(never(), at(sums, last), f32);
  e.loop(e.index(0), e.index(groups), 1, [&](Value group) {
    Value first = e.mul(group, size);
    auto two = e.loop(
        e.index(0), e.index(size), 1, {none, none},
        [&](Value i, ValueRange carried) -> SmallVector<Value> {
          Value x = e.loadScalar(at(choice, e.add(first, i)), f32);
          Value low = math.fastMin(x, carried[0]);
          return {math.fastMax(x, carried[0]), math.fastMax(low, carried[1])};
        });
    Value sum = arith::AddFOp::create(b, two[0], two[1]);
    e.storeScalar(math.fastMax(sum, lowest), at(sums, group), f32);
  });
  e.loop(e.index(0), e.index(int64_t(*op.getLimit())), 1,
         [&](Value) { takeLargest(sums, groups); });
  e.loop(e.index(0), e.index(groups), 1, [&](Value group) {
    Value sum = e.loadScalar(at(sums, group), f32);
    Value closed =
        arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, sum, none);
    e.when(closed, [&] {
      e.loop(e.index(0), e.index(size), 1, [&](Value i) {
        e.storeScalar(none, at(choice, e.add(e.mul(group, size), i)), f32);
      });
    });
  });
}

void RouteKernel::emitWeights(Value row) {
  const Tensor &indices = *e.resultsOf(op.getIndices())[0];
  const Tensor &weights = *e.resultsOf(op.getWeights())[0];
  int64_t top = int64_t(op.getTop());
  Value first = e.mul(row, top);
  Value sum =
      e.loop(e.index(0), e.index(top), 1, scalar(0),
             [&](Value j, ValueRange carried) -> SmallVector<Value> {
               Value expert = takeLargest(choice, experts);
               Value place = e.add(first, j);
               e.storeScalar(arith::TruncIOp::create(b, b.getI32Type(), expert),
                             e.at(indices.pointer, indices.element(), place),
                             indices.element());
               Value score = e.loadScalar(at(scores, expert), f32);
               e.storeScalar(score, at(sums, j), f32);
               return {arith::AddFOp::create(b, carried[0], score)};
             })[0];
  Value divisor = arith::AddFOp::create(b, sum, scalar(1e-20));
  e.loop(e.index(0), e.index(top), 1, [&](Value j) {
    Value weight = e.loadScalar(at(sums, j), f32);
    if (op.getNormalize())
      weight = arith::DivFOp::create(b, weight, divisor);
    weight = arith::MulFOp::create(b, weight,
                                   scalar(op.getScale().convertToDouble()));
    e.storeScalar(weight,
                  e.at(weights.pointer, weights.element(), e.add(first, j)),
                  weights.element());
  });
}

void RouteKernel::emit() {
  auto [from, to] = e.share(e.rows(logits));
  e.loop(from, to, 1, [&](Value row) {
    emitScores(row);
    emitChoice();
    if (op.getGroups())
      limitGroups();
    emitWeights(row);
  });
}

static bool heads(Operation *root) { return isa<graph::RouteOp>(root); }

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::RouteOp>(rootOf(e.kernel));
  if (failed(expectAlone(e, op)))
    return failure();
  RouteKernel(e, op).emit();
  return success();
}

/// Scores, values to choose by, and sums of groups or weights of those chosen.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape>,
                          const MachineModel &machine) {
  auto op = cast<graph::RouteOp>(rootOf(kernel));
  int64_t experts = op.getLogits().getType().getShape().back();
  int64_t few = std::max<int64_t>(op.getGroups().value_or(1), op.getTop());
  return getAffineConstantExpr(
      4 * (2 * RouteKernel::padded(machine.lanes, experts) +
           RouteKernel::padded(machine.lanes, few)),
      kernel.getContext());
}

const Family cpu::routeFamily = {"experts", heads, emit, nullptr, scratch};
