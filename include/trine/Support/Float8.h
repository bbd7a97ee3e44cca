//===- Float8.h - 8-bit and smaller floats, bit-exact -----------*- C++ -*-===//
// E4M3FN and E5M2 (OFP8, arXiv 2209.05433), E2M1 (OCP MX v1.0, the low nibble
// of a byte) and UE8M0, the power-of-two scale. No hardware dependence.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string_view>

namespace trine {

/// A signed minifloat. A code without its sign bit is exponent and fraction; it
/// grows with the value up to `largest`.
struct Float8 {
  const char *name; ///< "e4m3fn", "e5m2", "e2m1"
  int fraction;     ///< bits
  int bias;
  int sign;         ///< the sign's bit
  uint8_t largest;  ///< code of the largest finite value
  uint8_t overflow; ///< what a larger value becomes without saturation
  uint8_t nan;
  float max; ///< largest finite value
  int emax;  ///< its exponent

  /// Every value is exact in f32.
  float decode(uint8_t code) const;
  /// Rounds once, to nearest, ties to even; keeps the sign, of NaN too. What
  /// rounds beyond `max` becomes `largest` with `saturate`, infinity too, else
  /// `overflow`. E2M1 has neither NaN nor infinity: both become `largest`.
  uint8_t encode(float value, bool saturate = true) const;
};

/// Null for an unknown name.
const Float8 *findFloat8(std::string_view name);

/// 2^(code - 127); 0xFF is NaN. There is no zero and no sign: 0 is 2^-127.
float ue8m0ToF32(uint8_t code);
/// The nearest power of two, ties upwards; NaN and negative values are NaN. A
/// value below 2^-127 is 2^-127. With `saturate` 0 is 2^-127, too, and what
/// rounds beyond 2^127 is 2^127; without, both are NaN. Scales are chosen by
/// rules (BlockScales.h), not by this.
uint8_t f32ToUe8m0(float value, bool saturate = true);

} // namespace trine
