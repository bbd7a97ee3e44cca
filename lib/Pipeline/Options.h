//===- Options.h - trine-compile's command line -----------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace trine {

/// What a user asks of one compile; the flags by their names.
struct CompileOptions {
  std::string input, output, weightsFrom;
  std::vector<std::string> targets, place, entries; ///< empty: not given
  std::string cpu;                                  ///< empty: not given
  std::string compute, weights, kv, quantize;       ///< empty: not given
  std::string chip, arch, calibration, observe;
  std::string emit = "package";
  std::string from, to, savePhases, report;
  int64_t maxSequence = 0, maxBatch = 0, jobs = 0; ///< 0: not given
  bool check = false, printPhases = false, quiet = false;

  /// What shapes the package, as its manifest records it: no paths, no jobs.
  /// `earlier`: the choices of the compile that saved the module, which stay
  /// unless there are others now.
  nlohmann::json recorded(nlohmann::json earlier = {}) const;
};

/// Nothing after --help or --version. Throws Usage for what contradicts and
/// Unsupported, with all of it, for what this version cannot do.
std::optional<CompileOptions> parseOptions(int argc, char **argv);

} // namespace trine
