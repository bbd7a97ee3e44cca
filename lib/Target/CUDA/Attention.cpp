//===- Attention.cpp - the family of attention ----------------------------===//
// Which keys a query attends; the kernel for any types, a warp for each query:
// a lane has a key for the products, then columns for the sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

Attention::Attention(KernelEmitter &e, graph::AttentionOp op)
    : e(e), op(op), q(e.operand(op.getQuery())), k(e.operand(op.getKey())),
      v(e.operand(op.getValue())), out(e.result(0)),
      heads(q.type.getDimSize(2)), groups(k.type.getDimSize(2)),
      perGroup(heads / groups), depth(q.type.getDimSize(3)),
      valueDepth(v.type.getDimSize(3)), scale(op.getScale().convertToDouble()),
      cap(op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0) {
  if (cap == 0)
    scale *= std::numbers::log2e;
}

void Attention::enterBatch(Value batch) {
  this->batch = batch;
  past = e.index(0);
  total = k.dims[1];
  if (op.getPast()) {
    past = e.loadIndex(e.operand(op.getPast()), batch);
    total = e.min(e.add(past, q.dims[1]), total);
  }
}

Attention::Range Attention::keysOf(Value query) {
  Value position = e.add(past, query);
  Range keys = {e.index(0), total};
  if (op.getCausal())
    keys.limit = e.min(total, e.add(position, 1));
  if (op.getWindow())
    keys.first =
        e.max(e.sub(position, int64_t(*op.getWindow()) - 1), e.index(0));
  keys.first = e.min(keys.first, keys.limit);
  return keys;
}

Value Attention::masked(Value key) {
  if (!op.getMask())
    return {};
  const Tensor &mask = e.operand(op.getMask());
  Value word = e.loadScalar(
      e.at(mask.pointer, mask.element(), e.add(e.mul(batch, k.dims[1]), key)),
      mask.element());
  return arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, word,
                               e.number(0));
}

Value Attention::logit(Value product) {
  if (factor() != 1)
    return product;
  Value x = arith::MulFOp::create(e.b, product, e.real(scale));
  if (cap == 0)
    return x;
  Value capped = MathEmitter(e.b, e.b.getLoc())
                     .tanh(arith::MulFOp::create(e.b, x, e.real(1 / cap)));
  return arith::MulFOp::create(e.b, capped, e.real(cap * std::numbers::log2e));
}

Value Attention::offset(const Tensor &tensor, Value token, Value head) {
  Value row = e.add(e.mul(batch, tensor.dims[1]), token);
  return e.mul(e.add(e.mul(row, tensor.dims[2]), head), tensor.dims[3]);
}

//===----------------------------------------------------------------------===//
// A warp for each query
//===----------------------------------------------------------------------===//

namespace {
constexpr int64_t kQueriesABlock = 4;

class SimpleAttention {
public:
  explicit SimpleAttention(Attention &a)
      : a(a), e(a.e), b(a.e.b), math(b, b.getLoc()),
        registers((a.valueDepth + kWarp - 1) / kWarp) {}
  void emit();

private:
  void emitQuery(Value query, Value head);
  Value dot(Value key);
  /// What was carried after 32 more keys: maximum, sum, sums of values.
  SmallVector<Value> chunk(Value first, const Attention::Range &keys,
                           ValueRange carried);
  void addValues(Value first, Value count, Value power,
                 MutableArrayRef<Value> sums);
  Value columnOf(int64_t i) { return e.add(e.lane, i * kWarp); }
  /// Null where a lane's columns all exist.
  Value exists(int64_t i) {
    return (i + 1) * kWarp <= a.valueDepth
               ? Value()
               : e.less(columnOf(i), e.number(a.valueDepth));
  }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }

  Attention &a;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MathEmitter math;
  int64_t registers; ///< of a lane for the sums
  Value stage;       ///< the warp's query in shared memory
  Value group;
};
} // namespace

void SimpleAttention::emit() {
  LaunchShape shape;
  shape.threads = kQueriesABlock * kWarp;
  shape.grid[0] = KernelEmitter::extent(a.q, 0, 3, kQueriesABlock);
  e.begin(shape);
  Value memory = e.allocateShared(kQueriesABlock * a.depth * 4);
  stage = e.at(memory, b.getF32Type(), e.mul(e.warp, a.depth));
  Value unit = e.add(e.mul(e.wide(e.block(0)), kQueriesABlock), e.wide(e.warp));
  e.when(e.less(unit, e.product(a.q, 0, 3)), [&] {
    Value head = e.rem(unit, a.heads), token = e.div(unit, a.heads);
    a.enterBatch(e.div(token, a.q.dims[1]));
    emitQuery(e.rem(token, a.q.dims[1]), head);
  });
}

