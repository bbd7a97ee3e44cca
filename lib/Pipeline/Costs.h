//===- Costs.h - operations and bytes of a launch ---------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Sizes.h"

namespace trine {

/// Over the symbols of the entry and `past`, the tokens a row of the session
/// holds before the call.
struct LaunchCost {
  /// A multiply and an add of a contraction count two; of attention only pairs
  /// of query and key that are not masked by `causal`; other arithmetic counts
  /// one an element of its result, moving data nothing.
  mlir::AffineExpr flops;
  /// Operands read once and results written once, as they are stored; of a
  /// table the rows gathered, of a state the tokens read and appended.
  mlir::AffineExpr bytes;
};

/// `shapes` must hold those of the kernel's body for this call.
/// `parameterBytes` are a parameter's, as stored.
LaunchCost costOf(launch::CallOp call, launch::KernelOp kernel,
                  const EntryShapes &shapes, mlir::AffineExpr past,
                  llvm::function_ref<int64_t(llvm::StringRef)> parameterBytes);

/// The type in which the kernel multiplies: that of the first contraction's
/// input; "" when it has none.
std::string computeType(launch::KernelOp kernel);

} // namespace trine
