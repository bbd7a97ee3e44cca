//===- Types.h - tensor types in a manifest's words -------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "trine/Package/Manifest.h"

namespace trine {

/// "f32", "bf16", "i32", "f8e4m3fn", "u8", ...
inline std::string dtypeOf(mlir::Type type) {
  mlir::Type element = mlir::getElementTypeOrSelf(type);
  if (element.isInteger(8))
    return "u8";
  std::string text;
  llvm::raw_string_ostream(text) << element;
  return llvm::StringRef(text).lower();
}

inline Layout layoutOf(mlir::Type type) {
  graph::LayoutAttr layout = graph::layoutOf(type);
  if (!layout)
    return {};
  return {graph::stringifyLayoutKind(layout.getKind()).str(), layout.getWidth(),
          layout.getFormat() ? layout.getFormat().str() : ""};
}

/// Bytes a value of this type occupies, its layout's padding included.
inline mlir::AffineExpr storedBytes(llvm::ArrayRef<mlir::AffineExpr> shape,
                                    mlir::RankedTensorType type) {
  std::string dtype = dtypeOf(type);
  Layout layout = layoutOf(type);
  if (!layout.format.empty()) // a weight: static
    return mlir::getAffineConstantExpr(
        storedBytes(layout, type.getShape(), dtype), type.getContext());
  return graph::storedElements(shape, graph::layoutOf(type),
                               type.getElementType()) *
         dtypeBytes(dtype);
}

} // namespace trine
