//===- CodePanels.h - panels of stored codes --------------------*- C++ -*-===//
// How a package keeps the blocks of W rows, so that a kernel reads the codes of
// all W at a step: the layout `panels:W:FORMAT`. Written by lib/Pipeline, read
// by the kernels of lib/Target/CPU and by lib/Reference.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Blocks.h"

namespace trine {

/// A panel is its stored blocks (`super` elements of W rows) one after another.
/// A stored block is, little endian and without padding,
///
///   u16 d[W]; u16 m[W] (hasMin)                          f16 bits
///   u8 s[subBlocks][W] (hasScales); u8 n[subBlocks][W] (and hasMin)
///   for each sub-block: u32 high[W] (5 and 6 bits), u32 low[words][W]
///
/// A word of `low` holds the low 4 bits of 8 elements, or 4 int8: element e of
/// its group from lowBit(e) on, around the end of the word. Elements 2p and
/// 2p+1 have the same place in the two halves of a word, where a rotation makes
/// them the mantissas of two bf16. `high` has the other bits of element e of
/// the sub-block from highBit(e) on.
/// Rows beyond the matrix are zeros.
struct CodePanel {
  BlockFormat format;
  int64_t width;

  bool whole() const { return format.bits == 8; } ///< a code is one field
  int64_t highBits() const { return whole() ? 0 : format.bits - 4; }
  int64_t group() const { return whole() ? 4 : 8; } ///< elements of a word
  int64_t words() const { return format.block / group(); }
  int64_t lead() const { return whole() ? 3 : 7 - format.bits; }
  /// Lowest bit of the field of element e of its group, in the rotated word.
  int64_t lowBit(int64_t e) const {
    int64_t field = e % 2 * group() / 2 + e / 2;
    return (field * (32 / group()) + lead()) % 32;
  }
  int64_t highBit(int64_t e) const {
    return highBits() * (e / 2) + 16 * (e % 2);
  }

  // Offsets in bytes.
  int64_t minOffset() const { return 2 * width; }
  int64_t scaleOffset() const { return (2 + 2 * format.hasMin) * width; }
  int64_t scaleMinOffset() const {
    return scaleOffset() + format.subBlocks() * width;
  }
  int64_t codeOffset() const {
    return scaleOffset() +
           width * format.hasScales * (1 + format.hasMin) * format.subBlocks();
  }
  int64_t subBytes() const {
    return int64_t((highBits() ? 1 : 0) + words()) * 4 * width;
  }
  int64_t lowOffset() const { return highBits() ? 4 * width : 0; }
  int64_t blockBytes() const { return format.packedBytes() * width; }

  /// Writes row `row` of `rows`, whose rows have k elements, into lane `lane`
  /// of the zeroed panel.
  void pack(const BlockCodes &rows, int64_t row, int64_t k, int64_t lane,
            uint8_t *panel) const;
  /// The k values of a lane.
  void decode(const uint8_t *panel, int64_t lane, int64_t k, float *out) const;
};

} // namespace trine
