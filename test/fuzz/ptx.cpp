//===- ptx.cpp - fuzz target: a PTX module, decoded and launched ----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fuzz.h"
#include "trine/Simulator/PTX/Device.h"

using namespace trine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz::run([&] {
    ptx::Module module = ptx::Module::parse(
        {reinterpret_cast<const char *>(data), size}, "fuzz.ptx");
    ptx::Device device(*ptx::findArch("sm_90"));
    ptx::LoadedModule loaded = device.load(module);
    ptx::LaunchOptions options;
    options.block.x = 40;
    options.limit = 2000;
    options.seed = size;
    for (const ptx::KernelInfo &kernel : module.kernels()) {
      std::vector<uint8_t> parameters(kernel.parameterBytes);
      device.launch(loaded.kernel(kernel.name), options, parameters);
    }
  });
}
