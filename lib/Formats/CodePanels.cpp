//===- CodePanels.cpp - panels of stored codes ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/CodePanels.h"
#include "trine/Support/Float.h"

#include <bit>
#include <cstring>

using namespace trine;

template <typename T>
static void store(uint8_t *array, int64_t index, T value) {
  std::memcpy(array + index * int64_t(sizeof value), &value, sizeof value);
}

template <typename T> static T load(const uint8_t *array, int64_t index) {
  T value;
  std::memcpy(&value, array + index * int64_t(sizeof value), sizeof value);
  return value;
}

void CodePanel::pack(const BlockCodes &rows, int64_t row, int64_t k,
                     int64_t lane, uint8_t *panel) const {
  int64_t blocks = k / format.super, subs = format.subBlocks();
  const uint8_t *code = rows.codes.data() + row * k;
  for (int64_t b = 0; b < blocks; ++b, panel += blockBytes()) {
    size_t stored = size_t(row * blocks + b);
    store(panel, lane, rows.d[stored]);
    if (format.hasMin)
      store(panel + minOffset(), lane, rows.m[stored]);
    uint8_t *sub = panel + codeOffset();
    for (int64_t i = 0; i < subs;
         ++i, sub += subBytes(), code += format.block) {
      size_t scale = stored * size_t(subs) + size_t(i);
      if (format.hasScales)
        panel[scaleOffset() + i * width + lane] = rows.scales[scale];
      if (format.hasScales && format.hasMin)
        panel[scaleMinOffset() + i * width + lane] = rows.mins[scale];
      uint32_t high = 0, mask = whole() ? 255 : 15;
      for (int64_t e = 0; e < format.block; ++e)
        high |= highBits() ? uint32_t(code[e] >> 4) << highBit(e) : 0;
      if (highBits())
        store(sub, lane, high);
      for (int64_t w = 0; w < words(); ++w) {
        uint32_t word = 0;
        for (int64_t e = 0; e < group(); ++e)
          word |= std::rotl(code[w * group() + e] & mask, int(lowBit(e)));
        store(sub + lowOffset(), w * width + lane, word);
      }
    }
  }
}

void CodePanel::decode(const uint8_t *panel, int64_t lane, int64_t k,
                       float *out) const {
  for (int64_t b = 0; b < k / format.super; ++b, panel += blockBytes()) {
    float d = f16ToF32(load<uint16_t>(panel, lane));
    float m =
        format.hasMin ? f16ToF32(load<uint16_t>(panel + minOffset(), lane)) : 0;
    const uint8_t *sub = panel + codeOffset();
    for (int64_t i = 0; i < format.subBlocks(); ++i, sub += subBytes()) {
      float scale = d, offset = m;
      if (format.hasScales) {
        uint8_t byte = panel[scaleOffset() + i * width + lane];
        scale *= format.hasMin ? float(byte) : float(int8_t(byte));
        offset *= -float(panel[scaleMinOffset() + i * width + lane]);
      }
      for (int64_t e = 0; e < format.block; ++e) {
        uint32_t word =
            load<uint32_t>(sub + lowOffset(), e / group() * width + lane);
        uint32_t field = std::rotr(word, int(lowBit(e % group())));
        int32_t code = whole() ? int8_t(field) : int32_t(field & 15);
        if (highBits())
          code |= int32_t(load<uint32_t>(sub, lane) >> highBit(e) &
                          ((1u << highBits()) - 1))
                  << 4;
        *out++ =
            scale * float(code - format.zero) + (format.hasMin ? offset : 0);
      }
    }
  }
}
