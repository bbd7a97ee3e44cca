//===- FormatTest.cpp - the simulator's rounding against the compiler's ---===//
// Two implementations that share no code, over every code and many numbers.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Simulator/PTX/Format.h"
#include "trine/Support/Float.h"
#include "trine/Support/Float8.h"

#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace trine;
using ptx::Round;
using ptx::Type;

static uint32_t nearest(Type type, float value) {
  return ptx::encode(*ptx::formatOf(type), value, Round::Nearest, false);
}

TEST(PtxFormat, EveryHalfDecodes) {
  for (uint32_t code = 0; code < 65536; ++code) {
    double half = ptx::decode(*ptx::formatOf(Type::F16), code);
    double bfloat = ptx::decode(*ptx::formatOf(Type::BF16), code);
    float half2 = f16ToF32(uint16_t(code)), bfloat2 = bf16ToF32(uint16_t(code));
    ASSERT_TRUE(half == half2 || (half != half && half2 != half2)) << code;
    ASSERT_TRUE(bfloat == bfloat2 || (bfloat != bfloat && bfloat2 != bfloat2));
  }
}

TEST(PtxFormat, EveryFp8RoundTrips) {
  for (auto [type, name] :
       {std::pair(Type::E4M3, "e4m3fn"), std::pair(Type::E5M2, "e5m2")})
    for (uint32_t code = 0; code < 256; ++code) {
      float known = findFloat8(name)->decode(uint8_t(code));
      double value = ptx::decode(*ptx::formatOf(type), code);
      ASSERT_TRUE(value == known || (value != value && known != known));
      if (value == value) {
        ASSERT_EQ(nearest(type, known), code);
      }
    }
}

TEST(PtxFormat, RandomNumbersRoundAsTheCompilerRounds) {
  std::mt19937 random(1);
  for (int i = 0; i < 200000; ++i) {
    auto value = std::bit_cast<float>(uint32_t(random()));
    if (i % 2) // where small formats are finite
      value = std::ldexp(float(random()) - 0x1p31f, int(random() % 60) - 60);
    if (value != value)
      continue;
    ASSERT_EQ(nearest(Type::F16, value), f32ToF16(value)) << value;
    ASSERT_EQ(nearest(Type::BF16, value), f32ToBf16(value)) << value;
    for (auto [type, name] :
         {std::pair(Type::E4M3, "e4m3fn"), std::pair(Type::E5M2, "e5m2")})
      ASSERT_EQ(ptx::encode(*ptx::formatOf(type), value, Round::Nearest, true),
                findFloat8(name)->encode(value, true))
          << value;
  }
}

TEST(PtxFormat, DirectedRoundingsEnclose) {
  std::mt19937 random(2);
  const ptx::Format &format = *ptx::formatOf(Type::F16);
  for (int i = 0; i < 20000; ++i) {
    double value =
        std::ldexp(double(random()) - 0x1p31, int(random() % 40) - 50);
    auto by = [&](Round round) {
      return ptx::decode(format, ptx::encode(format, value, round, false));
    };
    double low = by(Round::Down), high = by(Round::Up), zero = by(Round::Zero),
           near = by(Round::Nearest);
    ASSERT_LE(low, value);
    ASSERT_GE(high, value);
    ASSERT_EQ(zero, value > 0 ? low : high);
    if (std::isfinite(near)) {
      ASSERT_LE(std::fabs(near - value), std::min(value - low, high - value));
    }
  }
}
