//===- Float8Bits.h - codes of small floats as integers ---------*- C++ -*-===//
// What Support/Float8.h defines, on scalars and vectors: exact for every code
// and value, as long as subnormal operands count.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "trine/Support/Float8.h"

namespace trine {

inline bool isFloat8(mlir::Type element) {
  return llvm::isa<mlir::Float8E4M3FNType, mlir::Float8E5M2Type>(element);
}
const Float8 &float8Of(mlir::Type element);

/// An integer constant of the shape of `like`, i32 or a vector of it.
mlir::Value constantLike(mlir::ImplicitLocOpBuilder &b, mlir::Value like,
                         int32_t number);

/// Codes in a byte (0 is the lowest) of i32 → f32.
mlir::Value decodeFloat8(mlir::ImplicitLocOpBuilder &b, mlir::Value words,
                         const Float8 &format, int64_t byte = 0);
/// f32 → codes in i32, rounded once to nearest even.
mlir::Value encodeFloat8(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                         const Float8 &format, bool saturate);

} // namespace trine
