//===- Float8.cpp - 8-bit and smaller floats ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/Float8.h"

#include <bit>
#include <cmath>
#include <limits>

using namespace trine;

static constexpr uint32_t infinity = 0x7f800000;

static constexpr Float8 formats[] = {
    {"e4m3fn", 3, 7, 7, 0x7e, 0x7f, 0x7f, 448, 8},
    {"e5m2", 2, 15, 7, 0x7b, 0x7c, 0x7e, 57344, 15},
    {"e2m1", 1, 1, 3, 0x7, 0x7, 0x7, 6, 2},
};

const Float8 *trine::findFloat8(std::string_view name) {
  for (const Float8 &format : formats)
    if (name == format.name)
      return &format;
  return nullptr;
}

float Float8::decode(uint8_t code) const {
  int magnitude = code & ((1 << sign) - 1);
  float value;
  if (magnitude > largest) // e5m2 alone has an infinity
    value = magnitude == overflow && overflow != nan
                ? std::numeric_limits<float>::infinity()
                : std::numeric_limits<float>::quiet_NaN();
  else if (int exponent = magnitude >> fraction; exponent > 0)
    value = std::bit_cast<float>(uint32_t(magnitude) << (23 - fraction)) *
            std::ldexp(1.0f, 127 - bias);
  else
    value = std::ldexp(float(magnitude), 1 - bias - fraction);
  return code >> sign & 1 ? -value : value;
}

uint8_t Float8::encode(float value, bool saturate) const {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  uint32_t magnitude = bits & 0x7fffffff, code;
  uint8_t negative = uint8_t(bits >> 31 << sign);
  if (magnitude > infinity)
    return negative | nan;
  uint32_t leastNormal = uint32_t(128 - bias) << 23;
  if (magnitude < leastNormal) {
    // The sum with a number whose last place is the spacing of subnormals is
    // rounded by the addition.
    uint32_t base = leastNormal + (uint32_t(23 - fraction) << 23);
    code = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) +
                                   std::bit_cast<float>(base)) -
           base;
  } else {
    int drop = 23 - fraction;
    uint32_t half = (1u << (drop - 1)) - 1 + (magnitude >> drop & 1);
    code = ((magnitude + half) >> drop) - (uint32_t(127 - bias) << fraction);
  }
  if (code > largest)
    code = saturate ? largest : overflow;
  return negative | uint8_t(code);
}

float trine::ue8m0ToF32(uint8_t code) {
  if (code == 0)
    return 0x1p-127f; // a subnormal of f32
  return std::bit_cast<float>(code == 0xff ? 0x7fc00000u
                                           : uint32_t(code) << 23);
}

uint8_t trine::f32ToUe8m0(float value, bool saturate) {
  if (!(value >= 0) || (value == 0 && !saturate))
    return 0xff;
  if (value < 0x1p-126f) // the fraction of a subnormal has no leading 1
    return value < 0x1.8p-127f ? 0 : 1;
  uint32_t code = (std::bit_cast<uint32_t>(value) + (1u << 22)) >> 23;
  return code < 0xff ? uint8_t(code) : saturate ? 0xfe : 0xff;
}
