//===- TileProducts.cpp - products of bf16 on AMX tiles -------------------===//
// Weights are tiles of [16 pairs of k][16 columns][2] as panels store them.
// Sums go through scratch to the epilogue. Part of Trine, under Apache-2.0 WITH
// LLVM-exception.
//===----------------------------------------------------------------------===//
#include "TileProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

/// Bytes of a row of sums in scratch.
constexpr int64_t kSumStride = kTilesOfPanel * Tiles::kLine;
constexpr int64_t kPrefetches = 8; ///< of a step

class TileEmitter {
public:
  TileEmitter(KernelEmitter &emitter, const TilePanel &panel)
      : e(emitter), tiles(emitter), panel(panel) {}

  void emit();

private:
  /// k of the panel: `count` from `k` on. `more` (i1 or null): onto the sums at
  /// `into`.
  struct Slice {
    ValueRange weights;
    Value k, count, more, into;
  };
  void products(Value block, const Slice &slice);
  void columns(Value block, const Slice &slice, int64_t inputs, int64_t part);
  void step(Value index, ArrayRef<Value> rows, ValueRange weights,
            int64_t column);
  void groups(Value block, const Slice &slice);
  void addGroup(Value block, Value k, Value parts);
  void clear(Value block);
  /// Of each row of a block, where its sums are in the block's.
  void eachRow(Value block, function_ref<void(Value row, Value offset)> body);
  void results(Value block);
  Value isPair(Value block);
  Value firstRow(Value block, int64_t input);
  Value sumsOf(Value block);
  Value bytes(Value pointer, Value offset) {
    return e.at(pointer, e.b.getI8Type(), offset);
  }

  KernelEmitter &e;
  Tiles tiles;
  const TilePanel &panel;
};

} // namespace

void cpu::configureTiles(KernelEmitter &e, Value M) {
  Value rows = e.max(e.min(M, e.index(Tiles::kRows)), e.index(1));
  Tiles(e).configure(e.scratch, rows);
}

void cpu::releaseTiles(KernelEmitter &e) { Tiles(e).release(); }

/// Has the block more rows than a tile?
Value TileEmitter::isPair(Value block) {
  Value rows = e.sub(panel.rowOf(e.add(block, 1)), panel.rowOf(block));
  return e.less(e.index(Tiles::kRows), rows);
}

/// The first row of an input of the block. A tile of fewer rows would have to
/// be configured: it begins earlier instead, and only its own rows are used.
Value TileEmitter::firstRow(Value block, int64_t input) {
  Value last = e.max(e.sub(panel.M, e.index(Tiles::kRows)), e.index(0));
  return e.min(e.add(panel.rowOf(block), input * Tiles::kRows), last);
}

Value TileEmitter::sumsOf(Value block) {
  Value slot = panel.slice ? block : e.index(0);
  return bytes(e.scratch,
               e.add(e.mul(slot, kTileBlock * kSumStride), e.index(64)));
}

void TileEmitter::emit() {
  Value none = e.index(0);
  if (!panel.slice) {
    SmallVector<Value, 2> weights = panel.weights(none, panel.K);
    return e.loop(panel.from, panel.to, 1, [&](Value block) {
      products(block, {weights, none, panel.K, {}, sumsOf(block)});
      results(block);
    });
  }
  if (panel.group)
    e.loop(panel.from, panel.to, 1, [&](Value block) { clear(block); });
  e.loop(none, e.ceilDiv(panel.K, panel.slice), 1, [&](Value part) {
    Value k = e.mul(part, panel.slice);
    Value count = e.min(e.index(panel.slice), e.sub(panel.K, k));
    SmallVector<Value, 2> weights = panel.weights(k, count);
    e.loop(panel.from, panel.to, 1, [&](Value block) {
      Slice slice{weights, k, count, e.less(none, part), sumsOf(block)};
      panel.group ? groups(block, slice) : products(block, slice);
    });
  });
  e.loop(panel.from, panel.to, 1, [&](Value block) { results(block); });
}

void TileEmitter::products(Value block, const Slice &slice) {
  e.when(
      isPair(block),
      [&] {
        columns(block, slice, 2, 0);
        columns(block, slice, 2, 1);
      },
      [&] { columns(block, slice, 1, 0); });
}

