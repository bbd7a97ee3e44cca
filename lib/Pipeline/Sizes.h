//===- Sizes.h - symbolic sizes of an entry's values ------------*- C++ -*-===//
// Affine expressions over an entry's dynamic dimensions → the manifest's
// polynomials. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "trine/Package/Manifest.h"

namespace trine {

/// The expression as a polynomial; nothing when it is none or overflows.
std::optional<Size> exactSize(mlir::AffineExpr expression);

/// As exactSize(), but where a division leaves a remainder the polynomial is an
/// upper bound: ceil(e/c) ≤ (e + c - 1)/c.
std::optional<Size> boundingSize(mlir::AffineExpr expression);

/// Shapes of all values of an entry, over one symbol for each name of a dynamic
/// dimension of its arguments: `graph.dims` lists them in order, "d<i>" stands
/// for dimension i of an argument without it. Equal names are equal sizes.
class EntryShapes {
public:
  /// Fails after emitting an error when names and dimensions differ in number,
  /// or when the entry would need dimensions of different names, or a dynamic
  /// and a static one, to be equal: the runtime could not see them differ.
  static llvm::FailureOr<EntryShapes> infer(mlir::func::FuncOp function);

  const std::vector<std::string> &symbols() const { return names; }
  const graph::SymbolicShape &operator[](mlir::Value value) const {
    return shapes.find(value)->second;
  }
  /// A kernel's body has one set of shapes: makes them those of this call.
  llvm::LogicalResult inferCall(launch::CallOp call);

private:
  using Dimension = llvm::function_ref<mlir::AffineExpr(unsigned symbol)>;
  static llvm::LogicalResult infersWith(mlir::func::FuncOp function,
                                        unsigned trial);
  llvm::LogicalResult inferBody(mlir::func::FuncOp function, Dimension size);
  llvm::LogicalResult inferArguments(mlir::func::FuncOp function,
                                     Dimension size);
  llvm::LogicalResult inferOp(mlir::Operation *op);

  std::vector<std::string> names;
  llvm::DenseMap<mlir::Value, graph::SymbolicShape> shapes;
};

} // namespace trine
