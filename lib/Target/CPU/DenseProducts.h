//===- DenseProducts.h - the inner loops of dense products ------*- C++ -*-===//
// Rows of x and slices of weights over k -> a register tile of sums. An
// element's sum is one chain over k (bf16 dot products: over pairs of k).
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"

namespace trine::cpu {

/// What the sums of a tile are made of. Sums are ordered by row, weight,
/// register.
struct DenseTile {
  /// Each row of x at its first k, and how x is stored.
  llvm::SmallVector<Value> rows;
  Type rowElement;
  /// Each weight at its first k.
  llvm::SmallVector<Value, 2> weights;
  Type weightElement;
  /// A step is one k, or a pair of them: bf16 in pairs of k for each column.
  bool pairs = false;
  /// Are pairs summed as VDPBF16PS does, without it? Inside flushing().
  bool emulated = false;
  int64_t registers; ///< that a step of one weight takes
  Value stride;      ///< elements from a step of a weight to the next
  /// The last registers of a plain [K, N]; null or empty: all of them.
  llvm::SmallVector<Value> masks;
  /// Is every count a multiple of 8?
  bool whole = false;
  /// Are the weights read once, from memory?
  bool stream = false;
  /// Where to prefetch for the first step, and bytes to go on by for each.
  llvm::SmallVector<Value, 2> ahead, steps;
};

/// `sums` after `count` more k.
llvm::SmallVector<Value> emitDenseSums(KernelEmitter &emitter,
                                       const DenseTile &tile, Value count,
                                       llvm::SmallVector<Value> sums);

} // namespace trine::cpu
