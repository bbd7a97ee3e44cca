//===- AttentionBlock.cpp - a block of rows on a chunk of keys ------------===//
// Logits of the chunk (in scratch), their exponentials relative to the highest
// so far, and these times the values onto the rows' sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "DenseProducts.h"
#include "ScaledProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

double cpu::scaleOf(graph::AttentionOp op) {
  return op.getScale().convertToDouble() *
         (op.getSoftcap() ? 1 / op.getSoftcap()->convertToDouble()
                          : std::numbers::log2e);
}

/// The queries, scaled unless that would round them.
void AttentionEmitter::copyQueries() {
  Type type = dots ? e.b.getI16Type() : q.element();
  e.loop(e.index(0), blockSize, 1, [&](Value row) {
    Value read = rowOffset(e.add(blockRow, row), q.dims[3]);
    Value query = queryOf(row);
    e.columnLoop(q.dims[3], [&](Value column, Value mask) {
      Value x = e.load(e.at(q.pointer, type, e.add(read, column)), type, mask);
      if (!dots)
        x = arith::MulFOp::create(e.b, x, e.splat(scaleOf(op)));
      e.store(x, e.at(query, operand, column), dots ? type : operand);
    });
  });
}

/// The chunk's keys and values of the head, from the panel its first key is of
/// on: bf16 in the place of codes.
void AttentionEmitter::decodeChunk() {
  Type bf16 = e.b.getBF16Type();
  auto decode = [&](const Tensor &from, Value first, Value count, Value to) {
    CodeDecoder(e, from.element())
        .copy(e.at(from.pointer, from.element(), first), count, to);
  };
  Value panel = e.div(chunk.first, e.index(width));
  Value panels = e.sub(e.ceilDiv(chunk.limit, width), panel);
  Value outer = e.add(e.mul(batch, groups), head);
  Value perHead = e.ceilDiv(k.dims[1], width);
  decode(k, e.mul(e.add(e.mul(outer, perHead), panel), panelSize()),
         e.mul(panels, panelSize()), decoded);
  Value key = e.mul(panel, width), keys = e.mul(e.ceilDiv(v.dims[1], 2), 2);
  decode(v, e.mul(e.add(e.mul(outer, keys), key), v.dims[3]),
         e.mul(e.mul(e.ceilDiv(e.sub(chunk.limit, key), 2), 2), v.dims[3]),
         e.at(decoded, bf16, e.index(kChunkKeys * panelSize() / width)));
}

/// The chunk's values of the head, which lie in rows of all heads: rows of the
/// head alone, or pairs of them.
void AttentionEmitter::copyValues() {
  Value first = firstCopied();
  auto read = [&](Value key, Value column, Value mask, Type type) {
    Value row = e.add(e.mul(e.add(e.mul(batch, v.dims[1]), key), groups), head);
    return e.load(e.at(v.pointer, type, e.add(e.mul(row, v.dims[3]), column)),
                  type, mask);
  };
  Type f32 = e.b.getF32Type(), i16 = e.b.getI16Type(), i32 = e.b.getI32Type();
  e.loop(first, chunk.limit, valuePairs ? 2 : 1, [&](Value key) {
    Value write = e.mul(e.sub(key, first), sumsAt);
    if (valuePairs)
      write = e.div(write, e.index(2));
    e.columnLoop(v.dims[3], [&](Value column, Value mask) {
      Value place = f32At(values, e.add(write, column));
      if (!valuePairs)
        return e.store(read(key, column, mask, v.element()), place, f32);
      // Of an odd number of keys, the last is its own neighbour.
      Value next = e.min(e.add(key, 1), e.sub(v.dims[1], e.index(1)));
      auto word = [&](Value key) {
        return arith::ExtUIOp::create(e.b, e.vectorOf(i32),
                                      read(key, column, mask, i16));
      };
      Value high = arith::ShLIOp::create(e.b, word(next), e.splatInt(16));
      e.store(arith::OrIOp::create(e.b, word(key), high), place, i32);
    });
  });
}