void SimpleAttention::emitQuery(Value query, Value head) {
  group = e.div(head, a.perGroup);
  Value from = a.offset(a.q, query, head);
  e.loop(e.lane, e.number(a.depth), e.number(kWarp), [&](Value column) {
    Type element = a.q.element();
    Value x = e.load(e.at(a.q.pointer, element, e.add(from, e.wide(column))),
                     element, 1);
    e.store(x, e.at(stage, b.getF32Type(), column), b.getF32Type());
  });
  NVVM::SyncWarpOp::create(b, e.number(-1));
  Attention::Range keys = a.keysOf(query);
  SmallVector<Value> carried(size_t(registers) + 2, e.real(0));
  carried[0] = e.real(-std::numeric_limits<float>::infinity());
  carried = e.loop(keys.first, keys.limit, e.index(kWarp), carried,
                   [&](Value first, ValueRange values) {
                     return chunk(first, keys, values);
                   });
  Value sum = e.reduceWarp(carried[1], [&](Value x, Value y) -> Value {
    return arith::AddFOp::create(b, x, y);
  });
  // No key at all: nothing is attended, and the output is 0.
  Value zero = e.real(0);
  Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, zero);
  Value inverse = e.select(none, zero, math.reciprocal(sum));
  Value to = a.offset(a.out, query, head);
  Type element = a.out.element();
  for (int64_t i = 0; i < registers; ++i)
    e.store(e.broadcast(mul(carried[size_t(i) + 2], inverse), 1),
            e.at(a.out.pointer, element, e.add(to, e.wide(columnOf(i)))),
            element, exists(i));
}

Value SimpleAttention::dot(Value key) {
  Value from = a.offset(a.k, key, group);
  Type element = a.k.element();
  int64_t width = 8;
  while (a.depth % width)
    width /= 2;
  return e.loop(
      e.number(0), e.number(a.depth), e.number(width), {e.real(0)},
      [&](Value column, ValueRange carried) -> SmallVector<Value> {
        Value x =
            e.load(e.at(stage, b.getF32Type(), column), b.getF32Type(), width);
        Value y =
            e.load(e.at(a.k.pointer, element, e.add(from, e.wide(column))),
                   element, width);
        Value sum = carried[0];
        for (int64_t i = 0; i < width; ++i)
          sum = math::FmaOp::create(b, e.element(x, i), e.element(y, i), sum);
        return {sum};
      })[0];
}

SmallVector<Value> SimpleAttention::chunk(Value first,
                                          const Attention::Range &keys,
                                          ValueRange carried) {
  Value lowest = e.real(-std::numeric_limits<float>::infinity());
  Value key = e.add(first, e.wide(e.lane));
  Value inside = e.less(key, keys.limit);
  Value logit = e.choose(
      inside,
      [&]() -> SmallVector<Value> {
        Value x = a.logit(dot(key)), through = a.masked(key);
        return {through ? e.select(through, x, lowest) : x};
      },
      [&]() -> SmallVector<Value> { return {lowest}; })[0];
  auto larger = [&](Value x, Value y) { return math.fastMax(x, y); };
  Value highest = larger(e.reduceWarp(logit, larger), carried[0]);
  // All masked so far: an infinite shift would make NaN of them.
  Value nothing =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, highest, lowest);
  Value shift = e.select(nothing, e.real(0), highest);
  Value scale = e.real(a.factor());
  Value power = e.exp2(mul(sub(logit, shift), scale));
  Value factor = e.exp2(mul(sub(carried[0], shift), scale));
  SmallVector<Value> next = {highest,
                             math::FmaOp::create(b, carried[1], factor, power)};
  for (Value sum : carried.drop_front(2))
    next.push_back(mul(sum, factor));
  Value count = e.narrow(e.min(e.sub(keys.limit, first), e.index(kWarp)));
  addValues(first, count, power, MutableArrayRef(next).drop_front(2));
  return next;
}

void SimpleAttention::addValues(Value first, Value count, Value power,
                                MutableArrayRef<Value> sums) {
  Type element = a.v.element();
  SmallVector<Value> added = e.loop(
      e.number(0), count, e.number(1), ValueRange(SmallVector<Value>(sums)),
      [&](Value j, ValueRange carried) {
        Value p = NVVM::ShflOp::create(b, power.getType(), e.number(-1), power,
                                       j, e.number(kWarp - 1),
                                       NVVM::ShflKind::idx, UnitAttr());
        Value from = a.offset(a.v, e.add(first, e.wide(j)), group);
        SmallVector<Value> next;
        for (auto [i, sum] : llvm::enumerate(carried)) {
          Value x = e.load(e.at(a.v.pointer, element,
                                e.add(from, e.wide(columnOf(int64_t(i))))),
                           element, 1, exists(int64_t(i)));
          next.push_back(math::FmaOp::create(b, p, e.element(x, 0), sum));
        }
        return next;
      });
  llvm::copy(added, sums.begin());
}

void cuda::emitSimpleAttention(Attention &attention) {
  SimpleAttention(attention).emit();
}

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::AttentionOp>(rootOf(e.kernel));
  if (failed(expectAlone(e, op)))
    return failure();
  Attention attention(e, op);
  if (attention.fitsMatrix())
    emitMatrixAttention(attention);
  else
    emitSimpleAttention(attention);
  return success();
}

const Family cuda::attentionFamily = {
    "attention", [](Operation *op) { return isa<graph::AttentionOp>(op); },
    emit};
