//===- Passes.h - passes on the graph ---------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace trine::graph {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/graph/GraphPasses.h.inc"

/// Applies patterns greedily to straight-line code: no region is simplified.
llvm::LogicalResult applyFusions(mlir::Operation *op,
                                 mlir::RewritePatternSet patterns);

/// The graph phase without its gate: canonical form, operations that are one
/// thing to a target recognised, nothing unused.
void buildGraphPhase(mlir::OpPassManager &passes);

} // namespace trine::graph
