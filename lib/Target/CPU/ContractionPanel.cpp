//===- ContractionPanel.cpp - sums and results of a panel -----------------===//
// Tiles of rows x W sums, on registers or on AMX tiles, and the epilogue on
// them. A long K goes in slices that stay in the L2; the sums wait in scratch.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ContractionEmitter.h"
#include "DenseProducts.h"
#include "Elementwise.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Bytes of a block's rows that stay in an L1, more or less: with K = 384 to
/// 768, weights that pass it by gain 5 to 8 %; with K = 1536 they lose 2.
static constexpr int64_t kRowsInL1 = int64_t(48) << 10;

int64_t cpu::sumBytes(launch::KernelOp kernel, const MachineModel &machine) {
  int64_t blocks = sliceOf(kernel, machine) ? kChunkBlocks : 0;
  if (tilesFit(kernel, machine))
    return tileScratchBytes(std::max<int64_t>(blocks, 1) + isGrouped(kernel));
  // A block has fewer sums than there are registers.
  return blocks * machine.registers * machine.lanes * 4;
}

void ContractionEmitter::emitPanel(const Segment &segment, Value panel,
                                   Value firstBlock, Value fromBlock,
                                   Value toBlock, ArrayRef<Value> masks) {
  Value column = e.mul(panel, segment.width);
  if (tiled)
    return emitTiles(segment, panel, firstBlock, fromBlock, toBlock, masks);
  if (!slice) {
    emitDecoded(segment, panel, e.index(0), K);
    return emitBlocks(
        firstBlock, fromBlock, toBlock, [&](Value row, int64_t rows) {
          SmallVector<Value> zeros(rows * vectors(segment), e.splat(0));
          SmallVector<Value> sums =
              emitSums(segment, panel, row, rows, e.index(0), K, masks, zeros);
          sums = scaledOnce(segment, panel, row, rows, sums);
          emitResults(segment, column, row, rows, sums, masks);
        });
  }
  emitSlices(segment, panel, firstBlock, fromBlock, toBlock, masks);
  e.loop(rowOf(e.add(firstBlock, fromBlock)), rowOf(e.add(firstBlock, toBlock)),
         1, [&](Value row) {
           SmallVector<Value> sums;
           for (Value address : partialSums(vectors(segment), row))
             sums.push_back(e.load(address, e.b.getF32Type()));
           sums = scaledOnce(segment, panel, row, 1, sums);
           emitResults(segment, column, row, 1, sums, masks);
         });
}

/// The values of `count` k of a panel of codes, in scratch.
void ContractionEmitter::emitDecoded(const Segment &segment, Value panel,
                                     Value k, Value count) {
  if (segment.scaled)
    return decodeScaled(segment, panel, k, count);
  if (!segment.code)
    return;
  const CodePanel &form = *segment.code;
  int64_t bytes = constantOr(K, 0) / form.format.super * form.blockBytes();
  for (auto [i, weight] : llvm::enumerate(segment.weights))
    emitDecode(
        e, form, e.at(weight->pointer, e.b.getI8Type(), e.mul(panel, bytes)), k,
        count, decodedAt(i, segment), multipliedType(segment.root, e.machine));
}

/// Where the values of a weight's panel or slice stand, behind the sums.
Value ContractionEmitter::decodedAt(size_t weight, const Segment &segment) {
  int64_t depth = slice ? slice : llvm::alignTo(constantOr(K, 0), kCodesOfWord);
  int64_t values =
      depth * segment.width *
      multipliedType(segment.root, e.machine).getIntOrFloatBitWidth() / 8;
  return e.at(
      e.scratch, e.b.getI8Type(),
      e.index(sumBytes(e.kernel, e.machine) + int64_t(weight) * values));
}

/// tile(row, rows) for each block of rows.
void ContractionEmitter::emitBlocks(Value firstBlock, Value fromBlock,
                                    Value toBlock,
                                    function_ref<void(Value, int64_t)> tile) {
  e.loop(fromBlock, toBlock, 1, [&](Value index) {
    blockOfChunk = index;
    Value block = e.add(firstBlock, index);
    Value one = e.select(e.less(block, larger), e.index(1), e.index(0));
    e.switchOver(e.add(smallest, one), rowBlock,
                 [&](int64_t rows) { tile(rowOf(block), rows); });
  });
}

/// Where the sums of a row of the chunk wait for the next slice.
SmallVector<Value> ContractionEmitter::partialSums(int64_t vectors, Value row) {
  Value first = e.mul(e.sub(row, rowOfChunk), vectors * e.lanes());
  return llvm::map_to_vector(llvm::seq(vectors), [&](int64_t v) {
    return e.at(e.scratch, e.b.getF32Type(), e.add(first, v * e.lanes()));
  });
}

