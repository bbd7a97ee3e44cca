//===- Format.cpp - small floats and rounding to them ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Format.h"

#include <cmath>
#include <limits>

using namespace trine::ptx;

const Format *trine::ptx::formatOf(Type type) {
  static constexpr Format f16 = {5, 10, 15, true, 0x7bff, 0x7fff, 0},
                          bf16 = {8, 7, 127, true, 0x7f7f, 0x7fff, 0},
                          tf32 = {8, 10, 127, true, 0x3fbff, 0x3ffff, 13},
                          f32 = {8, 23, 127, true, 0x7f7fffff, 0x7fffffff, 0},
                          e4m3 = {4, 3, 7, false, 0x7e, 0x7f, 0},
                          e5m2 = {5, 2, 15, true, 0x7b, 0x7f, 0};
  switch (type) {
  case Type::F16:
  case Type::F16x2:
    return &f16;
  case Type::BF16:
  case Type::BF16x2:
    return &bf16;
  case Type::TF32:
    return &tf32;
  case Type::F32:
    return &f32;
  case Type::E4M3:
  case Type::E4M3x2:
    return &e4m3;
  case Type::E5M2:
  case Type::E5M2x2:
    return &e5m2;
  default:
    return nullptr;
  }
}

/// A magnitude in units of the last place → an integer.
static double roundUnits(double units, Round round, bool negative) {
  double low = std::floor(units), rest = units - low;
  if (rest == 0)
    return low;
  bool up = false;
  switch (round) {
  case Round::Nearest:
    up = rest > 0.5 || (rest == 0.5 && std::fmod(low, 2) == 1);
    break;
  case Round::NearestAway:
    up = rest >= 0.5;
    break;
  case Round::Zero:
    break;
  case Round::Down:
    up = negative;
    break;
  case Round::Up:
    up = !negative;
    break;
  }
  return low + up;
}

uint32_t trine::ptx::encode(const Format &format, double value, Round round,
                            bool finite) {
  bool negative = std::signbit(value);
  uint32_t sign = uint32_t(negative) << (format.exponent + format.mantissa);
  if (value != value)
    return format.nan << format.trailing;
  double magnitude = std::fabs(value);
  uint32_t code = format.largest + 1;
  if (!std::isinf(magnitude)) {
    int exponent = 1 - format.bias; // of zero and subnormals
    if (magnitude != 0)
      exponent = std::max(exponent, std::ilogb(magnitude));
    double unit = std::ldexp(1.0, exponent - int(format.mantissa));
    double units = roundUnits(magnitude / unit, round, negative);
    // The implicit one of a normal number adds 1 to its exponent's field.
    double field =
        std::ldexp(double(exponent + format.bias - 1), int(format.mantissa));
    code = field + units > format.largest ? format.largest + 1
                                          : uint32_t(field + units);
  }
  if (code > format.largest) {
    bool towards = round == Round::Zero ||
                   (round == Round::Down && !negative) ||
                   (round == Round::Up && negative);
    if (finite || (towards && !std::isinf(magnitude)))
      code = format.largest;
    else if (!format.infinity)
      code = format.nan;
  }
  return (sign | code) << format.trailing;
}

double trine::ptx::decode(const Format &format, uint32_t code) {
  code >>= format.trailing;
  unsigned width = format.exponent + format.mantissa;
  bool negative = code >> width & 1;
  uint32_t magnitude = code & ((1u << width) - 1);
  double value;
  if (magnitude > format.largest) {
    value = format.infinity && magnitude == format.largest + 1
                ? std::numeric_limits<double>::infinity()
                : std::numeric_limits<double>::quiet_NaN();
  } else {
    int exponent = int(magnitude >> format.mantissa);
    uint32_t fraction = magnitude & ((1u << format.mantissa) - 1);
    if (exponent > 0)
      fraction |= 1u << format.mantissa;
    value = std::ldexp(double(fraction), std::max(exponent, 1) - format.bias -
                                             int(format.mantissa));
  }
  return negative ? -value : value;
}
