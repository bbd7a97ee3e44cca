//===- IsaBits.cpp - logic, shifts, fields of bits ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>
#include <type_traits>

using namespace trine::ptx;

namespace {

struct And {
  template <class T> T operator()(T a, T b) const { return a & b; }
};
struct Or {
  template <class T> T operator()(T a, T b) const { return a | b; }
};
struct Xor {
  template <class T> T operator()(T a, T b) const { return a ^ b; }
};
struct Not {
  template <class T> T operator()(T a) const { return T(~a); }
};
struct Cnot {
  template <class T> T operator()(T a) const { return a == 0; }
};

template <class Op, size_t... K>
void predicateLogic(Warp &warp, const Instruction &i, Mask active,
                    std::index_sequence<K...>) {
  Mask result = Op()(warp.predicate(i.operands[1 + K])...);
  Mask &d = warp.predicate(i.operands[0]);
  d = (d & ~active) | (result & active);
}
template <class Op, size_t sources>
void logic(Warp &warp, const Instruction &i, Mask active) {
  predicateLogic<Op>(warp, i, active, std::make_index_sequence<sources>());
}

/// Amounts beyond the width are taken as the width.
struct Shl {
  template <class T> T operator()(T a, uint32_t by) const {
    return by >= 8 * sizeof(T) ? T(0) : T(a << by);
  }
};
struct Shr {
  template <class T> T operator()(T a, uint32_t by) const {
    constexpr uint32_t last = 8 * sizeof(T) - 1;
    if (by > last)
      return std::is_signed_v<T> ? T(a >> last) : T(0);
    return T(a >> by);
  }
};
template <class Op> struct Shift {
  template <class T> struct Of {
    static constexpr Handler handler = map<Op, T, T, uint32_t>;
  };
};
template <class Op> Handler shift(const Modifiers &m, Instruction &) {
  return forInteger<Shift<Op>::template Of>(m.type());
}

struct FunnelLeft {
  uint32_t flags;
  explicit FunnelLeft(const Instruction &i) : flags(i.flags) {}
  uint32_t operator()(uint32_t low, uint32_t high, uint32_t by) const {
    by = flags ? std::min(by, 32u) : by & 31;
    uint64_t both = uint64_t(high) << 32 | low;
    return uint32_t(both << by >> 32);
  }
};
struct FunnelRight {
  uint32_t flags;
  explicit FunnelRight(const Instruction &i) : flags(i.flags) {}
  uint32_t operator()(uint32_t low, uint32_t high, uint32_t by) const {
    by = flags ? std::min(by, 32u) : by & 31;
    return uint32_t((uint64_t(high) << 32 | low) >> by);
  }
};
Handler funnel(const Modifiers &m, Instruction &i) {
  i.flags = m.has("clamp");
  return m.has("l") ? ternary<FunnelLeft, uint32_t>
                    : ternary<FunnelRight, uint32_t>;
}

/// The look-up table is the last operand.
struct Lop3 {
  uint32_t table;
  explicit Lop3(const Instruction &i) : table(uint32_t(i.operands[4].offset)) {}
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t c) const {
    uint32_t result = 0;
    for (uint32_t k = 0; k < 8; ++k)
      result |= (table >> k & 1 ? ~0u : 0u) & (k & 4 ? a : ~a) &
                (k & 2 ? b : ~b) & (k & 1 ? c : ~c);
    return result;
  }
};