/// The sums of a panel in scratch, slice after slice. A single block is
/// nothing but a stream: one slice.
void ContractionEmitter::emitSlices(const Segment &segment, Value panel,
                                    Value firstBlock, Value fromBlock,
                                    Value toBlock, ArrayRef<Value> masks) {
  Type f32 = e.b.getF32Type();
  int64_t size = vectors(segment);
  e.loop(rowOf(e.add(firstBlock, fromBlock)), rowOf(e.add(firstBlock, toBlock)),
         1, [&](Value row) {
           for (Value address : partialSums(size, row))
             e.store(e.splat(0), address, f32);
         });
  Value length = e.index(slice), slices = e.ceilDiv(K, slice);
  if (!segment.decoded()) {
    Value alone = e.equal(blocksOfChunk, e.index(1));
    length = e.select(alone, K, length);
    slices = e.select(alone, e.index(1), slices);
  }
  e.loop(e.index(0), slices, 1, [&](Value index) {
    Value k = e.mul(index, length);
    Value count = e.min(length, e.sub(K, k));
    emitDecoded(segment, panel, k, count);
    emitBlocks(firstBlock, fromBlock, toBlock, [&](Value row, int64_t rows) {
      if (segment.scaled && segment.scaled->grouped())
        return emitGroups(segment, panel, row, rows, k, count, masks);
      SmallVector<Value> addresses, sums;
      for (int64_t r = 0; r < rows; ++r)
        llvm::append_range(addresses, partialSums(size, e.add(row, r)));
      for (Value address : addresses)
        sums.push_back(e.load(address, f32));
      sums = emitSums(segment, panel, row, rows, k, count, masks, sums);
      for (auto [sum, address] : llvm::zip_equal(sums, addresses))
        e.store(sum, address, f32);
    });
  });
}

/// A panel on AMX tiles.
void ContractionEmitter::emitTiles(const Segment &segment, Value panel,
                                   Value firstBlock, Value fromBlock,
                                   Value toBlock, ArrayRef<Value> masks) {
  Type bf16 = input->element();
  Value panelOfAll = e.add(e.mul(batch, segment.panels), panel);
  auto weights = [&](Value k, Value count) {
    emitDecoded(segment, panel, k, count);
    Value start = e.mul(e.add(e.mul(panelOfAll, K), k), segment.width);
    SmallVector<Value, 2> pointers;
    for (auto [i, weight] : llvm::enumerate(segment.weights))
      pointers.push_back(segment.decoded()
                             ? decodedAt(i, segment)
                             : e.at(weight->pointer, bf16, start));
    return pointers;
  };
  auto rowOfBlock = [&](Value block) {
    return rowOf(e.add(firstBlock, block));
  };
  auto results = [&](Value row, ArrayRef<Value> sums) {
    emitResults(segment, e.mul(panel, segment.width), row, 1,
                scaledOnce(segment, panel, row, 1, llvm::to_vector(sums)),
                masks);
  };
  Value rows = e.at(input->pointer, bf16, e.mul(e.mul(batch, M), K));
  bool once = constantOr(K, kRowsInL1) * kTileBlock * 2 <= kRowsInL1;
  int64_t group = 0;
  if (segment.scaled && segment.scaled->grouped())
    group = segment.scaled->group;
  auto scales = [&](Value k) {
    return ScaledProduct(e, *segment.scaled)
        .columnScales(scaledOperands(segment, panel, e.index(0), 0), k);
  };
  auto rowScale = [&](Value row, Value k) {
    return ScaledProduct(e, *segment.scaled)
        .rowScale(scaledOperands(segment, panel, row, 1), 0, k);
  };
  emitTilePanel(e, {rows, M, K, slice, weights, !segment.decoded(), once,
                    fromBlock, toBlock, blocksOfChunk, rowOfBlock, group,
                    scales, rowScale, results});
}

/// The epilogue on the sums of a tile, and its stores.
void ContractionEmitter::emitResults(const Segment &segment, Value column,
                                     Value row, int64_t rows,
                                     ArrayRef<Value> sums,
                                     ArrayRef<Value> masks) {
  int64_t perWeight = masks.size();
  Value outputRow = e.add(e.mul(batch, M), row);
  SmallVector<std::function<void()>> stores;
  for (int64_t v = 0; v < perWeight; ++v) {
    Value at = e.add(column, v * e.lanes());
    for (int64_t r = 0; r < rows; ++r) {
      SmallVector<Value, 2> chain;
      for (size_t w = 0; w < segment.weights.size(); ++w)
        chain.push_back(sums[(r * segment.weights.size() + w) * perWeight + v]);
      Value value = rootValue(segment, chain, at, masks[v]);
      Position position{e.add(outputRow, r), at, segment.columns, masks[v]};
      if (failed(emitEpilogue(e, {{segment.root->getResult(0), value}},
                              position, stores, staged)))
        status = failure();
    }
  }
  for (auto &store : stores)
    store();
}

