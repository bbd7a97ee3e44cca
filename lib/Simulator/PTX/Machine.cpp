//===- Machine.cpp - blocks and the order of their warps ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Machine.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

using namespace trine::ptx;

void trine::ptx::joinClocks(std::vector<uint32_t> &to,
                            const std::vector<uint32_t> &from) {
  for (size_t i = 0; i < from.size(); ++i)
    to[i] = std::max(to[i], from[i]);
}

//===----------------------------------------------------------------------===//
// Blocks and barriers
//===----------------------------------------------------------------------===//

Cta::Cta(Machine &machine, Dim3 id)
    : machine(machine), id(id),
      shared(machine.program.sharedBytes + machine.options.dynamicShared) {
  uint64_t threads = machine.options.block.count();
  live = unsigned((threads + warpSize - 1) / warpSize);
  if (machine.options.races)
    shadow = Shadow(shared.size());
  for (unsigned i = 0; i < live; ++i) {
    warps.push_back(std::make_unique<Warp>(machine, *this, i));
    local.emplace_back(uint64_t(machine.program.localBytes) * warpSize);
  }
}

void Cta::arrive(Warp &warp, const Instruction &instruction, Mask active,
                 unsigned number, unsigned threads, bool wait,
                 unsigned predicates) {
  if (number >= barriers.size())
    warp.trap(TrapKind::Barrier, active, number,
              fmt::format("expected a barrier from 0 to 15, got {}", number));
  if (threads % warpSize)
    warp.trap(TrapKind::Barrier, active, number,
              fmt::format("barrier {}: expected a multiple of 32 threads, got "
                          "{}",
                          number, threads));
  Barrier &barrier = barriers[number];
  unsigned expected = threads / warpSize;
  if (barrier.arrived == 0)
    barrier.expected = expected;
  else if (barrier.expected != expected)
    warp.trap(TrapKind::Barrier, active, number,
              fmt::format("barrier {}: expected {} threads as the others said, "
                          "got {}",
                          number, barrier.expected * warpSize, threads));
  ++barrier.arrived;
  barrier.threads += unsigned(std::popcount(active));
  barrier.predicates += predicates;
  barrier.clocks.resize(warps.size());
  joinClocks(barrier.clocks, warp.clocks);
  warp.meet();
  if (wait) {
    warp.wait = Wait::Barrier;
    warp.barrier = number;
    barrier.waiters.push_back({&warp, &instruction, active});
  }
  if (barrier.arrived >= (expected ? expected : live))
    complete(barrier, &warp);
}

void Cta::complete(Barrier &barrier, const Warp *running) {
  Barrier done = std::move(barrier);
  barrier = {};
  for (const Barrier::Waiter &waiter : done.waiters) {
    Warp &warp = *waiter.warp;
    warp.wait = Wait::None;
    uint32_t own = warp.clocks[warp.index];
    joinClocks(warp.clocks, done.clocks);
    warp.clocks[warp.index] = own;
    const Instruction &i = *waiter.instruction;
    if (i.written) { // bar.red
      const Operand &result = i.operands[0];
      auto kind = Reduction(i.flags);
      if (kind == Reduction::Popc) {
        for (unsigned lane = 0; lane < warpSize; ++lane)
          if (waiter.active >> lane & 1)
            warp.lanes<uint32_t>(result)[lane] = done.predicates;
      } else {
        bool value = kind == Reduction::And ? done.predicates == done.threads
                                            : done.predicates > 0;
        Mask &mask = warp.predicate(result);
        mask = (mask & ~waiter.active) | (value ? waiter.active : 0);
      }
      warp.define(result, waiter.active);
    }
    if (&warp != running)
      machine.ready(warp);
  }
}

void Cta::warpEnded() {
  --live;
  // Those that wait for all wait for one fewer.
  for (Barrier &barrier : barriers)
    if (barrier.arrived && barrier.expected == 0 && barrier.arrived >= live)
      complete(barrier, nullptr);
}

void Cta::acquire(Warp &warp, const void *location) {
  if (auto found = published.find(location); found != published.end()) {
    uint32_t own = warp.clocks[warp.index];
    joinClocks(warp.clocks, found->second);
    warp.clocks[warp.index] = own;
    warp.synced = std::max(warp.synced, found->second[warp.index] + 1);
  }
}

