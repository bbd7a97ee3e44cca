//===- Contraction.h - products with weights and activations ----*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Family.h"

namespace trine::cuda {

/// A contraction as its kernels see it: [batch, M, K] · [batch, N, K]ᵀ, or
/// · [batch, K, N]; with two right sides for a gated layer. The batches of a
/// grouped layer are its groups, whose rows lie between each other's.
class Contraction {
public:
  Contraction(KernelEmitter &emitter, mlir::Operation *root);

  KernelEmitter &e;
  mlir::Operation *root;
  const Tensor &input, &space;
  llvm::SmallVector<const Tensor *, 2> weights;
  bool byRows;  ///< are right sides [N, K]?
  bool batched; ///< are they different for each batch?
  bool grouped;
  int64_t columns; ///< N, or kDynamic
  int64_t depth;   ///< K, or kDynamic

  Value rows(); ///< M
  // Offsets of the first element of a batch, and from row to row.
  Value inputBase(Value batch);
  Value inputStep();
  Value weightBase(Value batch);
  /// Rows of tiles of `size` at the launch, and batches.
  CudaExtent rowTiles(int64_t size) const;
  CudaExtent columnTiles(int64_t size) const;
  CudaExtent batches() const;
  /// Dimensions of the input whose product is M.
  std::pair<unsigned, unsigned> rowDims() const;

  bool fitsMatrix() const;
  bool fitsRows() const;

  /// Stores what follows from the sums of `width` neighbouring columns, one
  /// vector for each right side, at a row of the batch.
  mlir::LogicalResult store(PointEvaluator &points, Value batch, Value row,
                            Value column, Value condition, ValueRange sums);
};

/// Products of a few rows with a stream of weights [.., N, K]: a warp has
/// `columns` of N, its lanes parts of K. Rows are along the grid's x, which is
/// the longest, and next to each other read the same weights.
class RowProducts {
public:
  RowProducts(KernelEmitter &emitter, const Tensor &input,
              llvm::ArrayRef<const Tensor *> weights);

  LaunchShape shape(CudaExtent columnTiles, LaunchShape given) const;
  int64_t blockColumns() const;
  Value firstColumn() const;
  /// A lane's sums, [row][weight][column], of the rows at these offsets.
  llvm::SmallVector<Value> sums(llvm::ArrayRef<Value> rows, Value weightBase);

  /// The result that a lane has after all: a sum of each weight, as vectors of
  /// one; its row and column, and whether there are such.
  struct Own {
    llvm::SmallVector<Value> sums;
    Value row, column, inside;
  };
  Own join(llvm::ArrayRef<Value> sums, int64_t rows);

  const int64_t columns;

private:
  KernelEmitter &e;
  const Tensor &input;
  llvm::ArrayRef<const Tensor *> weights;
  int64_t depth, each; ///< K, and what a lane takes of it at once
};

/// Any types and sizes, by multiply-adds.
mlir::LogicalResult emitSimpleContraction(Contraction &contraction,
                                          const LaunchShape &shape);

/// By the matrix units, where fitsMatrix(): a warp has `warpTile` rows and
/// columns of the result.
mlir::LogicalResult emitMatrixContraction(Contraction &contraction,
                                          int64_t warpTile,
                                          const LaunchShape &shape);

/// For a few rows, where fitsRows(), `rows` of them at a time.
mlir::LogicalResult emitRowsContraction(Contraction &contraction, int64_t rows,
                                        const LaunchShape &shape);

} // namespace trine::cuda
