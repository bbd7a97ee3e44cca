//===- Rows.cpp - norms and softmax over the last dimension ---------------===//
// A row at a time: elementwise operations before the row operation are staged
// in scratch, statistics are summed in f64 lane by lane and joined as a tree,
// the last pass runs the operations after it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Codes.h"
#include "Elementwise.h"
#include "Family.h"
#include "Pool.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

// Chains of additions in flight: each is as long as its latency.
static constexpr int64_t kUnroll = 2;

bool cpu::isRowOp(Operation *op) {
  return isa<graph::RmsNormOp, graph::LayerNormOp, graph::SoftmaxOp,
             graph::NormalizeOp, graph::PoolOp>(op);
}

static Operation *rowOpOf(launch::KernelOp kernel) {
  for (Operation &op : kernel.getBlock())
    if (isRowOp(&op))
      return &op;
  return nullptr;
}

/// Is the row operation's input computed, or returned, before its statistics
/// are known? Then it is kept in scratch for the later passes.
static bool isStaged(launch::KernelOp kernel, Operation *op) {
  return !isa<BlockArgument>(op->getOperand(0)) ||
         llvm::any_of(kernel.getBlock().getTerminator()->getOperands(),
                      [&](Value result) { return !follows(result, op); });
}

namespace {
using Point = PointEvaluator::Point;

class RowsKernel {
public:
  RowsKernel(KernelEmitter &e, Operation *op)
      : e(e), b(e.b), math(e.b, e.b.getLoc()), op(op),
        quantize(quantizeOf(e.kernel)), space(e.result(0)), points(e, space),
        columns(e.columns(space)), staged(isStaged(e.kernel, op)) {}

  LogicalResult emit() {
    if (cast<RankedTensorType>(op->getResult(0).getType()).getShape() !=
        space.type.getShape())
      return op->emitOpError("expected results of its shape in a fused kernel");
    auto [from, to] = e.share(e.rows(space));
    e.loop(from, to, 1, [&](Value row) {
      points.enterRow(row);
      llvm::TypeSwitch<Operation *>(op)
          .Case([&](graph::RmsNormOp norm) { emitRmsNorm(norm); })
          .Case([&](graph::LayerNormOp norm) { emitLayerNorm(norm); })
          .Case([&](graph::SoftmaxOp) { emitSoftmax(); })
          .Case([&](graph::NormalizeOp) { emitNormalize(); });
      if (quantize)
        emitQuantizeRow(e, quantize, row, e.scratch, b.getF32Type());
    });
    return status;
  }

private:
  void emitRmsNorm(graph::RmsNormOp norm);
  void emitLayerNorm(graph::LayerNormOp norm);
  void emitSoftmax();
  void emitNormalize();

  /// Folds step over the row's registers; `combine` joins the lanes.
  Value reduce(Value identity, function_ref<Value(Value, Value, Value)> step,
               function_ref<Value(Value, Value)> combine);
  /// Σ term(x) over the row in f64; x is the input as f64.
  Value sum(function_ref<Value(Point &)> input,
            function_ref<Value(Value)> term);
  /// The last pass: `result(x, point)` is the row operation's value.
  void finish(function_ref<Value(Value, Point &)> result);

  /// The input on the first pass, stored to scratch and with the results that
  /// do not wait for the row operation.
  Value first(Point &point);
  /// The input on a later pass.
  Value later(Point &point);
  Value scratchAt(Point &point) {
    return e.at(e.scratch, b.getF32Type(), point.column);
  }
  Value evaluate(Value value, Point &point);

