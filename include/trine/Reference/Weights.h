//===- Weights.h - parameters of the reference ------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Model.h"
#include "trine/Package/Package.h"
#include "trine/Reference/Interpreter.h"

namespace trine::reference {

/// The stored tensors a parameter names, decoded exactly. A missing tensor or
/// another number of elements throws BadInput.
Tensor readParameter(graph::ParameterOp parameter, const WeightSource &source);

/// Parameters from a model; without one, each is refused.
WeightReader readModel(std::shared_ptr<const Model> model);

/// A package's weights, brought back from their layouts to row-major.
WeightReader readPackage(std::shared_ptr<const PackageReader> package);

} // namespace trine::reference
