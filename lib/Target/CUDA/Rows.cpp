//===- Rows.cpp - norms and softmax over the last dimension ---------------===//
// A warp, or a block, has a row. Its values stay in registers where the number
// of columns is known, else they are computed again by each pass; statistics
// are summed in f64 lane by lane and joined as a tree. Part of Trine, under
// Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Columns of a row that a thread keeps, at most, and what a block wants to
/// have of them before it takes more warps.
static constexpr int64_t kMostKept = 64, kColumnsAThread = 8;
/// Rows of a block whose rows are a warp's.
static constexpr int64_t kRowsABlock = 4;
static constexpr int64_t kMostThreads = 512;

bool cuda::isRowOp(Operation *op) {
  return isa<graph::RmsNormOp, graph::LayerNormOp, graph::SoftmaxOp,
             graph::NormalizeOp>(op);
}

static Operation *rowOpOf(launch::KernelOp kernel) {
  for (Operation &op : kernel.getBlock())
    if (isRowOp(&op))
      return &op;
  return nullptr;
}

namespace {
class RowsKernel {
public:
  RowsKernel(KernelEmitter &e, Operation *op);
  LogicalResult emit();

private:
  void emitRmsNorm(graph::RmsNormOp norm);
  void emitLayerNorm(graph::LayerNormOp norm);
  void emitSoftmax();
  void emitNormalize();

  /// body(point, carried) for the thread's parts of the row.
  Value overRow(Value start, function_ref<Value(Point &, Value)> body);
  /// As overRow(), joined over the row's threads.
  Value reduce(Value start, function_ref<Value(Point &, Value)> step,
               function_ref<Value(Value, Value)> join);
  /// Σ term(x) over the row in f64; x is an element of the input as f64.
  Value sum(function_ref<Value(Value)> term);
  /// The last pass: `result(x, point)` is the row operation's value.
  void finish(function_ref<Value(Value, Point &)> result);
  /// The row operation's input; the first time with the results that do not
  /// wait for it.
  Value input(Point &point);
  Value evaluate(Value value, Point &point);

  // f64 helpers.
  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }
  Value narrow(Value scalar) { // in every column of a point
    return arith::TruncFOp::create(b, b.getF32Type(), scalar);
  }
  Value spread(Value scalar) { return e.broadcast(scalar, width); }
  Value length() { return arith::SIToFPOp::create(b, b.getF64Type(), columns); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MathEmitter math;
  Operation *op;
  const Tensor &space;
  std::optional<PointEvaluator> points;
  int64_t width, team;     ///< columns of a point, threads of a row
  SmallVector<Point> kept; ///< the thread's points; empty: computed again
  Value row, member, columns, exchange; ///< of the row; shared memory of warps
  bool isFirst = true;
  LogicalResult status = success();
};
} // namespace

RowsKernel::RowsKernel(KernelEmitter &e, Operation *op)
    : e(e), b(e.b), math(e.b, e.b.getLoc()), op(op), space(e.result(0)),
      width(PointEvaluator::width(e.kernel, space)), team(kWarp) {
  int64_t size = space.type.getShape().back();
  if (ShapedType::isDynamic(size))
    team = 4 * kWarp;
  else
    while (team < kMostThreads && team * kColumnsAThread < size)
      team *= 2;
}

LogicalResult RowsKernel::emit() {
  if (cast<RankedTensorType>(op->getResult(0).getType()).getShape() !=
      space.type.getShape())
    return op->emitOpError("expected results of its shape in a fused kernel");
  int64_t rows = team == kWarp ? kRowsABlock : 1;
  LaunchShape shape;
  shape.threads = team * rows;
  shape.grid[0] = KernelEmitter::extent(space, 0, space.rank() - 1, rows);
  e.begin(shape);
  points.emplace(e, space);
  columns = e.columns(space);
  row = e.wide(e.block(0));
  member = e.thread;
  Value inside;
  if (rows > 1) {
    row = e.add(e.mul(row, rows), e.wide(e.warp));
    member = e.lane;
    inside = e.less(row, e.rows(space));
  } else {
    exchange = e.allocateShared(team / kWarp * int64_t(sizeof(double)));
  }
  e.when(inside, [&] {
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](graph::RmsNormOp norm) { emitRmsNorm(norm); })
        .Case([&](graph::LayerNormOp norm) { emitLayerNorm(norm); })
        .Case([&](graph::SoftmaxOp) { emitSoftmax(); })
        .Case([&](graph::NormalizeOp) { emitNormalize(); });
  });
  return status;
}

//===----------------------------------------------------------------------===//
// Passes over a row
//===----------------------------------------------------------------------===//

Value RowsKernel::evaluate(Value value, Point &point) {
  Value vector = points->evaluate(value, point);
  if (vector)
    return vector;
  status = failure();
  return e.splat(0, width);
}

Value RowsKernel::input(Point &point) {
  Value x = evaluate(op->getOperand(0), point);
  if (isFirst && failed(points->store(point, [&](Value result) {
        return !follows(result, op);
      })))
    status = failure();
  return x;
}

Value RowsKernel::overRow(Value start,
                          function_ref<Value(Point &, Value)> body) {
  int64_t size = space.type.getShape().back(), step = team * width;
  Value own = e.mul(e.wide(member), width);
  if (ShapedType::isDynamic(size) || size > team * kMostKept)
    return e.loop(own, columns, e.index(step), {start},
                  [&](Value column, ValueRange carried) -> SmallVector<Value> {
                    Point point{row, column, width};
                    return {body(point, carried[0])};
                  })[0];
  if (kept.empty())
    for (int64_t first = 0; first < size; first += step) {
      Value column = e.add(own, first);
      kept.push_back({row, column, width});
      if (first + step > size)
        kept.back().condition = e.less(column, columns);
    }
  Value carried = start;
  for (Point &point : kept)
    carried = body(point, carried);
  return carried;
}

