//===- IsaApproximate.cpp - .approx: exp2, log2, sin, 1/x … ---------------===//
// The hardware's results are within published bounds of the true values; here
// they are the true values, rounded once (README, "Approximations").
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Real.h"

using namespace trine::ptx;

namespace {

struct Ex2 {
  float operator()(float a) const { return std::exp2(a); }
};
struct Lg2 {
  float operator()(float a) const { return float(std::log2(double(a))); }
};
struct Sin {
  float operator()(float a) const { return float(std::sin(double(a))); }
};
struct Cos {
  float operator()(float a) const { return float(std::cos(double(a))); }
};
struct Tanh {
  float operator()(float a) const { return float(std::tanh(double(a))); }
};
struct Rcp {
  float operator()(float a) const { return 1 / a; }
  double operator()(double a) const { return 1 / a; }
};
struct Rsqrt {
  float operator()(float a) const { return float(1 / std::sqrt(double(a))); }
  double operator()(double a) const { return 1 / std::sqrt(a); }
};
struct Sqrt {
  float operator()(float a) const { return __builtin_elementwise_sqrt(a); }
};
struct Div {
  float operator()(float a, float b) const { return a / b; }
};
/// div.approx: a * (1 / b), which is 0 once 1 / b is subnormal.
struct DivApprox {
  float operator()(float a, float b) const {
    float magnitude = std::fabs(b);
    if (magnitude > 0x1p126f && !std::isinf(magnitude))
      return std::isinf(a) ? NAN
                           : std::copysign(0.0f, a) * (b < 0 ? -1.0f : 1.0f);
    return a / b;
  }
};

template <class Op, bool ftz> struct Flavour {
  template <class... T> float operator()(T... values) const {
    if constexpr (ftz)
      return canonical(flush(Op()(flush(values)...)));
    else
      return canonical(Op()(values...));
  }
};
template <class Op> Handler one(const Modifiers &m, Instruction &) {
  return m.has("ftz") ? unary<Flavour<Op, true>, float>
                      : unary<Flavour<Op, false>, float>;
}
template <class Op> Handler two(const Modifiers &m, Instruction &) {
  return m.has("ftz") ? binary<Flavour<Op, true>, float>
                      : binary<Flavour<Op, false>, float>;
}

/// f64: the upper half of the result only.
template <class Op> struct Upper {
  double operator()(double a) const {
    auto bits = std::bit_cast<uint64_t>(canonical(Op()(a)));
    return std::bit_cast<double>(bits >> 32 << 32);
  }
};

template <class Op, class T> struct Narrow {
  T operator()(T a) const { return fromFloat<T>(Op()(toFloat(a))); }
};
template <class Op, class T> struct NarrowPair {
  uint32_t operator()(uint32_t a) const {
    T low = Narrow<Op, T>()(T{uint16_t(a)});
    T high = Narrow<Op, T>()(T{uint16_t(a >> 16)});
    return low.bits | uint32_t(high.bits) << 16;
  }
};
template <class Op> Handler narrow(const Modifiers &m, Instruction &) {
  switch (m.type()) {
  case Type::F16:
    return unary<Narrow<Op, Half>, Half>;
  case Type::BF16:
    return unary<Narrow<Op, BFloat>, BFloat>;
  case Type::F16x2:
    return unary<NarrowPair<Op, Half>, uint32_t>;
  default:
    return unary<NarrowPair<Op, BFloat>, uint32_t>;
  }
}

constexpr Form forms[] = {
    {"ex2.approx[.ftz].f32", "=T T", 0, 14, one<Ex2>},
    {"ex2.approx.(f16|f16x2)", "=T T", 75, 70, narrow<Ex2>},
    {"ex2.approx.ftz.(bf16|bf16x2)", "=T T", 90, 78, narrow<Ex2>},
    {"lg2.approx[.ftz].f32", "=T T", 0, 14, one<Lg2>},
    {"sin.approx[.ftz].f32", "=T T", 0, 14, one<Sin>},
    {"cos.approx[.ftz].f32", "=T T", 0, 14, one<Cos>},
    {"tanh.approx.f32", "=T T", 75, 70, one<Tanh>},
    {"tanh.approx.(f16|f16x2)", "=T T", 75, 70, narrow<Tanh>},
    {"tanh.approx.(bf16|bf16x2)", "=T T", 90, 78, narrow<Tanh>},
    {"rcp.approx[.ftz].f32", "=T T", 0, 14, one<Rcp>},
    {"rcp.approx.ftz.f64", "=T T", 20, 21, fixed<unary<Upper<Rcp>, double>>},
    {"rsqrt.approx[.ftz].f32", "=T T", 0, 14, one<Rsqrt>},
    {"rsqrt.approx[.ftz].f64", "=T T", 20, 40,
     fixed<unary<Upper<Rsqrt>, double>>},
    {"sqrt.approx[.ftz].f32", "=T T", 0, 14, one<Sqrt>},
    {"div.approx[.ftz].f32", "=T T T", 0, 14, two<DivApprox>},
    {"div.full[.ftz].f32", "=T T T", 0, 14, two<Div>},
};

} // namespace

std::span<const Form> trine::ptx::approximateForms() { return forms; }
