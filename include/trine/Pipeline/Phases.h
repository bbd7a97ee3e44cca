//===- Phases.h - the one list of phases ------------------------*- C++ -*-===//
// --from, --to, --save-phases and trine-opt's --trine-phase-<name> all read
// this list; nothing else knows the order. Part of Trine, under Apache-2.0 WITH
// LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/PassManager.h"

namespace trine {

/// A phase ends at a gate that verifies what may still exist; the next phase
/// assumes it.
struct Phase {
  llvm::StringLiteral name, summary;
  void (*build)(mlir::OpPassManager &passes);
};

/// import, graph, quantize, kernels, target, package, in order. `package` has
/// no passes: it assembles code and writes the file (Driver.h).
llvm::ArrayRef<Phase> phases();

/// Index into phases(), or nothing for an unknown name.
std::optional<size_t> findPhase(llvm::StringRef name);

/// Called after a phase's gate; failure stops the run.
using PhaseObserver =
    llvm::function_ref<llvm::LogicalResult(const Phase &, mlir::ModuleOp)>;

/// Runs phases first .. last (indices, inclusive) on the module. Diagnostics
/// are emitted to the context's handler.
llvm::LogicalResult runPhases(mlir::ModuleOp module, size_t first, size_t last,
                              PhaseObserver observer);

/// --trine-phase-<name> for every phase.
void registerPhasePipelines();

} // namespace trine
