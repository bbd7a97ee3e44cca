//===- Family.h - kernel families of the CUDA target ------------*- C++ -*-===//
// One file per family; the kernel's `family` attribute and its root choose.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelEmitter.h"
#include "PointEvaluator.h"

namespace trine::cuda {

struct Family {
  llvm::StringRef name; ///< value of launch.kernel's `family`
  /// Does this file emit the kernels that `root` heads?
  bool (*heads)(mlir::Operation *root);
  /// Emits the functions of the kernel. Errors go to the kernel.
  mlir::LogicalResult (*emit)(KernelEmitter &emitter);
  /// May `consumer` join a kernel that `root` heads? Null: never.
  bool (*canFuse)(mlir::Operation *root, mlir::Operation *consumer) = nullptr;
  /// What of `root` it cannot do; "" when it can. Null: it can all.
  std::string (*whyNot)(mlir::Operation *root) = nullptr;
};

/// Every family, one file each.
extern const Family contractionFamily, attentionFamily, elementwiseFamily,
    rowsFamily, poolFamily, gatherFamily, ropeFamily, movementFamily,
    groupedFamily, expertsFamily, routeFamily;

/// The operation that heads the kernel: the first that is not a constant.
mlir::Operation *rootOf(launch::KernelOp kernel);

/// The family that emits the kernels `root` heads, or null.
const Family *findFamily(mlir::Operation *root);

/// Fails after an error unless the kernel is this operation on its arguments.
llvm::LogicalResult expectAlone(KernelEmitter &emitter, mlir::Operation *root);

/// A norm, softmax or normalize: what heads the family "rows".
bool isRowOp(mlir::Operation *op);

/// One thread for `width` columns of a space: begins a launch and runs body on
/// the thread's point. Emits every point's row unless `flat`.
mlir::LogicalResult
overPoints(KernelEmitter &emitter, const Tensor &space, int64_t width,
           bool flat, llvm::function_ref<mlir::LogicalResult(Point &)> body);

} // namespace trine::cuda
