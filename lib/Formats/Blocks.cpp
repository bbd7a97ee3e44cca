//===- Blocks.cpp - ggml's block formats ----------------------------------===//
// Stored blocks -> integer codes and scales -> f32. The layouts are those of
// ggml's ggml-common.h, written out in WeightSource.h.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Blocks.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"

#include <cstring>

using namespace trine;

static constexpr BlockFormat formats[] = {
    // storage, bits, block, super, zero, hasMin, hasScales
    {Storage::Q4_0, 4, 32, 32, 8, false, false},
    {Storage::Q4_1, 4, 32, 32, 0, true, false},
    {Storage::Q5_0, 5, 32, 32, 16, false, false},
    {Storage::Q5_1, 5, 32, 32, 0, true, false},
    {Storage::Q8_0, 8, 32, 32, 0, false, false},
    {Storage::Q4_K, 4, 32, 256, 0, true, true},
    {Storage::Q5_K, 5, 32, 256, 0, true, true},
    {Storage::Q6_K, 6, 16, 256, 32, false, true},
};

const BlockFormat *trine::blockFormat(Storage storage) {
  for (const BlockFormat &format : formats)
    if (format.storage == storage)
      return &format;
  return nullptr;
}

const BlockFormat *trine::blockFormat(std::string_view storage) {
  std::optional<Storage> known = parseStorage(storage);
  return known ? blockFormat(*known) : nullptr;
}

namespace {
/// Where the parts of one stored block go.
struct Parts {
  uint8_t *codes;
  uint16_t *d, *m;
  uint8_t *scales, *mins;
};
} // namespace

static uint16_t load16(const uint8_t *from) {
  uint16_t value; // a file's data has no alignment
  std::memcpy(&value, from, sizeof value);
  return value;
}

static void splitNibbles(const uint8_t *from, int count, uint8_t *low,
                         uint8_t *high) {
  for (int i = 0; i < count; ++i) {
    low[i] = from[i] & 15;
    high[i] = from[i] >> 4;
  }
}

/// Fifth bits of 32 codes, one bit each, at `from`.
static void addFifthBits(const uint8_t *from, uint8_t *codes) {
  for (int i = 0; i < 32; ++i)
    codes[i] |= uint8_t((from[i / 8] >> (i % 8) & 1) << 4);
}

/// Eight 6-bit scales and eight 6-bit minimums in 12 bytes.
static void unpackScales(const uint8_t *from, uint8_t *scales, uint8_t *mins) {
  for (int i = 0; i < 4; ++i) {
    scales[i] = from[i] & 63;
    mins[i] = from[i + 4] & 63;
    scales[i + 4] = uint8_t((from[i + 8] & 15) | (from[i] >> 6) << 4);
    mins[i + 4] = uint8_t((from[i + 8] >> 4) | (from[i + 4] >> 6) << 4);
  }
}

/// q4_k's and q5_k's codes: byte i of each 32 has element i of an even
/// sub-block below and of the odd one after it above.
static void unpackQ4K(const uint8_t *nibbles, uint8_t *codes) {
  for (int i = 0; i < 256; i += 64)
    splitNibbles(nibbles + i / 2, 32, codes + i, codes + i + 32);
}

static void unpackQ6K(const uint8_t *from, Parts to) {
  const uint8_t *nibbles = from, *pairs = from + 128;
  for (int half = 0; half < 256; half += 128) {
    uint8_t *codes = to.codes + half;
    splitNibbles(nibbles + half / 2, 64, codes, codes + 64);
    for (int i = 0; i < 128; ++i)
      codes[i] |= uint8_t((pairs[half / 4 + i % 32] >> (i / 32 * 2) & 3) << 4);
  }
  std::memcpy(to.scales, from + 192, 16);
  *to.d = load16(from + 208);
}

