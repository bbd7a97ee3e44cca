//===- IsaCompare.cpp - setp, set, selp, slct -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Real.h"

#include <iterator>

using namespace trine::ptx;

namespace {

/// The comparison and how its result is combined with a predicate.
enum Compare : uint32_t {
  Eq,
  Ne,
  Lt,
  Le,
  Gt,
  Ge,
  Equ,
  Neu,
  Ltu,
  Leu,
  Gtu,
  Geu,
  Num,
  Nan
};
constexpr const char *compareNames[] = {"eq",  "ne",  "lt",  "le",  "gt",
                                        "ge",  "equ", "neu", "ltu", "leu",
                                        "gtu", "geu", "num", "nan"};
enum Combine : uint32_t { And, Or, Xor };
constexpr uint32_t combineShift = 8, ftzFlag = 1 << 16;

template <class T> constexpr bool floating = std::is_floating_point_v<T>;
// What a value is compared as.
template <class T> T plain(T value) { return value; }
inline float plain(Half value) { return toFloat(value); }
inline float plain(BFloat value) { return toFloat(value); }

template <Compare compare, class T> bool holds(T a, T b) {
  bool unordered = floating<T> && (a != a || b != b);
  switch (compare) {
  case Eq:
    return a == b;
  case Ne:
    return a != b && !unordered;
  case Lt:
    return a < b;
  case Le:
    return a <= b;
  case Gt:
    return a > b;
  case Ge:
    return a >= b;
  case Equ:
    return a == b || unordered;
  case Neu:
    return a != b;
  case Ltu:
    return !(a >= b);
  case Leu:
    return !(a > b);
  case Gtu:
    return !(a <= b);
  case Geu:
    return !(a < b);
  case Num:
    return !unordered;
  case Nan:
    return unordered;
  }
}

template <Compare compare, class T>
Mask compareLanes(const T *a, const T *b, bool ftz) {
  alignas(64) uint8_t bytes[warpSize];
  if constexpr (std::is_same_v<T, float> || std::is_same_v<T, Half>)
    if (ftz) {
      for (unsigned lane = 0; lane < warpSize; ++lane)
        bytes[lane] =
            holds<compare>(plain(flush(a[lane])), plain(flush(b[lane])));
      return pack(bytes);
    }
  for (unsigned lane = 0; lane < warpSize; ++lane)
    bytes[lane] = holds<compare>(plain(a[lane]), plain(b[lane]));
  return pack(bytes);
}

/// Combines with the predicate `operand`, if it is there.
Mask combine(Warp &warp, const Instruction &i, unsigned operand, Mask value) {
  if (operand >= i.count)
    return value;
  Mask other = warp.predicate(i.operands[operand]);
  switch (Combine(i.flags >> combineShift & 3)) {
  case And:
    return value & other;
  case Or:
    return value | other;
  case Xor:
    return value ^ other;
  }
  return value;
}

template <Compare compare, class T>
void setp(Warp &warp, const Instruction &i, Mask active) {
  Mask value =
      compareLanes<compare>(warp.lanes<T>(i.operands[2]),
                            warp.lanes<T>(i.operands[3]), i.flags & ftzFlag);
  Mask first = combine(warp, i, 4, value), second = combine(warp, i, 4, ~value);
  Mask &p = warp.predicate(i.operands[0]), &q = warp.predicate(i.operands[1]);
  p = (p & ~active) | (first & active);
  q = (q & ~active) | (second & active);
}

/// d = all ones (1.0 for a float) or 0; `D` is the type of d.
template <class D> D truth(bool value) { return value ? D(~D(0)) : D(0); }
template <> float truth(bool value) { return value ? 1.0f : 0.0f; }
template <> Half truth(bool value) { return {uint16_t(value ? 0x3c00 : 0)}; }
template <> BFloat truth(bool value) { return {uint16_t(value ? 0x3f80 : 0)}; }

template <Compare compare, class T>
void set(Warp &warp, const Instruction &i, Mask active) {
  Mask value = combine(warp, i, 3,
                       compareLanes<compare>(warp.lanes<T>(i.operands[1]),
                                             warp.lanes<T>(i.operands[2]),
                                             i.flags & ftzFlag));
  auto write = [&]<class D>() {
    D *d = warp.lanes<D>(i.operands[0]);
    eachLane(active,
             [&](unsigned lane) { d[lane] = truth<D>(value >> lane & 1); });
  };
  switch (Type(i.flags >> 24)) {
  case Type::F32:
    return write.template operator()<float>();
  case Type::F16:
    return write.template operator()<Half>();
  case Type::BF16:
    return write.template operator()<BFloat>();
  case Type::U16:
  case Type::S16:
    return write.template operator()<uint16_t>();
  default:
    return write.template operator()<uint32_t>();
  }
}

/// set.f16x2 and set.bf16x2: the halves alone.
template <Compare compare, class T>
void setPair(Warp &warp, const Instruction &i, Mask active) {
  const auto *a = warp.lanes<uint32_t>(i.operands[1]),
             *b = warp.lanes<uint32_t>(i.operands[2]);
  auto *d = warp.lanes<uint32_t>(i.operands[0]);
  bool real =
      Type(i.flags >> 24) == Type::F16x2 || Type(i.flags >> 24) == Type::BF16x2;
  eachLane(active, [&](unsigned lane) {
    uint32_t result = 0;
    for (unsigned shift : {0, 16}) {
      T x{uint16_t(a[lane] >> shift)}, y{uint16_t(b[lane] >> shift)};
      bool value = holds<compare>(plain(x), plain(y));
      result |= uint32_t(real ? truth<T>(value).bits : truth<uint16_t>(value))
                << shift;
    }
    d[lane] = result;
  });
}
template <Compare compare, class T>
void setpPair(Warp &warp, const Instruction &i, Mask active) {
  const auto *a = warp.lanes<uint32_t>(i.operands[2]),
             *b = warp.lanes<uint32_t>(i.operands[3]);
  for (unsigned half : {0, 1}) {
    Mask value = 0;
    eachLane(active, [&](unsigned lane) {
      T x{uint16_t(a[lane] >> 16 * half)}, y{uint16_t(b[lane] >> 16 * half)};
      value |= Mask(holds<compare>(plain(x), plain(y))) << lane;
    });
    value = combine(warp, i, 4, value);
    Mask &p = warp.predicate(i.operands[half]);
    p = (p & ~active) | (value & active);
  }
}

/// A table of handlers by comparison.
template <template <Compare, class> class Make, class T, size_t... K>
Handler byCompare(uint32_t compare, std::index_sequence<K...>) {
  static constexpr Handler table[] = {Make<Compare(K), T>::handler...};
  return table[compare];
}
#define MAKE(NAME, FUNCTION)                                                   \
  template <Compare compare, class T> struct NAME {                            \
    static constexpr Handler handler = FUNCTION<compare, T>;                   \
  }
MAKE(Setp, setp);
MAKE(Set, set);
MAKE(SetPair, setPair);
MAKE(SetpPair, setpPair);
#undef MAKE

uint32_t readFlags(const Modifiers &m) {
  // lo, ls, hi, hs: of unsigned integers.
  static constexpr std::pair<const char *, Compare> aliases[] = {
      {"lo", Lt}, {"ls", Le}, {"hi", Gt}, {"hs", Ge}};
  uint32_t flags = m.has("ftz") ? ftzFlag : 0;
  for (uint32_t k = 0; k < std::size(compareNames); ++k)
    if (m.has(compareNames[k]))
      flags |= k;
  for (const auto &[name, compare] : aliases)
    if (m.has(name))
      flags |= compare;
  for (const auto &[name, combine] :
       {std::pair("and", And), std::pair("or", Or), std::pair("xor", Xor)})
    if (m.has(name))
      flags |= combine << combineShift;
  return flags;
}

template <template <Compare, class> class Make>
Handler ofType(Type type, uint32_t flags) {
  constexpr auto all = std::make_index_sequence<std::size(compareNames)>();
  uint32_t compare = flags & 0xff;
  switch (type) {
  case Type::S16:
    return byCompare<Make, int16_t>(compare, all);
  case Type::S32:
    return byCompare<Make, int32_t>(compare, all);
  case Type::S64:
    return byCompare<Make, int64_t>(compare, all);
  case Type::F32:
    return byCompare<Make, float>(compare, all);
  case Type::F64:
    return byCompare<Make, double>(compare, all);
  case Type::F16:
    return byCompare<Make, Half>(compare, all);
  case Type::BF16:
    return byCompare<Make, BFloat>(compare, all);
  case Type::B16:
  case Type::U16:
    return byCompare<Make, uint16_t>(compare, all);
  case Type::B64:
  case Type::U64:
    return byCompare<Make, uint64_t>(compare, all);
  default:
    return byCompare<Make, uint32_t>(compare, all);
  }
}
template <template <Compare, class> class Make>
Handler ofPair(Type type, uint32_t flags) {
  constexpr auto all = std::make_index_sequence<std::size(compareNames)>();
  return type == Type::F16x2 ? byCompare<Make, Half>(flags & 0xff, all)
                             : byCompare<Make, BFloat>(flags & 0xff, all);
}

Handler selectSetp(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m);
  bool pair = m.type() == Type::F16x2 || m.type() == Type::BF16x2;
  return pair ? ofPair<SetpPair>(m.type(), i.flags)
              : ofType<Setp>(m.type(), i.flags);
}
Handler selectSet(const Modifiers &m, Instruction &i) {
  i.flags = readFlags(m) | uint32_t(m.type(0)) << 24;
  bool pair = m.type() == Type::F16x2 || m.type() == Type::BF16x2;
  return pair ? ofPair<SetPair>(m.type(), i.flags)
              : ofType<Set>(m.type(), i.flags);
}

