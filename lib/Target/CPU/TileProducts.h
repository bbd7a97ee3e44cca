//===- TileProducts.h - products of bf16 on AMX tiles -----------*- C++ -*-===//
// Rows of x and a panel of weights in pairs along k -> sums, 32 rows at a time.
// An element's sum takes 32 k at a time, whatever the tile.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Tiles.h"

namespace trine::cpu {

/// Blocks of rows of a chunk at least (tiles: 4), and of one whose sums wait in
/// scratch at most: enough work for what a panel costs to read.
constexpr int64_t kChunkBlocks = 24;
constexpr int64_t kTilesOfPanel = 4;             ///< of 16 columns each
constexpr int64_t kTileBlock = 2 * Tiles::kRows; ///< rows of x of a block

/// Scratch of a thread: the tiles' shape, and the sums of `blocks` blocks.
/// Those of a group take a block of their own, behind the kChunkBlocks of a
/// chunk.
constexpr int64_t tileScratchBytes(int64_t blocks) {
  return 64 + blocks * kTileBlock * kTilesOfPanel * Tiles::kLine;
}

/// One panel, and the blocks of at most kTileBlock rows of x that meet it.
struct TilePanel {
  Value input;   ///< bf16 [M, K]
  Value M, K;    ///< K: a multiple of 32
  int64_t slice; ///< k that stay in the L2, a multiple of 32; 0: all
  /// Each weight's columns of the panel from k on, for `count` of them,
  /// wherever that may be: together kTilesOfPanel tiles.
  llvm::function_ref<llvm::SmallVector<Value, 2>(Value k, Value count)> weights;
  bool ahead;             ///< does the panel go on after these k?
  bool once;              ///< do weights pass the L1, for x to stay there?
  Value from, to, blocks; ///< blocks of the chunk, and how many it has
  llvm::function_ref<Value(Value block)> rowOf; ///< first row; also of `to`
  /// 0, or the k whose sums begin at zero and are scaled as they are added, by
  /// their columns' scales and, where it gives one, their row's.
  int64_t group;
  llvm::function_ref<llvm::SmallVector<Value>(Value k)> scales;
  llvm::function_ref<Value(Value row, Value k)> rowScale;
  /// What becomes of a row's sums, by register.
  llvm::function_ref<void(Value row, llvm::ArrayRef<Value> sums)> results;
};

/// Before and after all panels of a function whose x has M rows.
void configureTiles(KernelEmitter &emitter, Value M);
void releaseTiles(KernelEmitter &emitter);

void emitTilePanel(KernelEmitter &emitter, const TilePanel &panel);

} // namespace trine::cpu
