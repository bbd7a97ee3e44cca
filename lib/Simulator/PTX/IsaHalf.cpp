//===- IsaHalf.cpp - f16 and bf16, one or two in a register ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Real.h"

using namespace trine::ptx;

namespace {

enum Flag : uint32_t { Ftz = 1, Sat = 2, Relu = 4, Nan = 8, Xorsign = 16 };

/// The double nearest or odd → T, rounded once.
template <class T> T round(double odd) { return fromFloat<T>(oddFloat(odd)); }

// f32 has more than twice the bits of f16, and its exponents: what it rounds
// may be rounded again. For bf16 that fails among subnormals.
struct Add {
  static Half of(Half a, Half b, Half, uint32_t) {
    return fromFloat<Half>(toFloat(a) + toFloat(b));
  }
  static BFloat of(BFloat a, BFloat b, BFloat, uint32_t) {
    return round<BFloat>(sumToOdd(toFloat(a), toFloat(b)));
  }
};
struct Sub {
  static Half of(Half a, Half b, Half, uint32_t) {
    return fromFloat<Half>(toFloat(a) - toFloat(b));
  }
  static BFloat of(BFloat a, BFloat b, BFloat, uint32_t) {
    return round<BFloat>(sumToOdd(toFloat(a), -double(toFloat(b))));
  }
};
struct Mul {
  static Half of(Half a, Half b, Half, uint32_t) {
    return fromFloat<Half>(toFloat(a) * toFloat(b));
  }
  static BFloat of(BFloat a, BFloat b, BFloat, uint32_t) { // exact in a double
    return round<BFloat>(double(toFloat(a)) * double(toFloat(b)));
  }
};
struct Fma {
  template <class T> static T of(T a, T b, T c, uint32_t) {
    double product = double(toFloat(a)) * double(toFloat(b));
    return round<T>(sumToOdd(product, toFloat(c)));
  }
};
template <bool larger> struct Extreme {
  template <class T> static T of(T a, T b, T, uint32_t flags) {
    uint16_t sign = (a.bits ^ b.bits) & 0x8000;
    if (flags & Xorsign) {
      a.bits &= 0x7fff;
      b.bits &= 0x7fff;
    }
    float x = toFloat(a), y = toFloat(b);
    bool first = larger ? x > y : x < y;
    if (x == y)
      first = bool(a.bits >> 15) != larger;
    T best = first ? a : b;
    if (x != x || y != y)
      best = flags & Nan || (x != x && y != y) ? canonicalNan<T>()
             : x != x                          ? b
                                               : a;
    if (flags & Xorsign)
      best.bits |= sign;
    return best;
  }
};
struct Neg {
  template <class T> static T of(T a, T, T, uint32_t) {
    return {uint16_t(a.bits ^ 0x8000)};
  }
};
struct Abs {
  template <class T> static T of(T a, T, T, uint32_t) {
    return {uint16_t(a.bits & 0x7fff)};
  }
};

/// `Op` with the modifiers of the instruction.
template <class Op, class T> struct Scalar {
  uint32_t flags;
  explicit Scalar(const Instruction &i) : flags(i.flags) {}
  template <class... S> T operator()(T a, S... rest) const {
    T operand[3] = {a, rest...};
    if (flags & Ftz)
      for (T &value : operand)
        value = flush(value);
    T result = Op::of(operand[0], operand[1], operand[2], flags);
    if (flags & Ftz)
      result = flush(result);
    float value = toFloat(result);
    if (flags & Sat)
      return fromFloat<T>(saturate(value));
    if (flags & Relu && value < 0)
      return {0};
    if (flags & Relu && result.bits == 0x8000)
      return {0};
    return value != value ? canonicalNan<T>() : result;
  }
};
template <class Op, class T> struct Pair {
  Scalar<Op, T> scalar;
  explicit Pair(const Instruction &i) : scalar(i) {}
  template <class... S> uint32_t operator()(S... values) const {
    T low = scalar(T{uint16_t(values)}...);
    T high = scalar(T{uint16_t(values >> 16)}...);
    return low.bits | uint32_t(high.bits) << 16;
  }
};

template <class Op, size_t sources, class T> constexpr Handler handler() {
  if constexpr (sources == 1)
    return unary<Op, T>;
  else if constexpr (sources == 2)
    return binary<Op, T>;
  else
    return ternary<Op, T>;
}

template <class Op, size_t sources>
Handler select(const Modifiers &m, Instruction &i) {
  static constexpr std::pair<const char *, Flag> names[] = {
      {"ftz", Ftz},
      {"sat", Sat},
      {"relu", Relu},
      {"NaN", Nan},
      {"xorsign", Xorsign}};
  for (const auto &[name, flag] : names)
    if (m.has(name))
      i.flags |= flag;
  switch (m.type()) {
  case Type::F16:
    return handler<Scalar<Op, Half>, sources, Half>();
  case Type::BF16:
    return handler<Scalar<Op, BFloat>, sources, BFloat>();
  case Type::F16x2:
    return handler<Pair<Op, Half>, sources, uint32_t>();
  default:
    return handler<Pair<Op, BFloat>, sources, uint32_t>();
  }
}

#define F16 "(f16|f16x2)"
#define BF16 "(bf16|bf16x2)"

constexpr Form forms[] = {
    {"add[.rn][.ftz][.sat]." F16, "=T T T", 53, 42, select<Add, 2>},
    {"add[.rn]." BF16, "=T T T", 90, 78, select<Add, 2>},
    {"sub[.rn][.ftz][.sat]." F16, "=T T T", 53, 42, select<Sub, 2>},
    {"sub[.rn]." BF16, "=T T T", 90, 78, select<Sub, 2>},
    {"mul[.rn][.ftz][.sat]." F16, "=T T T", 53, 42, select<Mul, 2>},
    {"mul[.rn]." BF16, "=T T T", 90, 78, select<Mul, 2>},
    {"fma.rn[.ftz][.sat]." F16, "=T T T T", 53, 42, select<Fma, 3>},
    {"fma.rn[.ftz].relu." F16, "=T T T T", 80, 70, select<Fma, 3>},
    {"fma.rn[.relu]." BF16, "=T T T T", 80, 70, select<Fma, 3>},
    {"min[.ftz][.NaN]." F16, "=T T T", 80, 70, select<Extreme<false>, 2>},
    {"max[.ftz][.NaN]." F16, "=T T T", 80, 70, select<Extreme<true>, 2>},
    {"min[.NaN]." BF16, "=T T T", 80, 70, select<Extreme<false>, 2>},
    {"max[.NaN]." BF16, "=T T T", 80, 70, select<Extreme<true>, 2>},
    {"min[.ftz][.NaN].xorsign.abs." F16, "=T T T", 86, 72,
     select<Extreme<false>, 2>},
    {"max[.ftz][.NaN].xorsign.abs." F16, "=T T T", 86, 72,
     select<Extreme<true>, 2>},
    {"min[.NaN].xorsign.abs." BF16, "=T T T", 86, 72,
     select<Extreme<false>, 2>},
    {"max[.NaN].xorsign.abs." BF16, "=T T T", 86, 72, select<Extreme<true>, 2>},
    {"neg[.ftz]." F16, "=T T", 53, 60, select<Neg, 1>},
    {"neg." BF16, "=T T", 80, 70, select<Neg, 1>},
    {"abs[.ftz]." F16, "=T T", 53, 65, select<Abs, 1>},
    {"abs." BF16, "=T T", 80, 70, select<Abs, 1>},
};

} // namespace

std::span<const Form> trine::ptx::halfForms() { return forms; }