  // f64 helpers.
  Value f64(double value) {
    return arith::ConstantOp::create(b, b.getF64FloatAttr(value));
  }
  Value wide(Value x) {
    Type type = e.vectorOf(b.getF64Type());
    return arith::ExtFOp::create(b, type, x);
  }
  Value narrow(Value scalar) { // in every lane
    return e.broadcast(arith::TruncFOp::create(b, b.getF32Type(), scalar));
  }
  Value length() { return arith::SIToFPOp::create(b, b.getF64Type(), columns); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MathEmitter math;
  Operation *op;
  fp8::QuantizeOp quantize; ///< of values that wait in scratch; or null
  const Tensor &space;
  PointEvaluator points;
  Value columns;
  bool staged;
  LogicalResult status = success();
};
} // namespace

//===----------------------------------------------------------------------===//
// Passes over a row
//===----------------------------------------------------------------------===//

Value RowsKernel::evaluate(Value value, Point &point) {
  Value vector = points.evaluate(value, point);
  if (vector)
    return vector;
  status = failure();
  return e.splat(0);
}

Value RowsKernel::first(Point &point) {
  Value x = evaluate(op->getOperand(0), point);
  if (!staged)
    return x;
  if (failed(points.store(point,
                          [&](Value result) { return !follows(result, op); })))
    status = failure();
  e.store(x, scratchAt(point), b.getF32Type(), point.mask);
  return x;
}

Value RowsKernel::later(Point &point) {
  if (!staged)
    return evaluate(op->getOperand(0), point);
  return e.load(scratchAt(point), b.getF32Type(), point.mask);
}

static Value joinLanes(ImplicitLocOpBuilder &b, Value vector,
                       function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t half = lanes / 2; half > 0; half /= 2) {
    auto slice = [&](int64_t offset) -> Value {
      return vector::ShuffleOp::create(
          b, vector, vector,
          llvm::to_vector(llvm::seq<int64_t>(offset, offset + half)));
    };
    vector = combine(slice(0), slice(half));
  }
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{0});
}

Value RowsKernel::reduce(Value identity,
                         function_ref<Value(Value, Value, Value)> step,
                         function_ref<Value(Value, Value)> combine) {
  int64_t lanes = e.lanes(), stride = kUnroll * lanes;
  Value blocks = e.mul(e.div(columns, e.index(stride)), stride);
  Value whole = e.mul(e.div(columns, e.index(lanes)), lanes);
  SmallVector<Value> carried(kUnroll, identity);
  carried = e.loop(
      e.index(0), blocks, stride, carried, [&](Value column, ValueRange sums) {
        SmallVector<Value> next;
        for (auto [i, sum] : llvm::enumerate(sums))
          next.push_back(step(sum, e.add(column, int64_t(i) * lanes), Value()));
        return next;
      });
  Value total = carried[0];
  for (Value other : ArrayRef(carried).drop_front())
    total = combine(total, other);
  total = e.loop(blocks, whole, lanes, total,
                 [&](Value column, ValueRange sums) -> SmallVector<Value> {
                   return {step(sums[0], column, Value())};
                 })[0];
  Value rest = e.sub(columns, whole);
  if (!matchPattern(rest, m_Zero()))
    total = step(total, whole, e.mask(rest));
  return joinLanes(b, total, combine);
}

Value RowsKernel::sum(function_ref<Value(Point &)> input,
                      function_ref<Value(Value)> term) {
  Value zero =
      arith::ConstantOp::create(b, b.getZeroAttr(e.vectorOf(b.getF64Type())));
  return reduce(
      zero,
      [&](Value total, Value column, Value mask) {
        Point point{column, mask};
        Value x = term(wide(input(point)));
        if (mask)
          x = e.select(mask, x, zero);
        return add(total, x);
      },
      [&](Value x, Value y) { return add(x, y); });
}

void RowsKernel::finish(function_ref<Value(Value, Point &)> result) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  e.columnLoop(columns, [&](Value column, Value mask) {
    Point point{column, mask};
    Value value = result(later(point), point);
    point.known[op->getResult(0)] = e.round(value, element);
    if (failed(points.store(point, [&](Value returned) {
          return follows(returned, op) &&
                 !(quantize && returned.getDefiningOp() == quantize);
        })))
      status = failure();
    if (quantize)
      e.store(evaluate(quantize.getInput(), point), scratchAt(point),
              b.getF32Type(), mask);
  });
}

//===----------------------------------------------------------------------===//
// The operations
//===----------------------------------------------------------------------===//

