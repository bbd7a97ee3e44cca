//===- IsaRounded.cpp - arithmetic rounded to zero, up or down ------------===//
// The host's rounding mode does it; this file is compiled to respect it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Real.h"

#include <cfenv>

using namespace trine::ptx;

namespace {

enum Flag : uint32_t { Toward = 3, Ftz = 4, Sat = 8 };

struct Add {
  template <class T> static T of(T a, T b, T) { return a + b; }
};
struct Sub {
  template <class T> static T of(T a, T b, T) { return a - b; }
};
struct Mul {
  template <class T> static T of(T a, T b, T) { return a * b; }
};
struct Fma {
  static float of(float a, float b, float c) { return std::fma(a, b, c); }
  static double of(double a, double b, double c) { return std::fma(a, b, c); }
};
struct Div {
  template <class T> static T of(T a, T b, T) { return a / b; }
};
struct Rcp {
  template <class T> static T of(T a, T, T) { return 1 / a; }
};
struct Sqrt {
  static float of(float a, float, float) { return std::sqrt(a); }
  static double of(double a, double, double) { return std::sqrt(a); }
};

template <class Op, class T>
void rounded(Warp &warp, const Instruction &i, Mask active) {
  static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                  FE_UPWARD};
  const T *source[3] = {};
  for (unsigned k = 0; k < 3; ++k)
    source[k] =
        warp.lanes<T>(i.operands[std::min<unsigned>(1 + k, i.count - 1u)]);
  T *d = warp.lanes<T>(i.operands[0]);
  bool ftz = i.flags & Ftz;
  std::fesetround(modes[i.flags & Toward]);
  eachLane(active, [&](unsigned lane) {
    T a = source[0][lane], b = source[1][lane], c = source[2][lane];
    T result =
        ftz ? flush(Op::of(flush(a), flush(b), flush(c))) : Op::of(a, b, c);
    d[lane] = i.flags & Sat ? saturate(result) : canonical(result);
  });
  std::fesetround(FE_TONEAREST);
}

template <class Op> Handler select(const Modifiers &m, Instruction &i) {
  i.flags = (m.has("rz")   ? 1
             : m.has("rm") ? 2
                           : 3) |
            (m.has("ftz") ? Ftz : 0) | (m.has("sat") ? Sat : 0);
  return m.type() == Type::F64 ? rounded<Op, double> : rounded<Op, float>;
}

#define MODES "(rz|rm|rp)"

constexpr Form forms[] = {
    {"add." MODES "[.ftz][.sat].f32", "=T T T", 0, 10, select<Add>},
    {"add." MODES ".f64", "=T T T", 0, 10, select<Add>},
    {"sub." MODES "[.ftz][.sat].f32", "=T T T", 0, 10, select<Sub>},
    {"sub." MODES ".f64", "=T T T", 0, 10, select<Sub>},
    {"mul." MODES "[.ftz][.sat].f32", "=T T T", 0, 10, select<Mul>},
    {"mul." MODES ".f64", "=T T T", 0, 10, select<Mul>},
    {"fma." MODES "[.ftz][.sat].f32", "=T T T T", 20, 20, select<Fma>},
    {"fma." MODES ".f64", "=T T T T", 13, 14, select<Fma>},
    {"mad." MODES "[.ftz][.sat].f32", "=T T T T", 20, 20, select<Fma>},
    {"div." MODES "[.ftz].f32", "=T T T", 20, 14, select<Div>},
    {"div." MODES ".f64", "=T T T", 13, 14, select<Div>},
    {"rcp." MODES "[.ftz].f32", "=T T", 20, 14, select<Rcp>},
    {"rcp." MODES ".f64", "=T T", 13, 14, select<Rcp>},
    {"sqrt." MODES "[.ftz].f32", "=T T", 20, 14, select<Sqrt>},
    {"sqrt." MODES ".f64", "=T T", 13, 14, select<Sqrt>},
};

} // namespace

std::span<const Form> trine::ptx::roundedForms() { return forms; }