Value RowsKernel::reduce(Value start, function_ref<Value(Point &, Value)> step,
                         function_ref<Value(Value, Value)> join) {
  Value total = overRow(start, step);
  isFirst = false;
  total = e.reduceWarp(total, join);
  if (team == kWarp)
    return total;
  // Through shared memory: a word of each warp, read by all.
  Type type = total.getType();
  e.barrier(); // what an earlier one left has been read
  e.when(e.equal(e.lane, e.number(0)), [&] {
    LLVM::StoreOp::create(b, total, e.at(exchange, type, e.warp));
  });
  e.barrier();
  for (int64_t warp = 0; warp < team / kWarp; ++warp) {
    Value part =
        LLVM::LoadOp::create(b, type, e.at(exchange, type, e.number(warp)));
    total = warp ? join(total, part) : part;
  }
  return total;
}

Value RowsKernel::sum(function_ref<Value(Value)> term) {
  auto plus = [&](Value x, Value y) { return add(x, y); };
  return reduce(
      f64(0),
      [&](Point &point, Value total) {
        Value x = input(point), sum = total;
        for (int64_t i = 0; i < width; ++i)
          sum = add(sum, term(arith::ExtFOp::create(b, b.getF64Type(),
                                                    e.element(x, i))));
        return point.condition ? e.select(point.condition, sum, total) : sum;
      },
      plus);
}

void RowsKernel::finish(function_ref<Value(Value, Point &)> result) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  overRow(e.number(0), [&](Point &point, Value carried) {
    Value value = result(input(point), point);
    point.known[op->getResult(0)] = e.round(value, element);
    if (failed(points->store(
            point, [&](Value returned) { return follows(returned, op); })))
      status = failure();
    return carried;
  });
}

//===----------------------------------------------------------------------===//
// The operations
//===----------------------------------------------------------------------===//

void RowsKernel::emitRmsNorm(graph::RmsNormOp norm) {
  Value squares = sum([&](Value x) { return mul(x, x); });
  Value mean =
      add(div(squares, length()), f64(norm.getEpsilon().convertToDouble()));
  Value inverse = narrow(div(f64(1), math::SqrtOp::create(b, mean)));
  double offset = norm.getOffset().convertToDouble();
  finish([&](Value x, Point &point) {
    Value weight = evaluate(norm.getWeight(), point);
    if (offset != 0)
      weight = add(weight, e.splat(offset, width));
    return mul(mul(x, spread(inverse)), weight);
  });
}

void RowsKernel::emitLayerNorm(graph::LayerNormOp norm) {
  Value mean = div(sum([&](Value x) { return x; }), length());
  // In two parts: values far from 0 keep the precision of their difference.
  Value high = narrow(mean);
  Value low = narrow(sub(mean, arith::ExtFOp::create(b, b.getF64Type(), high)));
  Value squares = sum([&](Value x) {
    Value centred = sub(x, mean);
    return mul(centred, centred);
  });
  Value variance =
      add(div(squares, length()), f64(norm.getEpsilon().convertToDouble()));
  Value inverse = narrow(div(f64(1), math::SqrtOp::create(b, variance)));
  finish([&](Value x, Point &point) -> Value {
    Value centred = sub(sub(x, spread(high)), spread(low));
    Value weight = evaluate(norm.getWeight(), point);
    return math::FmaOp::create(b, mul(centred, spread(inverse)), weight,
                               evaluate(norm.getBias(), point));
  });
}

void RowsKernel::emitSoftmax() {
  // NaN is passed over here; the sum finds it.
  Value lowest = e.real(-std::numeric_limits<double>::infinity());
  auto larger = [&](Value x, Value y) { return math.fastMax(x, y); };
  Value maximum = reduce(
      lowest,
      [&](Point &point, Value best) {
        Value x = input(point), most = best;
        for (int64_t i = 0; i < width; ++i)
          most = larger(e.element(x, i), most);
        return point.condition ? e.select(point.condition, most, best) : most;
      },
      larger);
  auto power = [&](Value x, Value shift) {
    return math.expNonPositive(sub(x, shift));
  };
  Value total = sum([&](Value x) -> Value {
    Value narrowed = arith::TruncFOp::create(b, b.getF32Type(), x); // exact
    return arith::ExtFOp::create(b, b.getF64Type(), power(narrowed, maximum));
  });
  Value inverse = narrow(div(f64(1), total));
  finish([&](Value x, Point &) {
    return mul(power(x, spread(maximum)), spread(inverse));
  });
}

void RowsKernel::emitNormalize() {
  Value squares = sum([&](Value x) { return mul(x, x); });
  Value norm = math::SqrtOp::create(b, squares);
  Value tiny =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, norm, f64(1e-12));
  norm = e.select(tiny, f64(1e-12), norm);
  Value inverse = narrow(div(f64(1), norm));
  finish([&](Value x, Point &) { return mul(x, spread(inverse)); });
}

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

static LogicalResult emit(KernelEmitter &e) {
  return RowsKernel(e, rowOpOf(e.kernel)).emit();
}

const Family cuda::rowsFamily = {"rows", isRowOp, emit, fusesPointwise};
