//===- Access.h - addresses of lanes → checked bytes ------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Machine.h"

namespace trine::ptx {

enum class Use : uint8_t { Read, Write, Atomic };

/// The bytes one lane accesses.
struct Place {
  uint8_t *data = nullptr;
  uint8_t *valid = nullptr; ///< null: all written
  uint32_t shared = 0;      ///< offset in the block's memory, from 0
  bool isShared = false;
};

/// Addresses of lanes, in one state space or by windows.
class Access {
public:
  /// Traps what is out of bounds or misaligned; counts banks and sectors.
  Access(Warp &warp, const Instruction &instruction, const Operand &address,
         Mask active, unsigned bytes, Use use)
      : Access(warp, instruction, address, active, bytes, use,
               instruction.space, bytes) {}
  /// Where the instruction has two addresses, or the alignment is not the size.
  Access(Warp &warp, const Instruction &instruction, const Operand &address,
         Mask active, unsigned bytes, Use use, Space space, unsigned align);

  const Place &operator[](unsigned lane) const { return places[lane]; }

  /// Copies the lane's `size` bytes; false where one of them was never written.
  /// Traps a race. A constant size is quicker.
  bool read(unsigned lane, void *to, unsigned size) const {
    const Place &place = places[lane];
    if (place.isShared)
      checkRace(lane, false, false, false);
    std::memcpy(to, place.data, size);
    return !place.valid || !std::memchr(place.valid, 0, size);
  }
  void write(unsigned lane, const void *from, bool good, unsigned size) const {
    const Place &place = places[lane];
    if (place.isShared)
      checkRace(lane, true, std::memcmp(place.data, from, size) == 0, false);
    std::memcpy(place.data, from, size);
    if (place.valid)
      std::memset(place.valid, good, size);
  }
  /// For what does not go through read and write.
  void checkRace(unsigned lane, bool writes, bool same, bool copy) const;

  /// Where the addresses are computed by the handler.
  Access(Warp &warp, const uint64_t *given, Mask active, unsigned bytes,
         Use use, Space space, unsigned align);

private:
  Mask locateShared(Mask active, unsigned align);
  Mask locateGlobal(Mask active, Use use, unsigned align);
  void locate(Mask active, Use use, Space space, unsigned align);
  void resolve(unsigned lane, Space space, Use use);
  void resolveGlobal(unsigned lane, Use use);
  [[noreturn]] void outside(unsigned lane, std::string what) const;
  void countSectors(Mask lanes) const;

  Warp &warp;
  unsigned bytes;
  bool atomic;
  uint64_t addresses[warpSize];
  Place places[warpSize];
};

/// Lands all copies of cp.async of the lanes; they are the lanes' own writes.
void completeCopies(Warp &warp, Mask lanes);

} // namespace trine::ptx
