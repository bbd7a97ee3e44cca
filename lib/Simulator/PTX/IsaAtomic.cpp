//===- IsaAtomic.cpp - atom, red ------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "InstructionSet.h"
#include "Lanes.h"
#include "Real.h"

#include <type_traits>

using namespace trine::ptx;

namespace {

enum Flag : uint32_t { Overwrites = 1, Release = 2 };

struct And {
  template <class T> static T of(T old, T b, T) { return old & b; }
};
struct Or {
  template <class T> static T of(T old, T b, T) { return old | b; }
};
struct Xor {
  template <class T> static T of(T old, T b, T) { return old ^ b; }
};
struct Exchange {
  template <class T> static T of(T, T b, T) { return b; }
};
struct Cas {
  template <class T> static T of(T old, T b, T c) { return old == b ? c : old; }
};
struct Inc {
  template <class T> static T of(T old, T b, T) {
    return old >= b ? T(0) : old + 1;
  }
};
struct Dec {
  template <class T> static T of(T old, T b, T) {
    return old == 0 || old > b ? b : old - 1;
  }
};
struct Min {
  template <class T> static T of(T old, T b, T) { return b < old ? b : old; }
};
struct Max {
  template <class T> static T of(T old, T b, T) { return old < b ? b : old; }
};
struct Add {
  template <class T> static T of(T old, T b, T) {
    if constexpr (std::is_floating_point_v<T>)
      return canonical(old + b);
    else
      return T(std::make_unsigned_t<T>(old) + std::make_unsigned_t<T>(b));
  }
  static Half of(Half old, Half b, Half) {
    return fromFloat<Half>(toFloat(old) + toFloat(b));
  }
  static BFloat of(BFloat old, BFloat b, BFloat) {
    return fromFloat<BFloat>(oddFloat(sumToOdd(toFloat(old), toFloat(b))));
  }
};
/// Two of T in 32 bits, each alone.
template <class T> struct PairAdd {
  static uint32_t of(uint32_t old, uint32_t b, uint32_t) {
    T low = Add::of(T{uint16_t(old)}, T{uint16_t(b)}, T());
    T high = Add::of(T{uint16_t(old >> 16)}, T{uint16_t(b >> 16)}, T());
    return low.bits | uint32_t(high.bits) << 16;
  }
};

/// Lanes one after the other: an order as good as any.
template <class Op, class T, bool result>
void atomic(Warp &warp, const Instruction &i, Mask active) {
  const Operand &address = i.operands[result];
  const Operand &b = i.operands[result + 1];
  const Operand &c =
      i.operands[i.count > result + 2u ? result + 2 : result + 1];
  Access access(warp, i, address, active, sizeof(T), Use::Atomic);
  Mask known = warp.definedness(b) & warp.definedness(c), good = 0;
  eachLane(active, [&](unsigned lane) {
    const Place &place = access[lane];
    warp.cta.acquire(warp, place.data);
    access.checkRace(lane, true, false, false);
    T old;
    std::memcpy(&old, place.data, sizeof old);
    T operand = warp.lanes<T>(b)[lane];
    bool valid = !place.valid || !std::memchr(place.valid, 0, sizeof(T));
    T made;
    // Global memory flushes the subnormals of atom.add.f32, shared does not.
    if constexpr (std::is_same_v<T, float>)
      made = place.isShared
                 ? Op::of(old, operand, operand)
                 : flush(Op::of(flush(old), flush(operand), operand));
    else
      made = Op::of(old, operand, warp.lanes<T>(c)[lane]);
    std::memcpy(place.data, &made, sizeof made);
    if (place.valid)
      std::memset(place.valid,
                  (known >> lane & 1) && (valid || (i.flags & Overwrites)),
                  sizeof(T));
    good |= Mask(valid) << lane;
    if constexpr (result)
      warp.lanes<T>(i.operands[0])[lane] = old;
    warp.cta.release(warp, place.data, i.flags & Release);
  });
  if constexpr (result)
    warp.define(i.operands[0], active, good);
}

/// Handlers of atom and of red.
template <class Op, class T> Handler of(const Modifiers &m, Instruction &i) {
  i.flags = (std::is_same_v<Op, Exchange> ? Overwrites : 0u) |
            (m.has("release") || m.has("acq_rel") ? Release : 0u);
  return i.written ? atomic<Op, T, true> : atomic<Op, T, false>;
}
template <class Op> Handler bits(const Modifiers &m, Instruction &i) {
  switch (bytesOf(m.type())) {
  case 2:
    return of<Op, uint16_t>(m, i);
  case 4:
    return of<Op, uint32_t>(m, i);
  default:
    return of<Op, uint64_t>(m, i);
  }
}
template <class Op> Handler numbers(const Modifiers &m, Instruction &i) {
  switch (m.type()) {
  case Type::S32:
    return of<Op, int32_t>(m, i);
  case Type::S64:
    return of<Op, int64_t>(m, i);
  default:
    return bits<Op>(m, i);
  }
}
Handler reals(const Modifiers &m, Instruction &i) {
  switch (m.type()) {
  case Type::F16:
    return of<Add, Half>(m, i);
  case Type::BF16:
    return of<Add, BFloat>(m, i);
  case Type::F16x2:
    return of<PairAdd<Half>, uint32_t>(m, i);
  case Type::BF16x2:
    return of<PairAdd<BFloat>, uint32_t>(m, i);
  case Type::F64:
    return of<Add, double>(m, i);
  default:
    return of<Add, float>(m, i);
  }
}

#define SCOPE "[.cta|cluster|gpu|sys]"
#define SPACE "[.global|shared|shared::cta]"
#define ATOM "atom[.relaxed|acquire|release|acq_rel]" SCOPE SPACE "."
// Some front ends write the space first.
#define ATOM_SPACE_FIRST                                                       \
  "atom.(global|shared|shared::cta)" SCOPE ".(relaxed|acquire|release|acq_"    \
  "rel)."
#define RED "red[.relaxed|release]" SCOPE SPACE "."
#define HINT "[.L2::cache_hint]."
#define D "=T [] T u64?"
#define N "[] T u64?"
#define ATOMIC(OPERATION, TYPES, OPERANDS, ARCH, VERSION, SELECT)              \
  {ATOM OPERATION HINT TYPES, OPERANDS, ARCH, VERSION, SELECT, Flow::Own}, {   \
    ATOM_SPACE_FIRST OPERATION HINT TYPES, OPERANDS, ARCH, VERSION, SELECT,    \
        Flow::Own                                                              \
  }
#define ROW(OPERATION, TYPES, ARCH, VERSION, SELECT)                           \
  ATOMIC(OPERATION, TYPES, D, ARCH, VERSION, SELECT), {                        \
    RED OPERATION HINT TYPES, N, ARCH, VERSION, SELECT, Flow::Own              \
  }

constexpr Form forms[] = {
    ROW("and", "(b32|b64)", 20, 20, bits<And>),
    ROW("or", "(b32|b64)", 20, 20, bits<Or>),
    ROW("xor", "(b32|b64)", 20, 20, bits<Xor>),
    ROW("add", "(u32|s32|u64|s64)", 20, 20, bits<Add>),
    ROW("inc", "u32", 20, 20, bits<Inc>),
    ROW("dec", "u32", 20, 20, bits<Dec>),
    ROW("min", "(u32|s32|u64|s64)", 20, 20, numbers<Min>),
    ROW("max", "(u32|s32|u64|s64)", 20, 20, numbers<Max>),
    ROW("add", "(f32|f64)", 20, 20, reals),
    ROW("add.noftz", "(f16|f16x2)", 70, 62, reals),
    ROW("add.noftz", "(bf16|bf16x2)", 90, 78, reals),
    ATOMIC("exch", "(b32|b64)", D, 20, 20, bits<Exchange>),
    ATOMIC("cas", "(b16|b32|b64)", "=T [] T T", 20, 20, bits<Cas>),
};

} // namespace

std::span<const Form> trine::ptx::atomicForms() { return forms; }
