//===- Attention.cpp - fused attention over blocks of rows ----------------===//
// A unit is (batch, key/value head, block of rows); a row is one query position
// of one query head of the group, so that all readers of a key share its load.
// Logits of a block stay in scratch: they are computed a panel of keys at a
// time, exponentiated once the maximum is known, and multiplied by the values.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class AttentionEmitter {
public:
  AttentionEmitter(KernelEmitter &emitter, graph::AttentionOp op)
      : e(emitter), op(op), math(e.b, e.b.getLoc()),
        q(e.operand(op.getQuery())), k(e.operand(op.getKey())),
        v(e.operand(op.getValue())), out(e.result(0)) {}
  void emit();

private:
  /// One row of the block.
  struct Row {
    Value query, output; ///< element offsets
    Value first, limit;  ///< it attends keys first .. limit-1
  };
  using Rows = SmallVector<Row>;

  void emitUnit(Value batch, Value head, Value firstRow, int64_t count);
  Row makeRow(Value index);
  void emitLogits(const Rows &rows, SmallVector<Value> &maxima);
  SmallVector<Value> emitPanel(const Rows &rows, Value panel, ValueRange maxima,
                               bool masked);
  Value maskLogits(Value logits, const Row &row, Value key);
  void emitExponentials(const Rows &rows, ArrayRef<Value> maxima);
  void emitOutput(const Rows &rows);

  Value logitsAt(size_t row, Value key) {
    Value offset = e.add(e.mul(e.index(int64_t(row)), stride),
                         e.sub(key, e.mul(fromPanel, width)));
    return e.at(e.scratch, e.b.getF32Type(), offset);
  }
  Value loadIndex(const Tensor &tensor, Value offset) {
    Value word = e.loadScalar(e.at(tensor.pointer, tensor.element(), offset),
                              tensor.element());
    return arith::ExtSIOp::create(e.b, e.b.getI64Type(), word);
  }
  Value valueOffset(Value key) {
    // Row-major [B, T, H, D], or by heads [B, H, T, D].
    if (!graph::layoutOf(v.type))
      return e.mul(
          e.add(e.mul(e.add(e.mul(batch, v.dims[1]), key), groups), head),
          v.dims[3]);
    return e.mul(
        e.add(e.mul(e.add(e.mul(batch, groups), head), v.dims[1]), key),
        v.dims[3]);
  }

  KernelEmitter &e;
  graph::AttentionOp op;
  MathEmitter math;
  const Tensor &q, &k, &v, &out;
  int64_t width = 0, vectors = 0;
  Value groups, perGroup; ///< key heads; query heads of each
  // Of the current unit:
  Value batch, head, past, total;
  Value fromPanel, toPanel, stride; ///< panels any row reads; scratch row
  SmallVector<Value> inverses;      ///< 1 / Σ of each row
};

} // namespace

void AttentionEmitter::emit() {
  width = graph::layoutOf(k.type).getWidth();
  vectors = width / e.lanes();
  groups = k.dims[2];
  perGroup = e.div(q.dims[2], groups);
  int64_t block = e.machine.rowBlock(vectors);
  Value rows = e.mul(q.dims[1], perGroup);
  Value blocks = e.ceilDiv(rows, block);
  Value pairs = e.mul(q.dims[0], groups);
  Value units = e.mul(blocks, pairs);
  // Round robin from the last rows on: causal rows cost more the later they
  // are.
  Value count = e.div(
      e.sub(e.add(units, e.sub(e.threads, e.index(1))), e.thread), e.threads);
  e.loop(e.index(0), count, 1, [&](Value i) {
    Value unit = e.add(e.mul(i, e.threads), e.thread);
    Value pair = e.rem(unit, pairs);
    Value first =
        e.mul(e.sub(e.sub(blocks, e.index(1)), e.div(unit, pairs)), block);
    Value size = e.min(e.sub(rows, first), e.index(block));
    e.switchOver(size, block, [&](int64_t size) {
      emitUnit(e.div(pair, groups), e.rem(pair, groups), first, size);
    });
  });
}

