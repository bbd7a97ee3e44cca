//===- Access.cpp - addresses of lanes → checked bytes --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Access.h"
#include "Lanes.h"

#include <algorithm>
#include <fmt/format.h>

using namespace trine::ptx;

/// The usual case, quickly: each bank gives one word, or all lanes want one.
static bool isConflictFree(const uint32_t *offsets, unsigned count,
                           unsigned words) {
  uint32_t used = 0, each = words >= 4 ? 15 : words == 2 ? 3 : 1;
  uint32_t last = ~offsets[0] / 4;
  for (unsigned k = 0; k < count; ++k) {
    uint32_t word = offsets[k] / 4, banks = each << word % 32;
    if (word == last)
      continue;
    if (used & banks)
      return false;
    used |= banks;
    last = word;
  }
  return true;
}

/// Most words that one bank has to give.
static unsigned wavefronts(const uint32_t *offsets, unsigned count,
                           unsigned words) {
  if (isConflictFree(offsets, count, words))
    return 1;
  uint32_t seen[32][32];
  uint8_t depth[32] = {};
  unsigned most = 1;
  for (unsigned k = 0; k < count; ++k)
    for (unsigned w = 0; w < words; ++w) {
      uint32_t word = offsets[k] / 4 + w, bank = word % 32;
      uint8_t &n = depth[bank];
      if (std::find(seen[bank], seen[bank] + n, word) != seen[bank] + n)
        continue;
      seen[bank][n++] = word;
      most = std::max<unsigned>(most, n);
    }
  return most;
}

/// Lanes of 4 bytes go together, 8 in two parts of a warp, 16 in four. A bank
/// gives one word of 4 bytes a wavefront, to any number of lanes.
static void countBanks(BankUse &use, const uint32_t *offsets, unsigned count,
                       unsigned bytes) {
  unsigned words = std::max(1u, bytes / 4), together = warpSize / words;
  ++use.accesses;
  for (unsigned begin = 0; begin < count; begin += together) {
    use.wavefronts +=
        wavefronts(offsets + begin, std::min(together, count - begin), words);
    ++use.ideal;
  }
}

Access::Access(Warp &warp, const Instruction &i, const Operand &address,
               Mask active, unsigned bytes, Use use, Space space,
               unsigned align)
    : warp(warp), bytes(bytes), atomic(use == Use::Atomic) {
  warp.need(address, active, "an address");
  auto offset = uint64_t(address.offset);
  if (address.bytes == 8) {
    const auto *base = warp.lanes<uint64_t>(address);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      addresses[lane] = base[lane] + offset;
  } else {
    const auto *base = warp.lanes<uint32_t>(address);
    for (unsigned lane = 0; lane < warpSize; ++lane)
      addresses[lane] = base[lane] + offset;
  }
  locate(active, use, space, align);
}

Access::Access(Warp &warp, const uint64_t *given, Mask active, unsigned bytes,
               Use use, Space space, unsigned align)
    : warp(warp), bytes(bytes), atomic(use == Use::Atomic) {
  std::copy_n(given, warpSize, addresses);
  locate(active, use, space, align);
}

/// Lanes that are where they should be, quickly; those left need a closer look.
Mask Access::locateShared(Mask active, unsigned align) {
  Storage &storage = warp.cta.shared;
  uint64_t size = storage.size();
  if (size < bytes)
    return active;
  uint8_t *data = storage.data(0), *valid = storage.valid(0);
  Mask left = 0;
  eachLane(active, [&](unsigned lane) {
    uint64_t offset = addresses[lane] - sharedBase;
    if (offset > size - bytes || addresses[lane] & (align - 1))
      left |= Mask(1) << lane;
    else
      places[lane] = {data + offset, valid ? valid + offset : nullptr,
                      uint32_t(offset), true};
  });
  return left;
}

Mask Access::locateGlobal(Mask active, Use use, unsigned align) {
  uint64_t first = addresses[std::countr_zero(active)];
  Allocation *found = warp.machine.memory.find(first, bytes);
  if (!found || (found->constant && use != Use::Read))
    return active;
  uint8_t *data = found->storage.data(0), *valid = found->storage.valid(0);
  Mask left = 0;
  eachLane(active, [&](unsigned lane) {
    uint64_t offset = addresses[lane] - found->address;
    if (!found->holds(addresses[lane], bytes) || addresses[lane] & (align - 1))
      left |= Mask(1) << lane;
    else
      places[lane] = {data + offset, valid ? valid + offset : nullptr};
  });
  return left;
}

