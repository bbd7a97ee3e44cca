//===- CpuFeatures.h - what this machine's CPU can do -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trine {

/// Does CPU and operating system support the feature LLVM calls `name`?
/// Unknown names: no.
bool hasCpuFeature(std::string_view name);

/// All names this CPU has.
std::vector<std::string> cpuFeatures();

/// "AMD Ryzen ...", as the CPU names itself.
std::string cpuModel();

/// Throws Environment naming those of `needed` that are missing.
void requireCpuFeatures(const std::vector<std::string> &needed,
                        const std::string &path);

} // namespace trine
