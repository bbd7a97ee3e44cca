//===- Passes.h - passes on the host program --------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/launch/Launch.h"
#include "mlir/Pass/Pass.h"

namespace trine::launch {
#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "dialects/launch/LaunchPasses.h.inc"
} // namespace trine::launch
