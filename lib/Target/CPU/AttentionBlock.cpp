//===- AttentionBlock.cpp - a block of rows on a chunk of keys ------------===//
// Logits of the chunk (in scratch), their exponentials relative to the highest
// so far, and these times the values onto the rows' sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "DenseProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include <limits>
#include <numbers>

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The queries, scaled so that exponentials are powers of two, and empty sums.
void AttentionEmitter::emitBegin() {
  Type f32 = e.b.getF32Type();
  double scale = op.getScale().convertToDouble();
  scale *= op.getSoftcap() ? 1 / op.getSoftcap()->convertToDouble()
                           : std::numbers::log2e;
  e.loop(e.index(0), blockSize, 1, [&](Value row) {
    Value read = rowOffset(e.add(blockRow, row), q.dims[3]);
    Value query = queryOf(row);
    e.columnLoop(q.dims[3], [&](Value column, Value mask) {
      Value x = e.load(e.at(q.pointer, q.element(), e.add(read, column)),
                       q.element(), mask);
      e.store(arith::MulFOp::create(e.b, x, e.splat(scale)),
              f32At(query, column), f32);
    });
    Value state = stateOf(row);
    e.loop(e.index(0), shiftAt, e.lanes(), [&](Value column) {
      e.store(e.splat(0), f32At(state, column), f32);
    });
    e.storeScalar(scalar(kNoShift), f32At(state, shiftAt), f32);
  });
}

/// The chunk's values of the head, which lie in rows of all heads.
void AttentionEmitter::copyValues() {
  Type f32 = e.b.getF32Type();
  e.loop(chunk.first, chunk.limit, 1, [&](Value key) {
    Value read = e.mul(e.add(e.mul(batch, v.dims[1]), key), groups);
    read = e.mul(e.add(read, head), v.dims[3]);
    Value write = e.mul(e.sub(key, chunk.first), sumsAt);
    e.columnLoop(v.dims[3], [&](Value column, Value mask) {
      e.store(e.load(e.at(v.pointer, v.element(), e.add(read, column)),
                     v.element(), mask),
              f32At(values, e.add(write, column)), f32);
    });
  });
}

void AttentionEmitter::emitBlock() {
  keys = keysOf(blockRow, blockSize);
  keys = {e.max(chunk.first, keys.first), e.min(chunk.limit, keys.limit)};
  fromPanel = e.div(keys.first, e.index(width));
  toPanel = e.ceilDiv(keys.limit, width);
  e.when(e.less(keys.first, keys.limit), [&] {
    e.switchOver(blockSize, block, [&](int64_t size) { emitLogits(size); });
    // Row by row, one row's exponentials would wait for its highest logit.
    e.loop(e.index(0), blockSize, 1, [&](Value row) { emitShift(row); });
    e.loop(e.index(0), blockSize, 1, [&](Value row) { emitExponentials(row); });
    e.switchOver(blockSize, block, [&](int64_t size) { emitProducts(size); });
  });
}

//===----------------------------------------------------------------------===//
// q · kᵀ, masked
//===----------------------------------------------------------------------===//

void AttentionEmitter::emitLogits(int64_t size) {
  SmallVector<Range> ranges;
  for (int64_t i = 0; i < size; ++i)
    ranges.push_back(keysOf(e.add(blockRow, i)));
  auto panels = [&](Value from, Value to, bool masked) {
    e.loop(from, to, 1, [&](Value panel) { emitPanel(ranges, panel, masked); });
  };
  if (op.getMask())
    return panels(fromPanel, toPanel, true);
  // Panels that every row attends whole need no mask.
  auto within = [&](Value panel) {
    return e.min(e.max(panel, fromPanel), toPanel);
  };
  Value wholeFrom = op.getWindow()
                        ? within(e.ceilDiv(ranges.back().first, width))
                        : fromPanel;
  Value wholeTo =
      e.max(within(e.div(ranges.front().limit, e.index(width))), wholeFrom);
  if (op.getWindow())
    panels(fromPanel, wholeFrom, true);
  panels(wholeFrom, wholeTo, false);
  panels(wholeTo, toPanel, true);
}

void AttentionEmitter::emitPanel(ArrayRef<Range> ranges, Value panel,
                                 bool masked) {
  Value depth = q.dims[3];
  Value perHead = e.ceilDiv(k.dims[1], width);
  Value number =
      e.add(e.mul(e.add(e.mul(batch, groups), head), perHead), panel);
  DenseTile tile;
  for (int64_t i = 0, size = ranges.size(); i < size; ++i)
    tile.rows.push_back(queryOf(e.index(i)));
  tile.rowElement = e.b.getF32Type();
  tile.weights = {
      e.at(k.pointer, k.element(), e.mul(number, e.mul(depth, width)))};
  tile.weightElement = k.element();
  tile.registers = vectors;
  tile.stride = e.index(width);
  tile.whole = q.type.getShape().back() % 8 == 0;
  SmallVector<Value> sums(ranges.size() * vectors, e.splat(0));
  sums = emitDenseSums(e, tile, depth, sums);
  Value column = e.mul(e.sub(panel, fromPanel), width);
  for (auto [i, x] : llvm::enumerate(sums)) {
    int64_t row = i / vectors, lane = i % vectors * e.lanes();
    if (op.getSoftcap()) {
      double cap = op.getSoftcap()->convertToDouble() * std::numbers::log2e;
      x = arith::MulFOp::create(e.b, e.splat(cap), math.tanh(x));
    }
    if (masked)
      x = arith::SelectOp::create(
          e.b, wanted(ranges[row], e.add(e.mul(panel, width), lane)), x,
          e.splat(-kInfinity));
    e.store(x, f32At(logitsOf(e.index(row)), e.add(column, lane)),
            e.b.getF32Type());
  }
}

