//===- Passes.h - passes on the graph ---------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "mlir/Pass/Pass.h"

namespace trine::graph {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/graph/GraphPasses.h.inc"

/// The graph phase without its gate: canonical form, operations that are one
/// thing to a target recognised, nothing unused.
void buildGraphPhase(mlir::OpPassManager &passes);

} // namespace trine::graph
