//===- Family.h - kernel families of the CPU target -------------*- C++ -*-===//
// One file per family; the kernel's `family` attribute and its root choose.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"

namespace trine::cpu {

struct Family {
  llvm::StringRef name; ///< value of launch.kernel's `family`
  /// Does this file emit the kernels that `root` heads?
  bool (*heads)(mlir::Operation *root);
  /// Emits the body of the function. Errors go to the kernel.
  mlir::LogicalResult (*emit)(KernelEmitter &emitter);
  /// May `consumer` join a kernel that `root` heads? Null: never.
  bool (*canFuse)(mlir::Operation *root, mlir::Operation *consumer) = nullptr;
  /// Scratch bytes of a thread, and of all threads together. Null: none.
  using ScratchBytes = mlir::AffineExpr (*)(
      launch::KernelOp kernel, llvm::ArrayRef<graph::SymbolicShape> operands,
      const MachineModel &machine);
  ScratchBytes scratch = nullptr, sharedScratch = nullptr;
};

/// Every family, one file each.
extern const Family contractionFamily, relayoutFamily, appendFamily,
    attentionFamily, elementwiseFamily, rowsFamily, movementFamily,
    gatherFamily, ropeFamily, codesFamily, routeFamily, expertsFamily;

/// The operation that heads the kernel: the first that is not a constant.
mlir::Operation *rootOf(launch::KernelOp kernel);

/// Fails after an error unless the kernel is this operation on its arguments.
llvm::LogicalResult expectAlone(KernelEmitter &emitter, mlir::Operation *root);

/// The family that emits the kernels `root` heads, or null.
const Family *findFamily(mlir::Operation *root);

} // namespace trine::cpu
