//===- PackWeights.h - weights into the package -----------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "trine/Formats/WeightSource.h"
#include "trine/Package/Manifest.h"
#include "trine/Package/Package.h"

namespace trine {

/// Checks that each parameter's sources exist, have its storage and add up to
/// its shape; throws BadInput with all that do not.
void checkParameters(mlir::ModuleOp module, const WeightSource &weights);

/// Declarations of the module's parameters, placed one after another at
/// page-aligned offsets.
std::vector<Parameter> layOutParameters(mlir::ModuleOp module);

/// Writes the section's bytes: each parameter decoded from its sources, rounded
/// to its element type and put into its layout, by `jobs` threads in a bounded
/// buffer. The bytes do not depend on `jobs`.
void packWeights(mlir::ModuleOp module, const WeightSource &weights,
                 llvm::ArrayRef<Parameter> parameters, unsigned jobs,
                 PackageWriter &package);

} // namespace trine
