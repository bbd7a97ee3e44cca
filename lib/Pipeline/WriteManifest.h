//===- WriteManifest.h - the host program as plain data ---------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "trine/Package/Manifest.h"

namespace trine {

/// Entries, kernels, states, parameters, placement and limits of a module after
/// the target phase. What the module does not know (versions, source, code
/// sizes) is left empty. Fails after emitting an error.
llvm::FailureOr<Manifest> writeManifest(mlir::ModuleOp module);

} // namespace trine
