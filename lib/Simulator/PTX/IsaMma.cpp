//===- IsaMma.cpp - mma.sync ----------------------------------------------===//
// d = a * b + c. A register of a or b holds, over the warp, 8 rows of 16 bytes:
// lane 4g + t has bytes 4t … 4t + 3 of row g. a is 16 rows (registers alternate
// between the upper and the lower 8), b 8 columns; c and d have in lane 4g + t
// columns 2t and 2t + 1 of rows g and g + 8.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Format.h"
#include "Lanes.h"
#include "Real.h"

#include <array>
#include <fmt/format.h>

using namespace trine::ptx;

namespace {

constexpr unsigned rows = 16, columns = 8;

//===----------------------------------------------------------------------===//
// A register's 8 rows as numbers
//===----------------------------------------------------------------------===//

template <class T> struct Elements;

template <> struct Elements<Half> {
  static constexpr unsigned count = 8; ///< in 16 bytes
  using Number = float;
  static float number(Half value) { return toFloat(value); }
};
template <> struct Elements<BFloat> {
  static constexpr unsigned count = 8;
  using Number = float;
  static float number(BFloat value) { return toFloat(value); }
};
/// tf32: the low 13 bits do not count.
template <> struct Elements<float> {
  static constexpr unsigned count = 4;
  using Number = float;
  static float number(float value) {
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) & ~0x1fffu);
  }
};
template <> struct Elements<int8_t> {
  static constexpr unsigned count = 16;
  using Number = int32_t;
  static int32_t number(int8_t value) { return value; }
};
template <> struct Elements<uint8_t> {
  static constexpr unsigned count = 16;
  using Number = int32_t;
  static int32_t number(uint8_t value) { return value; }
};

template <Type type> struct Code {
  uint8_t bits;
};
template <Type type> std::array<float, 256> decodeAll() {
  std::array<float, 256> table = {};
  for (uint32_t code = 0; code < 256; ++code)
    table[code] = float(decode(*formatOf(type), code));
  return table;
}
template <Type type> struct Elements<Code<type>> {
  static constexpr unsigned count = 16;
  using Number = float;
  static const std::array<float, 256> table;
  static float number(Code<type> value) { return table[value.bits]; }
};

template <Type type>
const std::array<float, 256> Elements<Code<type>>::table = decodeAll<type>();

/// To[row][stride]: 8 rows of a register, Elements::count numbers each.
template <class T, class N>
void expandRows(const T *from, N *to, unsigned stride) {
  constexpr unsigned count = Elements<T>::count;
  for (unsigned row = 0; row < 8; ++row)
    for (unsigned k = 0; k < count; ++k)
      to[row * stride + k] = Elements<T>::number(from[row * count + k]);
}
/// To[k][8]: the same, transposed.
template <class T, class N> void expandColumns(const T *from, N *to) {
  constexpr unsigned count = Elements<T>::count;
  N straight[8 * count];
  expandRows(from, straight, count);
  for (unsigned k = 0; k < count; ++k)
    for (unsigned column = 0; column < 8; ++column)
      to[k * 8 + column] = straight[column * count + k];
}

//===----------------------------------------------------------------------===//
// The product
//===----------------------------------------------------------------------===//

template <class N>
using Row [[gnu::aligned(32)]] =
    N __attribute__((vector_size(sizeof(N) * columns)));

/// product[16][8] = a[16][depth] * b[depth][8]
template <unsigned depth, class N>
void multiply(const N *a, const N *b, N *product) {
  for (unsigned begin = 0; begin < rows; begin += 8) {
    Row<N> sums[8] = {};
    for (unsigned k = 0; k < depth; ++k) {
      Row<N> right;
      std::memcpy(&right, b + size_t(k) * columns, sizeof right);
      for (unsigned r = 0; r < 8; ++r) {
        Row<N> left = a[(begin + r) * depth + k] - Row<N>{};
        if constexpr (std::is_same_v<N, float>)
          sums[r] = __builtin_elementwise_fma(left, right, sums[r]);
        else
          sums[r] += left * right;
      }
    }
    std::memcpy(product + size_t(begin) * columns, sums, sizeof sums);
  }
}

/// What lane 4g + t has of row g and g + 8.
template <class Body> void eachAccumulator(Body body) {
  for (unsigned half = 0; half < 2; ++half)
    for (unsigned lane = 0; lane < warpSize; ++lane)
      body(half, lane, (half * 8 + lane / 4) * columns + lane % 4 * 2);
}

