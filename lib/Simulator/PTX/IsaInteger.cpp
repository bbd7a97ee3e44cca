//===- IsaInteger.cpp - integer arithmetic --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <limits>
#include <type_traits>

using namespace trine::ptx;

namespace {

template <class T> using Unsigned = std::make_unsigned_t<T>;
/// Twice as wide.
template <class T>
using Wide = std::conditional_t<
    sizeof(T) == 2, std::conditional_t<std::is_signed_v<T>, int32_t, uint32_t>,
    std::conditional_t<
        sizeof(T) == 4,
        std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>,
        std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>>>;

template <class T> T saturate(Wide<T> value) {
  constexpr Wide<T> low = std::numeric_limits<T>::min(),
                    high = std::numeric_limits<T>::max();
  return T(value < low ? low : value > high ? high : value);
}

struct Add {
  template <class T> T operator()(T a, T b) const {
    return T(Unsigned<T>(Unsigned<T>(a) + Unsigned<T>(b)));
  }
};
struct Sub {
  template <class T> T operator()(T a, T b) const {
    return T(Unsigned<T>(Unsigned<T>(a) - Unsigned<T>(b)));
  }
};
struct AddSat {
  int32_t operator()(int32_t a, int32_t b) const {
    return saturate<int32_t>(int64_t(a) + b);
  }
};
struct SubSat {
  int32_t operator()(int32_t a, int32_t b) const {
    return saturate<int32_t>(int64_t(a) - b);
  }
};
struct MulLo {
  template <class T> T operator()(T a, T b) const { return T(Wide<T>(a) * b); }
};
struct MulHi {
  template <class T> T operator()(T a, T b) const {
    return T((Wide<T>(a) * b) >> 8 * sizeof(T));
  }
};
struct MadLo {
  template <class T> T operator()(T a, T b, T c) const {
    return Add()(MulLo()(a, b), c);
  }
};
struct MadHi {
  template <class T> T operator()(T a, T b, T c) const {
    return Add()(MulHi()(a, b), c);
  }
};
struct MadHiSat {
  int32_t operator()(int32_t a, int32_t b, int32_t c) const {
    return AddSat()(MulHi()(a, b), c);
  }
};
template <class T> struct MulWide {
  Wide<T> operator()(T a, T b) const { return Wide<T>(a) * b; }
};
template <class T> struct MadWide {
  Wide<T> operator()(T a, T b, Wide<T> c) const {
    return Add()(Wide<T>(Wide<T>(a) * b), c);
  }
};

/// The low 24 bits of a and b.
template <class T> T low24(T value) { return T(value << 8) >> 8; }
template <bool high> struct Mul24 {
  template <class T> T operator()(T a, T b) const {
    auto product = Wide<T>(low24(a)) * low24(b);
    return T(high ? product >> 16 : product);
  }
};
struct Mad24 {
  template <class T> T operator()(T a, T b, T c) const {
    return Add()(Mul24<false>()(a, b), c);
  }
};

// Division by zero has an unspecified result: all ones, as the hardware.
struct Div {
  template <class T> T operator()(T a, T b) const {
    if (b == 0)
      return T(~T(0));
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return Sub()(T(0), a);
    return T(a / b);
  }
};
struct Rem {
  template <class T> T operator()(T a, T b) const {
    if (b == 0)
      return a;
    if constexpr (std::is_signed_v<T>)
      if (b == T(-1))
        return 0;
    return T(a % b);
  }
};
struct Min {
  template <class T> T operator()(T a, T b) const { return b < a ? b : a; }
};
struct Max {
  template <class T> T operator()(T a, T b) const { return a < b ? b : a; }
};
struct MinRelu {
  template <class T> T operator()(T a, T b) const {
    return Max()(Min()(a, b), T(0));
  }
};
struct MaxRelu {
  template <class T> T operator()(T a, T b) const {
    return Max()(Max()(a, b), T(0));
  }
};
struct Neg {
  template <class T> T operator()(T a) const { return Sub()(T(0), a); }
};
struct Abs {
  template <class T> T operator()(T a) const { return a < 0 ? Neg()(a) : a; }
};
struct Sad {
  template <class T> T operator()(T a, T b, T c) const {
    return Add()(c, a < b ? Sub()(b, a) : Sub()(a, b));
  }
};

/// Both halves of 32 bits.
template <class Op, class T> struct Halves {
  uint32_t operator()(uint32_t a, uint32_t b) const {
    auto low = uint16_t(Op()(T(a), T(b)));
    auto high = uint16_t(Op()(T(a >> 16), T(b >> 16)));
    return low | uint32_t(high) << 16;
  }
};
template <class Op> Handler halves(const Modifiers &m, Instruction &) {
  return m.has("s16x2") ? binary<Halves<Op, int16_t>, uint32_t>
                        : binary<Halves<Op, uint16_t>, uint32_t>;
}

template <bool mad> Handler wide(const Modifiers &m, Instruction &) {
  auto select = [&]<class T>() -> Handler {
    if constexpr (mad)
      return map<MadWide<T>, Wide<T>, T, T, Wide<T>>;
    else
      return map<MulWide<T>, Wide<T>, T, T>;
  };
  switch (m.type()) {
  case Type::U16:
    return select.template operator()<uint16_t>();
  case Type::S16:
    return select.template operator()<int16_t>();
  case Type::U32:
    return select.template operator()<uint32_t>();
  default:
    return select.template operator()<int32_t>();
  }
}

/// dp4a, dp2a: products of bytes of b with bytes (or halves) of a, added to c.
template <class A, class B, unsigned terms, bool high> struct DotProduct {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    constexpr unsigned width = 32 / terms;
    for (unsigned i = 0; i < terms; ++i) {
      auto x = A(a >> i * width);
      auto y = B(b >> (i + (high ? 2 : 0)) * 8);
      c += uint32_t(int32_t(x) * int32_t(y));
    }
    return c;
  }
};
template <class A, class U, class S, unsigned terms, bool high>
Handler dotProductB(const Modifiers &m) {
  return m.type(1) == Type::S32
             ? ternary<DotProduct<A, S, terms, high>, uint32_t>
             : ternary<DotProduct<A, U, terms, high>, uint32_t>;
}
Handler dp4a(const Modifiers &m, Instruction &) {
  return m.type(0) == Type::S32
             ? dotProductB<int8_t, uint8_t, int8_t, 4, false>(m)
             : dotProductB<uint8_t, uint8_t, int8_t, 4, false>(m);
}
template <bool high> Handler dp2a(const Modifiers &m, Instruction &) {
  return m.type(0) == Type::S32
             ? dotProductB<int16_t, uint8_t, int8_t, 2, high>(m)
             : dotProductB<uint16_t, uint8_t, int8_t, 2, high>(m);
}

