//===- Registration.h - every dialect and pass in use -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/DialectRegistry.h"

namespace trine {

/// Trine's dialects and the upstream ones the phases use, with the interfaces
/// their translation to LLVM IR needs.
void registerDialects(mlir::DialectRegistry &registry);

/// Trine's passes, the phases as pipelines, and the upstream passes in use.
void registerPasses();

} // namespace trine
