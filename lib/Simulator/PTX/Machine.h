//===- Machine.h - one launch: blocks, barriers, the schedule ---*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Memory.h"
#include "Shadow.h"
#include "Warp.h"

#include <deque>
#include <random>
#include <span>
#include <unordered_map>

namespace trine::ptx {

/// A named barrier of a block.
struct Barrier {
  unsigned expected = 0; ///< warps; 0: all that live
  unsigned arrived = 0;  ///< warps
  unsigned threads = 0, predicates = 0;
  std::vector<uint32_t> clocks;
  struct Waiter {
    Warp *warp;
    const Instruction *instruction;
    Mask active;
  };
  std::vector<Waiter> waiters;
};

enum class Reduction : uint8_t { None, Popc, And, Or };

/// A block.
struct Cta {
  Cta(Machine &machine, Dim3 id);

  /// A warp comes to a barrier; `threads` 0 means all. With `wait` it stops
  /// until the others have come. `predicates` are the true ones of bar.red.
  void arrive(Warp &warp, const Instruction &instruction, Mask active,
              unsigned number, unsigned threads, bool wait,
              unsigned predicates);
  void warpEnded();

  /// Ordering through a location. What is released without `strong` is what the
  /// warp did before its last fence.
  void acquire(Warp &warp, const void *location);
  void release(Warp &warp, const void *location, bool strong);

  Machine &machine;
  const Dim3 id;
  Storage shared; ///< from sharedBase on
  Shadow shadow;
  std::vector<std::unique_ptr<Warp>> warps;
  std::vector<Storage> local; ///< of each warp, threads one after the other
  std::array<Barrier, 16> barriers;
  unsigned live = 0; ///< warps

private:
  std::unordered_map<const void *, std::vector<uint32_t>> published;
  /// `running` goes on by itself.
  void complete(Barrier &barrier, const Warp *running);
};

class Machine {
public:
  Machine(const Program &program, const Arch &arch, GlobalMemory &memory,
          const LaunchOptions &options, std::span<const uint8_t> parameters);

  LaunchResult run();

  void ready(Warp &warp) { runnable.push_back(&warp); }
  /// Below `bound`, by the seed.
  uint32_t random(uint32_t bound) {
    return uint32_t(uint64_t(uint32_t(generator())) * bound >> 32);
  }
  const Program &program;
  const Arch &arch;
  GlobalMemory &memory;
  const LaunchOptions &options;
  Storage parameters;
  LaunchResult result;
  std::vector<uint64_t> issued; ///< by pc
  std::vector<BankUse> banks;   ///< by pc
  uint64_t instructions = 0, lanes = 0;

private:
  void start();
  void schedule();
  [[noreturn]] void deadlock();
  void finish();

  std::mt19937_64 generator;
  std::vector<uint32_t> order; ///< of blocks, last first
  std::deque<std::unique_ptr<Cta>> resident;
  std::deque<Warp *> runnable;
};

/// The special registers: "%tid.x" → its number, or -1; their values.
int specialNumber(std::string_view name);
unsigned specialBytes(unsigned number);
/// A value that changes while a warp runs: %clock.
bool specialVolatile(unsigned number);
uint64_t specialValue(unsigned number, const Warp &warp, unsigned lane);

/// Joins what `from` knows into `to`.
void joinClocks(std::vector<uint32_t> &to, const std::vector<uint32_t> &from);

} // namespace trine::ptx
