//===- IsaConvert.cpp - cvt -----------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Format.h"
#include "Lanes.h"
#include "Real.h"

#include <cfenv>
#include <limits>

using namespace trine::ptx;

namespace {

enum Flag : uint32_t {
  Toward = 7, ///< a Round
  Ftz = 8,
  Sat = 16,
  Relu = 32,
  Finite = 64,
  Whole = 128, ///< round to an integer
};

uint32_t readFlags(const Modifiers &m) {
  static constexpr std::pair<const char *, uint32_t> names[] = {
      {"rn", uint32_t(Round::Nearest)},
      {"rz", uint32_t(Round::Zero)},
      {"rm", uint32_t(Round::Down)},
      {"rp", uint32_t(Round::Up)},
      {"rna", uint32_t(Round::NearestAway)},
      {"rni", uint32_t(Round::Nearest) | Whole},
      {"rzi", uint32_t(Round::Zero) | Whole},
      {"rmi", uint32_t(Round::Down) | Whole},
      {"rpi", uint32_t(Round::Up) | Whole},
      {"ftz", Ftz},
      {"sat", Sat},
      {"relu", Relu},
      {"satfinite", Finite}};
  uint32_t flags = 0;
  for (const auto &[name, flag] : names)
    if (m.has(name))
      flags |= flag;
  return flags;
}
Round roundOf(uint32_t flags) { return Round(flags & Toward); }

//===----------------------------------------------------------------------===//
// Registers that are wider than the type
//===----------------------------------------------------------------------===//

template <class T> struct Values {
  alignas(64) T of[warpSize];
};

/// The low bits of a register.
template <class T> void fetch(Warp &warp, const Operand &o, Values<T> &to) {
  auto copy = [&]<class R>() {
    const R *from = warp.lanes<R>(o);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      std::memcpy(&to.of[lane], &from[lane], sizeof(T));
  };
  switch (std::max<unsigned>(o.bytes, 2)) {
  case 2:
    return copy.template operator()<uint16_t>();
  case 4:
    return copy.template operator()<uint32_t>();
  default:
    return copy.template operator()<uint64_t>();
  }
}

/// Extends by the sign of T.
template <class T>
void deliver(Warp &warp, const Operand &o, const T *from, Mask active) {
  auto copy = [&]<class R>() {
    Values<R> wide;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): extends the sign
      wide.of[lane] = R(from[lane]);
    put(warp.lanes<R>(o), wide.of, active);
  };
  if (o.bytes == sizeof(T))
    put(warp.lanes<T>(o), from, active);
  else if (o.bytes == 2)
    copy.template operator()<uint16_t>();
  else if (o.bytes == 4)
    copy.template operator()<uint32_t>();
  else
    copy.template operator()<uint64_t>();
}

//===----------------------------------------------------------------------===//
// Integers
//===----------------------------------------------------------------------===//

template <class D, class S> D clampTo(S value) {
  using Limits = std::numeric_limits<D>;
  if (std::cmp_less(value, Limits::min()))
    return Limits::min();
  return std::cmp_greater(value, Limits::max()) ? Limits::max() : D(value);
}

template <class D, class S>
void integerToInteger(Warp &warp, const Instruction &i, Mask active) {
  Values<S> source;
  Values<D> result;
  fetch(warp, i.operands[1], source);
  bool sat = i.flags & Sat;
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result.of[lane] = sat ? clampTo<D>(source.of[lane]) : D(source.of[lane]);
  deliver(warp, i.operands[0], result.of, active);
}

/// Any integer as a double rounded to odd.
template <class S> double exactly(S value) {
  if constexpr (sizeof(S) < 8) {
    return double(value);
  } else {
    auto low = uint32_t(value);
    double high = std::is_signed_v<S> ? double(int32_t(value >> 32))
                                      : double(uint32_t(value >> 32));
    return sumToOdd(high * 0x1p32, double(low));
  }
}