/// Runs body(size) for the block's size or one a little larger, for less code:
/// a block has room for all its rows, and nobody reads what is beyond the last.
void AttentionEmitter::overSizes(function_ref<void(int64_t)> body) {
  if (auto known = getConstantIntValue(blockSize))
    return body(*known);
  SmallVector<int64_t> sizes;
  for (int64_t size : {1, 2, 3, 4, 6, 8, 12})
    if (size < few)
      sizes.push_back(size);
  Value which = e.index(1);
  for (int64_t size : sizes)
    which = e.select(e.less(e.index(size), blockSize), e.add(which, 1), which);
  sizes.push_back(few);
  e.switchOver(which, int64_t(sizes.size()),
               [&](int64_t which) { body(sizes[which - 1]); });
}

void AttentionEmitter::emitBlock() {
  Range all = keysOf(blockRow, blockSize);
  all = {e.max(unit.first, all.first), e.min(unit.limit, all.limit)};
  keys = {e.max(chunk.first, all.first), e.min(chunk.limit, all.limit)};
  fromPanel = e.div(keys.first, e.index(width));
  toPanel = e.ceilDiv(keys.limit, width);
  fresh = e.equal(keys.first, all.first);
  e.when(e.less(keys.first, keys.limit), [&] {
    e.when(fresh, [&] { copyQueries(); });
    if (tiled)
      e.when(split, [&] { emitDotBlock(); }, [&] { emitTileBlock(); });
    else
      emitDotBlock();
    Value done = e.equal(keys.limit, e.select(split, e.index(-1), all.limit));
    e.when(done, [&] {
      overRows([&](Value row) {
        emitRow(e.add(blockRow, row), [&](Value offset) {
          return e.load(f32At(stateOf(row), offset), e.b.getF32Type());
        });
      });
    });
  });
  // No key at all.
  e.when(
      e.less(all.first, all.limit), [] {},
      [&] {
        overRows([&](Value row) {
          emitRow(e.add(blockRow, row), [&](Value) { return e.splat(0); });
        });
      });
}

void AttentionEmitter::emitDotBlock() {
  overSizes([&](int64_t size) { emitLogits(size); });
  // Row by row, one row's exponentials would wait for its highest logit.
  overRows([&](Value row) { emitShift(row, 1); });
  overRows([&](Value row) { emitExponentials(row, 1); });
  overSizes([&](int64_t size) { emitProducts(size); });
}

//===----------------------------------------------------------------------===//
// q · kᵀ, masked
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitLogits(int64_t size) {
  SmallVector<Range> ranges;
  for (int64_t i = 0; i < size; ++i)
    ranges.push_back(keysOf(e.add(blockRow, i)));
  auto panels = [&](Value from, Value to, bool masked) {
    Value single = from;
    if (int64_t step = masked ? 1 : slices(size, 2); step > 1) {
      single = e.sub(to, e.rem(e.sub(to, from), e.index(step)));
      e.loop(from, single, step,
             [&](Value panel) { emitPanels(ranges, panel, step, masked); });
    }
    e.loop(single, to, 1,
           [&](Value panel) { emitPanels(ranges, panel, 1, masked); });
  };
  if (op.getMask())
    return panels(fromPanel, toPanel, true);
  auto [wholeFrom, wholeTo] = wholePanels(ranges.front(), ranges.back());
  if (op.getWindow())
    panels(fromPanel, wholeFrom, true);
  panels(wholeFrom, wholeTo, false);
  panels(wholeTo, toPanel, true);
}

/// Panels that every row attends whole, which need no mask, from the ranges of
/// the block's first and last row.
std::pair<Value, Value> AttentionEmitter::wholePanels(const Range &first,
                                                      const Range &last) {
  auto within = [&](Value panel) {
    return e.min(e.max(panel, fromPanel), toPanel);
  };
  Value from =
      op.getWindow() ? within(e.ceilDiv(last.first, width)) : fromPanel;
  return {from, e.max(within(e.div(first.limit, e.index(width))), from)};
}

