//===- Assemble.h - launch.code -> PTX and cubins ---------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "ChipSpec.h"
#include "trine/Target/Target.h"
#include "llvm/IR/Module.h"

namespace trine::cuda {

/// PTX for the first of the chips, cubins for all where ptxas is. Errors are
/// emitted.
llvm::FailureOr<DeviceImage> assemble(mlir::ModuleOp module,
                                      llvm::ArrayRef<const ChipSpec *> chips,
                                      const AssembleOptions &options);

/// Optimizes the module for the chip, and prints its PTX. Call it in a process
/// of its own: LLVM aborts on what it cannot select.
std::string toPtx(llvm::Module &module, const ChipSpec &chip, unsigned version);

/// Work in a child process, whose crash is an error here. Gives what `work`
/// returned; fills `error` instead when the child did not end well.
std::string inChild(llvm::function_ref<std::string()> work, std::string &error);

/// "" where there is none: of PATH, CUDA_HOME, CUDA_PATH, or /usr/local/cuda.
std::string findPtxas();

/// The cubin, and in `log` what ptxas -v says; fills `error` when it does not
/// take the PTX or spills registers.
std::string runPtxas(const std::string &program, const std::string &ptx,
                     const ChipSpec &chip, std::string &log,
                     std::string &error);

} // namespace trine::cuda