template <class D, class S>
void integerToFloat(Warp &warp, const Instruction &i, Mask active) {
  Values<S> source;
  Values<D> result;
  fetch(warp, i.operands[1], source);
  eachLane(active, [&](unsigned lane) {
    S value = source.of[lane];
    D &to = result.of[lane];
    if constexpr (std::is_same_v<D, double>) {
      static constexpr int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD,
                                      FE_UPWARD};
      std::fesetround(modes[i.flags & 3]);
      // Volatile: the conversion stays between the changes of the mode.
      volatile S given = value;
      volatile double made = double(given);
      to = made;
      std::fesetround(FE_TONEAREST);
    } else {
      constexpr Type type = std::is_same_v<D, float>  ? Type::F32
                            : std::is_same_v<D, Half> ? Type::F16
                                                      : Type::BF16;
      uint32_t bits = encode(*formatOf(type), exactly(value), roundOf(i.flags),
                             i.flags & Finite);
      std::memcpy(&to, &bits, sizeof to);
    }
    if constexpr (std::is_floating_point_v<D>)
      if (i.flags & Sat)
        to = saturate(to);
  });
  put(warp.lanes<D>(i.operands[0]), result.of, active);
}
/// The usual one, vectorized.
template <class S>
void integerToF32(Warp &warp, const Instruction &i, Mask active) {
  Values<S> source;
  Values<float> result;
  fetch(warp, i.operands[1], source);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result.of[lane] = float(source.of[lane]);
  put(warp.lanes<float>(i.operands[0]), result.of, active);
}

template <class T> T whole(T value, Round round) {
  switch (round) {
  case Round::Zero:
    return std::trunc(value);
  case Round::Down:
    return std::floor(value);
  case Round::Up:
    return std::ceil(value);
  default:
    return std::nearbyint(value); // to even
  }
}

template <class D, class S>
void floatToInteger(Warp &warp, const Instruction &i, Mask active) {
  Values<S> source;
  Values<D> result;
  fetch(warp, i.operands[1], source);
  // NaN is 0 between narrow types, else the sign bit alone.
  constexpr bool narrow = sizeof(D) < 8 && !std::is_same_v<S, double>;
  const D nan = narrow ? D(0) : D(uint64_t(1) << (8 * sizeof(D) - 1));
  for (unsigned lane = 0; lane < warpSize; ++lane) {
    auto given = i.flags & Ftz ? flush(source.of[lane]) : source.of[lane];
    double value = whole(double(toFloat(given)), roundOf(i.flags));
    constexpr auto low = double(std::numeric_limits<D>::min()),
                   high = double(std::numeric_limits<D>::max());
    result.of[lane] = value != value  ? nan
                      : value <= low  ? std::numeric_limits<D>::min()
                      : value >= high ? std::numeric_limits<D>::max()
                                      : D(value);
  }
  deliver(warp, i.operands[0], result.of, active);
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

/// Any float to one of at most 32 bits.
uint32_t convert(const Format &format, double value, uint32_t flags) {
  if (flags & Whole)
    value = whole(value, roundOf(flags));
  if (flags & Relu && !(value > 0) && value == value)
    value = 0;
  if (flags & Sat)
    value = saturate(value);
  return encode(format, value, flags & Whole ? Round::Nearest : roundOf(flags),
                flags & Finite);
}

template <class D, class S>
void floatToFloat(Warp &warp, const Instruction &i, Mask active) {
  const S *source = warp.lanes<S>(i.operands[1]);
  D *d = warp.lanes<D>(i.operands[0]);
  const Format &format = *formatOf(Type(i.flags >> 24));
  eachLane(active, [&](unsigned lane) {
    S given = i.flags & Ftz ? flush(source[lane]) : source[lane];
    uint32_t bits = convert(format, double(toFloat(given)), i.flags);
    std::memcpy(&d[lane], &bits, sizeof(D));
    if (i.flags & Ftz)
      d[lane] = flush(d[lane]);
  });
}
/// f32, f16, bf16 → f64; f64 → f64.
template <class S> struct ToDouble {
  uint32_t flags;
  explicit ToDouble(const Instruction &i) : flags(i.flags) {}
  double operator()(S value) const {
    double result = toFloat(flags & Ftz ? flush(value) : value);
    if (flags & Whole)
      result = whole(result, roundOf(flags));
    return flags & Sat ? saturate(result) : canonical(result);
  }
};
/// Widening, and rounding to nearest: vectorized.
template <class D, class S> struct Nearest {
  D operator()(S value) const { return fromFloat<D>(toFloat(value)); }
};
template <unsigned mantissa> struct Fp8Pair {
  uint16_t operator()(float high, float low) const {
    return uint16_t(toFp8<mantissa>(high) << 8 | toFp8<mantissa>(low));
  }
};
template <class D> struct NearestPair {
  uint32_t operator()(float high, float low) const {
    return uint32_t(fromFloat<D>(high).bits) << 16 | fromFloat<D>(low).bits;
  }
};

/// Two numbers to two codes in one register: the first is the upper.
template <class D>
void packPair(Warp &warp, const Instruction &i, Mask active) {
  const Format &format = *formatOf(Type(i.flags >> 24));
  const float *high = warp.lanes<float>(i.operands[1]),
              *low = warp.lanes<float>(i.operands[2]);
  D *d = warp.lanes<D>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    d[lane] = D(convert(format, high[lane], i.flags) << 4 * sizeof(D) |
                convert(format, low[lane], i.flags));
  });
}
/// Both elements of a register: S and D hold two of 8 or 16 bits.
template <class D, class S>
void eachOfPair(Warp &warp, const Instruction &i, Mask active) {
  const Format &from = *formatOf(Type(i.flags >> 16 & 0xff)),
               &to = *formatOf(Type(i.flags >> 24));
  const S *a = warp.lanes<S>(i.operands[1]);
  D *d = warp.lanes<D>(i.operands[0]);
  constexpr S mask = S(S(1) << 4 * sizeof(S)) - 1;
  eachLane(active, [&](unsigned lane) {
    double high = decode(from, a[lane] >> 4 * sizeof(S)),
           low = decode(from, a[lane] & mask);
    d[lane] = D(convert(to, high, i.flags) << 4 * sizeof(D) |
                convert(to, low, i.flags));
  });
}

