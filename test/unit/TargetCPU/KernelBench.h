//===- KernelBench.h - parts of trine-kernel-bench --------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelHarness.h"

namespace trine::test {

/// Seconds of the best call, by the thread's own clock.
double best(const std::function<void()> &call, int rounds = 30);

/// Attention of `element`s ("f32", "bf16") beside an FMA loop's `peak` GFLOP/s;
/// `width`: W of a key's panel.
void benchAttention(const std::string &cpu, const std::string &element,
                    int64_t width, double peak);

} // namespace trine::test
