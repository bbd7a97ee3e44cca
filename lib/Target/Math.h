//===- Math.h - float32 functions as vector arithmetic ----------*- C++ -*-===//
// An f32 value or vector in, the same type out, in arith and math operations
// that are one instruction each: no library call is left for the assembler.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Builders.h"

namespace trine {

/// Emits functions of f32 values or f32 vectors (of any length).
///
/// Largest errors over all floats, in ulp of the result: exp, exp2, sqrt, rsqrt
/// and reciprocal 2, erf, tanh, sigmoid and silu 4; gelu and geluTanh 4 ulp of
/// |x|. Infinities, zeros, NaN and subnormal results are as in IEEE 754, and as
/// the float64 formulas of the graph dialect have them.
class MathEmitter {
public:
  MathEmitter(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::Value exp(mlir::Value x);
  mlir::Value exp2(mlir::Value x);
  /// As exp and exp2 for x <= 0, cheaper: results below 2^-126 may become 0.
  /// Vectors of 16 take AVX-512 instructions in exp2NonPositive.
  mlir::Value expNonPositive(mlir::Value x);
  /// `coarse`: within 1e-4 of the result.
  mlir::Value exp2NonPositive(mlir::Value x, bool coarse = false);
  /// 2^x of a whole number x <= 0, exact; 0 below 2^-126.
  mlir::Value powerOfTwo(mlir::Value x);
  mlir::Value erf(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value silu(mlir::Value x);
  mlir::Value gelu(mlir::Value x);
  mlir::Value geluTanh(mlir::Value x);
  mlir::Value sqrt(mlir::Value x);
  mlir::Value rsqrt(mlir::Value x);
  mlir::Value reciprocal(mlir::Value x);

  /// Sine and cosine of an f64 angle in quarter turns, as f32; exact to 1e-7 up
  /// to 2^31 quarter turns.
  std::pair<mlir::Value, mlir::Value> sinCos(mlir::Value quarterTurns);

  /// NaN if either is NaN (graph.max, graph.min).
  mlir::Value maximum(mlir::Value a, mlir::Value b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);
  /// max(x, 0); NaN stays.
  mlir::Value relu(mlir::Value x);

  /// One instruction (vmaxps, vminps) in reductions and clamps: `b` where
  /// either is NaN.
  mlir::Value fastMax(mlir::Value a, mlir::Value b);
  mlir::Value fastMin(mlir::Value a, mlir::Value b);

private:
  /// `value` in every lane, of like's type.
  mlir::Value splat(mlir::Value like, double value);
  mlir::Value splatInt(mlir::Value like, uint32_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  /// Σ coefficients[i]·x^i.
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<float> coefficients);
  mlir::Value clamp(mlir::Value x, double low, double high);
  mlir::Value floatBits(mlir::Value integers);
  mlir::Value shiftLeft(mlir::Value integers, uint32_t bits);

  /// base^x = 2^n·(1 + fraction); the low bits of `bits` hold n + bias.
  struct Power {
    mlir::Value fraction, bits;
  };
  Power reduceExp(mlir::Value x, unsigned bias);
  Power reduceExp2(mlir::Value x, unsigned bias,
                   llvm::ArrayRef<float> coefficients);
  /// The power times `factor` (null for 1); right where it is subnormal.
  mlir::Value scaled(Power power, mlir::Value factor);
  mlir::Value scaledNonPositive(Power power);
  /// llvm.x86.avx512.mask.NAME.ps.512 of all lanes.
  mlir::Value avx512(llvm::StringRef name, mlir::ValueRange operands);
  /// erf within 6 ulp of 1, which is enough for gelu.
  mlir::Value erfRatio(mlir::Value x);
  /// numerator / (1 + e^-x) without overflow on the way.
  mlir::Value overOnePlusExp(mlir::Value numerator, mlir::Value x);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace trine