/// The sums of a tile after k, .., k + count - 1.
SmallVector<Value>
ContractionEmitter::emitSums(const Segment &segment, Value panel, Value row,
                             int64_t rows, Value k, Value count,
                             ArrayRef<Value> masks, SmallVector<Value> sums,
                             Value inSlice) {
  DenseTile tile;
  tile.registers = masks.size();
  tile.whole = matchPattern(e.rem(K, e.index(8)), m_Zero()) &&
               !(segment.scaled && segment.scaled->group % 8);
  tile.emulated = segment.scaled && segment.scaled->emulated;
  tile.rowElement = input->element();
  tile.weightElement = multipliedType(segment.root, e.machine);
  tile.pairs = segment.step == 2;
  tile.stride =
      segment.packed ? e.index(segment.width * segment.step) : segment.columns;
  if (!segment.packed)
    tile.masks.assign(masks.begin(), masks.end());
  Value padded =
      segment.packed ? e.mul(segment.panels, segment.width) : segment.columns;
  Value depth = e.mul(e.ceilDiv(K, segment.step), segment.step);
  Value inBatch = e.mul(panel, segment.width);
  if (segment.packed)
    inBatch = e.mul(inBatch, depth);
  Value first =
      e.mul(k, segment.packed ? e.index(segment.width) : segment.columns);
  Value start =
      e.add(e.add(e.mul(batch, e.mul(depth, padded)), inBatch), first);
  // The tiles of a panel read what follows it, an equal part each, so that
  // memory works while the sums do; a single row is nothing but a stream.
  for (auto [i, weight] : llvm::enumerate(segment.weights)) {
    if (segment.decoded()) {
      Value at = decodedAt(i, segment);
      if (inSlice)
        at = e.at(at, tile.weightElement, e.mul(inSlice, segment.width));
      tile.weights.push_back(at);
      continue;
    }
    Value base = e.at(weight->pointer, weight->element(), start);
    tile.weights.push_back(base);
    tile.stream = segment.packed && rows == 1;
    if (segment.packed && rows > 1)
      tile.ahead.push_back(aheadOf(segment, *weight, base, count, tile.steps));
  }
  Value firstRow = e.add(e.mul(batch, M), row);
  for (int64_t r = 0; r < rows; ++r)
    tile.rows.push_back(e.at(input->pointer, input->element(),
                             e.add(e.mul(e.add(firstRow, r), K), k)));
  if (!tile.emulated)
    return emitDenseSums(e, tile, count, std::move(sums));
  e.flushing([&] { sums = emitDenseSums(e, tile, count, std::move(sums)); });
  return llvm::map_to_vector(sums, [&](Value sum) { return e.pinned(sum); });
}

/// Where this tile starts to prefetch the panel's next slice or the next panel
/// after the `count` k from `base` on, and in `steps` the bytes for each step.
Value ContractionEmitter::aheadOf(const Segment &segment, const Tensor &weight,
                                  Value base, Value count,
                                  SmallVectorImpl<Value> &steps) {
  int64_t row = segment.width * segment.step *
                weight.element().getIntOrFloatBitWidth() / 8;
  Value step = e.div(e.add(e.index(row - 1), blocksOfChunk), blocksOfChunk);
  steps.push_back(step);
  Value each = e.add(e.index(row), e.mul(blockOfChunk, step));
  return e.at(base, e.b.getI8Type(),
              e.mul(e.ceilDiv(count, segment.step), each));
}

/// The root's own result from its sums: bias or activation.
Value ContractionEmitter::rootValue(const Segment &segment,
                                    ArrayRef<Value> sums, Value column,
                                    Value mask) {
  auto activated = [&](graph::Activation activation) {
    return arith::MulFOp::create(e.b, emitActivation(e.b, activation, sums[0]),
                                 sums[1]);
  };
  if (auto gated = dyn_cast<graph::GatedOp>(segment.root))
    return activated(gated.getActivation());
  if (auto gated = dyn_cast<fp8::ScaledGatedOp>(segment.root))
    return activated(gated.getActivation());
  Value added;
  if (auto linear = dyn_cast<graph::LinearOp>(segment.root))
    added = linear.getBias();
  if (auto product = dyn_cast<fp8::ScaledMatmulOp>(segment.root))
    added = product.getBias();
  if (!added)
    return sums[0];
  const Tensor &bias = e.operand(added);
  return arith::AddFOp::create(
      e.b, sums[0],
      e.load(e.at(bias.pointer, bias.element(), column), bias.element(), mask));
}