void Access::locate(Mask active, Use use, Space space, unsigned align) {
  Mask left = space == Space::Shared   ? locateShared(active, align)
              : space == Space::Global ? locateGlobal(active, use, align)
                                       : active;
  eachLane(left, [&](unsigned lane) {
    if (addresses[lane] & (align - 1))
      warp.trap(TrapKind::Misaligned, Mask(1) << lane, addresses[lane],
                fmt::format("address {:#x} is not a multiple of {}",
                            addresses[lane], align));
    resolve(lane, space, use);
  });
  uint32_t offsets[warpSize];
  unsigned inShared = 0;
  if (space == Space::Shared || space == Space::Generic)
    eachLane(active, [&](unsigned lane) {
      if (places[lane].isShared)
        offsets[inShared++] = places[lane].shared;
    });
  if (inShared)
    countBanks(warp.machine.banks[warp.groups[warp.current].pc], offsets,
               inShared, bytes);
  else if (space == Space::Global || space == Space::Generic)
    countSectors(active);
}

/// Sectors of 32 bytes; those of neighbours are merged.
void Access::countSectors(Mask lanes) const {
  uint64_t last = ~uint64_t(0);
  eachLane(lanes, [&](unsigned lane) {
    uint64_t first = addresses[lane] / 32,
             end = (addresses[lane] + bytes - 1) / 32;
    warp.machine.result.globalSectors += end - first + (first != last);
    last = end;
  });
}

void Access::outside(unsigned lane, std::string what) const {
  warp.trap(TrapKind::OutOfBounds, Mask(1) << lane, addresses[lane],
            std::move(what));
}

void Access::resolveGlobal(unsigned lane, Use use) {
  uint64_t at = addresses[lane];
  Allocation *found = warp.machine.memory.find(at, bytes);
  if (!found) {
    const Allocation *near = warp.machine.memory.near(at);
    if (!near)
      outside(lane, fmt::format("address {:#x} is in no allocation", at));
    outside(lane,
            fmt::format("{} bytes at {:#x}: offset {} of an allocation of {} "
                        "bytes{}",
                        bytes, at, at - near->address, near->bytes,
                        near->freed ? ", which was freed" : ""));
  }
  if (use != Use::Read && found->constant)
    warp.trap(TrapKind::ReadOnly, Mask(1) << lane, at,
              "a store to constant memory");
  uint64_t offset = at - found->address;
  places[lane] = {found->storage.data(offset), found->storage.valid(offset)};
}

void Access::resolve(unsigned lane, Space space, Use use) {
  uint64_t at = addresses[lane];
  if (space == Space::Generic) {
    static constexpr std::pair<uint64_t, Space> windows[] = {
        {sharedWindow, Space::Shared},
        {localWindow, Space::Local},
        {parameterWindow, Space::Param}};
    space = Space::Global;
    for (const auto &[base, name] : windows)
      if (at - base < windowBytes) {
        space = name;
        at -= base;
      }
  }
  Storage *storage = nullptr;
  uint64_t offset = at, limit = 0, base = 0;
  switch (space) {
  case Space::Shared:
    storage = &warp.cta.shared;
    offset = at - sharedBase;
    limit = storage->size();
    break;
  case Space::Local:
    storage = &warp.cta.local[warp.index];
    limit = warp.machine.program.localBytes;
    base = limit * lane;
    break;
  case Space::Param:
    storage = &warp.machine.parameters;
    limit = storage->size();
    if (use != Use::Read)
      warp.trap(TrapKind::ReadOnly, Mask(1) << lane, at,
                "a store to a kernel's parameter");
    break;
  default:
    resolveGlobal(lane, use);
    return;
  }
  if (offset > limit || limit - offset < bytes)
    outside(lane, fmt::format("{} bytes at offset {} of {} bytes of {} memory",
                              bytes, int64_t(offset), limit, nameOf(space)));
  Place &place = places[lane];
  place.data = storage->data(base + offset);
  place.valid = storage->valid(base + offset);
  place.shared = uint32_t(offset);
  place.isShared = space == Space::Shared;
}

void Access::checkRace(unsigned lane, bool writes, bool same, bool copy) const {
  const Place &place = places[lane];
  Shadow &shadow = warp.cta.shadow;
  if (!place.isShared || !shadow.enabled())
    return;
  uint32_t pc = warp.groups[warp.current].pc;
  Touch touch = {warp.clocks[warp.index], pc, warp.index, lane, atomic, copy};
  const Touch *other =
      writes ? shadow.write(warp, touch, place.shared, bytes, same)
             : shadow.read(warp, touch, place.shared, bytes);
  if (!other)
    return;
  uint32_t earlier = warp.machine.program.code[other->pc].line;
  const char *verb = writes ? "writes" : "reads";
  std::string what =
      other->copy
          ? fmt::format("{} {} bytes of shared memory that cp.async at line {} "
                        "(warp {} lane {}) has not been waited for",
                        verb, bytes, earlier, unsigned(other->warp),
                        unsigned(other->lane))
          : fmt::format("{} {} bytes of shared memory that warp {} lane {} "
                        "accesses at line {}, with no barrier between",
                        verb, bytes, unsigned(other->warp),
                        unsigned(other->lane), earlier);
  Trap trap = warp.describe(other->copy ? TrapKind::AsyncRace : TrapKind::Race,
                            Mask(1) << lane, addresses[lane], std::move(what));
  trap.otherLine = earlier;
  throw TrapError{std::move(trap)};
}
