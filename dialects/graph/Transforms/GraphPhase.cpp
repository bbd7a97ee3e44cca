//===- GraphPhase.cpp - the passes of the graph phase, in order -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult trine::graph::applyFusions(Operation *op,
                                         RewritePatternSet patterns) {
  GreedyRewriteConfig config;
  config.setRegionSimplificationLevel(GreedySimplifyRegionLevel::Disabled);
  return applyPatternsGreedily(op, std::move(patterns), config);
}

void trine::graph::buildGraphPhase(OpPassManager &passes) {
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createCSEPass());
  // Biases first: a layer with one is no part of a gate.
  passes.addPass(createFuseBiasPass());
  passes.addPass(createFuseGatedPass());
  passes.addPass(createFuseAttentionPass());
  // The fusions leave transposes that cancel and constants nobody reads.
  passes.addPass(createCanonicalizerPass());
  passes.addPass(createDropUnusedPass());
}
