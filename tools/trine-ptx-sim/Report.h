//===- Report.h - what trine-ptx-sim says about a launch --------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Simulator/PTX/Device.h"

namespace trine::sim {

/// One JSON object, schema trine.trine-ptx-sim/1.
void printJson(const ptx::LaunchResult &result);
void printText(const ptx::LaunchResult &result);
/// The error a trap ends the tool with.
[[noreturn]] void throwTrap(const ptx::Trap &trap, const std::string &file);

} // namespace trine::sim
