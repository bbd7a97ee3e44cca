//===- Family.h - the kernel families ---------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"

namespace trine {

/// The family whose root `op` is, as stored in `launch.kernel`: "contraction",
/// "attention", "rows", "codes", "elementwise", "gather" or "movement"; empty
/// for ops that compute nothing (weight, cache, length, reshape): they stay in
/// the host program.
llvm::StringRef familyOf(mlir::Operation *op);

} // namespace trine
