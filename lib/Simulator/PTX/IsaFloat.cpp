//===- IsaFloat.cpp - f32 and f64 arithmetic, rounded to nearest ----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Real.h"

using namespace trine::ptx;

namespace {

struct Add {
  template <class T> T operator()(T a, T b) const { return a + b; }
};
struct Sub {
  template <class T> T operator()(T a, T b) const { return a - b; }
};
struct Mul {
  template <class T> T operator()(T a, T b) const { return a * b; }
};
struct Fma {
  template <class T> T operator()(T a, T b, T c) const {
    return __builtin_elementwise_fma(a, b, c);
  }
};
struct Div {
  template <class T> T operator()(T a, T b) const { return a / b; }
};
struct Rcp {
  template <class T> T operator()(T a) const { return 1 / a; }
};
struct Sqrt {
  template <class T> T operator()(T a) const {
    return __builtin_elementwise_sqrt(a);
  }
};

// A NaN loses against a number unless .NaN says otherwise; -0 < +0.
template <bool nan, bool larger> struct Extreme {
  template <class T> T operator()(T a, T b) const {
    T best = larger ? (a > b ? a : b) : (a < b ? a : b);
    if (a == b) // zeros
      best = std::signbit(a) != larger ? a : b;
    if (nan && (a != a || b != b))
      return canonicalNan<T>();
    return a != a ? b : b != b ? a : best;
  }
};
template <bool nan, bool larger> struct ExtremeSign {
  // .xorsign.abs: the magnitudes' extreme with the product's sign.
  template <class T> T operator()(T a, T b) const {
    T best = Extreme<nan, larger>()(std::fabs(a), std::fabs(b));
    return std::signbit(a) != std::signbit(b) ? -best : best;
  }
};

struct Neg {
  template <class T> T operator()(T a) const { return -a; }
};
struct Abs {
  template <class T> T operator()(T a) const {
    return __builtin_elementwise_abs(a);
  }
};
struct Copysign { // the sign of a, the magnitude of b
  template <class T> T operator()(T a, T b) const {
    return std::copysign(b, a);
  }
};

template <class Op, bool ftz, bool sat> struct Flavour {
  template <class T, class... S> T operator()(T first, S... rest) const {
    T result;
    if constexpr (ftz)
      result = flush(Op()(flush(first), flush(rest)...));
    else
      result = Op()(first, rest...);
    return sat ? saturate(result) : canonical(result);
  }
};

template <class Op, class T, size_t sources, bool ftz, bool sat>
constexpr Handler flavoured() {
  using Full = Flavour<Op, ftz, sat>;
  if constexpr (sources == 1)
    return unary<Full, T>;
  else if constexpr (sources == 2)
    return binary<Full, T>;
  else
    return ternary<Full, T>;
}

template <class Op, size_t sources>
Handler nearest(const Modifiers &m, Instruction &) {
  bool ftz = m.has("ftz"), sat = m.has("sat");
  if (m.type() == Type::F64)
    return flavoured<Op, double, sources, false, false>();
  if (ftz)
    return sat ? flavoured<Op, float, sources, true, true>()
               : flavoured<Op, float, sources, true, false>();
  return sat ? flavoured<Op, float, sources, false, true>()
             : flavoured<Op, float, sources, false, false>();
}

template <bool larger> Handler extreme(const Modifiers &m, Instruction &i) {
  bool nan = m.has("NaN");
  if (m.has("xorsign"))
    return nan ? nearest<ExtremeSign<true, larger>, 2>(m, i)
               : nearest<ExtremeSign<false, larger>, 2>(m, i);
  return nan ? nearest<Extreme<true, larger>, 2>(m, i)
             : nearest<Extreme<false, larger>, 2>(m, i);
}

struct Testp {
  uint32_t kind;
  explicit Testp(const Instruction &i) : kind(i.flags) {}
  template <class T> bool operator()(T a) const {
    int type = std::fpclassify(a);
    switch (kind) {
    case 0:
      return std::isfinite(a);
    case 1:
      return type == FP_INFINITE;
    case 2:
      return type != FP_NAN;
    case 3:
      return type == FP_NAN;
    case 4:
      return type == FP_NORMAL;
    default:
      return type == FP_SUBNORMAL;
    }
  }
};
template <class T> void testp(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]);
  Mask &d = warp.predicate(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    Mask bit = Mask(1) << lane;
    d = Testp(i)(a[lane]) ? d | bit : d & ~bit;
  });
}
Handler selectTestp(const Modifiers &m, Instruction &i) {
  static constexpr const char *kinds[] = {
      "finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  for (uint32_t k = 0; k < 6; ++k)
    if (m.has(kinds[k]))
      i.flags = k;
  return m.type() == Type::F64 ? testp<double> : testp<float>;
}

constexpr Form forms[] = {
    {"add[.rn][.ftz][.sat].f32", "=T T T", 0, 10, nearest<Add, 2>},
    {"add[.rn].f64", "=T T T", 0, 10, nearest<Add, 2>},
    {"sub[.rn][.ftz][.sat].f32", "=T T T", 0, 10, nearest<Sub, 2>},
    {"sub[.rn].f64", "=T T T", 0, 10, nearest<Sub, 2>},
    {"mul[.rn][.ftz][.sat].f32", "=T T T", 0, 10, nearest<Mul, 2>},
    {"mul[.rn].f64", "=T T T", 0, 10, nearest<Mul, 2>},
    {"fma.rn[.ftz][.sat].f32", "=T T T T", 20, 20, nearest<Fma, 3>},
    {"fma.rn.f64", "=T T T T", 13, 14, nearest<Fma, 3>},
    {"mad.rn[.ftz][.sat].f32", "=T T T T", 20, 20, nearest<Fma, 3>},
    {"mad.rn.f64", "=T T T T", 13, 14, nearest<Fma, 3>},
    {"div.rn[.ftz].f32", "=T T T", 20, 14, nearest<Div, 2>},
    {"div.rn.f64", "=T T T", 13, 14, nearest<Div, 2>},
    {"rcp.rn[.ftz].f32", "=T T", 20, 14, nearest<Rcp, 1>},
    {"rcp.rn.f64", "=T T", 13, 14, nearest<Rcp, 1>},
    {"sqrt.rn[.ftz].f32", "=T T", 20, 14, nearest<Sqrt, 1>},
    {"sqrt.rn.f64", "=T T", 13, 14, nearest<Sqrt, 1>},
    {"min[.ftz].f32", "=T T T", 0, 10, extreme<false>},
    {"max[.ftz].f32", "=T T T", 0, 10, extreme<true>},
    {"min[.ftz].NaN.f32", "=T T T", 80, 70, extreme<false>},
    {"max[.ftz].NaN.f32", "=T T T", 80, 70, extreme<true>},
    {"min[.ftz][.NaN].xorsign.abs.f32", "=T T T", 86, 72, extreme<false>},
    {"max[.ftz][.NaN].xorsign.abs.f32", "=T T T", 86, 72, extreme<true>},
    {"min.f64", "=T T T", 0, 10, extreme<false>},
    {"max.f64", "=T T T", 0, 10, extreme<true>},
    {"neg[.ftz].f32", "=T T", 0, 10, nearest<Neg, 1>},
    {"neg.f64", "=T T", 0, 10, nearest<Neg, 1>},
    {"abs[.ftz].f32", "=T T", 0, 10, nearest<Abs, 1>},
    {"abs.f64", "=T T", 0, 10, nearest<Abs, 1>},
    {"copysign.(f32|f64)", "=T T T", 20, 20, nearest<Copysign, 2>},
    {"testp.(finite|infinite|number|notanumber|normal|subnormal).(f32|f64)",
     "=pred T", 20, 20, selectTestp},
};

} // namespace

std::span<const Form> trine::ptx::floatForms() { return forms; }
