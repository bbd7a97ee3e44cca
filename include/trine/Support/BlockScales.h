//===- BlockScales.h - quantization of blocks that share a scale -*- C++ -*-==//
// values [rows, columns] → codes of a small float and a scale for each block.
// Every rule is defined to the bit; the reference, the compiler and Python's
// trine.fp8 call this one implementation.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Float8.h"

#include <optional>
#include <span>
#include <string>

namespace trine {

/// How the scale of a block follows from its amax a = 1.f · 2^e, where the
/// element format's largest value is 1.g · 2^emax. All but `Amax` give powers
/// of two, 2^(e - emax + n) clamped to [2^-127, 2^127].
enum class ScaleRule : uint8_t {
  Amax,   ///< a / max, rounded to f32
  Rceil,  ///< n = f > g: the least that clips nothing (DeepGEMM, cuBLAS, TE)
  Floor,  ///< n = 0 (OCP MX v1.0 §6.3): clips up to an eighth of E4M3's range
  Even,   ///< a rounded to the format's fraction bits, half up, then Floor
  Ceil,   ///< n = f > 0
  CtEven, ///< n = f >= 0.75 (compressed-tensors)
  Neuron, ///< n = 1 (AWS Neuron's quantize_mx)
};

/// Names as users write them: "amax", "rceil", "floor", "even", "ceil",
/// "ct_even", "neuron".
std::optional<ScaleRule> parseScaleRule(std::string_view name);
const char *scaleRuleName(ScaleRule rule);
inline bool isPowerOfTwo(ScaleRule rule) { return rule != ScaleRule::Amax; }

/// How scales are stored: f32, or the byte of a power of two.
enum class ScaleType : uint8_t { F32, Ue8m0 };

struct BlockQuantizer {
  const Float8 *format = findFloat8("e4m3fn");
  ScaleType scaleType = ScaleType::F32;
  ScaleRule rule = ScaleRule::Amax;
  /// Of a block; 0 is the whole dimension. The last ones may be cut off.
  int64_t blockRows = 1, blockColumns = 128;
  float amaxFloor = 0;     ///< a = max(amax, this); DeepSeek's kernels: 1e-4
  bool scaleRcp = false;   ///< Amax as a · fl(1 / max), not a / max
  bool elementRcp = false; ///< x · fl(1 / s), not x / s
  bool saturate = true;    ///< else overflow is NaN (E4M3FN) or infinity

  /// Empty, or why the parts do not go together.
  std::string fault() const;

  /// ceil(rows / blockRows) and ceil(columns / blockColumns).
  int64_t scaleRows(int64_t rows) const;
  int64_t scaleColumns(int64_t columns) const;

  /// The scale of a block of that amax. NaN and infinity give NaN: a block with
  /// either is all NaN. A block of zeros has the scale 2^-127 by a rule of
  /// powers of two, else 0, and codes of 0.
  float scale(float amax) const;
  uint8_t code(float value, float scale) const;

  /// `codes` has an element for each value, `scales` f32 or bytes, one for each
  /// block, row-major.
  void quantize(const float *values, int64_t rows, int64_t columns,
                uint8_t *codes, void *scales) const;
  /// value · scale, rounded once to f32. Only format, scaleType and the block
  /// matter.
  void dequantize(const uint8_t *codes, const void *scales, int64_t rows,
                  int64_t columns, float *values) const;
};

/// True when every scale is a power of two that UE8M0 holds: such scales lose
/// nothing as bytes.
bool fitUe8m0(std::span<const float> scales);

} // namespace trine
