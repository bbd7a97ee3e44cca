//===- Lanes.h - an operation for 32 lanes ----------------------*- C++ -*-===//
// Results are computed for all lanes, which vectorizes, and stored for the
// active ones: operations must be total.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "InstructionSet.h"
#include "Warp.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <tuple>
#include <utility>

namespace trine::ptx {

template <class T> void put(T *to, const T *from, Mask active) {
  if (active == fullMask) {
    std::memcpy(to, from, sizeof(T) * warpSize);
    return;
  }
  for (unsigned lane = 0; lane < warpSize; ++lane)
    to[lane] = active >> lane & 1 ? from[lane] : to[lane];
}

/// One bit for each lane whose byte is 1.
inline Mask pack(const uint8_t *bytes) {
  Mask mask = 0;
  for (unsigned part = 0; part < 4; ++part) {
    uint64_t eight;
    std::memcpy(&eight, bytes + size_t(part) * 8, 8);
    mask |= Mask(eight * 0x0102040810204080u >> 56) << part * 8;
  }
  return mask;
}

/// Calls `body(lane)` for the active lanes.
template <class Body> void eachLane(Mask active, Body body) {
  for (Mask left = active; left; left &= left - 1)
    body(unsigned(std::countr_zero(left)));
}

/// An operation may look at the instruction when it is made.
template <class Op> Op makeOp(const Instruction &i) {
  if constexpr (std::is_constructible_v<Op, const Instruction &>)
    return Op(i);
  else
    return Op();
}

template <class Op, class D, class... S, size_t... K>
void mapLanes(Warp &warp, const Instruction &i, Mask active,
              std::index_sequence<K...>) {
  alignas(64) D result[warpSize];
  std::tuple<const S *...> source{warp.lanes<S>(i.operands[1 + K])...};
  Op op = makeOp<Op>(i);
  for (unsigned lane = 0; lane < warpSize; ++lane)
    result[lane] = op(std::get<K>(source)[lane]...);
  put(warp.lanes<D>(i.operands[0]), result, active);
}

/// d = op(s...), lane by lane.
template <class Op, class D, class... S>
void map(Warp &warp, const Instruction &i, Mask active) {
  mapLanes<Op, D, S...>(warp, i, active, std::index_sequence_for<S...>());
}

template <class Op, class T> constexpr Handler unary = map<Op, T, T>;
template <class Op, class T> constexpr Handler binary = map<Op, T, T, T>;
template <class Op, class T> constexpr Handler ternary = map<Op, T, T, T, T>;

/// The handler of the C++ type that carries a PTX type.
template <template <class> class Make> Handler forInteger(Type type) {
  switch (type) {
  case Type::B8:
  case Type::U8:
    return Make<uint8_t>::handler;
  case Type::S8:
    return Make<int8_t>::handler;
  case Type::B16:
  case Type::U16:
    return Make<uint16_t>::handler;
  case Type::S16:
    return Make<int16_t>::handler;
  case Type::B32:
  case Type::U32:
    return Make<uint32_t>::handler;
  case Type::S32:
    return Make<int32_t>::handler;
  case Type::B64:
  case Type::U64:
    return Make<uint64_t>::handler;
  case Type::S64:
    return Make<int64_t>::handler;
  default:
    return nullptr;
  }
}

template <class Op> struct Unary {
  template <class T> struct Of {
    static constexpr Handler handler = unary<Op, T>;
  };
};
template <class Op> struct Binary {
  template <class T> struct Of {
    static constexpr Handler handler = binary<Op, T>;
  };
};
template <class Op> struct Ternary {
  template <class T> struct Of {
    static constexpr Handler handler = ternary<Op, T>;
  };
};

template <class Op> Handler integerUnary(const Modifiers &m, Instruction &) {
  return forInteger<Unary<Op>::template Of>(m.type());
}
template <class Op> Handler integerBinary(const Modifiers &m, Instruction &) {
  return forInteger<Binary<Op>::template Of>(m.type());
}
template <class Op> Handler integerTernary(const Modifiers &m, Instruction &) {
  return forInteger<Ternary<Op>::template Of>(m.type());
}

} // namespace trine::ptx
