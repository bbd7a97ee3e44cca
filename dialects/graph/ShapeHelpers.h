//===- ShapeHelpers.h - checks shared by the ops' shape inference ---------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"

namespace trine::graph {

/// The dimension both sides agree on: a constant wins over a symbol; nothing
/// when two constants differ.
inline std::optional<mlir::AffineExpr> unify(mlir::AffineExpr a,
                                             mlir::AffineExpr b) {
  bool aStatic = llvm::isa<mlir::AffineConstantExpr>(a);
  bool bStatic = llvm::isa<mlir::AffineConstantExpr>(b);
  if (aStatic && bStatic && a != b)
    return std::nullopt;
  return aStatic ? a : bStatic ? b : a;
}

/// G12: sizes computed from types (elements, bytes, padding) never overflow.
llvm::LogicalResult verifyElementCount(mlir::Operation *op, mlir::Type type);

/// Emits "expected <operand> of rank R, got rank r".
llvm::LogicalResult expectRank(const SymbolicShape &shape, size_t rank,
                               llvm::StringRef operand, ErrorEmitter emitError);

/// Emits "expected dimension I of <operand> to be A, got B".
llvm::LogicalResult expectDim(const SymbolicShape &shape, size_t index,
                              mlir::AffineExpr expected,
                              llvm::StringRef operand, ErrorEmitter emitError);

/// Last dimension is H, and each vector operand is [H].
llvm::LogicalResult expectVector(const SymbolicShape &vector,
                                 mlir::AffineExpr size, llvm::StringRef operand,
                                 ErrorEmitter emitError);

/// G8: the operands have the result's element type or a narrower float's.
llvm::LogicalResult expectNarrower(mlir::Operation *op,
                                   mlir::ValueRange operands);

/// x, indices, gate, up of a gated layer of experts, and its result.
llvm::LogicalResult
inferExpertGated(llvm::ArrayRef<SymbolicShape> operands,
                 llvm::SmallVectorImpl<SymbolicShape> &results,
                 ErrorEmitter emitError);
/// x, indices, weights, weight of a linear layer of experts, and its result.
llvm::LogicalResult
inferExpertLinear(llvm::ArrayRef<SymbolicShape> operands,
                  llvm::SmallVectorImpl<SymbolicShape> &results,
                  ErrorEmitter emitError);

/// NumPy broadcasting.
llvm::LogicalResult broadcast(const SymbolicShape &a, const SymbolicShape &b,
                              SymbolicShape &result, ErrorEmitter emitError);

} // namespace trine::graph
