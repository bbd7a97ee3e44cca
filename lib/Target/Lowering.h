//===- Lowering.h - to LLVM and through its back ends -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"

namespace trine {

/// The operation's scf, cf, func, vector, arith, math and ub in the llvm
/// dialect; `legal` names what a target keeps beside it.
llvm::LogicalResult
lowerToLLVM(mlir::Operation *op,
            llvm::function_ref<void(mlir::LLVMConversionTarget &)> legal);

/// What the back end makes of an optimized module.
std::string emitFile(llvm::Module &module, llvm::TargetMachine &target,
                     llvm::CodeGenFileType type);

} // namespace trine
