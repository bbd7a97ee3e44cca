//===- BlockScales.cpp - quantization of blocks that share a scale --------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/BlockScales.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

using namespace trine;

static constexpr const char *ruleNames[] = {"amax", "rceil",   "floor", "even",
                                            "ceil", "ct_even", "neuron"};

std::optional<ScaleRule> trine::parseScaleRule(std::string_view name) {
  for (size_t i = 0; i < std::size(ruleNames); ++i)
    if (name == ruleNames[i])
      return ScaleRule(i);
  return std::nullopt;
}

const char *trine::scaleRuleName(ScaleRule rule) {
  return ruleNames[size_t(rule)];
}

std::string BlockQuantizer::fault() const {
  if (scaleType == ScaleType::Ue8m0 && !isPowerOfTwo(rule))
    return fmt::format("ue8m0 scales need a rule of powers of two, got {}",
                       scaleRuleName(rule));
  if (blockRows < 0 || blockColumns < 0)
    return fmt::format("expected a block of sizes 0 or more, got {}x{}",
                       blockRows, blockColumns);
  if (!(amaxFloor >= 0) || std::isinf(amaxFloor))
    return fmt::format("expected a finite amax floor of 0 or more, got {}",
                       amaxFloor);
  bool clips = rule == ScaleRule::Floor || rule == ScaleRule::Even;
  if (clips && !saturate)
    return fmt::format("the rule {} clips and needs saturation",
                       scaleRuleName(rule));
  return "";
}

static int64_t blocks(int64_t size, int64_t block) {
  return block == 0 ? size > 0 : (size + block - 1) / block;
}

int64_t BlockQuantizer::scaleRows(int64_t rows) const {
  return blocks(rows, blockRows);
}
int64_t BlockQuantizer::scaleColumns(int64_t columns) const {
  return blocks(columns, blockColumns);
}

float BlockQuantizer::scale(float amax) const {
  if (!std::isfinite(amax))
    return std::numeric_limits<float>::quiet_NaN();
  amax = std::max(amax, amaxFloor);
  if (rule == ScaleRule::Amax)
    return scaleRcp ? amax * (1 / format->max) : amax / format->max;
  if (amax == 0)
    return 0x1p-127f;
  int exponent;
  float f = 2 * std::frexp(amax, &exponent); // [1, 2), exact
  float g = std::ldexp(format->max, -format->emax);
  float half = std::ldexp(0.5f, -format->fraction);
  bool more = rule == ScaleRule::Rceil    ? f > g
              : rule == ScaleRule::Even   ? f + half >= 2
              : rule == ScaleRule::Ceil   ? f > 1
              : rule == ScaleRule::CtEven ? f >= 1.75f
                                          : rule == ScaleRule::Neuron;
  int power = exponent - 1 - format->emax + more;
  return std::ldexp(1.0f, std::clamp(power, -127, 127));
}

uint8_t BlockQuantizer::code(float value, float scale) const {
  if (std::isnan(scale))
    return format->nan;
  if (value == 0) // of a scale 0 too
    return format->encode(value);
  return format->encode(elementRcp ? value * (1 / scale) : value / scale,
                        saturate);
}

namespace {
/// The blocks of a matrix, each with the number of its scale.
template <typename Visit>
void eachBlock(const BlockQuantizer &q, int64_t rows, int64_t columns,
               Visit visit) {
  int64_t tall = q.blockRows ? q.blockRows : rows;
  int64_t wide = q.blockColumns ? q.blockColumns : columns;
  int64_t number = 0;
  for (int64_t r = 0; r < rows; r += tall)
    for (int64_t c = 0; c < columns; c += wide)
      visit(r, std::min(r + tall, rows), c, std::min(c + wide, columns),
            number++);
}
} // namespace

void BlockQuantizer::quantize(const float *values, int64_t rows,
                              int64_t columns, uint8_t *codes,
                              void *scales) const {
  eachBlock(*this, rows, columns,
            [&](int64_t r0, int64_t r1, int64_t c0, int64_t c1, int64_t n) {
              float amax = 0;
              bool finite = true;
              for (int64_t r = r0; r < r1; ++r)
                for (int64_t i = r * columns + c0; i < r * columns + c1; ++i) {
                  finite &= std::isfinite(values[i]);
                  amax = std::max(amax, std::fabs(values[i]));
                }
              float s = scale(finite ? amax : INFINITY);
              if (scaleType == ScaleType::F32)
                static_cast<float *>(scales)[n] = s;
              else
                static_cast<uint8_t *>(scales)[n] = f32ToUe8m0(s);
              for (int64_t r = r0; r < r1; ++r)
                for (int64_t i = r * columns + c0; i < r * columns + c1; ++i)
                  codes[i] = code(values[i], s);
            });
}

void BlockQuantizer::dequantize(const uint8_t *codes, const void *scales,
                                int64_t rows, int64_t columns,
                                float *values) const {
  float table[256];
  for (int i = 0; i < 256; ++i)
    table[i] = format->decode(uint8_t(i));
  eachBlock(*this, rows, columns,
            [&](int64_t r0, int64_t r1, int64_t c0, int64_t c1, int64_t n) {
              float s =
                  scaleType == ScaleType::F32
                      ? static_cast<const float *>(scales)[n]
                      : ue8m0ToF32(static_cast<const uint8_t *>(scales)[n]);
              for (int64_t r = r0; r < r1; ++r)
                for (int64_t i = r * columns + c0; i < r * columns + c1; ++i)
                  values[i] = table[codes[i]] * s;
            });
}

bool trine::fitUe8m0(std::span<const float> scales) {
  return std::ranges::all_of(scales, [](float scale) {
    return scale > 0 && ue8m0ToF32(f32ToUe8m0(scale)) == scale;
  });
}