/// d = p ? a : b; what is not chosen may be undefined.
template <class T> void selp(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]), *b = warp.lanes<T>(i.operands[2]);
  Mask p = warp.predicate(i.operands[3]);
  Mask good = ((p & warp.definedness(i.operands[1])) |
               (~p & warp.definedness(i.operands[2]))) &
              warp.definedness(i.operands[3]);
  alignas(64) T result[warpSize];
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = p >> lane & 1 ? a[lane] : b[lane];
  put(warp.lanes<T>(i.operands[0]), result, active);
  warp.define(i.operands[0], active, good);
}
void selpPredicate(Warp &warp, const Instruction &i, Mask active) {
  Mask a = warp.predicate(i.operands[1]), b = warp.predicate(i.operands[2]),
       p = warp.predicate(i.operands[3]), &d = warp.predicate(i.operands[0]);
  Mask good = ((p & warp.definedness(i.operands[1])) |
               (~p & warp.definedness(i.operands[2]))) &
              warp.definedness(i.operands[3]);
  Mask value = (p & a) | (~p & b);
  d = (d & ~active) | (value & active);
  warp.define(i.operands[0], active, good);
}
Handler selectSelp(const Modifiers &m, Instruction &) {
  switch (bytesOf(m.type())) {
  case 0:
    return selpPredicate;
  case 2:
    return selp<uint16_t>;
  case 4:
    return selp<uint32_t>;
  default:
    return selp<uint64_t>;
  }
}

