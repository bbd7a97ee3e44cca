//===- StepTimes.cpp - clock readings of a call -> its profile ------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "StepTimes.h"

#include <numeric>

using namespace trine;

void StepTimes::reserve(size_t stepCount, int threadCount) {
  steps = stepCount;
  threads = threadCount;
  begins.assign(steps * size_t(threads), 0);
  ends = begins;
}

/// The entry's symbols and the tokens a row held, on average, before the call.
static std::vector<int64_t> costSymbols(const Plan &plan,
                                        const Workspace &workspace) {
  auto *lengths = reinterpret_cast<const int32_t *>(workspace.past.data());
  int64_t sum = std::accumulate(lengths, lengths + workspace.batch, int64_t(0));
  std::vector<int64_t> symbols = plan.symbols;
  symbols.push_back(sum / workspace.batch);
  return symbols;
}

void StepTimes::report(const Plan &plan, const Program &program,
                       const Workspace &workspace,
                       trine_profile_callback callback, void *user) const {
  double seconds = now();
  std::vector<int64_t> symbols = costSymbols(plan, workspace);
  auto cost = [&](const std::optional<Size> &size) {
    return size ? double(size->evaluate(symbols)) : -1.0;
  };
  // By step, then thread.
  std::vector<double> beginOf, endOf;
  std::vector<trine_step_times> list;
  for (size_t i = 0; i < steps; ++i)
    for (int thread = 0; thread < threads; ++thread) {
      beginOf.push_back(begins[at(i, thread)]);
      endOf.push_back(ends[at(i, thread)]);
    }
  for (size_t i = 0; i < steps; ++i) {
    const Step &step = *plan.steps[i].step;
    bool copy = step.kind == Step::Kind::Copy;
    const Kernel *kernel =
        copy ? nullptr : &program.manifest.kernels[size_t(step.kernel)];
    list.push_back({kernel ? kernel->name.c_str() : "copy",
                    kernel ? kernel->family.c_str() : "copy",
                    step.device.c_str(), step.node.c_str(),
                    kernel ? kernel->compute.c_str() : "", cost(step.flops),
                    cost(step.bytes), plan.steps[i].function ? threads : 1,
                    &beginOf[i * size_t(threads)],
                    &endOf[i * size_t(threads)]});
  }
  trine_call_times call{plan.entry->name.c_str(), seconds, threads, steps,
                        list.data()};
  callback(&call, user);
}
