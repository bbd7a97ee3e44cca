//===- Format.h - small floats and rounding to them -------------*- C++ -*-===//
// The simulator's own: test/unit compares it with trine/Support and ml_dtypes.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Types.h"

namespace trine::ptx {

enum class Round : uint8_t {
  Nearest, ///< ties to even
  Zero,
  Down,
  Up,
  NearestAway, ///< ties away from zero: .rna
};

struct Format {
  unsigned exponent, mantissa; ///< bits
  int bias;
  bool infinity;     ///< e4m3 has none; its largest code is a NaN
  uint32_t largest;  ///< code of the largest finite value
  uint32_t nan;      ///< what the hardware makes
  unsigned trailing; ///< zero bits below: 13 for tf32
};

/// Null for a type that is no format of at most 32 bits.
const Format *formatOf(Type type);

/// `value` as a code of the format. `finite`: what is too large becomes the
/// largest finite value, infinity too (.satfinite).
uint32_t encode(const Format &format, double value, Round round, bool finite);
double decode(const Format &format, uint32_t code);

} // namespace trine::ptx
