//===- Float.h - bf16 and f16 storage conversions ---------------*- C++ -*-===//
// Bit-exact, no hardware dependence. Part of Trine, under Apache-2.0 WITH
// LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <bit>
#include <cstdint>

namespace trine {

/// bf16 is the upper half of an IEEE binary32: widening is exact.
inline float bf16ToF32(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}

/// Round to nearest, ties to even; NaN stays a quiet NaN.
inline uint16_t f32ToBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t((bits >> 16) | 0x40);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
}

/// IEEE binary16 (1-5-10) to binary32; exact, subnormals included.
inline float f16ToF32(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000) << 16;
  uint32_t exponent = (bits >> 10) & 0x1f, fraction = bits & 0x3ff;
  if (exponent == 0) {
    float magnitude = float(fraction) * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  uint32_t wide = exponent == 31 ? 0xffu : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

/// Round to nearest, ties to even; overflow gives infinity.
uint16_t f32ToF16(float value);

} // namespace trine
