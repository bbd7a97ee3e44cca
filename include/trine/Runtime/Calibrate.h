//===- Calibrate.h - what this machine can do at best -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

namespace trine {

/// Rates of `threads` threads together; 0 where the CPU has no such
/// instruction.
struct Calibration {
  double f32Gflops = 0;   ///< fused multiply-add on registers, two operations
  double bf16Gflops = 0;  ///< VDPBF16PS
  double tileGflops = 0;  ///< TDPBF16PS (AMX): bf16, too
  double int8Gops = 0;    ///< VPDPBUSD
  double streamGbs = 0;   ///< reading memory larger than the caches
  double clockGhz = 0;    ///< from a chain of dependent multiply-adds
  double fmaPerCycle = 0; ///< of one thread: the CPU's class
};

/// Takes less than a second. 0 threads: as many as this process may use.
Calibration calibrate(int threads);

} // namespace trine
