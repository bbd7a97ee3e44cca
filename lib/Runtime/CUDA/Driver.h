//===- Driver.h - the CUDA driver, found with dlopen ------------*- C++ -*-===//
// A table filled from libcuda.so.1, or from the stand-in, which has the same
// names and executes PTX in the simulator.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "DriverApi.h"

#include <memory>

namespace trine {
class SharedLibrary;
}

namespace trine::cuda {

/// The functions, ready to be called.
struct Driver {
#define F(name, symbol, parameters) CUresult(*name) parameters = nullptr;
  TRINE_CUDA_FUNCTIONS(F)
#undef F

  /// `simulated`: the stand-in. Throws Environment where the library or one of
  /// its functions is missing, or there is no device.
  explicit Driver(bool simulated);
  ~Driver();

  /// Throws what the driver reports of `what`: Environment, or Trap when a
  /// kernel did wrong.
  void check(CUresult result, const char *what) const;

private:
  std::unique_ptr<SharedLibrary> library;
};

} // namespace trine::cuda
