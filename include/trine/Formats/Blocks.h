//===- Blocks.h - ggml's block formats ---------------------------*- C++
//-*-===//
// The quantized storage types as data and the one unpacking of their blocks:
// stored bytes -> integer codes and scales, or -> f32.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/WeightSource.h"

namespace trine {

/// What one block of `super` elements holds. With d and m its f16 numbers
/// widened to f32, an element's value is
///
///   d * (q - zero) + m           no scales; m only with hasMin
///   (d * s) * (q - zero)         scales; s of the element's sub-block
///   (d * s) * q - m * n          scales and hasMin; n the sub-block's minimum
///
/// The products are exact in f32, so that a value is rounded at most once, by
/// the addition, however it is computed.
struct BlockFormat {
  Storage storage;
  int bits;       ///< of a code q; 8: q is an int8, else it is unsigned
  int block;      ///< elements that share a scale: a sub-block
  int super;      ///< elements of a stored block, `super / block` sub-blocks
  int zero;       ///< the code of value 0
  bool hasMin;    ///< m is there
  bool hasScales; ///< an integer s for each sub-block, with hasMin an n too

  int subBlocks() const { return super / block; }
  /// Bytes of a row's block in a package: codes, d, m, a byte for each s and n.
  int packedBytes() const {
    return super * bits / 8 + 2 + 2 * hasMin +
           subBlocks() * (hasScales + (hasScales && hasMin));
  }
};

/// Null for a type that is not stored in blocks.
const BlockFormat *blockFormat(Storage storage);
const BlockFormat *blockFormat(std::string_view storage);

/// The parts of some consecutive blocks, in the order of their elements.
struct BlockCodes {
  std::vector<uint8_t> codes; ///< one an element; of q8_0 the int8's bits
  std::vector<uint16_t> d;    ///< f16 bits, one a stored block
  std::vector<uint16_t> m;    ///< f16 bits, one a stored block; with hasMin
  /// One a sub-block, with hasScales: 6 bits, of q6_k the int8's bits.
  std::vector<uint8_t> scales;
  std::vector<uint8_t> mins; ///< one a sub-block; 6 bits
};

/// Reads rows of the innermost dimension of a tensor stored in blocks, in place
/// of what `into` held. A tensor that is not, or rows out of range, throw.
void readBlocks(const StoredTensor &tensor, int64_t firstRow, int64_t rows,
                BlockCodes &into);

/// Decodes `count` stored blocks at `from` to f32.
void decodeBlocks(const BlockFormat &format, const uint8_t *from, int64_t count,
                  float *out);

} // namespace trine
