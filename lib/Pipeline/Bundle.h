//===- Bundle.h - what to send when Trine is at fault -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Compilation.h"

namespace trine {

/// Writes a directory with the input's hash, versions, the command, the last
/// good module and a script that replays the failure. Returns a note that names
/// it, or says why there is none.
std::string writeBundle(const Compilation &compilation, int argc, char **argv);

} // namespace trine
