//===- Real.h - numbers as the hardware computes them -----------*- C++ -*-===//
// Subnormals flushed where .ftz says, NaNs canonical, f16 and bf16 rounded
// once. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Float.h"

#include <bit>
#include <cmath>
#include <cstdint>

namespace trine::ptx {

// Carriers of 16-bit formats.
struct Half {
  uint16_t bits;
};
struct BFloat {
  uint16_t bits;
};

inline float toFloat(float value) { return value; }
inline double toFloat(double value) { return value; }
inline float toFloat(Half value) {
  return float(std::bit_cast<_Float16>(value.bits));
}
inline float toFloat(BFloat value) { return bf16ToF32(value.bits); }

template <class T> constexpr T canonicalNan();
template <> constexpr float canonicalNan<float>() {
  return std::bit_cast<float>(0x7fffffffu);
}
template <> constexpr double canonicalNan<double>() {
  return std::bit_cast<double>(uint64_t(0x7ff8) << 48);
}
template <> constexpr Half canonicalNan<Half>() { return {0x7fff}; }
template <> constexpr BFloat canonicalNan<BFloat>() { return {0x7fff}; }

template <class T> bool isNan(T value) {
  auto wide = toFloat(value);
  return wide != wide;
}

/// NaNs have no payload. Of bits: a compiler may take any NaN for another.
inline float canonical(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return std::bit_cast<float>(nan ? 0x7fffffffu : bits);
}
inline double canonical(double value) {
  uint64_t bits = std::bit_cast<uint64_t>(value);
  bool nan = (bits & ~(uint64_t(1) << 63)) > uint64_t(0x7ff) << 52;
  return std::bit_cast<double>(nan ? uint64_t(0x7ff8) << 48 : bits);
}

inline float flush(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return (bits & 0x7f800000u) == 0 ? std::bit_cast<float>(bits & 0x80000000u)
                                   : value;
}
inline double flush(double value) { return value; }
inline Half flush(Half value) {
  return (value.bits & 0x7c00) == 0 ? Half{uint16_t(value.bits & 0x8000)}
                                    : value;
}
inline BFloat flush(BFloat value) { return value; }

/// To [0, 1]; NaN and -0 become +0.
template <class T> T saturate(T value) {
  return value > 0 ? (value < 1 ? value : T(1)) : T(0);
}

/// Rounds once, to nearest even.
template <class T> T fromFloat(float value);
template <> inline float fromFloat(float value) { return canonical(value); }
template <> inline Half fromFloat(float value) {
  uint32_t wide = std::bit_cast<uint32_t>(value);
  bool nan = (wide & 0x7fffffffu) > 0x7f800000u;
  auto bits = std::bit_cast<uint16_t>(_Float16(value));
  return {nan ? uint16_t(0x7fff) : bits};
}
template <> inline BFloat fromFloat(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
  bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {uint16_t(nan ? 0x7fff : rounded)};
}

/// f32 → E4M3 or E5M2 (`mantissa` 3 or 2), to nearest even; what is too large
/// becomes the largest finite value.
template <unsigned mantissa> uint8_t toFp8(float value) {
  constexpr int bias = mantissa == 3 ? 7 : 15;
  constexpr uint32_t largest = mantissa == 3 ? 0x7e : 0x7b;
  constexpr uint32_t leastNormal = uint32_t(128 - bias) << 23;
  uint32_t bits = std::bit_cast<uint32_t>(value),
           magnitude = bits & 0x7fffffffu;
  constexpr unsigned drop = 23 - mantissa;
  uint32_t rounded =
      magnitude + (1u << (drop - 1)) - 1 + (magnitude >> drop & 1);
  uint32_t normal = (rounded >> drop) - (uint32_t(127 - bias) << mantissa);
  // Below, the sum with a number whose last place is the format's rounds.
  constexpr uint32_t base = leastNormal + (drop << 23);
  uint32_t tiny = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) +
                                          std::bit_cast<float>(base)) -
                  base;
  uint32_t code = magnitude < leastNormal ? tiny : normal;
  code = code < largest ? code : largest;
  return uint8_t(magnitude > 0x7f800000u ? 0x7f : code | bits >> 31 << 7);
}

/// The sum of two doubles rounded to odd: rounding it again to a format of at
/// most 51 bits gives what rounding the exact sum would.
inline double sumToOdd(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  if (error == 0 || !std::isfinite(sum))
    return sum;
  auto bits = std::bit_cast<int64_t>(sum);
  if (bits & 1)
    return sum;
  // Towards the error: up when both have one sign, else down.
  return std::bit_cast<double>((error > 0) == (sum > 0) ? bits + 1 : bits - 1);
}

/// A double that rounded to odd rounds to f32, then Half or BFloat once more
/// without harm only from odd: go through float with the sticky bit kept.
inline float oddFloat(double value) {
  auto result = float(value);
  if (double(result) == value || result != result)
    return result;
  auto bits = std::bit_cast<uint32_t>(result);
  bool tooLarge = std::fabs(double(result)) > std::fabs(value);
  if (tooLarge)
    --bits; // truncated
  return std::bit_cast<float>(bits | 1);
}

} // namespace trine::ptx
