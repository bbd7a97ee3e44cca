//===- IsaMove.cpp - mov, cvta, packing, special registers ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Machine.h"

using namespace trine::ptx;

namespace {

template <class T> void move(Warp &warp, const Instruction &i, Mask active) {
  put(warp.lanes<T>(i.operands[0]), warp.lanes<T>(i.operands[1]), active);
}
void movePredicate(Warp &warp, const Instruction &i, Mask active) {
  Mask &d = warp.predicate(i.operands[0]);
  d = (d & ~active) | (warp.predicate(i.operands[1]) & active);
}
Handler selectMove(const Modifiers &m, Instruction &) {
  switch (bytesOf(m.type())) {
  case 0:
    return movePredicate;
  case 2:
    return move<uint16_t>;
  case 4:
    return move<uint32_t>;
  case 8:
    return move<uint64_t>;
  default:
    return nullptr;
  }
}

/// mov.b32 {lo, hi}, a and back.
template <class T, class E>
void unpack(Warp &warp, const Instruction &i, Mask active) {
  const T *source = warp.lanes<T>(i.operands[i.written]);
  for (unsigned k = 0; k < i.written; ++k) {
    alignas(64) E result[warpSize];
    for (unsigned lane = 0; lane < warpSize; ++lane)
      result[lane] = E(source[lane] >> 8 * sizeof(E) * k);
    put(warp.lanes<E>(i.operands[k]), result, active);
  }
}
template <class T, class E>
void packed(Warp &warp, const Instruction &i, Mask active) {
  alignas(64) T result[warpSize] = {};
  for (unsigned k = 1; k < i.count; ++k) {
    const E *source = warp.lanes<E>(i.operands[k]);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      result[lane] |= T(source[lane]) << 8 * sizeof(E) * (k - 1);
  }
  put(warp.lanes<T>(i.operands[0]), result, active);
}
Handler selectUnpack(const Modifiers &m, Instruction &i) {
  unsigned bytes = bytesOf(m.type()), element = bytes / i.vector;
  if (bytes == 4)
    return element == 2 ? unpack<uint32_t, uint16_t> : nullptr;
  return element == 4   ? unpack<uint64_t, uint32_t>
         : element == 2 ? unpack<uint64_t, uint16_t>
                        : nullptr;
}
Handler selectPack(const Modifiers &m, Instruction &i) {
  unsigned bytes = bytesOf(m.type()), element = bytes / i.vector;
  if (bytes == 4)
    return element == 2 ? packed<uint32_t, uint16_t> : nullptr;
  return element == 4   ? packed<uint64_t, uint32_t>
         : element == 2 ? packed<uint64_t, uint16_t>
                        : nullptr;
}

void special(Warp &warp, const Instruction &i, Mask active) {
  auto number = unsigned(i.operands[0].offset);
  eachLane(active, [&](unsigned lane) {
    uint64_t value = specialValue(number, warp, lane);
    if (specialBytes(number) == 8)
      warp.lanes<uint64_t>(i.operands[0])[lane] = value;
    else
      warp.lanes<uint32_t>(i.operands[0])[lane] = uint32_t(value);
  });
  warp.define(i.operands[0], active);
}

/// Where a state space lies among generic addresses.
uint64_t window(Space space) {
  return space == Space::Shared  ? sharedWindow
         : space == Space::Local ? localWindow
         : space == Space::Param ? parameterWindow
                                 : 0; // global and constant memory
}
template <class T, bool toSpace>
void convertAddress(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]);
  T *d = warp.lanes<T>(i.operands[0]);
  auto base = T(window(i.space));
  for (unsigned lane = 0; lane < warpSize; ++lane)
    if (active >> lane & 1)
      d[lane] = T(toSpace ? a[lane] - base : a[lane] + base);
}
template <bool toSpace>
Handler selectConvertAddress(const Modifiers &m, Instruction &) {
  return bytesOf(m.type()) == 8 ? convertAddress<uint64_t, toSpace> : nullptr;
}

void isInSpace(Warp &warp, const Instruction &i, Mask active) {
  const uint64_t *a = warp.lanes<uint64_t>(i.operands[1]);
  Mask &d = warp.predicate(i.operands[0]);
  uint64_t base = window(i.space);
  eachLane(active, [&](unsigned lane) {
    bool inside = base ? a[lane] - base < windowBytes
                       : a[lane] >= parameterWindow + windowBytes;
    Mask bit = Mask(1) << lane;
    d = inside ? d | bit : d & ~bit;
  });
}

#define ANY                                                                    \
  "(pred|b16|b32|b64|u16|u32|u64|s16|s32|s64|f16|bf16|f16x2|bf16x2|f32|f64)"
#define SPACES "(global|shared|shared::cta|local|const|param|param::entry)"

constexpr Form forms[] = {
    {"mov." ANY, "=T T", 0, 10, selectMove},
    {"@unpack.(v2|v4).(b32|b64)", "=V*E T", 0, 10, selectUnpack},
    {"@pack.(v2|v4).(b32|b64)", "=T V*E", 0, 10, selectPack},
    {"@special", "", 0, 10, fixed<special>, Flow::Own},
    {"cvta." SPACES ".(u32|u64)", "=T T", 20, 20, selectConvertAddress<false>},
    {"cvta.to." SPACES ".(u32|u64)", "=T T", 20, 20,
     selectConvertAddress<true>},
    {"isspacep.(global|shared|shared::cta|local|const)", "=pred u64", 20, 20,
     fixed<isInSpace>},
};

} // namespace

std::span<const Form> trine::ptx::moveForms() { return forms; }
