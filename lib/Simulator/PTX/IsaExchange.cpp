//===- IsaExchange.cpp - shfl, vote, match, redux -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"

#include <algorithm>

using namespace trine::ptx;

namespace {

enum Shuffle : uint32_t { Up, Down, Butterfly, Index };

/// Which lane a lane reads, and whether it is in range.
template <Shuffle mode>
bool source(uint32_t lane, uint32_t by, uint32_t c, uint32_t &from) {
  by &= 31;
  uint32_t segment = c >> 8 & 31;
  uint32_t last = (lane & segment) | (c & ~segment & 31);
  switch (mode) {
  case Up:
    from = lane - by;
    return int32_t(from) >= int32_t(last);
  case Down:
    from = lane + by;
    return from <= last;
  case Butterfly:
    from = lane ^ by;
    return from <= last;
  case Index:
    from = (lane & segment) | (by & ~segment);
    return from <= last;
  }
  return false;
}

/// Operands: d, p, a, b, c, members.
template <Shuffle mode>
void shuffle(Warp &warp, const Instruction &i, Mask active) {
  const auto *a = warp.lanes<uint32_t>(i.operands[2]),
             *b = warp.lanes<uint32_t>(i.operands[3]),
             *c = warp.lanes<uint32_t>(i.operands[4]);
  // A lane that does not take part gives an undefined value.
  Mask known = warp.definedness(i.operands[2]) & active;
  Mask steered =
      warp.definedness(i.operands[3]) & warp.definedness(i.operands[4]);
  alignas(64) uint32_t result[warpSize];
  alignas(64) uint8_t valid[warpSize], good[warpSize];
  for (uint32_t lane = 0; lane < warpSize; ++lane) {
    uint32_t from = 0;
    bool inRange = source<mode>(lane, b[lane], c[lane], from);
    from = inRange ? from : lane;
    result[lane] = a[from & 31];
    valid[lane] = inRange;
    good[lane] = known >> (from & 31) & 1;
  }
  put(warp.lanes<uint32_t>(i.operands[0]), result, active);
  warp.define(i.operands[0], active, pack(good) & steered);
  Mask &p = warp.predicate(i.operands[1]);
  p = (p & ~active) | (pack(valid) & active);
  warp.define(i.operands[1], active, steered);
}
Handler selectShuffle(const Modifiers &m, Instruction &) {
  return m.has("up")     ? shuffle<Up>
         : m.has("down") ? shuffle<Down>
         : m.has("bfly") ? shuffle<Butterfly>
                         : shuffle<Index>;
}

/// The lanes that take part with `lane`.
Mask members(Warp &warp, const Instruction &i, Mask active, unsigned lane) {
  return warp.lanes<uint32_t>(i.operands[i.count - 1])[lane] & active;
}

enum Vote : uint32_t { All, Any, Uniform, Ballot };

template <Vote mode> void vote(Warp &warp, const Instruction &i, Mask active) {
  Mask value = warp.predicate(i.operands[1]) & active;
  Mask known = warp.definedness(i.operands[1]), good = 0, result = 0;
  auto *ballot = warp.lanes<uint32_t>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    Mask all = members(warp, i, active, lane), yes = value & all;
    good |= Mask((all & ~known) == 0) << lane;
    if (mode == Ballot)
      ballot[lane] = yes;
    bool holds = mode == All   ? yes == all
                 : mode == Any ? yes != 0
                               : yes == all || yes == 0;
    result |= Mask(holds) << lane;
  });
  if (mode != Ballot) {
    Mask &d = warp.predicate(i.operands[0]);
    d = (d & ~active) | result;
  }
  warp.define(i.operands[0], active, good);
}
Handler selectVote(const Modifiers &m, Instruction &) {
  return m.has("all")   ? vote<All>
         : m.has("any") ? vote<Any>
         : m.has("uni") ? vote<Uniform>
                        : vote<Ballot>;
}

/// match.any: the lanes with my value.
template <class T>
void matchAny(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]);
  Mask known = warp.definedness(i.operands[1]), good = 0;
  alignas(64) uint32_t result[warpSize] = {};
  eachLane(active, [&](unsigned lane) {
    Mask all = members(warp, i, active, lane);
    eachLane(all, [&](unsigned other) {
      result[lane] |= Mask(a[other] == a[lane]) << other;
    });
    good |= Mask((all & ~known) == 0) << lane;
  });
  put(warp.lanes<uint32_t>(i.operands[0]), result, active);
  warp.define(i.operands[0], active, good);
}
/// match.all: all lanes if they have one value, else none. Operands: d, p, a.
template <class T>
void matchAll(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[2]);
  Mask known = warp.definedness(i.operands[2]), good = 0, same = 0;
  auto *d = warp.lanes<uint32_t>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    Mask all = members(warp, i, active, lane);
    bool equal = true;
    eachLane(all, [&](unsigned other) { equal &= a[other] == a[lane]; });
    d[lane] = equal ? all : 0;
    same |= Mask(equal) << lane;
    good |= Mask((all & ~known) == 0) << lane;
  });
  Mask &p = warp.predicate(i.operands[1]);
  p = (p & ~active) | same;
  warp.define(i.operands[0], active, good);
  warp.define(i.operands[1], active, good);
}

