//===- TileProducts.cpp - products of bf16 on AMX tiles -------------------===//
// Weights are tiles of [16 pairs of k][16 columns][2] as panels store them.
// Sums go through scratch to the epilogue. Part of Trine, under Apache-2.0 WITH
// LLVM-exception.
//===----------------------------------------------------------------------===//
#include "TileProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

constexpr int64_t kSumStride =
    kTilesOfPanel * Tiles::kLine;  ///< of a row's sums
constexpr int64_t kPrefetches = 8; ///< of a step

class TileEmitter {
public:
  TileEmitter(KernelEmitter &emitter, const TilePanel &panel)
      : e(emitter), tiles(emitter), panel(panel) {}

  void emit();

private:
  void products(Value block, ValueRange weights, Value k, Value count,
                Value more);
  void step(Value index, Value row, ValueRange weights);
  void results(Value block);
  Value firstRow(Value block);
  Value sumsOf(Value block);
  Value bytes(Value pointer, Value offset) {
    return e.at(pointer, e.b.getI8Type(), offset);
  }
  void eachSum(Value sums, llvm::function_ref<void(int64_t, Value)> body) {
    for (int64_t tile = 0; tile < kTilesOfPanel; ++tile)
      body(tile, bytes(sums, e.index(tile * Tiles::kLine)));
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

/// A tile of fewer rows would have to be configured: the last block begins
/// earlier, and only its own rows are used.
Value TileEmitter::firstRow(Value block) {
  Value last = e.max(e.sub(panel.M, e.index(Tiles::kRows)), e.index(0));
  return e.min(panel.rowOf(block), last);
}

Value TileEmitter::sumsOf(Value block) {
  Value slot = panel.slice ? block : e.index(0);
  return bytes(e.scratch,
               e.add(e.mul(slot, Tiles::kRows * kSumStride), e.index(64)));
}

void TileEmitter::emit() {
  Value none = e.index(0);
  if (!panel.slice) {
    SmallVector<Value, 2> weights = panel.weights(none, panel.K);
    return e.loop(panel.from, panel.to, 1, [&](Value block) {
      products(block, weights, none, panel.K, {});
      results(block);
    });
  }
  e.loop(none, e.ceilDiv(panel.K, panel.slice), 1, [&](Value part) {
    Value k = e.mul(part, panel.slice);
    Value count = e.min(e.index(panel.slice), e.sub(panel.K, k));
    SmallVector<Value, 2> weights = panel.weights(k, count);
    e.loop(panel.from, panel.to, 1, [&](Value block) {
      products(block, weights, k, count, e.less(none, part));
    });
  });
  e.loop(panel.from, panel.to, 1, [&](Value block) { results(block); });
}

/// The sums of a block over `count` k; `more` (i1): onto those in scratch.
void TileEmitter::products(Value block, ValueRange weights, Value k,
                           Value count, Value more) {
  Value sums = sumsOf(block), stride = e.index(kSumStride);
  auto zero = [&] {
    eachSum(sums, [&](int64_t tile, Value) { tiles.zero(tile); });
  };
  auto load = [&] {
    eachSum(sums, [&](int64_t tile, Value pointer) {
      tiles.load(tile, pointer, stride);
    });
  };
  more ? e.when(more, load, zero) : zero();

  // The blocks read what follows in the panel ahead, an equal part each.
  Value steps = e.div(count, e.index(Tiles::kDepth));
  int64_t stepBytes = Tiles::kDepth / 2 * kSumStride / int64_t(weights.size());
  Value line =
      e.div(e.add(panel.blocks, stepBytes / kPrefetches - 1), panel.blocks);
  Value skipped =
      e.add(e.index(stepBytes), e.mul(block, e.mul(line, kPrefetches)));
  SmallVector<Value, 2> ahead;
  if (panel.ahead)
    for (Value weight : weights)
      ahead.push_back(bytes(weight, e.mul(steps, skipped)));
  Value row = e.at(panel.input, e.b.getBF16Type(),
                   e.add(e.mul(firstRow(block), panel.K), k));
  e.loop(e.index(0), steps, 1, [&](Value index) {
    for (Value address : ahead)
      for (int64_t i = 0; i < kPrefetches; ++i) {
        Value offset = e.mul(e.add(e.mul(index, kPrefetches), i), line);
        e.prefetch(bytes(address, offset));
      }
    step(index, row, weights);
  });
  eachSum(sums, [&](int64_t tile, Value pointer) {
    tiles.store(tile, pointer, stride);
  });
}

void TileEmitter::step(Value index, Value row, ValueRange weights) {
  tiles.load(Tiles::kInputs, bytes(row, e.mul(index, Tiles::kLine)),
             e.mul(panel.K, 2));
  int64_t tile = 0, perWeight = kTilesOfPanel / int64_t(weights.size());
  int64_t pair = perWeight * Tiles::kLine; // bytes, of all columns
  for (Value weight : weights)
    for (int64_t i = 0; i < perWeight; ++i, ++tile) {
      int64_t into = Tiles::kWeights + tile % 2;
      Value offset =
          e.add(e.mul(index, Tiles::kDepth / 2 * pair), i * Tiles::kLine);
      tiles.load(into, bytes(weight, offset), e.index(pair));
      tiles.multiply(tile, Tiles::kInputs, into);
    }
}

void TileEmitter::results(Value block) {
  Value sums = sumsOf(block), first = firstRow(block);
  e.loop(panel.rowOf(block), panel.rowOf(e.add(block, 1)), 1, [&](Value row) {
    Value start = bytes(sums, e.mul(e.sub(row, first), kSumStride));
    SmallVector<Value> registers;
    eachSum(start, [&](int64_t, Value pointer) {
      registers.push_back(e.load(pointer, e.b.getF32Type()));
    });
    panel.results(row, registers);
  });
}

void cpu::emitTilePanel(KernelEmitter &emitter, const TilePanel &panel) {
  TileEmitter(emitter, panel).emit();
}