/// d = c >= 0 ? a : b.
template <class T, class C> struct Slct {
  T operator()(T a, T b, C c) const { return c >= 0 ? a : b; }
};
template <class C> Handler slct(Type type) {
  return bytesOf(type) == 2
             ? map<Slct<uint16_t, C>, uint16_t, uint16_t, uint16_t, C>
         : bytesOf(type) == 4
             ? map<Slct<uint32_t, C>, uint32_t, uint32_t, uint32_t, C>
             : map<Slct<uint64_t, C>, uint64_t, uint64_t, uint64_t, C>;
}

#define ORDER "(eq|ne|lt|le|gt|ge|lo|ls|hi|hs)"
#define REAL "(eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan)"
#define INTEGERS "(b16|b32|b64|u16|u32|u64|s16|s32|s64)"
#define ANY "(b16|b32|b64|u16|u32|u64|s16|s32|s64|f32|f64)"

constexpr Form forms[] = {
    {"setp." ORDER "[.and|or|xor]." INTEGERS, "=pred|pred T T pred?", 0, 10,
     selectSetp},
    {"setp." REAL "[.and|or|xor][.ftz].(f32|f64)", "=pred|pred T T pred?", 0,
     10, selectSetp},
    {"setp." REAL "[.and|or|xor][.ftz].(f16|f16x2)", "=pred|pred T T pred?", 53,
     42, selectSetp},
    {"setp." REAL "[.and|or|xor].(bf16|bf16x2)", "=pred|pred T T pred?", 90, 78,
     selectSetp},
    {"set." ORDER "[.and|or|xor].(u32|s32|f32)." INTEGERS, "=T0 T1 T1 pred?", 0,
     10, selectSet},
    {"set." REAL "[.and|or|xor][.ftz].(u32|s32|f32).(f32|f64)",
     "=T0 T1 T1 pred?", 0, 10, selectSet},
    {"set." REAL "[.and|or|xor][.ftz].(f16|u16|s16|u32|s32).f16",
     "=T0 T1 T1 pred?", 53, 42, selectSet},
    {"set." REAL "[.and|or|xor][.ftz].(f16x2|u32|s32).f16x2", "=T0 T1 T1 pred?",
     53, 42, selectSet},
    {"set." REAL "[.and|or|xor].(bf16|u16|s16|u32|s32).bf16", "=T0 T1 T1 pred?",
     90, 78, selectSet},
    {"set." REAL "[.and|or|xor].(bf16x2|u32|s32).bf16x2", "=T0 T1 T1 pred?", 90,
     78, selectSet},
    {"selp." ANY, "=T T T pred", 0, 10, selectSelp, Flow::Own},
    {"selp.pred", "=pred pred pred pred", 0, 10, selectSelp, Flow::Own},
    {"slct." ANY ".s32", "=T0 T0 T0 s32", 0, 10,
     [](const Modifiers &m, Instruction &) {
       return slct<int32_t>(m.type(0));
     }},
    {"slct[.ftz]." ANY ".f32", "=T0 T0 T0 f32", 0, 10,
     [](const Modifiers &m, Instruction &) { return slct<float>(m.type(0)); }},
};

} // namespace

std::span<const Form> trine::ptx::compareForms() { return forms; }