struct Add {
  template <class T> static T of(T a, T b) {
    return T(uint32_t(a) + uint32_t(b));
  }
};
struct Min {
  template <class T> static T of(T a, T b) { return std::min(a, b); }
};
struct Max {
  template <class T> static T of(T a, T b) { return std::max(a, b); }
};
struct And {
  template <class T> static T of(T a, T b) { return a & b; }
};
struct Or {
  template <class T> static T of(T a, T b) { return a | b; }
};
struct Xor {
  template <class T> static T of(T a, T b) { return a ^ b; }
};
template <class Op, class T>
void reduce(Warp &warp, const Instruction &i, Mask active) {
  const T *a = warp.lanes<T>(i.operands[1]);
  Mask known = warp.definedness(i.operands[1]), good = 0;
  alignas(64) T result[warpSize];
  eachLane(active, [&](unsigned lane) {
    Mask all = members(warp, i, active, lane);
    T sum = a[lane];
    eachLane(all & ~(Mask(1) << lane),
             [&](unsigned other) { sum = Op::of(sum, a[other]); });
    result[lane] = sum;
    good |= Mask((all & ~known) == 0) << lane;
  });
  put(warp.lanes<T>(i.operands[0]), result, active);
  warp.define(i.operands[0], active, good);
}
template <class Op> Handler selectReduce(const Modifiers &m, Instruction &) {
  return m.type() == Type::S32 ? reduce<Op, int32_t> : reduce<Op, uint32_t>;
}

void activeMask(Warp &warp, const Instruction &i, Mask active) {
  auto *d = warp.lanes<uint32_t>(i.operands[0]);
  eachLane(active, [&](unsigned lane) { d[lane] = active; });
  warp.define(i.operands[0], active);
}

/// elect: one lane of those that take part. Operands: d, p.
void elect(Warp &warp, const Instruction &i, Mask active) {
  auto *d = warp.lanes<uint32_t>(i.operands[0]);
  Mask &p = warp.predicate(i.operands[1]);
  eachLane(active, [&](unsigned lane) {
    auto leader = unsigned(std::countr_zero(members(warp, i, active, lane)));
    d[lane] = leader;
    Mask bit = Mask(1) << lane;
    p = leader == lane ? p | bit : p & ~bit;
  });
  warp.define(i.operands[0], active);
  warp.define(i.operands[1], active);
}

constexpr Flow own = Flow::Own;
constexpr Gather together = Gather::Members;

constexpr Form forms[] = {
    {"shfl.sync.(up|down|bfly|idx).b32", "=T|pred T u32 u32 u32", 30, 60,
     selectShuffle, own, together},
    {"vote.sync.(all|any|uni).pred", "=pred pred u32", 30, 60, selectVote, own,
     together},
    {"vote.sync.ballot.b32", "=b32 pred u32", 30, 60, selectVote, own,
     together},
    {"match.any.sync.b32", "=b32 T u32", 70, 60, fixed<matchAny<uint32_t>>, own,
     together},
    {"match.any.sync.b64", "=b32 T u32", 70, 60, fixed<matchAny<uint64_t>>, own,
     together},
    {"match.all.sync.b32", "=b32|pred T u32", 70, 60, fixed<matchAll<uint32_t>>,
     own, together},
    {"match.all.sync.b64", "=b32|pred T u32", 70, 60, fixed<matchAll<uint64_t>>,
     own, together},
    {"redux.sync.add.(u32|s32)", "=T T u32", 80, 70, selectReduce<Add>, own,
     together},
    {"redux.sync.min.(u32|s32)", "=T T u32", 80, 70, selectReduce<Min>, own,
     together},
    {"redux.sync.max.(u32|s32)", "=T T u32", 80, 70, selectReduce<Max>, own,
     together},
    {"redux.sync.and.b32", "=T T u32", 80, 70, selectReduce<And>, own,
     together},
    {"redux.sync.or.b32", "=T T u32", 80, 70, selectReduce<Or>, own, together},
    {"redux.sync.xor.b32", "=T T u32", 80, 70, selectReduce<Xor>, own,
     together},
    {"activemask.b32", "=T", 30, 62, fixed<activeMask>, own},
    {"elect.sync", "=b32|pred u32", 90, 80, fixed<elect>, own, together},
};

} // namespace

std::span<const Form> trine::ptx::exchangeForms() { return forms; }