void AttentionEmitter::emitPanels(ArrayRef<Range> ranges, Value panel,
                                  int64_t panels, bool masked) {
  int64_t depth = q.type.getShape().back(), unit = keyPairs ? 2 : 1;
  int64_t size = ranges.size();
  DenseTile tile;
  for (int64_t i = 0; i < size; ++i)
    tile.rows.push_back(queryOf(e.index(i)));
  tile.rowElement = operand;
  for (int64_t i = 0; i < panels; ++i)
    tile.weights.push_back(keysOfPanel(e.add(panel, i)));
  tile.weightElement = keyElement;
  tile.pairs = keyPairs;
  tile.registers = vectors;
  tile.stride = e.index(width * unit);
  tile.whole = depth % 8 == 0;
  tile.stream = isStream(size) && !coded;
  int64_t each = panels * vectors; // registers of a row
  SmallVector<Value> sums(ranges.size() * each, e.splat(0));
  sums = emitDenseSums(e, tile, e.index(depth), sums);
  auto laneOf = [&](size_t i) { return int64_t(i) % each * e.lanes(); };
  for (auto [i, x] : llvm::enumerate(MutableArrayRef(sums))) {
    if (dots)
      x = arith::MulFOp::create(e.b, x, e.splat(scaleOf(op)));
    Value key = e.add(e.mul(panel, width), laneOf(i));
    if (masked)
      x = arith::SelectOp::create(e.b, wanted(ranges[i / each], key), x,
                                  e.splat(-kInfinity));
  }
  // Stores come last: rows that want the same keys load one mask.
  Value column = e.mul(e.sub(panel, fromPanel), width);
  for (auto [i, x] : llvm::enumerate(sums))
    e.store(x, f32At(logitsOf(e.index(i / each)), e.add(column, laneOf(i))),
            e.b.getF32Type());
}

Value AttentionEmitter::keysOfPanel(Value panel) {
  if (coded) {
    Value number = e.sub(panel, e.div(chunk.first, e.index(width)));
    return e.at(decoded, keyElement, e.mul(number, panelSize()));
  }
  Value outer = e.add(e.mul(batch, groups), head);
  Value number = e.add(e.mul(outer, e.ceilDiv(k.dims[1], width)), panel);
  return e.at(k.pointer, keyElement, e.mul(number, panelSize()));
}

Value AttentionEmitter::negated(Value mask) {
  Value yes = arith::ConstantOp::create(
      e.b, DenseElementsAttr::get(cast<VectorType>(mask.getType()), true));
  return arith::XOrIOp::create(e.b, mask, yes);
}

/// Which of the keys from `key` on the row attends.
Value AttentionEmitter::wanted(const Range &row, Value key) {
  Value all = e.mask(e.sub(row.limit, key));
  if (op.getWindow()) {
    Value early = e.mask(e.sub(row.first, key));
    all = arith::AndIOp::create(e.b, all, negated(early));
  }
  if (!op.getMask())
    return all;
  const Tensor &mask = e.operand(op.getMask());
  Value words = e.load(e.at(mask.pointer, mask.element(),
                            e.add(e.mul(batch, mask.dims[1]), key)),
                       mask.element(), e.mask(e.sub(k.dims[1], key)));
  return arith::AndIOp::create(e.b, all,
                               arith::CmpIOp::create(e.b,
                                                     arith::CmpIPredicate::ne,
                                                     words, e.splatInt(0)));
}

//===----------------------------------------------------------------------===//
// 2^(x - shift)
//===----------------------------------------------------------------------===//

/// `first` joined with the row's logits: next(their index, chain, x).
SmallVector<Value>
AttentionEmitter::overLogits(Value row, Value first,
                             function_ref<Value(Value, Value, Value)> next) {
  Value from = logitsOf(row);
  SmallVector<Value> chains(vectors, first);
  return e.loop(e.index(0), e.mul(e.sub(toPanel, fromPanel), width), width,
                chains, [&](Value i, ValueRange carried) {
                  SmallVector<Value> values;
                  for (auto [j, chain] : llvm::enumerate(carried)) {
                    Value at = e.add(i, j * e.lanes());
                    Value x = e.load(f32At(from, at), e.b.getF32Type());
                    values.push_back(next(at, chain, x));
                  }
                  return values;
                });
}

