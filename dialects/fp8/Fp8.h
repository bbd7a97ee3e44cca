//===- Fp8.h - the fp8 dialect ----------------------------------*- C++ -*-===//
// Codes, scales of blocks and products of them; see README.md for the
// invariants F1...
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "trine/Formats/WeightRows.h"

#include "dialects/fp8/Fp8Dialect.h.inc"
#include "dialects/fp8/Fp8Enums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/fp8/Fp8Attrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/fp8/Fp8Ops.h.inc"

namespace trine::fp8 {

/// Codes of such elements; null for other types.
const Float8 *formatOf(mlir::Type element);
/// The type of a format's elements; null for e2m1.
mlir::Type elementType(mlir::MLIRContext *context, const Float8 &format);
/// Bytes are UE8M0.
ScaleType scaleTypeOf(mlir::Type scales);

/// The arithmetic a scheme stands for.
BlockQuantizer quantizerOf(SchemeAttr scheme);
/// For decoding alone.
BlockQuantizer decoderOf(llvm::ArrayRef<int64_t> block, mlir::Type codes,
                         mlir::Type scales);

/// Scales of codes of that shape, one for each block of the last two dimensions
/// (of a vector the last).
graph::SymbolicShape scaleShape(const graph::SymbolicShape &codes,
                                llvm::ArrayRef<int64_t> block);

/// One scale for all of a tensor, however many matrices it has.
template <typename Shape> bool isOneScale(const Shape &scales) {
  if (scales.size() != 1)
    return false;
  if constexpr (std::is_same_v<Shape, graph::SymbolicShape>)
    return scales[0] == mlir::getAffineConstantExpr(1, scales[0].getContext());
  else
    return scales[0] == 1;
}

/// F2: the scales have the shape that codes and block demand, or are one for
/// all where the block is [0, 0].
llvm::LogicalResult expectScales(const graph::SymbolicShape &scales,
                                 const graph::SymbolicShape &codes,
                                 llvm::ArrayRef<int64_t> block,
                                 llvm::StringRef operand,
                                 graph::ErrorEmitter emitError);

/// Attributes of a parameter whose values are its sources' codes times scales:
/// the scales' tensors, one a source, and the block [rows, columns] of each.
inline constexpr llvm::StringLiteral kScales = "fp8.scales",
                                     kBlock = "fp8.block";

/// The rows of a parameter, quantized where it says so. Names the parameter
/// where its attributes do not fit the tensors, or one is missing (BadInput).
WeightRows rowsOf(graph::ParameterOp parameter, const WeightSource &weights);

} // namespace trine::fp8
