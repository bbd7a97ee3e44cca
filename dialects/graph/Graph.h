//===- Graph.h - the graph dialect ------------------------------*- C++ -*-===//
// Whole-model tensor operations; see README.md for the invariants G1...
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace trine::graph {

/// A tensor's dimensions: constants, or expressions over symbols.
using SymbolicShape = llvm::SmallVector<mlir::AffineExpr, 4>;
using ErrorEmitter = llvm::function_ref<mlir::InFlightDiagnostic()>;

/// Invariants G1 (each result type has the inferred rank, and every dimension
/// that is static on both sides agrees) and G12 (no tensor is absurdly large).
llvm::LogicalResult verifyInferredShapes(mlir::Operation *op);

/// Invariant G9: row-major, or in one of the dialect's layouts.
bool isStored(mlir::Type type);

/// The operand's shape with a fresh symbol for each dynamic dimension, counted
/// from `nextSymbol` on.
SymbolicShape symbolicShape(mlir::RankedTensorType type, unsigned &nextSymbol);

/// A dimension of a type: kDynamic unless it is a constant.
int64_t staticSize(mlir::AffineExpr dim);

/// The shape an op's results have when its operands are of these types;
/// builders use it so that nobody writes a result type by hand. Fails after
/// emitting at `loc`.
llvm::FailureOr<llvm::SmallVector<llvm::SmallVector<int64_t>>>
inferStaticShapes(mlir::Operation *op);

/// Builds OpT with result types inferred: element type of operand 0 unless
/// `element` is given. Asserts on ill-formed operands (importers check first).
template <typename OpT, typename... Args>
mlir::Value build(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Type element, Args &&...args);

} // namespace trine::graph

#include "dialects/graph/GraphDialect.h.inc"
#include "dialects/graph/GraphEnums.h.inc"
#include "dialects/graph/GraphInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/graph/GraphAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/graph/GraphOps.h.inc"

namespace trine::graph {

/// Layout of a tensor type: its encoding, or null for row-major.
inline LayoutAttr layoutOf(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  return tensor ? llvm::dyn_cast_or_null<LayoutAttr>(tensor.getEncoding())
                : LayoutAttr();
}

/// Elements a layout without a format stores for a tensor of this shape and
/// element type (padding included).
mlir::AffineExpr storedElements(llvm::ArrayRef<mlir::AffineExpr> shape,
                                LayoutAttr layout, mlir::Type element);

/// An operation of a graph, here or in a dialect that stands on this one.
inline bool isGraphOp(mlir::Operation *op) {
  return llvm::isa_and_present<GraphDialect>(op->getDialect()) ||
         llvm::isa<ShapeInference>(op);
}

/// Rotary frequencies: angle of pair i at position p is p·inverse[i]; cos and
/// sin are multiplied by `attention`. Formulas: GraphOps_Attention.td.
struct RopeFrequencies {
  llvm::SmallVector<double> inverse; ///< dims/2 entries
  double attention = 1;
};
RopeFrequencies ropeFrequencies(double theta, int64_t dims,
                                RopeScalingAttr scaling);
RopeFrequencies ropeFrequencies(RopeOp op);

/// The model's own name of an operation, from its NameLoc; "" if it has none.
llvm::StringRef nodeName(mlir::Location location);

/// float64 meaning of a gated layer's activation.
double evaluate(Activation activation, double x);

template <typename OpT, typename... Args>
mlir::Value build(mlir::OpBuilder &builder, mlir::Location loc,
                  mlir::Type element, Args &&...args) {
  // Rank 0 stands in until the shapes are inferred from the operands.
  auto placeholder = mlir::RankedTensorType::get({}, element);
  auto op = OpT::create(builder, loc, placeholder, std::forward<Args>(args)...);
  auto shapes = inferStaticShapes(op);
  assert(llvm::succeeded(shapes) && "operands do not fit the operation");
  mlir::Value result = op->getResult(0);
  result.setType(mlir::RankedTensorType::get((*shapes)[0], element));
  return result;
}

} // namespace trine::graph
