//===- Host.cpp - what the simulator needs of the host --------------------===//
// Compiled for any CPU, unlike the rest.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Simulator/PTX/Device.h"
#include "trine/Support/Error.h"

void trine::ptx::checkHost() {
#ifdef __x86_64__
  if (!__builtin_cpu_supports("x86-64-v3"))
    throw Error(ExitCode::Environment, "this CPU",
                "expected AVX2, FMA and F16C (x86-64-v3) for the simulator");
#endif
}