/// add.cc and its kin: the carry is a hidden register of the warp.
template <class T, bool in, bool out, bool subtract>
void carry(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]), *b = warp.lanes<T>(i.operands[2]);
  T *d = warp.lanes<T>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    // a - b = a + ~b + 1: the carry of a subtraction is "no borrow".
    bool given = in ? bool(warp.carry >> lane & 1) : subtract;
    auto sum = Wide<T>(a[lane]) + T(subtract ? ~b[lane] : b[lane]) + given;
    d[lane] = T(sum);
    if (out) {
      Mask bit = Mask(1) << lane;
      warp.carry = sum >> 8 * sizeof(T) ? warp.carry | bit : warp.carry & ~bit;
    }
  });
}
template <bool in, bool out, bool subtract>
Handler selectCarry(const Modifiers &m, Instruction &) {
  return bytesOf(m.type()) == 8 ? carry<uint64_t, in, out, subtract>
                                : carry<uint32_t, in, out, subtract>;
}

/// mad.lo.cc, madc.hi.cc …: the product's half, then as add.
template <class T, bool in, bool high>
void madCarry(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]), *b = warp.lanes<T>(i.operands[2]),
          *c = warp.lanes<T>(i.operands[3]);
  T *d = warp.lanes<T>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    T product = high ? MulHi()(a[lane], b[lane]) : MulLo()(a[lane], b[lane]);
    auto sum = Wide<T>(product) + c[lane] + (in ? warp.carry >> lane & 1 : 0);
    d[lane] = T(sum);
    if (i.flags) {
      Mask bit = Mask(1) << lane;
      warp.carry = sum >> 8 * sizeof(T) ? warp.carry | bit : warp.carry & ~bit;
    }
  });
}
template <bool in> Handler selectMadCarry(const Modifiers &m, Instruction &i) {
  i.flags = m.has("cc");
  bool high = m.has("hi");
  if (bytesOf(m.type()) == 8)
    return high ? madCarry<uint64_t, in, true> : madCarry<uint64_t, in, false>;
  return high ? madCarry<uint32_t, in, true> : madCarry<uint32_t, in, false>;
}

