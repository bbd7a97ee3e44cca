//===- Attention.h - fused attention on blocks of rows ----------*- C++ -*-===//
// A row is one query position of one query head; the rows of a block read the
// same key/value head, so that all of them share the load of a key.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Family.h"
#include "lib/Target/Math.h"
#include <limits>

namespace trine::cpu {

/// Are the products of blocks of enough rows those of AMX tiles?
bool fitsTiles(graph::AttentionOp op, const MachineModel &machine);
/// What makes a logit of a product: exponentials are powers of two.
double scaleOf(graph::AttentionOp op);

class AttentionEmitter {
public:
  /// Keys of a chunk: the logits of a block stay in the L1. Fixed, so that sums
  /// do not depend on the threads.
  static constexpr int64_t kChunkKeys = 256;

  AttentionEmitter(KernelEmitter &emitter, graph::AttentionOp op);
  void emit();

private:
  /// Keys first .. limit-1.
  struct Range {
    Value first, limit;
  };

  // Attention.cpp: which keys of which rows, and what becomes of their sums.
  Value countParts();
  void emitUnit(Value part, Value pair);
  void enterPair(Value pair);
  Range keysOf(Value row);
  Range keysOf(Value row, Value count);
  void emitParts();
  void emitRow(Value row, llvm::function_ref<Value(Value)> sums);

  // AttentionBlock.cpp: a block of rows on a chunk of keys.
  void decodeChunk();
  void copyValues();
  void copyQueries();
  void overSizes(llvm::function_ref<void(int64_t)> body);
  void emitBlock();
  void emitDotBlock();
  void emitLogits(int64_t size);
  void emitPanels(llvm::ArrayRef<Range> rows, Value panel, int64_t panels,
                  bool masked);
  Value negated(Value mask);
  Value wanted(const Range &row, Value key);
  llvm::SmallVector<Value>
  overLogits(Value row, Value first,
             llvm::function_ref<Value(Value, Value, Value)> next);
  Value times(Value x, double scale);
  Value cap(Value x);
  void emitShift(Value row, double scale);
  void storeOperand(Value x, Value pointer);
  void emitExponentials(Value row, double scale);
  /// Are the keys of a block of `size` rows read for it alone?
  bool isStream(int64_t size) const { return 2 * size <= e.machine.keyRows; }
  int64_t slices(int64_t size, int64_t most) const;
  void emitProducts(int64_t size);
  void emitColumns(int64_t size, Value column, llvm::ArrayRef<Value> masks);
  Value sumAt(int64_t i, Value column, int64_t registers);
  llvm::SmallVector<Value> sumsBefore(int64_t size, Value column,
                                      int64_t registers);

  // AttentionTiles.cpp: the same on AMX tiles.
  struct TileProduct;
  void padValues();
  void emitTileBlock();
  void multiplyTiles(const TileProduct &product);
  void emitTileLogits();
  void maskPanels(Value from, Value to);
  void rescale(Value row);
  void emitTileProducts();

  Value f32At(Value pointer, Value offset) {
    return e.at(pointer, e.b.getF32Type(), offset);
  }
  Value scalar(double value);
  Value loadIndex(const Tensor &tensor, Value offset);
  /// Where a row of the query or the output begins, with vectors of `columns`.
  Value rowOffset(Value row, Value columns);
  // What a row of the block has in scratch.
  Value queryOf(Value row) {
    return f32At(blockQueries, e.mul(row, querySize));
  }
  Value logitsOf(Value row) { return f32At(logits, e.mul(row, logitsSize)); }
  /// Its sums over the values, those of its exponentials, and from `shiftAt` on
  /// the exponents' shift and what it just scaled the sums by.
  Value stateOf(Value row) { return f32At(blockStates, e.mul(row, stateSize)); }
  /// Where a panel of the head's keys begins.
  Value keysOfPanel(Value panel);
  int64_t panelSize() const {
    return int64_t(llvm::alignTo(q.type.getShape().back(), keyPairs ? 2 : 1)) *
           width;
  }
  /// Where the head's values, which lie by heads, begin at an even key.
  Value valuesOf(Value key);
  /// Where the pair (if there are pairs) of values that `key` is of begins.
  Value evenly(Value key) {
    return valuePairs ? e.mul(e.div(key, e.index(2)), 2) : key;
  }
  /// The first of the copied values: tiles begin where a panel does.
  Value firstCopied() {
    return tiled ? e.mul(e.div(chunk.first, e.index(width)), width)
                 : evenly(chunk.first);
  }
  void overRows(llvm::function_ref<void(Value)> body) {
    e.loop(e.index(0), blockSize, 1, body);
  }
  std::pair<Value, Value> wholePanels(const Range &first, const Range &last);
  Value roundUp(Value x) { return e.mul(e.ceilDiv(x, e.lanes()), e.lanes()); }

  KernelEmitter &e;
  graph::AttentionOp op;
  MathEmitter math;
  const Tensor &q, &k, &v, &out;
  /// The exponents' shift of a row without keys.
  static constexpr float kNoShift = std::numeric_limits<float>::lowest();

  /// Are keys and values codes of small floats? A chunk of them is decoded to
  /// bf16, which is exact, in the layout they have.
  bool coded;
  Type keyElement, valueElement; ///< decoded
  /// Are products dots of bf16? The type of queries and exponentials then.
  bool dots;
  Type operand;
  bool keyPairs, valuePairs;     ///< bf16 in pairs of what is summed over
  int64_t width, vectors;        ///< of a panel of keys; registers it takes
  int64_t block, few;            ///< most rows of a block, and of a split one
  bool tiled;                    ///< are the products of others AMX tiles'?
  Value groups, perGroup, pairs; ///< key heads; query heads of each; all heads
  Value rows;                    ///< of a head
  Value split;                   ///< i1: one block a head, its keys in parts
  Value chunkKeys;               ///< keys of a chunk
  Value unitRows;                ///< most rows of a unit
  Value queries, logits, states, values, decoded; ///< the thread's scratch
  Value querySize, logitsSize, sumsAt, shiftAt, stateSize; ///< of a row
  // Of the current unit:
  Value batch, head, past, total;
  Range unit, chunk; ///< its keys, and the current ones of them
  // Of the current block: its first row and how many, its keys of the chunk.
  Value blockRow, blockSize, blockQueries, blockStates, fromPanel, toPanel;
  Range keys;
  Value fresh; ///< i1: are they its first ones
};

} // namespace trine::cpu
