//===- IsaBarrier.cpp - barriers and fences -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lanes.h"
#include "Machine.h"

using namespace trine::ptx;

namespace {

/// The value all lanes agree on.
uint32_t uniform(Warp &warp, const Operand &operand, Mask active,
                 const char *what) {
  warp.need(operand, active, what);
  const auto *lanes = warp.lanes<uint32_t>(operand);
  uint32_t first = lanes[std::countr_zero(active)];
  eachLane(active, [&](unsigned lane) {
    if (lanes[lane] != first)
      warp.trap(TrapKind::InvalidOperand, Mask(1) << lane, lanes[lane],
                std::string(what) + " differs between lanes");
  });
  return first;
}

template <bool wait>
void barrier(Warp &warp, const Instruction &i, Mask active) {
  unsigned first = i.written;
  uint32_t number =
      uniform(warp, i.operands[first], active, "a barrier's number");
  bool counted = i.count > first + 1 && i.operands[first + 1].bytes == 4;
  uint32_t threads = counted ? uniform(warp, i.operands[first + 1], active,
                                       "a barrier's number of threads")
                             : 0;
  unsigned predicates = 0;
  if (i.written) { // bar.red: the last operand
    const Operand &predicate = i.operands[i.count - 1];
    warp.need(predicate, active, "a barrier's predicate");
    predicates = unsigned(std::popcount(warp.predicate(predicate) & active));
  }
  warp.cta.arrive(warp, i, active, number, threads, wait, predicates);
}

Handler reduce(const Modifiers &m, Instruction &i) {
  i.flags = uint32_t(m.has("popc")  ? Reduction::Popc
                     : m.has("and") ? Reduction::And
                                    : Reduction::Or);
  return barrier<true>;
}

/// What the lanes did before is seen by them after.
void warpBarrier(Warp &warp, const Instruction &, Mask) { warp.meet(); }

/// What the warp did before may be published by a relaxed store or atomic.
void fence(Warp &warp, const Instruction &, Mask) {
  warp.fenced = warp.clocks;
  ++warp.clocks[warp.index];
}

void nothing(Warp &, const Instruction &, Mask) {}

constexpr Form forms[] = {
    {"bar[.cta].sync", "u32 u32?", 0, 10, fixed<barrier<true>>, Flow::Own,
     Gather::Live},
    {"barrier[.cta].sync[.aligned]", "u32 u32?", 30, 60, fixed<barrier<true>>,
     Flow::Own, Gather::Live},
    {"bar[.cta].arrive", "u32 u32", 20, 20, fixed<barrier<false>>, Flow::Own,
     Gather::Live},
    {"barrier[.cta].arrive[.aligned]", "u32 u32", 30, 60, fixed<barrier<false>>,
     Flow::Own, Gather::Live},
    {"bar[.cta].red.popc.u32", "=u32 u32 pred", 20, 20, reduce, Flow::Own,
     Gather::Live},
    {"bar[.cta].red.(and|or).pred", "=pred u32 pred", 20, 20, reduce, Flow::Own,
     Gather::Live},
    {"barrier[.cta].red.popc[.aligned].u32", "=u32 u32 pred", 30, 60, reduce,
     Flow::Own, Gather::Live},
    {"barrier[.cta].red.(and|or)[.aligned].pred", "=pred u32 pred", 30, 60,
     reduce, Flow::Own, Gather::Live},
    {"bar.warp.sync", "b32", 30, 60, fixed<warpBarrier>, Flow::Own,
     Gather::Members},
    {"membar.(cta|gl|sys)", "", 0, 14, fixed<fence>, Flow::Own},
    {"fence[.sc|acq_rel|acquire|release].(cta|cluster|gpu|sys)", "", 70, 60,
     fixed<fence>, Flow::Own},
    {"griddepcontrol.(launch_dependents|wait)", "", 90, 78, fixed<nothing>,
     Flow::Own},
};

} // namespace

std::span<const Form> trine::ptx::barrierForms() { return forms; }