Value AttentionEmitter::times(Value x, double scale) {
  if (scale == 1)
    return x;
  Value by = isa<VectorType>(x.getType()) ? e.splat(scale) : scalar(scale);
  return arith::MulFOp::create(e.b, x, by);
}

/// softcap·tanh(x / softcap), but for keys that are left out.
Value AttentionEmitter::cap(Value x) {
  double scale = op.getSoftcap()->convertToDouble() * std::numbers::log2e;
  Value out = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, x,
                                    e.splat(-kInfinity));
  Value capped = arith::MulFOp::create(e.b, e.splat(scale), math.tanh(x));
  return arith::SelectOp::create(e.b, out, x, capped);
}

/// The highest logit so far, rounded up to a whole number, so that sums are
/// rescaled without rounding. Logits are `scale` (> 0) times what is stored.
void AttentionEmitter::emitShift(Value row, double scale) {
  Type f32 = e.b.getF32Type();
  auto max = [&](Value a, Value b) { return math.fastMax(b, a); };
  SmallVector<Value> chains =
      overLogits(row, e.splat(-kInfinity), [&](Value i, Value chain, Value x) {
        if (op.getSoftcap()) {
          x = cap(times(x, scale));
          e.store(x, f32At(logitsOf(row), i), f32);
        }
        return max(chain, x);
      });
  Value highest = chains[0];
  for (Value chain : ArrayRef(chains).drop_front())
    highest = max(highest, chain);
  highest = e.reduce(highest, max);
  if (!op.getSoftcap())
    highest = times(highest, scale);
  highest = mlir::math::CeilOp::create(e.b, highest);
  Value place = f32At(stateOf(row), shiftAt);
  Value before = e.select(fresh, scalar(kNoShift), e.loadScalar(place, f32));
  Value shift = max(before, highest);
  e.storeScalar(shift, place, f32);
  e.when(
      fresh, [] {},
      [&] {
        Value change = arith::SubFOp::create(e.b, before, shift);
        e.storeScalar(math.powerOfTwo(change), f32At(place, e.index(1)), f32);
      });
}

/// Over the logits: bf16 never reaches one that is still to be read.
void AttentionEmitter::storeOperand(Value x, Value pointer) {
  if (!dots)
    return e.store(x, pointer, operand);
  LLVM::StoreOp::create(e.b, e.toBf16(x), pointer, /*alignment=*/2);
}

void AttentionEmitter::emitExponentials(Value row, double scale) {
  Type f32 = e.b.getF32Type();
  Value state = stateOf(row);
  Value shift = e.broadcast(e.loadScalar(f32At(state, shiftAt), f32));
  Value below = arith::NegFOp::create(e.b, shift);
  Value factor =
      e.broadcast(e.loadScalar(f32At(state, e.add(shiftAt, 1)), f32));
  SmallVector<Value> chains =
      overLogits(row, e.splat(0), [&](Value i, Value chain, Value x) -> Value {
        x = scale == 1
                ? Value(arith::SubFOp::create(e.b, x, shift))
                : Value(vector::FMAOp::create(e.b, x, e.splat(scale), below));
        x = math.exp2NonPositive(x, dots);
        storeOperand(x, e.at(logitsOf(row), operand, i));
        return arith::AddFOp::create(e.b, chain, x);
      });
  Value place = f32At(state, sumsAt), sum = chains[0];
  for (Value chain : ArrayRef(chains).drop_front())
    sum = arith::AddFOp::create(e.b, sum, chain);
  Value before = arith::MulFOp::create(e.b, e.load(place, f32), factor);
  before = e.select(fresh, e.splat(0), before);
  sum = arith::AddFOp::create(e.b, sum, before);
  e.store(sum, place, f32);
}

//===----------------------------------------------------------------------===//
// p · v
//===----------------------------------------------------------------------===//

