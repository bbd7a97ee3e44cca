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

/// The weights of a layer that recipes quantize, whose input is operand 0;
/// none of other operations.
mlir::MutableArrayRef<mlir::OpOperand> weightsOf(mlir::Operation *op);

/// Do codes that are stored hold what the scheme asks for, to the bit? They do
/// in blocks of its size and, since a scale can be repeated, in larger ones
/// that its blocks divide; f32 scales are no bytes.
bool holds(DequantizeOp stored, SchemeAttr scheme);

/// quantize(x): its codes and scales.
std::pair<mlir::Value, mlir::Value> quantize(mlir::OpBuilder &builder,
                                             mlir::Location loc, mlir::Value x,
                                             SchemeAttr scheme);

} // namespace trine::fp8