AttentionEmitter::Row AttentionEmitter::makeRow(Value index) {
  Value query = e.div(index, perGroup);
  Value queryHead = e.add(e.mul(head, perGroup), e.rem(index, perGroup));
  Value vector =
      e.add(e.mul(e.add(e.mul(batch, q.dims[1]), query), q.dims[2]), queryHead);
  Row row;
  row.query = e.mul(vector, q.dims[3]);
  row.output = e.mul(vector, v.dims[3]);
  Value position = e.add(past, query);
  row.first = e.index(0);
  row.limit = total;
  if (op.getCausal())
    row.limit = e.min(total, e.add(position, 1));
  if (op.getWindow())
    row.first = e.max(e.sub(position, e.index(int64_t(*op.getWindow()) - 1)),
                      e.index(0));
  row.first = e.min(row.first, row.limit);
  return row;
}

void AttentionEmitter::emitUnit(Value batchIndex, Value headIndex,
                                Value firstRow, int64_t count) {
  batch = batchIndex;
  head = headIndex;
  past = e.index(0);
  total = k.dims[1];
  if (op.getPast()) {
    past = loadIndex(e.operand(op.getPast()), batch);
    total = e.min(e.add(past, q.dims[1]), total);
  }
  Rows rows;
  for (int64_t i = 0; i < count; ++i)
    rows.push_back(makeRow(e.add(firstRow, i)));
  // Both bounds grow with the row.
  fromPanel = e.div(rows.front().first, e.index(width));
  toPanel = e.ceilDiv(rows.back().limit, width);
  // A line more than the panels: rows of a power of two would share cache sets.
  stride = e.add(e.mul(e.sub(toPanel, fromPanel), width), 16);
  SmallVector<Value> maxima;
  emitLogits(rows, maxima);
  emitExponentials(rows, maxima);
  emitOutput(rows);
}

//===----------------------------------------------------------------------===//
// scale · q · kᵀ, masked
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitLogits(const Rows &rows,
                                  SmallVector<Value> &maxima) {
  maxima.assign(rows.size(), e.splat(-kInfinity));
  auto panels = [&](Value from, Value to, bool masked) {
    maxima = e.loop(from, to, 1, maxima, [&](Value panel, ValueRange carried) {
      return emitPanel(rows, panel, carried, masked);
    });
  };
  if (op.getMask())
    return panels(fromPanel, toPanel, true);
  // Panels that every row attends whole need no mask.
  Value wholeFrom = op.getWindow()
                        ? e.min(e.ceilDiv(rows.back().first, width), toPanel)
                        : fromPanel;
  Value wholeTo = e.max(e.div(rows.front().limit, e.index(width)), wholeFrom);
  wholeTo = e.min(wholeTo, toPanel);
  if (op.getWindow())
    panels(fromPanel, wholeFrom, true);
  panels(wholeFrom, wholeTo, false);
  panels(wholeTo, toPanel, true);
}