enum Flag : uint32_t { Saturate = 1 };

/// d, c: f32 or s32, one in a register.
template <class N>
void addWords(Warp &warp, const Operand *d, const Operand *c, const N *product,
              uint32_t flags) {
  eachAccumulator([&](unsigned half, unsigned lane, unsigned at) {
    for (unsigned k = 0; k < 2; ++k) {
      N addend = warp.lanes<N>(c[half * 2 + k])[lane];
      N &to = warp.lanes<N>(d[half * 2 + k])[lane];
      if constexpr (std::is_same_v<N, float>) {
        to = canonical(product[at + k] + addend);
      } else {
        int64_t sum = int64_t(product[at + k]) + addend;
        if (flags & Saturate)
          sum = std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX);
        to = N(sum);
      }
    }
  });
}
/// d, c: two f16 in a register.
void addHalves(Warp &warp, const Operand *d, const Operand *c,
               const float *product) {
  eachAccumulator([&](unsigned half, unsigned lane, unsigned at) {
    uint32_t addend = warp.lanes<uint32_t>(c[half])[lane], result = 0;
    for (unsigned k = 0; k < 2; ++k) {
      float sum = product[at + k] + toFloat(Half{uint16_t(addend >> 16 * k)});
      result |= uint32_t(fromFloat<Half>(sum).bits) << 16 * k;
    }
    warp.lanes<uint32_t>(d[half])[lane] = result;
  });
}

//===----------------------------------------------------------------------===//
// Undefined operands
//===----------------------------------------------------------------------===//

/// Groups of four lanes of which one is undefined.
uint8_t undefinedRows(Mask defined) {
  uint8_t result = 0;
  for (unsigned row = 0; row < 8; ++row)
    result |= uint8_t(uint8_t((~defined >> 4 * row & 15) != 0) << row);
  return result;
}

/// An element of d is defined where its row of a, its column of b and its c
/// are.
void defineProduct(Warp &warp, const Instruction &i, unsigned inA,
                   unsigned inB) {
  unsigned inD = i.written, words = inD / 2; // registers of a half
  uint8_t badRows[2] = {}, badColumns = 0;
  for (unsigned k = 0; k < inA; ++k)
    badRows[k % 2] |= undefinedRows(warp.definedness(i.operands[inD + k]));
  for (unsigned k = 0; k < inB; ++k)
    badColumns |= undefinedRows(warp.definedness(i.operands[inD + inA + k]));
  const Operand *c = i.operands + inD + inA + inB;
  Mask good[4];
  for (unsigned k = 0; k < inD; ++k) {
    good[k] = warp.definedness(c[k]);
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      unsigned column = lane % 4 * 2;
      unsigned mine = words == 2 ? 1u << (column + k % 2) : 3u << column;
      if ((badRows[k / words] >> lane / 4 & 1) || (badColumns & mine))
        good[k] &= ~(Mask(1) << lane);
    }
  }
  for (unsigned k = 0; k < inD; ++k)
    warp.define(i.operands[k], fullMask, good[k]);
}

//===----------------------------------------------------------------------===//
// Handlers
//===----------------------------------------------------------------------===//

/// `chunks` of 16 bytes are the depth of the product. D: float, int32_t or
/// Half.
template <class A, class B, class D, unsigned chunks>
void mma(Warp &warp, const Instruction &i, Mask active) {
  using N = typename Elements<A>::Number;
  constexpr unsigned depth = Elements<A>::count * chunks;
  if (active != fullMask)
    warp.trap(TrapKind::DivergentSync, ~active, 0,
              fmt::format("expected all 32 lanes, got {:#x}", active));
  alignas(64) N a[rows * depth], b[depth * columns], product[rows * columns];
  const Operand *inA = i.operands + i.written, *inB = inA + 2UL * chunks,
                *inC = inB + chunks;
  for (unsigned chunk = 0; chunk < chunks; ++chunk) {
    unsigned at = chunk * Elements<A>::count;
    expandRows(warp.lanes<A>(inA[2UL * chunk]), a + at, depth);
    expandRows(warp.lanes<A>(inA[2UL * chunk + 1]), a + size_t(8) * depth + at,
               depth);
    expandColumns(warp.lanes<B>(inB[chunk]), b + size_t(at) * columns);
  }
  multiply<depth>(a, b, product);
  Mask known = fullMask;
  for (unsigned k = i.written; k < i.count; ++k)
    known &= warp.definedness(i.operands[k]);
  if (known == fullMask)
    for (unsigned k = 0; k < i.written; ++k)
      warp.define(i.operands[k], fullMask);
  else
    defineProduct(warp, i, 2 * chunks, chunks);
  if constexpr (std::is_same_v<D, Half>)
    addHalves(warp, i.operands, inC, product);
  else
    addWords<N>(warp, i.operands, inC, product, i.flags);
}

