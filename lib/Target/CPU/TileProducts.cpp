//===- TileProducts.cpp - products of bf16 on AMX tiles -------------------===//
// Tiles 0-3 are sums, 4 is x, 5-7 are weights: [16 pairs of k][16 columns][2],
// as panels store them. Sums go through scratch to the epilogue.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "TileProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

constexpr int64_t kInput = 4, kWeights = 5, kTiles = 8;
constexpr int64_t kLine = 64; ///< bytes of a tile's row, and of a cache line
constexpr int64_t kSumStride = kTilesOfPanel * kLine; ///< of a row's sums
constexpr int64_t kPrefetches = 8;                    ///< of a step

class TileEmitter {
public:
  TileEmitter(KernelEmitter &emitter, const TilePanel &panel)
      : e(emitter), panel(panel) {}

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
      body(tile, bytes(sums, e.index(tile * kLine)));
  }

  KernelEmitter &e;
  const TilePanel &panel;
};

} // namespace

static void call(KernelEmitter &e, StringRef name, ValueRange operands) {
  LLVM::CallIntrinsicOp::create(
      e.b, e.b.getStringAttr("llvm.x86." + name.str()), operands);
}

static Value number(KernelEmitter &e, int64_t tile) {
  return arith::ConstantIntOp::create(e.b, tile, 8);
}

static void loadTile(KernelEmitter &e, int64_t tile, Value pointer,
                     Value stride) {
  call(e, "tileloadd64", {number(e, tile), pointer, stride});
}

void cpu::configureTiles(KernelEmitter &e, Value M) {
  // Palette 1; bytes of a row (16 bits each) from 16 on, rows from 48 on.
  Type byte = e.b.getI8Type();
  auto put = [&](int64_t offset, Value value) {
    LLVM::StoreOp::create(e.b, value, e.at(e.scratch, byte, e.index(offset)));
  };
  for (int64_t word = 0; word < 64; word += 8)
    put(word, e.index(word == 0 ? 1 : 0));
  Value few = arith::TruncIOp::create(
      e.b, byte, e.max(e.min(M, e.index(kTileRows)), e.index(1)));
  for (int64_t tile = 0; tile < kTiles; ++tile) {
    put(16 + 2 * tile, arith::ConstantIntOp::create(e.b, kLine, 16));
    put(48 + tile, tile < kWeights ? few : number(e, kTileRows));
  }
  call(e, "ldtilecfg", e.scratch);
}

void cpu::releaseTiles(KernelEmitter &e) { call(e, "tilerelease", {}); }

/// A tile of fewer rows would have to be configured: the last block begins
/// earlier, and only its own rows are used.
Value TileEmitter::firstRow(Value block) {
  Value last = e.max(e.sub(panel.M, e.index(kTileRows)), e.index(0));
  return e.min(panel.rowOf(block), last);
}

Value TileEmitter::sumsOf(Value block) {
  Value slot = panel.slice ? block : e.index(0);
  return bytes(e.scratch,
               e.add(e.mul(slot, kTileRows * kSumStride), e.index(64)));
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
    eachSum(sums,
            [&](int64_t tile, Value) { call(e, "tilezero", number(e, tile)); });
  };
  auto load = [&] {
    eachSum(sums, [&](int64_t tile, Value pointer) {
      loadTile(e, tile, pointer, stride);
    });
  };
  more ? e.when(more, load, zero) : zero();

  // The blocks read what follows in the panel ahead, an equal part each.
  Value steps = e.div(count, e.index(kTileDepth));
  int64_t stepBytes = kTileDepth / 2 * kSumStride / int64_t(weights.size());
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
    call(e, "tilestored64", {number(e, tile), pointer, stride});
  });
}

void TileEmitter::step(Value index, Value row, ValueRange weights) {
  loadTile(e, kInput, bytes(row, e.mul(index, kLine)), e.mul(panel.K, 2));
  int64_t tile = 0, perWeight = kTilesOfPanel / int64_t(weights.size());
  int64_t pair = perWeight * kLine; // bytes, of all columns
  for (Value weight : weights)
    for (int64_t i = 0; i < perWeight; ++i, ++tile) {
      int64_t into = kWeights + tile % (kTiles - kWeights);
      Value offset = e.add(e.mul(index, kTileDepth / 2 * pair), i * kLine);
      loadTile(e, into, bytes(weight, offset), e.index(pair));
      call(e, "tdpbf16ps",
           {number(e, tile), number(e, kInput), number(e, into)});
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
