//===- Run.h - options → calls, comparisons, measurements -------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Backend.h"
#include "Options.h"
#include "Profile.h"

namespace trine::run {

/// Does everything the options ask for; the exit code.
int runAll(const Options &options);

/// What --bench prints for a call. `profile`, if any, gets as many runs again
/// and the machine's limits.
nlohmann::json bench(RuntimeBackend &backend, const Options &options,
                     const Entry &entry, const std::vector<Array> &inputs,
                     Profile *profile);

/// The "calibration" of a JSON report.
nlohmann::json limitsJson(const Calibration &limits);

/// Runs the package's own test. Throws Mismatch when it fails.
void selfTest(RuntimeBackend &backend, const std::string &file);

} // namespace trine::run
