//===- ContractionEmitter.h - work and sums of a contraction ----*- C++ -*-===//
// Contraction.cpp shares a kernel's tiles out; ContractionPanel.cpp makes the
// sums and results of a panel's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "CodedContraction.h"
#include "KernelEmitter.h"
#include "ScaledProducts.h"
#include "TileProducts.h"

namespace trine::cpu {

/// One root of the kernel: its weights side by side, their columns in panels.
struct Segment {
  mlir::Operation *root;
  llvm::SmallVector<const Tensor *, 2> weights;
  Value columns; ///< N
  int64_t width; ///< W
  bool packed;   ///< false: rows [K, N] of a plain matmul
  int64_t step;  ///< k that lie together for a column: 2 of packed bf16
  std::optional<CodePanel> code;    ///< the form of stored codes
  std::optional<ScaledForm> scaled; ///< of codes with scales, of which:
  llvm::SmallVector<const Tensor *, 2> scales;
  Value panels, firstPanel;

  /// Are weights decoded, for many rows of x?
  bool decoded() const { return code || scaled; }
};

/// K where it is static.
int64_t constantOr(Value value, int64_t unknown);

bool isContraction(mlir::Operation *op);

/// What weights are multiplied as.
Type multipliedType(mlir::Operation *root, const MachineModel &machine);

/// k that a slice of K has where a panel would not stay in the L2 beside the
/// next one; 0 where it does, or may.
int64_t sliceOf(launch::KernelOp kernel, const MachineModel &machine);

/// Are all products of the kernel bf16 x bf16 of whole AMX tiles?
bool tilesFit(launch::KernelOp kernel, const MachineModel &machine);

/// Are sums scaled by groups of k?
bool isGrouped(launch::KernelOp kernel);

/// Bytes of scratch for sums, which wait there for the next slice of K or are
/// on their way from AMX tiles.
int64_t sumBytes(launch::KernelOp kernel, const MachineModel &machine);

class ContractionEmitter {
public:
  explicit ContractionEmitter(KernelEmitter &emitter) : e(emitter) {}
  llvm::LogicalResult emit();

private:
  llvm::LogicalResult collect();
  llvm::LogicalResult addSegment(mlir::Operation *root);
  void emitRows();
  /// `segment` must stay.
  FewRowsLayer layerOf(const Segment &segment);
  void emitCoded(int64_t few);
  void emitScaled(int64_t few);
  void emitScaledFew(int64_t few);
  void emitProducts(int64_t few);
  void decodeInput(Value fromRow, Value toRow);
  ScaledProduct::Operands scaledOperands(const Segment &segment, Value panel,
                                         Value row, int64_t rows);
  void emitDecoded(const Segment &segment, Value panel, Value k, Value count);
  void decodeScaled(const Segment &segment, Value panel, Value k, Value count);
  Value decodedAt(size_t weight, const Segment &segment);
  void emitChunks(Value from, Value to);
  void emitSegment(const Segment &segment, Value firstBlock, Value blocks,
                   Value from, Value to);
  void emitPanel(const Segment &segment, Value panel, Value firstBlock,
                 Value fromBlock, Value toBlock, llvm::ArrayRef<Value> masks);
  void emitBlocks(Value firstBlock, Value fromBlock, Value toBlock,
                  llvm::function_ref<void(Value, int64_t)> tile);
  void emitSlices(const Segment &segment, Value panel, Value firstBlock,
                  Value fromBlock, Value toBlock, llvm::ArrayRef<Value> masks);
  void emitGroups(const Segment &segment, Value panel, Value row, int64_t rows,
                  Value k, Value count, llvm::ArrayRef<Value> masks);
  llvm::SmallVector<Value> emitSums(const Segment &segment, Value panel,
                                    Value row, int64_t rows, Value k,
                                    Value count, llvm::ArrayRef<Value> masks,
                                    llvm::SmallVector<Value> sums,
                                    Value inSlice = {});
  llvm::SmallVector<Value> scaledOnce(const Segment &segment, Value panel,
                                      Value row, int64_t rows,
                                      llvm::SmallVector<Value> sums);
  void emitResults(const Segment &segment, Value column, Value row,
                   int64_t rows, llvm::ArrayRef<Value> sums,
                   llvm::ArrayRef<Value> masks);
  llvm::SmallVector<Value> partialSums(int64_t vectors, Value row);
  void emitTiles(const Segment &segment, Value panel, Value firstBlock,
                 Value fromBlock, Value toBlock, llvm::ArrayRef<Value> masks);
  Value aheadOf(const Segment &segment, const Tensor &weight, Value base,
                Value count, llvm::SmallVectorImpl<Value> &steps);
  Value rootValue(const Segment &segment, llvm::ArrayRef<Value> sums,
                  Value column, Value mask);
  Value rowOf(Value block) {
    if (tiled)
      return e.min(e.mul(block, rowBlock), M);
    return e.add(e.mul(block, smallest), e.min(block, larger));
  }

  int64_t vectors(const Segment &segment) const {
    return segment.width / e.lanes() * segment.weights.size();
  }

  KernelEmitter &e;
  const Tensor *source = nullptr,
               *input = nullptr; ///< as it is, and multiplied
  Tensor values;                 ///< of an input of codes
  const Tensor *inputScales = nullptr;
  Value staged; ///< f32 results that the kernel quantizes, of all threads
  llvm::SmallVector<Segment> segments;
  Value M, K, batches, batch;
  Value blocks, panels, smallest, larger; ///< of the rows and columns
  int64_t rowBlock = 0;
  bool tiled = false; ///< on AMX tiles, through sums in scratch
  int64_t slice = 0;  ///< k that a slice of a long K has; 0: all of them
  Value rowOfChunk;   ///< first row of the current chunk
  Value blocksOfChunk, blockOfChunk; ///< of the current chunk and tile
  llvm::LogicalResult status = llvm::success();
};

} // namespace trine::cpu
