//===- Warp.h - registers and program counters of 32 lanes ------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Program.h"
#include "trine/Simulator/PTX/Device.h"

#include <memory>

namespace trine::ptx {

struct Cta;
class Machine;

/// Thrown by handlers; a launch ends with it.
struct TrapError {
  Trap trap;
};

/// Lanes at one program counter.
struct Group {
  uint32_t pc = 0;
  Mask mask = 0;
  bool waiting = false; ///< for other lanes of the warp
};

/// A copy of cp.async by one thread.
struct PendingCopy {
  const uint8_t *data = nullptr, *valid = nullptr; ///< of the source
  uint64_t group = 0;
  uint32_t shared = 0, pc = 0;
  uint8_t bytes = 0, source = 0; ///< what is not of the source is zero
  uint8_t lane = 0;
  bool landed = false;
};

/// cp.async of a warp. Lanes count their groups alone.
struct AsyncCopies {
  std::vector<PendingCopy> pending; ///< not waited for
  std::array<uint64_t, warpSize> committed = {};
};

enum class Wait : uint8_t { None, Barrier };

class Warp {
public:
  Warp(Machine &machine, Cta &cta, unsigned index);

  template <class T> T *lanes(const Operand &operand) {
    return reinterpret_cast<T *>(file.get() + size_t(operand.row) * rowBytes);
  }
  Mask &predicate(const Operand &operand) { return *lanes<Mask>(operand); }
  Mask &definedness(const Operand &operand) { return defined[operand.row]; }

  /// Results of a handler whose Flow is Own.
  void define(const Operand &operand, Mask active, Mask good = fullMask) {
    Mask &known = defined[operand.row];
    known = (known & ~active) | (active & good);
    if (active & ~good)
      origins[operand.row] = line();
  }
  /// Traps where a lane's value was never written.
  void need(const Operand &operand, Mask active, const char *what);

  /// Issues instructions until the warp waits, ends, or `quantum` are done.
  void run(uint64_t quantum);
  /// For a handler: lanes of `taken` go to `target`, the others on.
  void branch(Mask taken, uint32_t target);
  void exit(Mask lanes);
  /// Lanes have met: what each did before, all know.
  void meet() { synced = ++clocks[index]; }

  Trap describe(TrapKind kind, Mask lane, uint64_t address,
                std::string what) const;
  [[noreturn]] void trap(TrapKind kind, Mask lane, uint64_t address,
                         std::string what);

  bool done() const { return live == 0; }
  uint32_t line() const;
  /// The instruction that the warp executes or waits at.
  uint32_t position() const;

  Machine &machine;
  Cta &cta;
  const unsigned index;
  Mask live = 0;
  std::vector<Group> groups;
  size_t current = 0;
  Wait wait = Wait::None;
  unsigned barrier = 0; ///< waited for
  /// Happens-before of shared memory, see Shadow.h.
  std::vector<uint32_t> clocks;
  /// What lanes of this warp did at an earlier clock, all lanes know.
  uint32_t synced = 0;
  std::vector<uint32_t> fenced; ///< clocks at the last fence; empty before
  AsyncCopies async;
  Mask carry = 0;     ///< of add.cc
  bool moved = false; ///< set by branch() and exit(): pc is already right

private:
  bool choose();
  bool gathered(const Instruction &instruction, Mask active);
  void issue(const Instruction &instruction);
  void merge();

  std::unique_ptr<uint8_t[], void (*)(void *)> file;
  uint32_t originOf(const Instruction &instruction, Mask active) const;

  std::vector<Mask> defined;
  /// The line that an undefined value comes from; 0 where none wrote it.
  std::vector<uint32_t> origins;
};

} // namespace trine::ptx
