//===- Driver.cpp - the CUDA driver's functions, by name ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Driver.h"
#include "lib/Runtime/PlugIn.h"
#include "trine/Support/Error.h"

using namespace trine;
using namespace trine::cuda;

static std::unique_ptr<SharedLibrary> openDriver(bool simulated) {
  if (simulated)
    return openPlugIn("libtrine_cuda_sim.so", "the simulated CUDA driver");
  std::string why;
  if (auto library = SharedLibrary::open("libcuda.so.1", why))
    return library;
  throw Error(ExitCode::Environment, "libcuda.so.1",
              "no CUDA driver: " + why +
                  "; install NVIDIA's driver, run with --device=cuda:sim-sm_80 "
                  "to simulate, or compile with --target=cpu");
}

Driver::Driver(bool simulated) : library(openDriver(simulated)) {
#define F(name, symbol, parameters)                                            \
  name = reinterpret_cast<CUresult(*) parameters>(library->find(#symbol));     \
  if (!name)                                                                   \
    throw Error(ExitCode::Environment, "libcuda.so.1",                         \
                "the CUDA driver has no " #symbol "; install one of CUDA 12 "  \
                "or later");
  TRINE_CUDA_FUNCTIONS(F)
#undef F
  check(init(0), "cuInit");
}

Driver::~Driver() = default;

void Driver::check(CUresult result, const char *what) const {
  if (result == kSuccess)
    return;
  const char *name = nullptr, *text = nullptr;
  if (getErrorName(result, &name) || getErrorString(result, &text))
    name = text = "an unknown error";
  bool trapped = result == kIllegalAddress || result == kLaunchFailed;
  throw Error(trapped ? ExitCode::Trap : ExitCode::Environment, what,
              fmt::format("{} ({}): {}", name, result, text));
}
