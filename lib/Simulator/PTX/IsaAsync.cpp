//===- IsaAsync.cpp - cp.async and its groups -----------------------------===//
// A copy's bytes are its thread's writes once the thread has waited for them;
// until then nobody may touch them. In lazy mode they are not even there.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "InstructionSet.h"
#include "Lanes.h"

#include <algorithm>

using namespace trine::ptx;

namespace {

/// Moves the bytes.
void land(Warp &warp, PendingCopy &copy) {
  if (copy.landed)
    return;
  copy.landed = true;
  Storage &shared = warp.cta.shared;
  uint8_t *to = shared.data(copy.shared), *valid = shared.valid(copy.shared);
  std::memset(to, 0, copy.bytes);
  if (copy.source)
    std::memcpy(to, copy.data, copy.source);
  if (!valid)
    return;
  std::memset(valid, 1, copy.bytes);
  if (copy.valid)
    std::memcpy(valid, copy.valid, copy.source);
}

/// The thread has waited: the bytes are written, and are its own.
void complete(Warp &warp, PendingCopy &copy) {
  land(warp, copy);
  Shadow &shadow = warp.cta.shadow;
  if (shadow.enabled())
    shadow.landed(
        {warp.clocks[warp.index], copy.pc, warp.index, copy.lane, 0, 0},
        copy.shared, copy.bytes);
}

/// Bytes to read of each lane: the last operand of three says, if it is there.
unsigned sourceBytes(Warp &warp, const Instruction &i, unsigned lane,
                     unsigned bytes) {
  if (i.count < 4)
    return bytes;
  const Operand &size = i.operands[3];
  if (size.bytes == 0) // ignore-src
    return warp.predicate(size) >> lane & 1 ? 0 : bytes;
  return warp.lanes<uint32_t>(size)[lane];
}

void copy(Warp &warp, const Instruction &i, Mask active) {
  auto bytes = unsigned(i.operands[2].offset);
  if (i.count > 3)
    warp.need(i.operands[3], active, "the size of a copy");
  Access to(warp, i, i.operands[0], active, bytes, Use::Write, Space::Shared,
            bytes);
  Mask bySize[17] = {};
  eachLane(active, [&](unsigned lane) {
    unsigned size = sourceBytes(warp, i, lane, bytes);
    if (size > bytes)
      warp.trap(TrapKind::InvalidOperand, Mask(1) << lane, size,
                "cp.async: more bytes of the source than of the copy");
    bySize[size] |= Mask(1) << lane;
  });
  const LaunchOptions &options = warp.machine.options;
  for (unsigned size = 0; size <= bytes; ++size) {
    if (!bySize[size])
      continue;
    // What reads nothing may have any address.
    std::optional<Access> from;
    if (size)
      from.emplace(warp, i, i.operands[1], bySize[size], size, Use::Read,
                   Space::Global, bytes);
    eachLane(bySize[size], [&](unsigned lane) {
      to.checkRace(lane, true, false, true);
      PendingCopy pending;
      pending.shared = to[lane].shared;
      pending.bytes = uint8_t(bytes);
      pending.source = uint8_t(size);
      pending.lane = uint8_t(lane);
      pending.pc = warp.groups[warp.current].pc;
      pending.group = warp.async.committed[lane];
      if (size) {
        pending.data = (*from)[lane].data;
        pending.valid = (*from)[lane].valid;
      }
      bool early = options.seed && warp.machine.random(4) == 0;
      if (options.async == Async::Eager || early)
        land(warp, pending);
      warp.async.pending.push_back(pending);
    });
  }
}

void commit(Warp &warp, const Instruction &, Mask active) {
  eachLane(active, [&](unsigned lane) { ++warp.async.committed[lane]; });
}

/// All groups of a thread but the latest `left`; `all`: what is not in a group
/// yet, too.
void wait(Warp &warp, Mask active, uint64_t left, bool all) {
  AsyncCopies &async = warp.async;
  std::erase_if(async.pending, [&](PendingCopy &copy) {
    bool waited = all || copy.group + left < async.committed[copy.lane];
    if (!waited || !(active >> copy.lane & 1))
      return false;
    complete(warp, copy);
    return true;
  });
}
void waitGroup(Warp &warp, const Instruction &i, Mask active) {
  wait(warp, active, uint64_t(i.operands[0].offset), false);
}
void waitAll(Warp &warp, const Instruction &, Mask active) {
  wait(warp, active, 0, true);
}

Handler selectCopy(const Modifiers &m, Instruction &i) {
  int64_t bytes = i.operands[2].offset;
  bool fits = bytes == 16 || (m.has("ca") && (bytes == 4 || bytes == 8));
  return fits ? copy : nullptr;
}

constexpr Form forms[] = {
    {"cp.async.(ca|cg)[.shared|shared::cta].global[.L2::cache_hint]"
     "[.L2::64B|L2::128B|L2::256B]",
     "[] [] # S? u64?", 80, 70, selectCopy, Flow::Own},
    {"cp.async.commit_group", "", 80, 70, fixed<commit>, Flow::Own},
    {"cp.async.wait_group", "#", 80, 70, fixed<waitGroup>, Flow::Own},
    {"cp.async.wait_all", "", 80, 70, fixed<waitAll>, Flow::Own},
};

} // namespace

void trine::ptx::completeCopies(Warp &warp, Mask lanes) {
  wait(warp, lanes, 0, true);
}

std::span<const Form> trine::ptx::asyncForms() { return forms; }
