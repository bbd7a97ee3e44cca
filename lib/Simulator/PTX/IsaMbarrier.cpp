//===- IsaMbarrier.cpp - barriers in shared memory ------------------------===//
// 64 bits that the specification leaves open: here the phase, arrivals that are
// missing in it and expected in the next, bytes that are on their way, and a
// mark by which other memory is told apart. Part of Trine, under Apache-2.0
// WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "InstructionSet.h"
#include "Lanes.h"

#include <algorithm>
#include <fmt/format.h>

using namespace trine::ptx;

namespace {

struct State {
  uint64_t missing : 20, expected : 20;
  int64_t bytes : 21;
  uint64_t phase : 1, mark : 2;
};
static_assert(sizeof(State) == 8);
constexpr uint64_t initialised = 2;
constexpr uint32_t mostArrivals = (1 << 20) - 1;

State load(const Place &place) {
  State state;
  std::memcpy(&state, place.data, sizeof state);
  return state;
}
void save(const Place &place, State state) {
  std::memcpy(place.data, &state, sizeof state);
  if (place.valid)
    std::memset(place.valid, 1, sizeof state);
}

/// The barriers that lanes address.
Access barriers(Warp &warp, const Instruction &i, const Operand &address,
                Mask active, Use use) {
  Space space = i.space == Space::Generic ? Space::Generic : Space::Shared;
  return {warp, i, address, active, 8, use, space, 8};
}

State known(Warp &warp, const Place &place, unsigned lane) {
  State state = load(place);
  bool written = !place.valid || !std::memchr(place.valid, 0, 8);
  if (!place.isShared || !written || state.mark != initialised)
    warp.trap(TrapKind::InvalidOperand, Mask(1) << lane, place.shared,
              "no mbarrier was initialised here");
  return state;
}

void finishPhase(State &state) {
  if (state.missing || state.bytes)
    return;
  state.phase ^= 1;
  state.missing = state.expected;
}

void init(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[0], active, Use::Write);
  const auto *count = warp.lanes<uint32_t>(i.operands[1]);
  warp.need(i.operands[1], active, "the count of an mbarrier");
  eachLane(active, [&](unsigned lane) {
    if (count[lane] == 0 || count[lane] > mostArrivals)
      warp.trap(TrapKind::InvalidOperand, Mask(1) << lane, count[lane],
                fmt::format("mbarrier: expected a count from 1 to {}, got {}",
                            mostArrivals, count[lane]));
    access.checkRace(lane, true, false, false);
    uint64_t arrivals = count[lane] & mostArrivals;
    save(access[lane], {arrivals, arrivals, 0, 0, initialised});
  });
}

void invalidate(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[0], active, Use::Write);
  eachLane(active, [&](unsigned lane) {
    known(warp, access[lane], lane);
    access.checkRace(lane, true, false, false);
    save(access[lane], {});
  });
}

enum Flag : uint32_t { NoComplete = 1, Drop = 2, ExpectBytes = 4, Parity = 8 };

/// One lane's arrival; the state before.
State arrive(Warp &warp, const Access &access, unsigned lane, uint32_t count,
             uint32_t flags) {
  const Place &place = access[lane];
  access.checkRace(lane, true, false, false);
  State state = known(warp, place, lane), before = state;
  if (count == 0 || count > state.missing)
    warp.trap(TrapKind::Barrier, Mask(1) << lane, place.shared,
              fmt::format("mbarrier: {} arrivals where {} are missing", count,
                          uint64_t(state.missing)));
  if (flags & NoComplete && count == state.missing)
    warp.trap(TrapKind::Barrier, Mask(1) << lane, place.shared,
              "mbarrier: an arrival that must not complete the phase does");
  if (flags & Drop)
    state.expected = (state.expected - count) & mostArrivals;
  state.missing = (state.missing - count) & mostArrivals;
  finishPhase(state);
  save(place, state);
  warp.cta.release(warp, place.data, true);
  return before;
}

/// Operands: state, address, count or bytes.
void arriveLanes(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[1], active, Use::Atomic);
  const uint32_t *number = nullptr;
  if (i.count > 2) {
    warp.need(i.operands[2], active, "the count of an arrival");
    number = warp.lanes<uint32_t>(i.operands[2]);
  }
  auto *result = warp.lanes<uint64_t>(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    uint32_t count = number && !(i.flags & ExpectBytes) ? number[lane] : 1;
    if (i.flags & ExpectBytes) {
      State state = known(warp, access[lane], lane);
      state.bytes += int64_t(number[lane]);
      save(access[lane], state);
    }
    State before = arrive(warp, access, lane, count, i.flags);
    result[lane] = std::bit_cast<uint64_t>(before);
  });
  warp.define(i.operands[0], active);
}