static void unpackBlock(Storage storage, const uint8_t *from, Parts to) {
  if (storage == Storage::Q6_K)
    return unpackQ6K(from, to);
  *to.d = load16(from);
  switch (storage) {
  case Storage::Q4_0:
    return splitNibbles(from + 2, 16, to.codes, to.codes + 16);
  case Storage::Q4_1:
    *to.m = load16(from + 2);
    return splitNibbles(from + 4, 16, to.codes, to.codes + 16);
  case Storage::Q5_0:
    splitNibbles(from + 6, 16, to.codes, to.codes + 16);
    return addFifthBits(from + 2, to.codes);
  case Storage::Q5_1:
    *to.m = load16(from + 2);
    splitNibbles(from + 8, 16, to.codes, to.codes + 16);
    return addFifthBits(from + 4, to.codes);
  case Storage::Q4_K:
    *to.m = load16(from + 2);
    unpackScales(from + 4, to.scales, to.mins);
    return unpackQ4K(from + 16, to.codes);
  case Storage::Q5_K:
    *to.m = load16(from + 2);
    unpackScales(from + 4, to.scales, to.mins);
    unpackQ4K(from + 48, to.codes);
    for (int i = 0; i < 256; ++i)
      to.codes[i] |= uint8_t((from[16 + i % 32] >> (i / 32) & 1) << 4);
    return;
  default: // q8_0
    std::memcpy(to.codes, from + 2, 32);
  }
}

void trine::decodeBlocks(const BlockFormat &format, const uint8_t *from,
                         int64_t count, float *out) {
  uint8_t codes[256], scales[16], mins[8];
  uint16_t dBits, mBits;
  for (int64_t i = 0; i < count; ++i) {
    unpackBlock(format.storage, from, {codes, &dBits, &mBits, scales, mins});
    from += storageInfo(format.storage).blockBytes;
    float d = f16ToF32(dBits);
    // -0.0 is the identity of the addition, signed zeros included.
    float m = format.hasMin ? f16ToF32(mBits) : -0.0f;
    for (int sub = 0; sub < format.subBlocks(); ++sub) {
      float scale = d, add = m;
      if (format.hasScales)
        scale *=
            format.hasMin ? float(scales[sub]) : float(int8_t(scales[sub]));
      if (format.hasScales && format.hasMin)
        add = -(m * float(mins[sub]));
      const uint8_t *q = codes + ptrdiff_t(sub) * format.block;
      for (int j = 0; j < format.block; ++j) {
        int code = format.bits == 8 ? int8_t(q[j]) : q[j];
        *out++ = float(code - format.zero) * scale + add;
      }
    }
  }
}

void trine::readBlocks(const StoredTensor &tensor, int64_t firstRow,
                       int64_t rows, BlockCodes &into) {
  const BlockFormat *format = blockFormat(tensor.storage);
  if (!format)
    throw badInput(tensor.file, "tensor '{}': expected blocks, got {}",
                   tensor.name, storageName(tensor.storage));
  Bytes bytes = storedRows(tensor, firstRow, rows);
  size_t blockBytes = storageInfo(tensor.storage).blockBytes;
  size_t blocks = bytes.size() / blockBytes;
  size_t subs = size_t(format->subBlocks());
  into.codes.resize(blocks * size_t(format->super));
  into.d.resize(blocks);
  into.m.resize(format->hasMin ? blocks : 0);
  into.scales.resize(format->hasScales ? blocks * subs : 0);
  into.mins.resize(format->hasScales && format->hasMin ? blocks * subs : 0);
  // Null for the parts the format does not have.
  auto part = [](auto &list, size_t at) {
    return list.empty() ? nullptr : list.data() + at;
  };
  for (size_t i = 0; i < blocks; ++i)
    unpackBlock(tensor.storage, bytes.data() + i * blockBytes,
                {part(into.codes, i * size_t(format->super)), part(into.d, i),
                 part(into.m, i), part(into.scales, i * subs),
                 part(into.mins, i * subs)});
}