void RowsKernel::emitRmsNorm(graph::RmsNormOp norm) {
  Value squares = sum([&](Point &point) { return first(point); },
                      [&](Value x) { return mul(x, x); });
  Value mean =
      add(div(squares, length()), f64(norm.getEpsilon().convertToDouble()));
  Value inverse = narrow(div(f64(1), math::SqrtOp::create(b, mean)));
  double offset = norm.getOffset().convertToDouble();
  finish([&](Value x, Point &point) {
    Value weight = evaluate(norm.getWeight(), point);
    if (offset != 0)
      weight = add(weight, e.splat(offset));
    return mul(mul(x, inverse), weight);
  });
}

void RowsKernel::emitLayerNorm(graph::LayerNormOp norm) {
  Value mean = div(sum([&](Point &point) { return first(point); },
                       [&](Value x) { return x; }),
                   length());
  // In two parts: values far from 0 keep the precision of their difference.
  Value rounded = arith::TruncFOp::create(b, b.getF32Type(), mean);
  Value high = e.broadcast(rounded);
  Value low =
      narrow(sub(mean, arith::ExtFOp::create(b, b.getF64Type(), rounded)));
  auto centred = [&](Value x) -> Value { return sub(sub(x, high), low); };
  Value squares = sum([&](Point &point) { return centred(later(point)); },
                      [&](Value x) { return mul(x, x); });
  Value variance =
      add(div(squares, length()), f64(norm.getEpsilon().convertToDouble()));
  Value inverse = narrow(div(f64(1), math::SqrtOp::create(b, variance)));
  finish([&](Value x, Point &point) -> Value {
    Value scaled = mul(centred(x), inverse);
    Value weight = evaluate(norm.getWeight(), point);
    return math::FmaOp::create(b, scaled, weight,
                               evaluate(norm.getBias(), point));
  });
}

void RowsKernel::emitSoftmax() {
  // NaN is passed over here; the sum finds it.
  Value lowest = e.splat(-std::numeric_limits<double>::infinity());
  auto larger = [&](Value x, Value y) { return math.fastMax(x, y); };
  Value maximum = e.broadcast(reduce(
      lowest,
      [&](Value best, Value column, Value mask) {
        Point point{column, mask};
        Value x = first(point);
        return larger(mask ? e.select(mask, x, lowest) : x, best);
      },
      larger));
  auto power = [&](Point &point) {
    Value x = math.expNonPositive(sub(later(point), maximum));
    e.store(x, scratchAt(point), b.getF32Type(), point.mask);
    return x;
  };
  Value inverse = narrow(div(f64(1), sum(power, [](Value x) { return x; })));
  staged = true; // the powers
  finish([&](Value x, Point &) { return mul(x, inverse); });
}

void RowsKernel::emitNormalize() {
  Value squares = sum([&](Point &point) { return first(point); },
                      [&](Value x) { return mul(x, x); });
  Value norm = math::SqrtOp::create(b, squares);
  Value tiny =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, norm, f64(1e-12));
  norm = e.select(tiny, f64(1e-12), norm);
  Value inverse = narrow(div(f64(1), norm));
  finish([&](Value x, Point &) { return mul(x, inverse); });
}

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

static LogicalResult emit(KernelEmitter &emitter) {
  Operation *op = rowOpOf(emitter.kernel);
  if (auto pool = dyn_cast<graph::PoolOp>(op))
    return emitPool(emitter, pool);
  return RowsKernel(emitter, op).emit();
}

/// One staged row of f32.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape> operands,
                          const MachineModel &machine) {
  Operation *op = rowOpOf(kernel); // none when the elementwise family asks
  bool needed =
      op && !isa<graph::PoolOp>(op) &&
      (isa<graph::SoftmaxOp>(op) || isStaged(kernel, op) || quantizeOf(kernel));
  if (!needed)
    return getAffineConstantExpr(0, kernel.getContext());
  return shapeOf(op->getOperand(0), kernel, operands).back() * 4;
}

/// Elementwise operations, and what makes codes of a row.
static bool canFuse(Operation *root, Operation *consumer) {
  return fusesPointwise(root, consumer) ||
         (!isa<graph::PoolOp>(root) && quantizes(root, consumer));
}

const Family cpu::rowsFamily = {"rows", isRowOp, emit, canFuse, scratch};