//===----------------------------------------------------------------------===//
// Selection
//===----------------------------------------------------------------------===//

/// Calls `make` with a value of the C++ type of a PTX type.
template <class Make> Handler withInteger(Type type, Make make) {
  switch (type) {
  case Type::U8:
    return make.template operator()<uint8_t>();
  case Type::S8:
    return make.template operator()<int8_t>();
  case Type::U16:
    return make.template operator()<uint16_t>();
  case Type::S16:
    return make.template operator()<int16_t>();
  case Type::U32:
    return make.template operator()<uint32_t>();
  case Type::S32:
    return make.template operator()<int32_t>();
  case Type::U64:
    return make.template operator()<uint64_t>();
  case Type::S64:
    return make.template operator()<int64_t>();
  default:
    return nullptr;
  }
}
template <class Make> Handler withFloat(Type type, Make make) {
  switch (type) {
  case Type::F16:
    return make.template operator()<Half>();
  case Type::BF16:
    return make.template operator()<BFloat>();
  case Type::F32:
    return make.template operator()<float>();
  case Type::F64:
    return make.template operator()<double>();
  default:
    return nullptr;
  }
}

Handler integers(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m);
  return withInteger(m.type(0), [&]<class D>() {
    return withInteger(m.type(1), [&]<class S>() -> Handler {
      return integerToInteger<D, S>;
    });
  });
}
Handler toFloatForm(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m);
  return withFloat(m.type(0), [&]<class D>() {
    return withInteger(m.type(1), [&]<class S>() -> Handler {
      if constexpr (std::is_same_v<D, float>)
        if (i.flags == uint32_t(Round::Nearest))
          return integerToF32<S>;
      return integerToFloat<D, S>;
    });
  });
}
Handler toInteger(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m);
  return withInteger(m.type(0), [&]<class D>() {
    return withFloat(
        m.type(1), [&]<class S>() -> Handler { return floatToInteger<D, S>; });
  });
}
Handler floats(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m) | uint32_t(m.type(0)) << 24;
  bool plain = (i.flags & 0xff) == uint32_t(Round::Nearest);
  return withFloat(m.type(0), [&]<class D>() {
    return withFloat(m.type(1), [&]<class S>() -> Handler {
      if constexpr (std::is_same_v<D, double>) {
        return map<ToDouble<S>, double, S>;
      } else {
        if constexpr (!std::is_same_v<S, double>)
          if (plain)
            return map<Nearest<D, S>, D, S>;
        return floatToFloat<D, S>;
      }
    });
  });
}
Handler tf32(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m) | uint32_t(Type::TF32) << 24;
  return floatToFloat<float, float>;
}
Handler pairs(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m) | uint32_t(m.type(0)) << 24;
  if (bytesOf(m.type(0)) == 2 && (i.flags & Relu))
    return packPair<uint16_t>;
  if (bytesOf(m.type(0)) == 2)
    return m.type(0) == Type::E4M3x2 ? map<Fp8Pair<3>, uint16_t, float, float>
                                     : map<Fp8Pair<2>, uint16_t, float, float>;
  if ((i.flags & 0xff) != uint32_t(Round::Nearest))
    return packPair<uint32_t>;
  return m.type(0) == Type::F16x2
             ? map<NearestPair<Half>, uint32_t, float, float>
             : map<NearestPair<BFloat>, uint32_t, float, float>;
}
Handler pairToPair(const Modifiers &m, Instruction &i) {
  i.flags =
      readFlags(m) | uint32_t(m.type(1)) << 16 | uint32_t(m.type(0)) << 24;
  return bytesOf(m.type(0)) == 2 ? eachOfPair<uint16_t, uint32_t>
                                 : eachOfPair<uint32_t, uint16_t>;
}

