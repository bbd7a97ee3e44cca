//===- IsaControl.cpp - branches, exits, traps ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Machine.h"

using namespace trine::ptx;

namespace {

void bra(Warp &warp, const Instruction &i, Mask active) {
  warp.branch(active, i.target);
}

/// To the label that the index chooses; lanes with one target go together.
void branchIndexed(Warp &warp, const Instruction &i, Mask active) {
  const std::vector<uint32_t> &table = warp.machine.program.tables[i.flags];
  const auto *index = warp.lanes<uint32_t>(i.operands[0]);
  warp.need(i.operands[0], active, "the index of a branch");
  std::map<uint32_t, Mask> targets;
  eachLane(active, [&](unsigned lane) {
    if (index[lane] >= table.size())
      warp.trap(TrapKind::InvalidOperand, Mask(1) << lane, index[lane],
                "the index of a branch is beyond its table");
    targets[table[index[lane]]] |= Mask(1) << lane;
  });
  // Those without a target, by the guard, go on; then one group for each.
  auto first = targets.begin();
  for (auto target = std::next(first); target != targets.end(); ++target) {
    warp.groups[warp.current].mask &= ~target->second;
    warp.groups.push_back({target->first, target->second});
  }
  warp.branch(first->second, first->first);
}

void exitLanes(Warp &warp, const Instruction &, Mask active) {
  warp.exit(active);
}

void trapLanes(Warp &warp, const Instruction &, Mask active) {
  warp.trap(TrapKind::BadInstruction, active, 0, "the kernel traps");
}

void assertionFails(Warp &warp, const Instruction &, Mask active) {
  warp.trap(TrapKind::Assertion, active, 0, "an assertion of the kernel fails");
}

void nothing(Warp &, const Instruction &, Mask) {}

constexpr Form forms[] = {
    {"bra[.uni]", "L", 0, 10, fixed<bra>, Flow::Own},
    {"brx.idx[.uni]", "u32 L", 0, 60, fixed<branchIndexed>, Flow::Own},
    {"ret[.uni]", "", 0, 10, fixed<exitLanes>, Flow::Own},
    {"exit", "", 0, 10, fixed<exitLanes>, Flow::Own},
    {"trap", "", 0, 10, fixed<trapLanes>, Flow::Own},
    {"brkpt", "", 0, 10, fixed<trapLanes>, Flow::Own},
    {"@assertfail", "", 0, 10, fixed<assertionFails>, Flow::Own},
    {"nanosleep.u32", "u32", 70, 63, fixed<nothing>, Flow::Own},
    {"pmevent", "#", 0, 14, fixed<nothing>, Flow::Own},
};

} // namespace

std::span<const Form> trine::ptx::controlForms() { return forms; }