/// By the depth and the type of d.
template <class A, class B> Handler ofDepth(const Modifiers &m) {
  constexpr unsigned count = Elements<A>::count;
  bool one = m[2] == fmt::format("m16n8k{}", count);
  if constexpr (std::is_same_v<typename Elements<A>::Number, int32_t>)
    return one ? mma<A, B, int32_t, 1> : mma<A, B, int32_t, 2>;
  else if (m.type(0) == Type::F16)
    return one ? mma<A, B, Half, 1> : mma<A, B, Half, 2>;
  else
    return one ? mma<A, B, float, 1> : mma<A, B, float, 2>;
}
template <class A, class Other> Handler ofTypeB(const Modifiers &m) {
  return m.type(1) == m.type(2) ? ofDepth<A, A>(m) : ofDepth<A, Other>(m);
}
Handler select(const Modifiers &m, Instruction &i) {
  using E4m3 = Code<Type::E4M3>;
  using E5m2 = Code<Type::E5M2>;
  i.flags = m.has("satfinite") ? Saturate : 0;
  switch (m.type(1)) {
  case Type::F16:
    return ofDepth<Half, Half>(m);
  case Type::BF16:
    return ofDepth<BFloat, BFloat>(m);
  case Type::TF32:
    return ofDepth<float, float>(m);
  case Type::S8:
    return ofTypeB<int8_t, uint8_t>(m);
  case Type::U8:
    return ofTypeB<uint8_t, int8_t>(m);
  case Type::E4M3:
    return ofTypeB<E4m3, E5m2>(m);
  default:
    return ofTypeB<E5m2, E4m3>(m);
  }
}

#define MMA(SHAPE, TYPES) "mma.sync.aligned." SHAPE ".row.col" TYPES
// Operands by the chunks of 16 bytes of the depth, and d's type.
#define ONE "=4*b32 2*b32 b32 4*b32"
#define TWO "=4*b32 4*b32 2*b32 4*b32"
#define ONE_F16 "=2*b32 2*b32 b32 2*b32"
#define TWO_F16 "=2*b32 4*b32 2*b32 2*b32"
#define ROW(SHAPE, TYPES, OPERANDS, ARCH, VERSION)                             \
  {MMA(SHAPE, TYPES), OPERANDS, ARCH, VERSION, select, Flow::Own, Gather::Live}
#define FP8 ".(e4m3|e5m2).(e4m3|e5m2)"
#define BYTES "[.satfinite].s32.(s8|u8).(s8|u8).s32"

constexpr Form forms[] = {
    ROW("m16n8k8", ".f32.f16.f16.f32", ONE, 75, 65),
    ROW("m16n8k16", ".f32.f16.f16.f32", TWO, 80, 70),
    ROW("m16n8k8", ".f16.f16.f16.f16", ONE_F16, 75, 65),
    ROW("m16n8k16", ".f16.f16.f16.f16", TWO_F16, 80, 70),
    ROW("m16n8k8", ".f32.bf16.bf16.f32", ONE, 80, 70),
    ROW("m16n8k16", ".f32.bf16.bf16.f32", TWO, 80, 70),
    ROW("m16n8k4", ".f32.tf32.tf32.f32", ONE, 80, 70),
    ROW("m16n8k8", ".f32.tf32.tf32.f32", TWO, 80, 70),
    ROW("m16n8k16", BYTES, ONE, 80, 70),
    ROW("m16n8k32", BYTES, TWO, 80, 70),
    ROW("m16n8k16", ".f32" FP8 ".f32", ONE, 89, 87),
    ROW("m16n8k32", ".f32" FP8 ".f32", TWO, 89, 84),
    ROW("m16n8k16", ".f16" FP8 ".f16", ONE_F16, 89, 87),
    ROW("m16n8k32", ".f16" FP8 ".f16", TWO_F16, 89, 87),
};

} // namespace

std::span<const Form> trine::ptx::mmaForms() { return forms; }