/// Panels, or as many columns, that a tile of few rows has at a time: its sums
/// would not hide the latency of a multiply-add. One or two.
int64_t AttentionEmitter::slices(int64_t size, int64_t most) const {
  bool fits = (size + 1) * 2 * vectors + 1 <= e.machine.registers;
  return fits && isStream(size) && most >= 2 ? 2 : 1;
}

/// As many columns at a time as a panel has keys: a tile of the same form.
void AttentionEmitter::emitProducts(int64_t size) {
  int64_t step = width * slices(size, v.type.getShape().back() / width);
  Value columns = v.dims[3];
  Value whole = e.mul(e.div(columns, e.index(step)), step);
  e.loop(e.index(0), whole, step, [&](Value column) {
    emitColumns(size, column, SmallVector<Value>(step / e.lanes()));
  });
  if (matchPattern(e.sub(columns, whole), m_Zero()))
    return;
  e.loop(whole, columns, e.lanes(), [&](Value column) {
    emitColumns(size, column, {e.mask(e.sub(columns, column))});
  });
}

void AttentionEmitter::emitColumns(int64_t size, Value column,
                                   ArrayRef<Value> masks) {
  DenseTile tile;
  tile.rowElement = operand;
  tile.pairs = valuePairs;
  int64_t unit = valuePairs ? 2 : 1;
  Value begin = evenly(keys.first), columns = sumsAt, from;
  if (graph::layoutOf(v.type)) {
    from = valuesOf(begin), columns = v.dims[3];
    tile.weightElement = valueElement;
  } else {
    tile.weightElement = valuePairs ? v.element() : e.b.getF32Type();
    from = e.at(values, tile.weightElement,
                e.mul(e.sub(begin, firstCopied()), columns));
  }
  tile.stride = e.mul(columns, unit);
  tile.weights = {e.at(from, tile.weightElement, e.mul(column, unit))};
  tile.registers = masks.size();
  // Not where they are a copy.
  tile.stream = isStream(size) && graph::layoutOf(v.type) && !coded;
  if (masks.back())
    tile.masks = llvm::to_vector(masks);
  for (int64_t i = 0; i < size; ++i)
    tile.rows.push_back(e.at(logitsOf(e.index(i)), operand,
                             e.sub(begin, e.mul(fromPanel, width))));
  SmallVector<Value> sums =
      emitDenseSums(e, tile, e.sub(keys.limit, begin),
                    sumsBefore(size, column, masks.size()));
  for (auto [i, sum] : llvm::enumerate(sums))
    e.store(sum, sumAt(i, column, masks.size()), e.b.getF32Type());
}

Value AttentionEmitter::valuesOf(Value key) {
  if (coded) {
    Value first = e.mul(e.div(chunk.first, e.index(width)), width);
    Value offset = e.mul(e.sub(key, first), v.dims[3]);
    return e.at(decoded, valueElement,
                e.add(offset, kChunkKeys * panelSize() / width));
  }
  int64_t unit = valuePairs ? 2 : 1;
  Value perHead = e.mul(e.ceilDiv(v.dims[1], unit), unit);
  Value outer = e.add(e.mul(batch, groups), head);
  return e.at(v.pointer, v.element(),
              e.mul(e.add(e.mul(outer, perHead), key), v.dims[3]));
}

/// Where sum `i` of a tile of columns is kept.
Value AttentionEmitter::sumAt(int64_t i, Value column, int64_t registers) {
  return f32At(stateOf(e.index(i / registers)),
               e.add(column, i % registers * e.lanes()));
}

SmallVector<Value> AttentionEmitter::sumsBefore(int64_t size, Value column,
                                                int64_t registers) {
  Type f32 = e.b.getF32Type();
  return e.choose(
      fresh, [&] { return SmallVector<Value>(size * registers, e.splat(0)); },
      [&] {
        SmallVector<Value> sums;
        for (int64_t i = 0; i < size * registers; ++i) {
          Value state = stateOf(e.index(i / registers));
          Value factor =
              e.broadcast(e.loadScalar(f32At(state, e.add(shiftAt, 1)), f32));
          sums.push_back(arith::MulFOp::create(
              e.b, e.load(sumAt(i, column, registers), f32), factor));
        }
        return sums;
      });
}
