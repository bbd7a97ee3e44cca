//===- Passes.h - the reference as a pass -----------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Pass/Pass.h"

namespace trine::reference {

#define GEN_PASS_DECL
#define GEN_PASS_REGISTRATION
#include "lib/Reference/ReferencePasses.h.inc"

} // namespace trine::reference