SmallVector<Value> AttentionEmitter::emitPanel(const Rows &rows, Value panel,
                                               ValueRange maxima, bool masked) {
  Value depth = q.dims[3];
  Value perHead = e.ceilDiv(k.dims[1], width);
  Value base =
      e.mul(e.add(e.mul(e.add(e.mul(batch, groups), head), perHead), panel),
            e.mul(depth, width));
  SmallVector<Value> zeros(rows.size() * vectors, e.splat(0));
  SmallVector<Value> sums =
      e.loop(e.index(0), depth, 1, zeros, [&](Value d, ValueRange sums) {
        SmallVector<Value> keys, next;
        for (int64_t i = 0; i < vectors; ++i)
          keys.push_back(
              e.load(e.at(k.pointer, k.element(),
                          e.add(e.add(base, e.mul(d, width)), i * e.lanes())),
                     k.element()));
        for (const Row &row : rows) {
          Value x = e.broadcast(e.loadScalar(
              e.at(q.pointer, q.element(), e.add(row.query, d)), q.element()));
          for (Value key : keys)
            next.push_back(
                vector::FMAOp::create(e.b, x, key, sums[next.size()]));
        }
        return next;
      });
  SmallVector<Value> next;
  Value scale = e.splat(op.getScale().convertToDouble());
  for (auto [r, row] : llvm::enumerate(rows)) {
    Value highest = maxima[r];
    for (int64_t i = 0; i < vectors; ++i) {
      Value x = arith::MulFOp::create(e.b, sums[r * vectors + i], scale);
      if (op.getSoftcap()) {
        double cap = op.getSoftcap()->convertToDouble();
        x = arith::MulFOp::create(
            e.b, e.splat(cap),
            math.tanh(arith::MulFOp::create(e.b, x, e.splat(1 / cap))));
      }
      Value key = e.add(e.mul(panel, width), i * e.lanes());
      if (masked)
        x = maskLogits(x, row, key);
      e.store(x, logitsAt(r, key), e.b.getF32Type());
      highest = math.fastMax(x, highest);
    }
    next.push_back(highest);
  }
  return next;
}

/// -inf for keys outside the row's range, or that the mask leaves out.
Value AttentionEmitter::maskLogits(Value logits, const Row &row, Value key) {
  Value below = e.mask(e.sub(row.limit, key));
  if (op.getWindow()) {
    Value early = e.mask(e.sub(row.first, key));
    Value all = arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(cast<VectorType>(early.getType()), true));
    below = arith::AndIOp::create(e.b, below,
                                  arith::XOrIOp::create(e.b, early, all));
  }
  if (op.getMask()) {
    const Tensor &mask = e.operand(op.getMask());
    Value inside = e.mask(e.sub(k.dims[1], key));
    Value words = e.load(e.at(mask.pointer, mask.element(),
                              e.add(e.mul(batch, mask.dims[1]), key)),
                         mask.element(), inside);
    Value wanted = arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, words,
                                         e.splatInt(0));
    below = arith::AndIOp::create(e.b, below, wanted);
  }
  return arith::SelectOp::create(e.b, below, logits, e.splat(-kInfinity));
}

//===----------------------------------------------------------------------===//
// exp(x - max), and the sums' inverses
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitExponentials(const Rows &rows,
                                        ArrayRef<Value> maxima) {
  inverses.clear();
  Value minusInfinity = arith::ConstantOp::create(
      e.b, e.b.getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  Value zero = arith::ConstantOp::create(e.b, e.b.getF32FloatAttr(0));
  Value one = arith::ConstantOp::create(e.b, e.b.getF32FloatAttr(1));
  Value from = e.mul(fromPanel, width), to = e.mul(toPanel, width);
  for (size_t r = 0; r < rows.size(); ++r) {
    Value highest = vector::ReductionOp::create(
        e.b, vector::CombiningKind::MAXNUMF, maxima[r]);
    // No key: every logit is -inf, and -inf - 0 gives exp 0.
    Value none = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, highest,
                                       minusInfinity);
    Value shift =
        e.broadcast(arith::SelectOp::create(e.b, none, zero, highest));
    SmallVector<Value> sums(vectors, e.splat(0));
    sums = e.loop(from, to, width, sums, [&](Value key, ValueRange carried) {
      SmallVector<Value> next;
      for (int64_t i = 0; i < vectors; ++i) {
        Value pointer = logitsAt(r, e.add(key, i * e.lanes()));
        Value x = math.expNonPositive(arith::SubFOp::create(
            e.b, e.load(pointer, e.b.getF32Type()), shift));
        e.store(x, pointer, e.b.getF32Type());
        next.push_back(arith::AddFOp::create(e.b, carried[i], x));
      }
      return next;
    });
    Value sum = sums[0];
    for (Value more : ArrayRef<Value>(sums).drop_front())
      sum = arith::AddFOp::create(e.b, sum, more);
    sum = vector::ReductionOp::create(e.b, vector::CombiningKind::ADD, sum);
    Value inverse = arith::DivFOp::create(e.b, one, sum);
    inverses.push_back(arith::SelectOp::create(e.b, none, zero, inverse));
  }
}

