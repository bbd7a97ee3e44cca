//===- PointOps.h - elementwise operations on registers ---------*- C++ -*-===//
// A graph operation on f32 or i32 values, or vectors of them, of its operands
// -> its result; in arith and math operations that are one instruction each.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace trine {

/// An elementwise operation or a cast.
bool isElementwise(mlir::Operation *op);

/// Is `consumer` elementwise, and of the root's shape?
bool fusesPointwise(mlir::Operation *root, mlir::Operation *consumer);

/// Does `value` follow from `op`'s results, within their region?
bool follows(mlir::Value value, mlir::Operation *op);

/// Emits what isElementwise() accepts; null when it is not known. The caller
/// rounds the result to its element type.
mlir::Value emitElementwise(mlir::ImplicitLocOpBuilder &b, mlir::Operation *op,
                            mlir::ValueRange operands);

/// The activation of a gated layer on f32.
mlir::Value emitActivation(mlir::ImplicitLocOpBuilder &b,
                           graph::Activation activation, mlir::Value x);

} // namespace trine