struct Bfe {
  template <class T> T operator()(T a, uint32_t begin, uint32_t length) const {
    constexpr uint32_t width = 8 * sizeof(T);
    begin &= 0xff;
    length &= 0xff;
    if (length == 0)
      return 0;
    bool negative =
        std::is_signed_v<T> && a >> std::min(begin + length - 1, width - 1) & 1;
    T fill = negative ? T(~T(0)) : T(0);
    T field = begin >= width ? fill : T(a >> begin);
    if (length >= width)
      return field;
    T mask = T((std::make_unsigned_t<T>(1) << length) - 1);
    return T((field & mask) | (fill & ~mask));
  }
};
template <class T> struct BfeOf {
  static constexpr Handler handler = map<Bfe, T, T, uint32_t, uint32_t>;
};
struct Bfi {
  template <class T>
  T operator()(T a, T b, uint32_t begin, uint32_t length) const {
    constexpr uint32_t width = 8 * sizeof(T);
    begin &= 0xff;
    length &= 0xff;
    if (begin >= width || length == 0)
      return b;
    T mask = length >= width ? T(~T(0)) : T((T(1) << length) - 1);
    mask = T(mask << begin);
    return T((b & ~mask) | (T(a << begin) & mask));
  }
};
template <class T> struct BfiOf {
  static constexpr Handler handler = map<Bfi, T, T, T, uint32_t, uint32_t>;
};

/// Position of the highest bit that differs from the sign; all ones if none.
struct Bfind {
  bool shift;
  explicit Bfind(const Instruction &i) : shift(i.flags) {}
  template <class T> uint32_t operator()(T a) const {
    auto bits = std::make_unsigned_t<T>(std::is_signed_v<T> && a < 0 ? ~a : a);
    if (bits == 0)
      return ~0u;
    auto zeros = uint32_t(std::countl_zero(bits));
    return shift ? zeros : 8 * sizeof(T) - 1 - zeros;
  }
};
template <class T> struct BfindOf {
  static constexpr Handler handler = map<Bfind, uint32_t, T>;
};
Handler bfind(const Modifiers &m, Instruction &i) {
  i.flags = m.has("shiftamt");
  return forInteger<BfindOf>(m.type());
}

struct Brev {
  template <class T> T operator()(T a) const {
    T result = 0;
    for (size_t bit = 0; bit < 8 * sizeof(T); ++bit)
      result |= T((a >> bit & 1) << (8 * sizeof(T) - 1 - bit));
    return result;
  }
};
struct Clz {
  template <class T> uint32_t operator()(T a) const {
    return uint32_t(std::countl_zero(a));
  }
};
struct Popc {
  template <class T> uint32_t operator()(T a) const {
    return uint32_t(std::popcount(a));
  }
};
template <class Op> Handler count(const Modifiers &m, Instruction &) {
  return bytesOf(m.type()) == 8 ? map<Op, uint32_t, uint64_t>
                                : map<Op, uint32_t, uint32_t>;
}

struct Prmt {
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t selector) const {
    uint64_t bytes = uint64_t(b) << 32 | a;
    uint32_t result = 0;
    for (unsigned k = 0; k < 4; ++k) {
      uint32_t s = selector >> 4 * k & 15;
      auto byte = uint8_t(bytes >> 8 * (s & 7));
      if (s & 8) // the byte's sign, eight times
        byte = byte & 0x80 ? 0xff : 0;
      result |= uint32_t(byte) << 8 * k;
    }
    return result;
  }
};
/// The modes choose bytes by the low two bits of the selector.
struct PrmtMode {
  uint32_t mode;
  explicit PrmtMode(const Instruction &i) : mode(i.flags) {}
  uint32_t operator()(uint32_t a, uint32_t b, uint32_t selector) const {
    static constexpr uint16_t selectors[6][4] = {
        {0x3210, 0x4321, 0x5432, 0x6543}, // f4e
        {0x5670, 0x6701, 0x7012, 0x0123}, // b4e
        {0x0000, 0x1111, 0x2222, 0x3333}, // rc8
        {0x3210, 0x3211, 0x3222, 0x3333}, // ecl
        {0x0000, 0x1110, 0x2210, 0x3210}, // ecr
        {0x1010, 0x3232, 0x1010, 0x3232}, // rc16
    };
    return Prmt()(a, b, selectors[mode][selector & 3]);
  }
};
Handler prmtMode(const Modifiers &m, Instruction &i) {
  static constexpr const char *modes[] = {"f4e", "b4e", "rc8",
                                          "ecl", "ecr", "rc16"};
  for (uint32_t k = 0; k < 6; ++k)
    if (m.has(modes[k]))
      i.flags = k;
  return ternary<PrmtMode, uint32_t>;
}

