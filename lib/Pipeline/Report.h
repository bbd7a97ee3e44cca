//===- Report.h - what a compile cost and made ------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Manifest.h"

#include <atomic>
#include <thread>

namespace trine {

/// Wall and CPU time of each phase, and the most anonymous memory it held,
/// sampled from /proc.
class PhaseClock {
public:
  /// `show`: names the running phase on the terminal.
  explicit PhaseClock(bool show);
  ~PhaseClock();

  void begin(std::string name);
  void end();
  /// [{"name","wall_seconds","cpu_seconds","anonymous_peak_bytes"}, ...]
  nlohmann::json json() const { return phases; }

private:
  void sample();
  void watch();

  bool show;
  std::string current;
  double wallStart = 0, cpuStart = 0;
  std::atomic<uint64_t> peak = 0;
  std::atomic<bool> stop = false;
  std::thread sampler;
  nlohmann::json phases = nlohmann::json::array();
};

/// What --report writes. `flops` and `bytes` are those of Costs.h, of one
/// launch with every dimension 1 and no tokens in the session.
nlohmann::json report(const Manifest &manifest, const nlohmann::json &phases,
                      const std::vector<std::string> &warnings);

} // namespace trine
