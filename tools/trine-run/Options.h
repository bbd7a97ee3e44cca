//===- Options.h - trine-run's command line ---------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace trine::run {

/// One run of an entry, its tensors still as text.
struct Call {
  std::string entry;
  std::map<std::string, std::string> inputs;  ///< name → value
  std::map<std::string, std::string> outputs; ///< name → file to write
  std::map<std::string, std::string> expected;
};

struct Options {
  std::string file, device = "cpu", weightsFrom, profile, report;
  int64_t threads = 0, bench = 0;
  double atol = 0, rtol = 0;
  bool reference = false, selfTest = false, json = false, quiet = false;
  std::vector<Call> calls;
  std::map<std::string, std::string> dumps; ///< node → file
};

/// False when there is nothing left to do (--help).
bool parseOptions(int argc, char **argv, Options &options);

} // namespace trine::run
