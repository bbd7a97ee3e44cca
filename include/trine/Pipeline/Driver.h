//===- Driver.h - the compiler as a command ---------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

namespace trine {

/// trine-compile's main: parses the command line, compiles, writes. Returns the
/// exit code or throws trine::Error.
int compileMain(int argc, char **argv);

} // namespace trine
