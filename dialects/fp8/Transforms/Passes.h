//===- Passes.h - quantization passes ---------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/fp8/Fp8.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"

namespace trine::fp8 {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/fp8/Fp8Passes.h.inc"

/// Annotated by the module's recipe or as the checkpoint is stored: layers
/// become products of codes and scales.
void buildQuantizePasses(mlir::OpPassManager &passes);

/// quantize(x): its codes and scales.
std::pair<mlir::Value, mlir::Value> quantize(mlir::OpBuilder &builder,
                                             mlir::Location loc, mlir::Value x,
                                             SchemeAttr scheme);

} // namespace trine::fp8