void expectBytes(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[0], active, Use::Atomic);
  warp.need(i.operands[1], active, "the bytes to expect");
  eachLane(active, [&](unsigned lane) {
    access.checkRace(lane, true, false, false);
    State state = known(warp, access[lane], lane);
    state.bytes += int64_t(warp.lanes<uint32_t>(i.operands[1])[lane]);
    save(access[lane], state);
  });
}

/// Whether the phase of a state, or of a parity, is over.
void test(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[1], active, Use::Atomic);
  warp.need(i.operands[2], active, "the phase to wait for");
  Mask &d = warp.predicate(i.operands[0]);
  eachLane(active, [&](unsigned lane) {
    access.checkRace(lane, true, false, false);
    State state = known(warp, access[lane], lane);
    uint64_t phase =
        i.flags & Parity
            ? warp.lanes<uint32_t>(i.operands[2])[lane] & 1
            : std::bit_cast<State>(warp.lanes<uint64_t>(i.operands[2])[lane])
                  .phase;
    bool over = state.phase != phase;
    if (over)
      warp.cta.acquire(warp, access[lane].data);
    Mask bit = Mask(1) << lane;
    d = over ? d | bit : d & ~bit;
  });
  warp.define(i.operands[0], active);
}

struct Pending {
  uint32_t operator()(uint64_t state) const {
    return uint32_t(std::bit_cast<State>(state).missing);
  }
};

/// The copies of a lane so far arrive. They land no later.
void arriveCopies(Warp &warp, const Instruction &i, Mask active) {
  Access access = barriers(warp, i, i.operands[0], active, Use::Atomic);
  completeCopies(warp, active);
  eachLane(active, [&](unsigned lane) {
    if (!(i.flags & NoComplete)) { // the pending count grows by the arrival
      State state = known(warp, access[lane], lane);
      state.missing = (state.missing + 1) & mostArrivals;
      save(access[lane], state);
    }
    arrive(warp, access, lane, 1, 0);
  });
}

template <Handler handler> Handler flagged(const Modifiers &m, Instruction &i) {
  i.flags = (m.has("noComplete") || m.has("noinc") ? NoComplete : 0u) |
            (m.has("expect_tx") ? ExpectBytes : 0u) |
            (m.has("parity") ? Parity : 0u);
  return handler;
}
Handler dropped(const Modifiers &m, Instruction &i) {
  flagged<arriveLanes>(m, i);
  i.flags |= Drop;
  return arriveLanes;
}

#define SPACE "[.shared|shared::cta]"
#define ARRIVE "[.release|relaxed][.cta]" SPACE ".b64"
#define WAIT "[.acquire|relaxed][.cta]" SPACE ".b64"

constexpr Form forms[] = {
    {"mbarrier.init" SPACE ".b64", "[] u32", 80, 70, fixed<init>, Flow::Own},
    {"mbarrier.inval" SPACE ".b64", "[]", 80, 70, fixed<invalidate>, Flow::Own},
    {"mbarrier.arrive" ARRIVE, "=b64 [] u32?", 80, 70, flagged<arriveLanes>,
     Flow::Own},
    {"mbarrier.arrive.noComplete" ARRIVE, "=b64 [] u32", 80, 70,
     flagged<arriveLanes>, Flow::Own},
    {"mbarrier.arrive.expect_tx" ARRIVE, "=b64 [] u32", 90, 80,
     flagged<arriveLanes>, Flow::Own},
    {"mbarrier.arrive_drop" ARRIVE, "=b64 [] u32?", 80, 70, dropped, Flow::Own},
    {"mbarrier.arrive_drop.noComplete" ARRIVE, "=b64 [] u32", 80, 70, dropped,
     Flow::Own},
    {"mbarrier.expect_tx[.relaxed][.cta]" SPACE ".b64", "[] u32", 90, 80,
     fixed<expectBytes>, Flow::Own},
    {"mbarrier.test_wait" WAIT, "=pred [] b64", 80, 70, flagged<test>,
     Flow::Own},
    {"mbarrier.test_wait.parity" WAIT, "=pred [] u32", 80, 71, flagged<test>,
     Flow::Own},
    {"mbarrier.try_wait" WAIT, "=pred [] b64 u32?", 90, 78, flagged<test>,
     Flow::Own},
    {"mbarrier.try_wait.parity" WAIT, "=pred [] u32 u32?", 90, 78,
     flagged<test>, Flow::Own},
    {"mbarrier.pending_count.b64", "=u32 b64", 80, 70,
     fixed<map<Pending, uint32_t, uint64_t>>},
    {"cp.async.mbarrier.arrive[.noinc]" SPACE ".b64", "[]", 80, 70,
     flagged<arriveCopies>, Flow::Own},
};

} // namespace

std::span<const Form> trine::ptx::mbarrierForms() { return forms; }