/// The sums of `inputs` tiles of rows and part `part` of the columns, which has
/// as many as there are sums.
void TileEmitter::columns(Value block, const Slice &slice, int64_t inputs,
                          int64_t part) {
  int64_t count = kTilesOfPanel / inputs, first = part * count;
  Value stride = e.index(kSumStride);
  auto eachSum = [&](function_ref<void(int64_t, Value)> body) {
    for (int64_t i = 0; i < kTilesOfPanel; ++i) {
      int64_t row = i / count * Tiles::kRows, column = first + i % count;
      body(Tiles::kSums + i, bytes(slice.into, e.index(row * kSumStride +
                                                       column * Tiles::kLine)));
    }
  };
  auto zero = [&] { eachSum([&](int64_t tile, Value) { tiles.zero(tile); }); };
  auto load = [&] {
    eachSum([&](int64_t tile, Value at) { tiles.load(tile, at, stride); });
  };
  slice.more ? e.when(slice.more, load, zero) : zero();

  // The blocks read what follows in the panel ahead, an equal part each.
  Value steps = e.div(slice.count, e.index(Tiles::kDepth));
  int64_t weights = int64_t(slice.weights.size());
  int64_t stepBytes = Tiles::kDepth / 2 * kSumStride / weights;
  Value parts = e.mul(panel.blocks, inputs);
  Value line = e.div(e.add(parts, stepBytes / kPrefetches - 1), parts);
  Value before = e.mul(e.add(e.mul(block, inputs), part), kPrefetches);
  SmallVector<Value, 2> ahead;
  if (panel.ahead)
    for (Value weight : slice.weights)
      ahead.push_back(bytes(weight, e.mul(steps, e.add(e.index(stepBytes),
                                                       e.mul(before, line)))));
  SmallVector<Value, 2> rows;
  for (int64_t i = 0; i < inputs; ++i)
    rows.push_back(e.at(panel.input, e.b.getBF16Type(),
                        e.add(e.mul(firstRow(block, i), panel.K), slice.k)));
  e.loop(e.index(0), steps, 1, [&](Value index) {
    for (Value address : ahead)
      for (int64_t i = 0; i < kPrefetches; ++i) {
        Value offset = e.mul(e.add(e.mul(index, kPrefetches), i), line);
        e.prefetch(bytes(address, offset));
      }
    step(index, rows, slice.weights, first);
  });
  eachSum([&](int64_t tile, Value at) { tiles.store(tile, at, stride); });
}

/// 32 k of the tiles of columns from `column` on.
void TileEmitter::step(Value index, ArrayRef<Value> rows, ValueRange weights,
                       int64_t column) {
  int64_t perWeight = kTilesOfPanel / int64_t(weights.size());
  int64_t count = kTilesOfPanel / int64_t(rows.size());
  int64_t pair = perWeight * Tiles::kLine; // bytes, of all columns
  for (auto [i, row] : llvm::enumerate(rows))
    tiles.load(Tiles::kInputs + i, bytes(row, e.mul(index, Tiles::kLine)),
               e.mul(panel.K, 2));
  for (int64_t c = 0; c < count; ++c) {
    int64_t into = Tiles::kWeights + c % 2, of = column + c;
    Value offset = e.add(e.mul(index, Tiles::kDepth / 2 * pair),
                         of % perWeight * Tiles::kLine);
    tiles.load(into, bytes(weights[of / perWeight], offset), e.index(pair),
               panel.once);
    for (size_t i = 0; i < rows.size(); ++i)
      tiles.multiply(Tiles::kSums + i * count + c, Tiles::kInputs + i, into);
  }
}

void TileEmitter::eachRow(Value block, function_ref<void(Value, Value)> body) {
  Value first = firstRow(block, 0), second = firstRow(block, 1);
  e.loop(panel.rowOf(block), panel.rowOf(e.add(block, 1)), 1, [&](Value row) {
    Value place = e.sub(row, first);
    place = e.select(e.less(place, e.index(Tiles::kRows)), place,
                     e.add(e.sub(row, second), Tiles::kRows));
    body(row, e.mul(place, kSumStride));
  });
}

void TileEmitter::clear(Value block) {
  eachRow(block, [&](Value, Value offset) {
    for (int64_t tile = 0; tile < kTilesOfPanel; ++tile)
      e.store(e.splat(0),
              bytes(sumsOf(block), e.add(offset, tile * Tiles::kLine)),
              e.b.getF32Type());
  });
}

/// The groups of a slice, one after another.
void TileEmitter::groups(Value block, const Slice &slice) {
  int64_t perWeight = kTilesOfPanel / int64_t(slice.weights.size());
  Value parts =
      bytes(e.scratch, e.index(64 + kChunkBlocks * kTileBlock * kSumStride));
  e.loop(e.index(0), slice.count, panel.group, [&](Value first) {
    Value before = e.mul(e.div(first, e.index(2)), perWeight * Tiles::kLine);
    auto weights = llvm::map_to_vector(
        slice.weights, [&](Value weight) { return bytes(weight, before); });
    Value count = e.min(e.index(panel.group), e.sub(slice.count, first));
    Value k = e.add(slice.k, first);
    products(block, {weights, k, count, {}, parts});
    addGroup(block, k, parts);
  });
}

/// The block's totals with a group's sums.
void TileEmitter::addGroup(Value block, Value k, Value parts) {
  Type f32 = e.b.getF32Type();
  SmallVector<Value> scales = panel.scales(k);
  eachRow(block, [&](Value row, Value offset) {
    Value rowScale = panel.rowScale(row, k);
    for (auto [tile, scale] : llvm::enumerate(scales)) {
      Value place = e.add(offset, int64_t(tile) * Tiles::kLine);
      Value at = bytes(sumsOf(block), place);
      Value both = scale;
      if (rowScale)
        both = arith::MulFOp::create(e.b, rowScale, scale);
      e.store(math::FmaOp::create(e.b, both, e.load(bytes(parts, place), f32),
                                  e.load(at, f32)),
              at, f32);
    }
  });
}

void TileEmitter::results(Value block) {
  eachRow(block, [&](Value row, Value offset) {
    SmallVector<Value> registers;
    for (int64_t tile = 0; tile < kTilesOfPanel; ++tile)
      registers.push_back(
          e.load(bytes(sumsOf(block), e.add(offset, tile * Tiles::kLine)),
                 e.b.getF32Type()));
    panel.results(row, registers);
  });
}

void cpu::emitTilePanel(KernelEmitter &emitter, const TilePanel &panel) {
  TileEmitter(emitter, panel).emit();
}