#define INTEGERS "(u16|s16|u32|s32|u64|s64)"
#define WORDS "(u32|s32|u64|s64)"

constexpr Form forms[] = {
    {"add." INTEGERS, "=T T T", 0, 10, integerBinary<Add>},
    {"add.sat.s32", "=T T T", 0, 10, fixed<binary<AddSat, int32_t>>},
    {"add.(u16x2|s16x2)", "=T T T", 90, 80, halves<Add>},
    {"sub." INTEGERS, "=T T T", 0, 10, integerBinary<Sub>},
    {"sub.sat.s32", "=T T T", 0, 10, fixed<binary<SubSat, int32_t>>},
    {"add.cc." WORDS, "=T T T", 0, 12, selectCarry<false, true, false>},
    {"addc." WORDS, "=T T T", 0, 12, selectCarry<true, false, false>},
    {"addc.cc." WORDS, "=T T T", 0, 12, selectCarry<true, true, false>},
    {"sub.cc." WORDS, "=T T T", 0, 12, selectCarry<false, true, true>},
    {"subc." WORDS, "=T T T", 0, 12, selectCarry<true, false, true>},
    {"subc.cc." WORDS, "=T T T", 0, 12, selectCarry<true, true, true>},
    {"mul.lo." INTEGERS, "=T T T", 0, 10, integerBinary<MulLo>},
    {"mul.hi." INTEGERS, "=T T T", 0, 10, integerBinary<MulHi>},
    {"mul.wide.(u16|s16|u32|s32)", "=W T T", 0, 10, wide<false>},
    {"mad.lo." INTEGERS, "=T T T T", 0, 10, integerTernary<MadLo>},
    {"mad.hi." INTEGERS, "=T T T T", 0, 10, integerTernary<MadHi>},
    {"mad.hi.sat.s32", "=T T T T", 0, 10, fixed<ternary<MadHiSat, int32_t>>},
    {"mad.wide.(u16|s16|u32|s32)", "=W T T W", 0, 10, wide<true>},
    {"mad.(lo|hi).cc." WORDS, "=T T T T", 0, 30, selectMadCarry<false>},
    {"madc.(lo|hi)[.cc]." WORDS, "=T T T T", 0, 30, selectMadCarry<true>},
    {"mul24.lo.(u32|s32)", "=T T T", 0, 10, integerBinary<Mul24<false>>},
    {"mul24.hi.(u32|s32)", "=T T T", 0, 10, integerBinary<Mul24<true>>},
    {"mad24.lo.(u32|s32)", "=T T T T", 0, 10, integerTernary<Mad24>},
    {"div." INTEGERS, "=T T T", 0, 10, integerBinary<Div>},
    {"rem." INTEGERS, "=T T T", 0, 10, integerBinary<Rem>},
    {"min." INTEGERS, "=T T T", 0, 10, integerBinary<Min>},
    {"max." INTEGERS, "=T T T", 0, 10, integerBinary<Max>},
    {"min.relu.s32", "=T T T", 90, 80, integerBinary<MinRelu>},
    {"max.relu.s32", "=T T T", 90, 80, integerBinary<MaxRelu>},
    {"min.(u16x2|s16x2)", "=T T T", 90, 80, halves<Min>},
    {"max.(u16x2|s16x2)", "=T T T", 90, 80, halves<Max>},
    {"neg.(s16|s32|s64)", "=T T", 0, 10, integerUnary<Neg>},
    {"abs.(s16|s32|s64)", "=T T", 0, 10, integerUnary<Abs>},
    {"sad." INTEGERS, "=T T T T", 0, 10, integerTernary<Sad>},
    {"dp4a.(u32|s32).(u32|s32)", "=u32 T0 T1 u32", 61, 50, dp4a},
    {"dp2a.lo.(u32|s32).(u32|s32)", "=u32 T0 T1 u32", 61, 50, dp2a<false>},
    {"dp2a.hi.(u32|s32).(u32|s32)", "=u32 T0 T1 u32", 61, 50, dp2a<true>},
};

} // namespace

std::span<const Form> trine::ptx::integerForms() { return forms; }
