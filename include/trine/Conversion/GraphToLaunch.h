//===- GraphToLaunch.h - from a graph to a host program ---------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/Pass.h"

namespace trine {

/// The reason of a placement that is no fallback.
inline constexpr llvm::StringLiteral kPlacedByRequest = "placed by request";

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Conversion/GraphToLaunch/GraphToLaunchPasses.h.inc"
} // namespace trine
