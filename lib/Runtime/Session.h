//===- Session.h - sequence state and working memory ------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Binding.h"
#include "Plan.h"
#include "StepTimes.h"

namespace trine {

class Session {
public:
  Session(std::shared_ptr<Program> program, int64_t batch);
  ~Session();

  void run(const std::string &entry, std::span<const trine_tensor> inputs,
           std::span<trine_tensor> outputs);

  const std::vector<int32_t> &lengths() const { return rowLengths; }
  void truncate(int64_t length);
  void reset() { truncate(0); }
  void observe(trine_step_callback callback, void *user) {
    observer = callback;
    observerData = user;
  }
  void profile(trine_profile_callback callback, void *user) {
    profiler = callback;
    profilerData = user;
  }

private:
  Plan &planFor(const Entry &entry, const std::vector<int64_t> &symbols);
  void copyInputs(const Plan &plan, const Binding &binding);
  void execute(const Plan &plan);
  void executeObserved(const Plan &plan);
  void report(const Plan &plan, const PlanStep &step, double seconds);
  void runStep(const Plan &plan, size_t index, const KernelTeam &team);
  void runOnDevice(const PlanStep &step);

  std::shared_ptr<Program> program;
  Workspace workspace;
  std::vector<int32_t> rowLengths;
  std::vector<std::unique_ptr<Plan>> plans; ///< most recent first
  trine_step_callback observer = nullptr;
  void *observerData = nullptr;
  StepTimes times; ///< of the latest call, with a profiler
  trine_profile_callback profiler = nullptr;
  void *profilerData = nullptr;
};

} // namespace trine
