//===- MakeSelfTest.h - a package's own test vector -------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "trine/Formats/WeightSource.h"
#include "trine/Package/SelfTest.h"

#include <optional>

namespace trine {

/// One short call of a stateless entry and what lib/Reference gives for it.
/// Nothing for modules without such an entry, and for models whose weights
/// would make the compile slow or large.
std::optional<SelfTest> makeSelfTest(mlir::ModuleOp graph,
                                     const WeightSource *weights);

} // namespace trine
