//===- Family.cpp ---------------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Target/Family.h"
#include "dialects/fp8/Fp8.h"

using namespace trine::graph;

llvm::StringRef trine::familyOf(mlir::Operation *op) {
  return llvm::TypeSwitch<mlir::Operation *, llvm::StringRef>(op)
      .Case<LinearOp, GatedOp, MatmulOp, trine::fp8::ScaledMatmulOp,
            trine::fp8::ScaledGatedOp>([](auto) { return "contraction"; })
      .Case<RouteOp, ExpertGatedOp, ExpertLinearOp, GroupedLinearOp,
            trine::fp8::ScaledExpertGatedOp, trine::fp8::ScaledExpertLinearOp>(
          [](auto) { return "experts"; })
      .Case<AttentionOp>([](auto) { return "attention"; })
      .Case<RmsNormOp, LayerNormOp, SoftmaxOp, NormalizeOp, PoolOp>(
          [](auto) { return "rows"; })
      .Case<trine::fp8::QuantizeOp, trine::fp8::EncodeOp,
            trine::fp8::DequantizeOp, trine::fp8::RequantizeOp,
            trine::fp8::ConvertScalesOp, trine::fp8::ObserveOp,
            trine::fp8::CompareOp, trine::fp8::CensusOp>(
          [](auto) { return "codes"; })
      .Case<GatherOp>([](auto) { return "gather"; })
      .Case<WeightOp, CacheOp, LengthOp, ReshapeOp>([](auto) { return ""; })
      .Case<Elementwise>([](auto) { return "elementwise"; })
      .Case<CastOp>([](auto) { return "elementwise"; })
      .Default([](auto) { return "movement"; });
}
