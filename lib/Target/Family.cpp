//===- Family.cpp ---------------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Target/Family.h"

using namespace trine::graph;

llvm::StringRef trine::familyOf(mlir::Operation *op) {
  return llvm::TypeSwitch<mlir::Operation *, llvm::StringRef>(op)
      .Case<LinearOp, GatedOp, MatmulOp>([](auto) { return "contraction"; })
      .Case<AttentionOp>([](auto) { return "attention"; })
      .Case<RmsNormOp, LayerNormOp, SoftmaxOp, NormalizeOp, PoolOp>(
          [](auto) { return "rows"; })
      .Case<GatherOp>([](auto) { return "gather"; })
      .Case<WeightOp, CacheOp, LengthOp, ReshapeOp>([](auto) { return ""; })
      .Case<Elementwise>([](auto) { return "elementwise"; })
      .Case<CastOp>([](auto) { return "elementwise"; })
      .Default([](auto) { return "movement"; });
}
