//===- Profile.h - where the time of calls goes -----------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/Calibrate.h"
#include "trine/Runtime/trine.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace trine::run {

/// Adds up the steps of timed calls, by kernel and by node. A step's seconds
/// are the average of its threads; with the time they wait for each other and
/// the time outside of steps they make up the calls' wall time.
class Profile {
public:
  /// The program must stay loaded. `again`: the trace shows this call in place
  /// of the one before.
  void add(const trine_call_times &call, bool again);
  /// The machine's limits, for rooflines.
  void calibrated(const Calibration &machine) { limits = machine; }

  /// By entry and kernel, the costliest first.
  nlohmann::json kernels() const;
  void printTable() const;
  /// F.perfetto-trace: trace events; anything else: all there is, as JSON.
  void write(const std::string &file) const;

private:
  struct Row {
    std::string entry, kernel, family, device, compute;
    std::set<std::string> nodes;
    std::vector<double> seconds; ///< of each launch
    double total = 0, waiting = 0, flops = 0, bytes = 0;
    bool costed = true; ///< the package says its flops and bytes

    void add(const trine_step_times &step, double busy, double wait);
    nlohmann::json json(double wall, const Calibration &limits) const;
  };
  using Rows = std::map<std::vector<std::string>, Row>;
  struct Span {
    std::string kernel, family, node;
    int thread;
    double begin, end, flops, bytes;
  };
  struct TracedCall {
    std::string entry;
    double begin, seconds;
    std::vector<Span> spans;
  };

  nlohmann::json table(const Rows &rows) const;
  nlohmann::json trace() const;

  Rows byKernel, byNode;
  std::vector<TracedCall> traced;
  Calibration limits;
  int threads = 0;
  int64_t calls = 0;
  double wall = 0, waiting = 0, outside = 0;
};

} // namespace trine::run