struct Bmsk {
  bool clamp;
  explicit Bmsk(const Instruction &i) : clamp(i.flags) {}
  uint32_t operator()(uint32_t begin, uint32_t length) const {
    if (!clamp) {
      begin &= 31;
      length &= 31;
    }
    uint64_t mask = length >= 32 ? ~0u : (uint64_t(1) << length) - 1;
    return begin >= 32 ? 0 : uint32_t(mask << begin);
  }
};
Handler bmsk(const Modifiers &m, Instruction &i) {
  i.flags = m.has("clamp");
  return binary<Bmsk, uint32_t>;
}

struct Szext {
  bool clamp, negative;
  explicit Szext(const Instruction &i)
      : clamp(i.flags & 1), negative(i.flags & 2) {}
  uint32_t operator()(uint32_t a, uint32_t bits) const {
    bits = clamp ? std::min(bits, 32u) : bits & 31;
    if (bits == 32)
      return a;
    uint32_t mask = (1u << bits) - 1;
    bool sign = negative && bits && (a >> (bits - 1) & 1);
    return sign ? a | ~mask : a & mask;
  }
};
Handler szext(const Modifiers &m, Instruction &i) {
  i.flags = uint32_t(m.has("clamp")) | (m.type() == Type::S32 ? 2 : 0);
  return binary<Szext, uint32_t>;
}

#define BITS "(b16|b32|b64)"

constexpr Form forms[] = {
    {"and." BITS, "=T T T", 0, 10, integerBinary<And>},
    {"or." BITS, "=T T T", 0, 10, integerBinary<Or>},
    {"xor." BITS, "=T T T", 0, 10, integerBinary<Xor>},
    {"not." BITS, "=T T", 0, 10, integerUnary<Not>},
    {"cnot." BITS, "=T T", 0, 10, integerUnary<Cnot>},
    {"and.pred", "=pred pred pred", 0, 10, fixed<logic<And, 2>>},
    {"or.pred", "=pred pred pred", 0, 10, fixed<logic<Or, 2>>},
    {"xor.pred", "=pred pred pred", 0, 10, fixed<logic<Xor, 2>>},
    {"not.pred", "=pred pred", 0, 10, fixed<logic<Not, 1>>},
    {"shl." BITS, "=T T u32", 0, 10, shift<Shl>},
    {"shr.(b16|b32|b64|u16|u32|u64|s16|s32|s64)", "=T T u32", 0, 10,
     shift<Shr>},
    {"shf.(l|r).(wrap|clamp).b32", "=T T T T", 32, 31, funnel},
    {"lop3.b32", "=T T T T #", 50, 43, fixed<ternary<Lop3, uint32_t>>},
    {"bfe.(u32|s32|u64|s64)", "=T T u32 u32", 20, 20,
     [](const Modifiers &m, Instruction &) {
       return forInteger<BfeOf>(m.type());
     }},
    {"bfi.(b32|b64)", "=T T T u32 u32", 20, 20,
     [](const Modifiers &m, Instruction &) {
       return forInteger<BfiOf>(m.type());
     }},
    {"bfind[.shiftamt].(u32|s32|u64|s64)", "=u32 T", 20, 20, bfind},
    {"brev.(b32|b64)", "=T T", 20, 20, integerUnary<Brev>},
    {"clz.(b32|b64)", "=u32 T", 20, 20, count<Clz>},
    {"popc.(b32|b64)", "=u32 T", 20, 20, count<Popc>},
    {"prmt.b32", "=T T T T", 20, 20, fixed<ternary<Prmt, uint32_t>>},
    {"prmt.b32.(f4e|b4e|rc8|ecl|ecr|rc16)", "=b32 b32 b32 b32", 20, 20,
     prmtMode},
    {"bmsk.(clamp|wrap).b32", "=T T T", 70, 76, bmsk},
    {"szext.(clamp|wrap).(u32|s32)", "=T T u32", 70, 76, szext},
};

} // namespace

std::span<const Form> trine::ptx::bitForms() { return forms; }
