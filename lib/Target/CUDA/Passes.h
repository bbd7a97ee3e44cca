//===- Passes.h - passes of the CUDA target ----------------------*- C++
//-*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/launch/Launch.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/Pass.h"

namespace trine::cuda {

#define GEN_PASS_DECL
#include "lib/Target/CUDA/CUDAPasses.h.inc"

#define GEN_PASS_REGISTRATION
#include "lib/Target/CUDA/CUDAPasses.h.inc"

} // namespace trine::cuda
