//===- Warp.cpp - which lanes go on, and in which order -------------------===//
// Lanes at one program counter form a group. The group behind the others goes
// first, so that diverged lanes meet again; now and then another does, so that
// lanes which wait in a loop for other lanes of the warp do not wait forever.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Machine.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fmt/format.h>

using namespace trine::ptx;

static uint8_t *allocateRows(uint32_t rows) {
  auto *made = static_cast<uint8_t *>(
      std::aligned_alloc(rowBytes, size_t(rows) * rowBytes));
  if (!made)
    throw std::bad_alloc();
  return made;
}

Warp::Warp(Machine &machine, Cta &cta, unsigned index)
    : machine(machine), cta(cta), index(index),
      file(allocateRows(machine.program.rows), std::free),
      defined(machine.program.rows), origins(machine.program.rows) {
  const Program &program = machine.program;
  uint64_t threads = machine.options.block.count() - uint64_t(index) * warpSize;
  live = threads >= warpSize ? fullMask : (Mask(1) << threads) - 1;
  groups.push_back({0, live});
  std::memset(file.get(), 0, size_t(program.rows) * rowBytes);
  std::ranges::copy(program.constants, file.get());
  std::fill_n(defined.begin(), program.constants.size() / rowBytes, fullMask);
  for (const Program::Special &special : program.specials) {
    Operand row{special.row};
    for (unsigned lane = 0; lane < warpSize; ++lane) {
      uint64_t value = specialValue(special.number, *this, lane);
      if (specialBytes(special.number) == 8)
        lanes<uint64_t>(row)[lane] = value;
      else
        lanes<uint32_t>(row)[lane] = uint32_t(value);
    }
    defined[special.row] = fullMask;
  }
  clocks.resize(cta.live);
  clocks[index] = 1;
}

uint32_t Warp::position() const {
  // At a barrier the program counter has already moved on.
  return groups.empty() ? 0 : groups[current].pc - (wait == Wait::Barrier);
}

uint32_t Warp::line() const {
  return groups.empty() ? 0 : machine.program.code[position()].line;
}

Trap Warp::describe(TrapKind kind, Mask lane, uint64_t address,
                    std::string what) const {
  Trap trap;
  trap.kind = kind;
  trap.line = line();
  trap.cta = {cta.id.x, cta.id.y, cta.id.z};
  trap.warp = index;
  trap.lane = unsigned(std::countr_zero(lane | Mask(1) << 31));
  trap.address = address;
  trap.what = std::move(what);
  const Program &program = machine.program;
  auto [file, number] = program.sources[position()];
  if (auto name = program.sourceFiles.find(file);
      number && name != program.sourceFiles.end())
    trap.source = fmt::format("{}:{}", name->second, number);
  return trap;
}

void Warp::trap(TrapKind kind, Mask lane, uint64_t address, std::string what) {
  throw TrapError{describe(kind, lane, address, std::move(what))};
}

void Warp::need(const Operand &operand, Mask active, const char *what) {
  Mask bad = active & ~defined[operand.row];
  if (bad)
    trap(TrapKind::Uninitialised, bad, 0,
         fmt::format("{} was never written ({}){}", what,
                     machine.program.rowNames[operand.row],
                     origins[operand.row]
                         ? fmt::format("; its value comes from line {}",
                                       origins[operand.row])
                         : ""));
}

/// Picks the group to go on with; false when all wait.
bool Warp::choose() {
  size_t best = groups.size(), free = 0;
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].waiting)
      continue;
    ++free;
    if (best == groups.size() || groups[i].pc < groups[best].pc)
      best = i;
  }
  if (best == groups.size())
    return false;
  current = best;
  if (free > 1 && machine.random(machine.options.seed ? 64 : 4096) == 0)
    do
      current = machine.random(uint32_t(groups.size()));
    while (groups[current].waiting);
  return true;
}

