//===- Tensor.h - a value of the reference interpreter ----------*- C++ -*-===//
// Elements in the dtype's exact storage; arithmetic happens in float64 and is
// rounded once, on the way back into a tensor.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "trine/Runtime/trine.h"

#include <memory>

namespace trine::reference {

using DType = trine_dtype;
using Shape = llvm::SmallVector<int64_t, 4>;

int64_t dtypeBytes(DType dtype);
llvm::StringRef dtypeName(DType dtype);
/// The dtype of an element type of graph and fp8.
DType dtypeOf(mlir::Type element);
std::optional<DType> parseDType(llvm::StringRef name);

/// The nearest value of the dtype, ties to even, in one rounding from float64.
uint16_t roundToF16(double value);
uint16_t roundToBF16(double value);

/// Row-major and contiguous, whatever layout the type names. Copies share the
/// bytes: only `append` writes into an existing tensor.
struct Tensor {
  DType dtype = TRINE_F32;
  Shape shape;
  std::shared_ptr<uint8_t> bytes;

  Tensor() = default;
  /// Zeros. Throws BadInput when the size overflows or memory runs out.
  Tensor(DType dtype, llvm::ArrayRef<int64_t> shape);
  /// A view of memory somebody else owns.
  static Tensor view(DType dtype, llvm::ArrayRef<int64_t> shape, void *data);
  static Tensor fromAttribute(mlir::DenseElementsAttr value);
  mlir::DenseElementsAttr toAttribute(mlir::Type element) const;

  int64_t rank() const { return int64_t(shape.size()); }
  int64_t dim(int64_t i) const { return shape[size_t(i)]; }
  int64_t elements() const;
  int64_t byteSize() const { return elements() * dtypeBytes(dtype); }
  /// Elements of one index of the first `dims` dimensions.
  int64_t elementsBelow(size_t dims) const;

  const int32_t *ints() const {
    return reinterpret_cast<const int32_t *>(bytes.get());
  }
  int32_t *ints() { return reinterpret_cast<int32_t *>(bytes.get()); }

  /// Widens `count` elements from `first` on; exact.
  void load(int64_t first, int64_t count, double *out) const;
  std::vector<double> load(int64_t first, int64_t count) const;
  /// Rounds `count` values into the elements from `first` on. To i32: toward
  /// zero, saturating, NaN to 0.
  void store(int64_t first, int64_t count, const double *values);
};

} // namespace trine::reference