void Cta::release(Warp &warp, const void *location, bool strong) {
  const std::vector<uint32_t> &known = strong ? warp.clocks : warp.fenced;
  if (known.empty() || !shadow.enabled())
    return;
  std::vector<uint32_t> &clocks = published[location];
  clocks.resize(warps.size());
  joinClocks(clocks, known);
  if (strong)
    ++warp.clocks[warp.index];
}

//===----------------------------------------------------------------------===//
// The launch
//===----------------------------------------------------------------------===//

Machine::Machine(const Program &program, const Arch &arch, GlobalMemory &memory,
                 const LaunchOptions &options,
                 std::span<const uint8_t> arguments)
    : program(program), arch(arch), memory(memory), options(options),
      parameters(arguments.size()), issued(program.code.size()),
      banks(program.code.size()), generator(options.seed) {
  parameters.write(0, arguments.data(), arguments.size());
  order.resize(options.grid.count());
  std::iota(order.rbegin(), order.rend(), 0u);
  if (options.seed)
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random(uint32_t(i))]);
}

void Machine::start() {
  while (resident.size() < options.resident && !order.empty()) {
    uint32_t n = order.back();
    order.pop_back();
    const Dim3 &grid = options.grid;
    resident.push_back(std::make_unique<Cta>(
        *this, Dim3{n % grid.x, n / grid.x % grid.y, n / grid.x / grid.y}));
    for (auto &warp : resident.back()->warps)
      ready(*warp);
  }
}

void Machine::schedule() {
  // In order, long turns keep a warp's registers in the host's cache.
  uint64_t quantum = 1024;
  if (options.seed) {
    std::swap(runnable.front(), runnable[random(uint32_t(runnable.size()))]);
    quantum = 1 + random(64);
  }
  Warp *warp = runnable.front();
  runnable.pop_front();
  warp->run(quantum);
  if (instructions > options.limit)
    warp->trap(TrapKind::Limit, warp->live, 0,
               fmt::format("more than {} instructions: the kernel may hang",
                           options.limit));
  if (warp->done()) {
    if (const Cta *cta = &warp->cta; cta->live == 0)
      std::erase_if(resident,
                    [cta](const auto &other) { return other.get() == cta; });
  } else if (warp->wait == Wait::None) {
    runnable.push_back(warp);
  }
}

void Machine::deadlock() {
  Trap trap;
  bool first = true;
  for (const auto &cta : resident)
    for (const auto &warp : cta->warps) {
      if (warp->done())
        continue;
      const Barrier &barrier = cta->barriers[warp->barrier];
      std::string where = fmt::format(
          "block ({}, {}, {}) warp {} waits at line {} for barrier {}: {} of "
          "{} warps have come",
          cta->id.x, cta->id.y, cta->id.z, warp->index, warp->line(),
          warp->barrier, barrier.arrived,
          barrier.expected ? barrier.expected : cta->live);
      if (first)
        trap = warp->describe(
            TrapKind::Deadlock, 1, warp->barrier,
            "every warp waits for a barrier that no warp will reach");
      first = false;
      if (trap.notes.size() < 64)
        trap.notes.push_back(std::move(where));
    }
  throw TrapError{std::move(trap)};
}

void Machine::finish() {
  result.instructions = instructions;
  result.lanes = lanes;
  for (size_t pc = 0; pc < issued.size(); ++pc) {
    const Instruction &i = program.code[pc];
    if (issued[pc])
      result.opcodes[program.opcodes[i.opcode]] += issued[pc];
    if (banks[pc].accesses) {
      BankUse &use = result.banks[i.line];
      use.accesses += banks[pc].accesses;
      use.wavefronts += banks[pc].wavefronts;
      use.ideal += banks[pc].ideal;
    }
  }
}

LaunchResult Machine::run() {
  try {
    while (true) {
      start();
      if (resident.empty())
        break;
      if (runnable.empty())
        deadlock();
      schedule();
    }
  } catch (TrapError &error) {
    result.trap = std::move(error.trap);
  }
  finish();
  return std::move(result);
}
