//===- Ops.h - the op families of the interpreter ---------------*- C++ -*-===//
// Each family computes the result of one operation from operands whose shapes
// have been checked; false when the operation is another family's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "trine/Reference/Tensor.h"
#include "trine/Support/Error.h"

namespace trine::reference {

using Operands = llvm::ArrayRef<Tensor>;

bool evaluateContraction(mlir::Operation *op, Operands operands,
                         Tensor &result);
bool evaluateAttention(mlir::Operation *op, Operands operands, Tensor &result);
bool evaluateNormalization(mlir::Operation *op, Operands operands,
                           Tensor &result);
bool evaluateElementwise(mlir::Operation *op, Operands operands,
                         Tensor &result);
bool evaluateMovement(mlir::Operation *op, Operands operands, Tensor &result);
/// `append` writes into its operand, which becomes the result.
bool evaluateStorage(mlir::Operation *op, Operands operands, Tensor &result);

/// Routing has two results.
bool evaluateExperts(mlir::Operation *op, Operands operands,
                     llvm::MutableArrayRef<Tensor> results);

/// The expert of a token's j-th choice, pair = token·k + j, of those that
/// `weight` [E, ..] has.
int64_t expertOf(mlir::Operation *op, const Tensor &indices, int64_t pair,
                 const Tensor &weight);

/// a [M, K] · b [N, K]ᵀ, b's rows from `firstRow` on: out[m * N + n].
std::vector<double> product(llvm::ArrayRef<double> a, const Tensor &b,
                            int64_t firstRow, int64_t m, int64_t n, int64_t k);

/// Operations of fp8, some with two results.
bool evaluateFp8(mlir::Operation *op, Operands operands,
                 llvm::MutableArrayRef<Tensor> results);

/// "file:line:column: 'graph.gather'": where messages about `op` point.
std::string describe(mlir::Operation *op);

/// throw fault(op, "expected ..., got {}", ...): BadInput at the operation.
template <typename... Args>
Error fault(mlir::Operation *op, fmt::format_string<Args...> text,
            Args &&...args) {
  return badInput(describe(op), text, std::forward<Args>(args)...);
}

} // namespace trine::reference