/// Joins groups that have met.
void Warp::merge() {
  for (size_t i = 0; i < groups.size(); ++i)
    for (size_t j = groups.size(); --j > i;)
      if (groups[i].pc == groups[j].pc) {
        groups[i].mask |= groups[j].mask;
        groups[i].waiting = false;
        groups.erase(groups.begin() + int64_t(j));
        current = i;
      }
  current = std::min(current, groups.size() - 1);
}

void Warp::branch(Mask taken, uint32_t target) {
  Group &group = groups[current];
  Mask rest = group.mask & ~taken;
  moved = true;
  if (!rest) {
    group.pc = target;
    return;
  }
  group = {group.pc + 1, rest};
  groups.push_back({target, taken});
}

void Warp::exit(Mask lanes) {
  live &= ~lanes;
  moved = true;
  groups[current].mask &= ~lanes;
  ++groups[current].pc;
  if (!groups[current].mask) {
    groups.erase(groups.begin() + int64_t(current));
    current = 0;
  }
  for (Group &group : groups)
    group.waiting = false;
}

/// Whether all lanes an instruction speaks of have come to it.
bool Warp::gathered(const Instruction &i, Mask active) {
  Mask needed = live;
  if (i.gather == Gather::Members) {
    const Operand &members = i.operands[i.count - 1];
    need(members, active, "the mask of lanes");
    needed = 0;
    for (Mask left = active; left; left &= left - 1) {
      unsigned lane = unsigned(std::countr_zero(left));
      Mask mask = lanes<uint32_t>(members)[lane];
      if (!(mask >> lane & 1))
        trap(TrapKind::DivergentSync, Mask(1) << lane, mask,
             fmt::format("lane {} is not in its own mask of lanes {:#x}", lane,
                         mask));
      needed |= mask;
    }
    needed &= live;
  }
  return (needed & ~active) == 0;
}

/// The first undefined source's.
uint32_t Warp::originOf(const Instruction &i, Mask active) const {
  for (unsigned k = i.written; k < i.count; ++k)
    if (active & ~defined[i.operands[k].row])
      return origins[i.operands[k].row];
  return 0;
}

void Warp::issue(const Instruction &i) {
  Mask active = groups[current].mask;
  if (i.guarded) {
    Operand guard{i.guard};
    need(guard, active, "the predicate of an instruction");
    Mask value = predicate(guard);
    active &= i.guardNegated ? ~value : value;
  }
  if (i.gather != Gather::None && active) {
    if (Mask rest = groups[current].mask & ~active) {
      groups[current].mask = active;
      groups.push_back({groups[current].pc + 1, rest});
    }
    if (!gathered(i, active)) {
      groups[current].waiting = true;
      return;
    }
  }
  ++machine.instructions;
  ++machine.issued[groups[current].pc];
  machine.lanes += uint64_t(std::popcount(active));
  moved = false;
  if (active) {
    Mask good = fullMask;
    if (i.pure)
      for (unsigned k = i.written; k < i.count; ++k)
        good &= defined[i.operands[k].row];
    i.run(*this, i, active);
    if (i.pure) {
      uint32_t origin = active & ~good ? originOf(i, active) : 0;
      for (unsigned k = 0; k < i.written; ++k) {
        define(i.operands[k], active, good);
        if (active & ~good)
          origins[i.operands[k].row] = origin;
      }
    }
  }
  if (!moved)
    ++groups[current].pc;
}

void Warp::run(uint64_t quantum) {
  const Instruction *code = machine.program.code.data();
  for (; quantum && live && wait == Wait::None; --quantum) {
    if (groups.size() > 1) {
      merge();
      if (groups.size() > 1 && !choose()) {
        Mask lanes = groups[0].mask;
        std::string where;
        for (const Group &group : groups)
          where +=
              fmt::format("{}line {} (lanes {:#x})", where.empty() ? "" : ", ",
                          code[group.pc].line, group.mask);
        current = 0;
        trap(TrapKind::DivergentSync, lanes, 0,
             "lanes wait for lanes of their warp that do not come: " + where);
      }
    }
    issue(code[groups[current].pc]);
  }
  if (!live)
    cta.warpEnded();
}
