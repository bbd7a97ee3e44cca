//===- Contraction.h - products with weights and activations ----*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Family.h"

namespace trine::cuda {

/// A contraction as its kernels see it: [batch, M, K] · [batch, N, K]ᵀ, or
/// · [batch, K, N]; with two right sides for a gated layer.
class Contraction {
public:
  Contraction(KernelEmitter &emitter, mlir::Operation *root);

  KernelEmitter &e;
  mlir::Operation *root;
  const Tensor &input, &space;
  llvm::SmallVector<const Tensor *, 2> weights;
  bool byRows;     ///< are right sides [N, K]?
  bool batched;    ///< are they different for each batch?
  int64_t columns; ///< N, or kDynamic
  int64_t depth;   ///< K, or kDynamic

  /// M and how many batches there are; in a function.
  Value rows();
  /// Rows of tiles of `size` at the launch, and batches.
  CudaExtent rowTiles(int64_t size) const;
  CudaExtent columnTiles(int64_t size) const;
  CudaExtent batches() const;
  /// Dimensions whose product is M.
  std::pair<unsigned, unsigned> rowDims() const;

  bool fitsMatrix() const;
  bool fitsRows() const;

  /// Stores what follows from the sums of `width` neighbouring columns, one
  /// vector for each right side, at a row of the batch.
  mlir::LogicalResult store(PointEvaluator &points, Value batch, Value row,
                            Value column, Value condition, ValueRange sums);
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