/// Which of the keys from `key` on the row attends.
Value AttentionEmitter::wanted(const Range &row, Value key) {
  Value all = e.mask(e.sub(row.limit, key));
  if (op.getWindow()) {
    Value early = e.mask(e.sub(row.first, key));
    Value yes = arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(cast<VectorType>(early.getType()), true));
    all =
        arith::AndIOp::create(e.b, all, arith::XOrIOp::create(e.b, early, yes));
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

/// `first` joined with the row's logits: next(chain, x, where x lies).
SmallVector<Value>
AttentionEmitter::overLogits(Value row, Value first,
                             function_ref<Value(Value, Value, Value)> next) {
  Value from = logitsOf(row);
  SmallVector<Value> chains(vectors, first);
  return e.loop(e.index(0), e.mul(e.sub(toPanel, fromPanel), width), width,
                chains, [&](Value i, ValueRange carried) {
                  SmallVector<Value> values;
                  for (auto [j, chain] : llvm::enumerate(carried)) {
                    Value at = f32At(from, e.add(i, j * e.lanes()));
                    values.push_back(
                        next(chain, e.load(at, e.b.getF32Type()), at));
                  }
                  return values;
                });
}

/// The highest logit so far, rounded up to a whole number, so that sums are
/// rescaled without rounding.
void AttentionEmitter::emitShift(Value row) {
  Type f32 = e.b.getF32Type();
  auto max = [&](Value a, Value b) { return math.fastMax(b, a); };
  SmallVector<Value> chains =
      overLogits(row, e.splat(-kInfinity),
                 [&](Value chain, Value x, Value) { return max(chain, x); });
  Value highest = chains[0];
  for (Value chain : ArrayRef(chains).drop_front())
    highest = max(highest, chain);
  highest = mlir::math::CeilOp::create(e.b, e.reduce(highest, max));
  Value place = f32At(stateOf(row), shiftAt);
  Value before = e.loadScalar(place, f32), shift = max(before, highest);
  Value factor = math.powerOfTwo(arith::SubFOp::create(e.b, before, shift));
  e.storeScalar(shift, place, f32);
  e.storeScalar(factor, f32At(place, e.index(1)), f32);
}

void AttentionEmitter::emitExponentials(Value row) {
  Type f32 = e.b.getF32Type();
  Value state = stateOf(row);
  Value shift = e.broadcast(e.loadScalar(f32At(state, shiftAt), f32));
  Value factor =
      e.broadcast(e.loadScalar(f32At(state, e.add(shiftAt, 1)), f32));
  SmallVector<Value> chains =
      overLogits(row, e.splat(0), [&](Value chain, Value x, Value at) -> Value {
        x = math.exp2NonPositive(arith::SubFOp::create(e.b, x, shift));
        e.store(x, at, f32);
        return arith::AddFOp::create(e.b, chain, x);
      });
  Value place = f32At(state, sumsAt), sum = chains[0];
  for (Value chain : ArrayRef(chains).drop_front())
    sum = arith::AddFOp::create(e.b, sum, chain);
  e.store(vector::FMAOp::create(e.b, e.load(place, f32), factor, sum), place,
          f32);
}

//===----------------------------------------------------------------------===//
// p · v
//===----------------------------------------------------------------------===//

/// As many columns at a time as a panel has keys: a tile of the same form.
void AttentionEmitter::emitProducts(int64_t size) {
  Value columns = v.dims[3], slice = e.index(width);
  Value whole = e.mul(e.div(columns, slice), width);
  e.loop(e.index(0), whole, width, [&](Value column) {
    emitColumns(size, column, SmallVector<Value>(vectors));
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
  tile.rowElement = tile.weightElement = e.b.getF32Type();
  tile.stride = sumsAt;
  tile.weights = {f32At(values, e.mul(e.sub(keys.first, chunk.first), sumsAt))};
  if (graph::layoutOf(v.type)) { // [B, H, T, D]: as they lie
    Value outer = e.add(e.mul(batch, groups), head);
    Value base = e.add(e.mul(outer, v.dims[1]), keys.first);
    tile.stride = v.dims[3];
    tile.weightElement = v.element();
    tile.weights = {e.at(v.pointer, v.element(), e.mul(base, v.dims[3]))};
  }
  tile.weights[0] = e.at(tile.weights[0], tile.weightElement, column);
  tile.registers = masks.size();
  if (masks.back())
    tile.masks = llvm::to_vector(masks);
  Type f32 = e.b.getF32Type();
  SmallVector<Value> places, sums;
  for (int64_t i = 0; i < size; ++i) {
    tile.rows.push_back(f32At(logitsOf(e.index(i)),
                              e.sub(keys.first, e.mul(fromPanel, width))));
    Value state = stateOf(e.index(i));
    Value factor =
        e.broadcast(e.loadScalar(f32At(state, e.add(shiftAt, 1)), f32));
    for (int64_t j = 0; j < tile.registers; ++j) {
      places.push_back(f32At(state, e.add(column, j * e.lanes())));
      sums.push_back(
          arith::MulFOp::create(e.b, e.load(places.back(), f32), factor));
    }
  }
  sums = emitDenseSums(e, tile, e.sub(keys.limit, keys.first), sums);
  for (auto [sum, place] : llvm::zip_equal(sums, places))
    e.store(sum, place, f32);
}