#define INTEGERS "(u8|u16|u32|u64|s8|s16|s32|s64)"
#define MODES "(rn|rz|rm|rp)"
#define WHOLE "(rni|rzi|rmi|rpi)"
#define FLOATS "(f16|f32|f64)"

constexpr Form forms[] = {
    {"cvt[.sat]." INTEGERS "." INTEGERS, "=~T0 ~T1", 0, 10, integers},
    {"cvt." MODES "[.ftz][.sat].(f16|f32|f64)." INTEGERS, "=T0 ~T1", 0, 10,
     toFloatForm},
    {"cvt." MODES ".bf16." INTEGERS, "=T0 ~T1", 90, 78, toFloatForm},
    {"cvt." WHOLE "[.ftz][.sat]." INTEGERS "." FLOATS, "=~T0 T1", 0, 10,
     toInteger},
    {"cvt." WHOLE "." INTEGERS ".bf16", "=~T0 T1", 90, 78, toInteger},
    {"cvt[.ftz][.sat]." FLOATS "." FLOATS, "=T0 T1", 0, 10, floats},
    {"cvt." MODES "[.ftz][.sat]." FLOATS "." FLOATS, "=T0 T1", 0, 10, floats},
    {"cvt." WHOLE "[.ftz][.sat]." FLOATS "." FLOATS, "=T0 T1", 0, 10, floats},
    {"cvt.(rn|rz)[.satfinite].relu.f16.f32", "=T0 T1", 80, 70, floats},
    {"cvt.(rn|rz).satfinite.f16.f32", "=T0 T1", 80, 81, floats},
    {"cvt.(rn|rz)[.satfinite][.relu].bf16.f32", "=T0 T1", 80, 70, floats},
    {"cvt.f32.bf16", "=T0 T1", 80, 71, floats},
    {"cvt." MODES "[.sat].bf16.(f16|f64|bf16)", "=T0 T1", 90, 78, floats},
    {"cvt[.rn|rz|rm|rp][.sat].(f16|f64).bf16", "=T0 T1", 90, 78, floats},
    {"cvt." WHOLE ".bf16.bf16", "=T0 T1", 90, 78, floats},
    {"cvt.rna[.satfinite].tf32.f32", "=b32 f32", 80, 70, tf32},
    {"cvt.(rn|rz)[.satfinite][.relu].tf32.f32", "=b32 f32", 90, 78, tf32},
    {"cvt.(rn|rz)[.satfinite][.relu].(f16x2|bf16x2).f32", "=b32 f32 f32", 80,
     70, pairs},
    {"cvt.rn.satfinite[.relu].(e4m3x2|e5m2x2).f32", "=b16 f32 f32", 89, 81,
     pairs},
    {"cvt.rn.satfinite[.relu].(e4m3x2|e5m2x2).f16x2", "=b16 b32", 89, 81,
     pairToPair},
    {"cvt.rn[.relu].f16x2.(e4m3x2|e5m2x2)", "=b32 b16", 89, 81, pairToPair},
};

} // namespace

std::span<const Form> trine::ptx::convertForms() { return forms; }
