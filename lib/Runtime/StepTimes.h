//===- StepTimes.h - when the threads ran a call's steps --------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Plan.h"
#include "trine/Runtime/trine.h"

#include <chrono>

namespace trine {

/// Two clock readings for each step and thread, made while a call runs.
class StepTimes {
public:
  /// The call begins.
  void start() { began = Clock::now(); }
  void reserve(size_t steps, int threads);
  void begin(size_t step, int thread) { begins[at(step, thread)] = now(); }
  void end(size_t step, int thread) { ends[at(step, thread)] = now(); }

  /// Tells the callback about the call, which is done.
  void report(const Plan &plan, const Program &program,
              const Workspace &workspace, trine_profile_callback callback,
              void *user) const;

private:
  using Clock = std::chrono::steady_clock;
  double now() const {
    return std::chrono::duration<double>(Clock::now() - began).count();
  }
  /// A thread's readings lie together while they are made.
  size_t at(size_t step, int thread) const {
    return size_t(thread) * steps + step;
  }

  Clock::time_point began;
  size_t steps = 0;
  int threads = 0;
  std::vector<double> begins, ends; ///< by thread, then step
};

} // namespace trine