//===----------------------------------------------------------------------===//
// p · v
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitOutput(const Rows &rows) {
  // As many columns at a time as accumulators fit beside one row of values.
  int64_t count = int64_t(rows.size());
  int64_t most = std::max<int64_t>((e.machine.registers - 2) / (count + 1), 1);
  most = std::min<int64_t>(most, 8);
  Value columns = v.dims[3], begin = rows.front().first,
        end = rows.back().limit;
  auto chunk = [&](Value column, ArrayRef<Value> masks) {
    int64_t registers = int64_t(masks.size());
    SmallVector<Value> sums(count * registers, e.splat(0));
    sums = e.loop(begin, end, 1, sums, [&](Value key, ValueRange carried) {
      Value base = e.add(valueOffset(key), column);
      SmallVector<Value> values, next;
      for (int64_t i = 0; i < registers; ++i)
        values.push_back(
            e.load(e.at(v.pointer, v.element(), e.add(base, i * e.lanes())),
                   v.element(), masks[i]));
      for (int64_t r = 0; r < count; ++r) {
        Value p = e.broadcast(e.loadScalar(logitsAt(r, key), e.b.getF32Type()));
        for (Value value : values)
          next.push_back(
              vector::FMAOp::create(e.b, p, value, carried[next.size()]));
      }
      return next;
    });
    for (auto [r, row] : llvm::enumerate(rows))
      for (int64_t i = 0; i < registers; ++i) {
        Value value = arith::MulFOp::create(e.b, sums[r * registers + i],
                                            e.broadcast(inverses[r]));
        e.store(value,
                e.at(out.pointer, out.element(),
                     e.add(e.add(row.output, column), i * e.lanes())),
                out.element(), masks[i]);
      }
  };
  // Equal chunks of whole registers, then what is left, masked.
  int64_t size = v.type.getShape().back();
  int64_t whole = ShapedType::isDynamic(size) ? 0 : size / e.lanes();
  int64_t chunks = llvm::divideCeil(whole, most);
  int64_t each = chunks ? llvm::divideCeil(whole, chunks) : 0;
  for (int64_t done = 0; done < whole; done += each)
    chunk(e.index(done * e.lanes()),
          SmallVector<Value>(std::min(each, whole - done)));
  if (whole * e.lanes() == size)
    return;
  e.loop(e.index(whole * e.lanes()), columns, e.lanes(), [&](Value column) {
    chunk(column, {e.mask(e.sub(columns, column))});
  });
}

static LogicalResult emit(KernelEmitter &emitter) {
  auto op = cast<graph::AttentionOp>(rootOf(emitter.kernel));
  graph::LayoutAttr key = graph::layoutOf(op.getKey().getType());
  if (!key || key.getKind() != graph::LayoutKind::HeadPanels ||
      key.getWidth() % emitter.lanes())
    return op.emitOpError("expected the key in head panels");
  AttentionEmitter(emitter, op).emit();
  return success();
}

/// Logits of a block: every key, a panel's padding, and a line.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape> operands,
                          const MachineModel &machine) {
  auto op = cast<graph::AttentionOp>(rootOf(kernel));
  unsigned key = cast<BlockArgument>(op.getKey()).getArgNumber();
  int64_t width = machine.keyPanel;
  int64_t block = machine.rowBlock(width / machine.lanes);
  return (operands[key][1] + width + 16) * (block * 4);
}

const Family cpu::attentionFamily = {
    "attention", [](Operation *op) { return isa<graph::AttentionOp>(op); },
    emit, nullptr, scratch};
