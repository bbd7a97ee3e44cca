//===- IsaMemory.cpp - ld, st, prefetch -----------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "InstructionSet.h"
#include "Lanes.h"

#include <type_traits>

using namespace trine::ptx;

namespace {

enum Flag : uint32_t { Acquire = 1, Release = 2, Strong = 4 };

/// `count` elements of M in memory, extended to registers of R.
template <class M, class R, unsigned count>
void load(Warp &warp, const Instruction &i, Mask active) {
  constexpr unsigned bytes = sizeof(M) * count;
  Access access(warp, i, i.operands[i.written], active, bytes, Use::Read);
  alignas(64) R result[count][warpSize];
  Mask good[count] = {};
  eachLane(active, [&](unsigned lane) {
    if (i.flags & Acquire)
      warp.cta.acquire(warp, access[lane].data);
    M values[count];
    bool whole = access.read(lane, values, bytes);
    for (unsigned k = 0; k < count; ++k) {
      // NOLINTNEXTLINE(bugprone-signed-char-misuse): extends the sign
      result[k][lane] = R(values[k]);
      const uint8_t *valid = access[lane].valid;
      if (whole || !std::memchr(valid + sizeof(M) * k, 0, sizeof(M)))
        good[k] |= Mask(1) << lane;
    }
  });
  for (unsigned k = 0; k < count; ++k) {
    put(warp.lanes<R>(i.operands[k]), result[k], active);
    warp.define(i.operands[k], active, good[k]);
  }
}

/// A parameter of the kernel that all lanes read.
template <class M, class R>
void loadParameter(Warp &warp, const Instruction &i, Mask active) {
  const Operand &address = i.operands[i.written];
  uint64_t at = *warp.lanes<uint64_t>(address) + uint64_t(address.offset);
  const Storage &parameters = warp.machine.parameters;
  for (unsigned k = 0; k < i.vector; ++k, at += sizeof(M)) {
    if (at > parameters.size() || parameters.size() - at < sizeof(M))
      warp.trap(TrapKind::OutOfBounds, active, at,
                "a load beyond the kernel's parameters");
    M value;
    std::memcpy(&value, parameters.data(at), sizeof value);
    alignas(64) R result[warpSize];
    // NOLINTNEXTLINE(bugprone-signed-char-misuse): extends the sign
    std::fill_n(result, warpSize, R(value));
    put(warp.lanes<R>(i.operands[k]), result, active);
    warp.define(i.operands[k], active);
  }
}

template <class M, class R, unsigned count>
void store(Warp &warp, const Instruction &i, Mask active) {
  constexpr unsigned bytes = sizeof(M) * count;
  Access access(warp, i, i.operands[0], active, bytes, Use::Write);
  Mask good = fullMask;
  for (unsigned k = 0; k < count; ++k)
    good &= warp.definedness(i.operands[1 + k]);
  eachLane(active, [&](unsigned lane) {
    M values[count];
    for (unsigned k = 0; k < count; ++k)
      values[k] = M(warp.lanes<R>(i.operands[1 + k])[lane]);
    access.write(lane, values, true, bytes);
    if (!(good >> lane & 1) && access[lane].valid) {
      for (unsigned k = 0; k < count; ++k)
        std::memset(access[lane].valid + sizeof(M) * k,
                    int(warp.definedness(i.operands[1 + k]) >> lane & 1),
                    sizeof(M));
      uint32_t &first = warp.machine.result.undefinedStore;
      if (!first && !access[lane].isShared && i.space != Space::Local)
        first = warp.line();
    }
    if (i.flags & Release)
      warp.cta.release(warp, access[lane].data, i.flags & Strong);
  });
}

/// `Make` for an element of memory in a register that is at least as wide: the
/// handlers of 1, 2 and 4 elements.
template <template <class, class> class Make, class M>
const Handler *byRegister(unsigned bytes) {
  constexpr bool negative = std::is_signed_v<M>;
  using R16 = std::conditional_t<negative, int16_t, uint16_t>;
  using R32 = std::conditional_t<negative, int32_t, uint32_t>;
  using R64 = std::conditional_t<negative, int64_t, uint64_t>;
  if (bytes == 8)
    return Make<M, R64>::handlers;
  if constexpr (sizeof(M) <= 4)
    if (bytes == 4)
      return Make<M, R32>::handlers;
  if constexpr (sizeof(M) <= 2)
    if (bytes == 2)
      return Make<M, R16>::handlers;
  return nullptr;
}
template <template <class, class> class Make>
const Handler *byMemory(Type type, unsigned bytes) {
  switch (type) {
  case Type::S8:
    return byRegister<Make, int8_t>(bytes);
  case Type::S16:
    return byRegister<Make, int16_t>(bytes);
  case Type::S32:
    return byRegister<Make, int32_t>(bytes);
  default:
    break;
  }
  switch (bytesOf(type)) {
  case 1:
    return byRegister<Make, uint8_t>(bytes);
  case 2:
    return byRegister<Make, uint16_t>(bytes);
  case 4:
    return byRegister<Make, uint32_t>(bytes);
  case 8:
    return byRegister<Make, uint64_t>(bytes);
  default:
    return nullptr;
  }
}
template <class M, class R> struct Load {
  static constexpr Handler handlers[] = {load<M, R, 1>, load<M, R, 2>,
                                         load<M, R, 4>, loadParameter<M, R>};
};
template <class M, class R> struct Store {
  static constexpr Handler handlers[] = {store<M, R, 1>, store<M, R, 2>,
                                         store<M, R, 4>};
};

/// Constants and sinks have the type's width, registers their own.
unsigned widest(const Instruction &i, unsigned first) {
  unsigned bytes = 0;
  for (unsigned k = first; k < first + i.vector; ++k)
    bytes = std::max<unsigned>(bytes, i.operands[k].bytes);
  return bytes;
}

Handler selectLoad(const Modifiers &m, Instruction &i) {
  if (m.has("volatile") || m.has("acquire") || m.has("relaxed"))
    i.flags = Acquire;
  const Handler *found = byMemory<Load>(m.type(), widest(i, 0));
  if (!found)
    return nullptr;
  // The decoder marks an address that is a constant.
  bool same = i.space == Space::Param && i.operands[i.written].isConstant();
  return found[same ? 3 : i.vector / 2];
}
Handler selectStore(const Modifiers &m, Instruction &i) {
  if (m.has("volatile") || m.has("release") || m.has("relaxed"))
    i.flags = Release | (m.has("release") ? Strong : 0u);
  const Handler *found = byMemory<Store>(m.type(), widest(i, 1));
  return found ? found[i.vector / 2] : nullptr;
}

/// prefetch, discard, fence and the like: nothing to see.
void nothing(Warp &, const Instruction &, Mask) {}

#define ORDER "[.cta|cluster|gpu|sys]"
#define SPACES "[.global|shared|shared::cta|local|param|param::entry|const]"
#define CACHE                                                                  \
  "[.L1::evict_normal|L1::evict_unchanged|L1::evict_first|L1::evict_last|"     \
  "L1::no_allocate][.L2::cache_hint][.L2::64B|L2::128B|L2::256B]"
#define TYPES "(b8|b16|b32|b64|u8|u16|u32|u64|s8|s16|s32|s64|f16|bf16|f32|f64)"

constexpr Form forms[] = {
    {"ld[.weak|volatile|relaxed|acquire]" ORDER SPACES
     "[.ca|cg|cs|lu|cv][.nc]" CACHE "[.v2|v4]." TYPES,
     "=~V*T [] u64?", 0, 10, selectLoad, Flow::Own},
    {"ldu[.global][.v2|v4]." TYPES, "=~V*T []", 0, 20, selectLoad, Flow::Own},
    {"st[.weak|volatile|relaxed|release]" ORDER SPACES "[.wb|cg|cs|wt]" CACHE
     "[.v2|v4]." TYPES,
     "[] ~V*T u64?", 0, 10, selectStore, Flow::Own},
    {"prefetch[.global|local].(L1|L2|L2::evict_last|L2::evict_normal)", "[]",
     20, 20, fixed<nothing>, Flow::Own},
    {"prefetchu.L1", "[]", 20, 20, fixed<nothing>, Flow::Own},
    {"applypriority[.global].L2::evict_normal", "[] #", 80, 74, fixed<nothing>,
     Flow::Own},
    {"createpolicy.fractional.(L2::evict_last|L2::evict_normal|L2::evict_first|"
     "L2::evict_unchanged)[.L2::evict_unchanged|L2::evict_first].b64",
     "=b64 f32?", 80, 74, fixed<nothing>},
};

} // namespace

std::span<const Form> trine::ptx::memoryForms() { return forms; }
