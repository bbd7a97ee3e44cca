//===- Api.cpp - the functions of the stand-in driver ---------------------===//
// As NVIDIA's driver API reference has them. No exception leaves a function.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CudaDriver.h"
#include "trine/Runtime/trine.h"
#include "trine/Support/Error.h"

#include <cstring>
#include <mutex>

using namespace trine;
using namespace trine::cuda;

#define F(name, symbol, parameters)                                            \
  extern "C" TRINE_API CUresult symbol parameters;
TRINE_CUDA_FUNCTIONS(F)
#undef F

/// Of a block that asked for no more.
static constexpr uint32_t kSharedUnasked = 48 << 10;
/// Of PTX that is given without a length.
static constexpr size_t kLongestPtx = size_t(1) << 30;

static std::mutex &lockOfAll() {
  static std::mutex mutex;
  return mutex;
}
static CudaDriver &driver() {
  static CudaDriver made;
  return made;
}
static thread_local Gpu *current = nullptr;

/// One call at a time; what is thrown becomes a code.
template <typename Body> static CUresult call(Body body) {
  try {
    std::lock_guard lock(lockOfAll());
    return driver().ready ? body(driver()) : kNotInitialized;
  } catch (const std::bad_alloc &) {
    return kOutOfMemory;
  } catch (const std::exception &error) {
    driver().fail(kInvalidValue, error.what());
    return kInvalidValue;
  }
}

/// In the current context, which no kernel has broken.
template <typename Body> static CUresult inContext(Body body) {
  return call([&](CudaDriver &driver) {
    if (!current)
      return kInvalidContext;
    return current->broken ? current->broken : body(driver, *current);
  });
}

/// In a stream of the current context.
template <typename Body> static CUresult inStream(CUstream handle, Body body) {
  return inContext([&](CudaDriver &driver, Gpu &gpu) {
    Stream *stream = gpu.streams.find(handle);
    return stream ? body(driver, gpu, *stream) : kInvalidHandle;
  });
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

CUresult cuInit(unsigned) {
  std::lock_guard lock(lockOfAll());
  try {
    ptx::checkHost();
    if (const char *text = std::getenv("TRINE_CUDA_SIM"))
      driver().settings = Settings::parse(text);
  } catch (const Error &error) {
    return driver().fail(kNotInitialized, error.what());
  }
  driver().ready = true;
  return kSuccess;
}

CUresult cuGetErrorName(CUresult error, const char **text) {
  static const std::map<CUresult, const char *> names = {
      {kSuccess, "CUDA_SUCCESS"},
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},
      {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"},
      {kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE"},
      {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
      {kNoBinary, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
      {kInvalidPtx, "CUDA_ERROR_INVALID_PTX"},
      {kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE"},
      {kNotFound, "CUDA_ERROR_NOT_FOUND"},
      {kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"}};
  auto found = names.find(error);
  *text = found == names.end() ? nullptr : found->second;
  return *text ? kSuccess : kInvalidValue;
}

CUresult cuGetErrorString(CUresult error, const char **text) {
  std::lock_guard lock(lockOfAll());
  auto found = driver().texts.find(error);
  if (found == driver().texts.end())
    return cuGetErrorName(error, text);
  *text = found->second.c_str();
  return kSuccess;
}

CUresult cuDeviceGetCount(int *count) {
  return call([&](CudaDriver &driver) {
    *count = int(driver.gpus.size());
    return kSuccess;
  });
}

static Gpu *gpuOf(CUdevice device) {
  auto &gpus = driver().gpus;
  bool there = device >= 0 && size_t(device) < gpus.size();
  return there ? gpus[size_t(device)].get() : nullptr;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  return call([&](CudaDriver &) {
    *device = ordinal;
    return gpuOf(ordinal) ? kSuccess : kInvalidDevice;
  });
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  return call([&](CudaDriver &) {
    Gpu *gpu = gpuOf(device);
    if (!gpu || length <= 0)
      return gpu ? kInvalidValue : kInvalidDevice;
    std::string text = std::string("sim-") + gpu->device.arch().name;
    std::strncpy(name, text.c_str(), size_t(length));
    name[length - 1] = 0;
    return kSuccess;
  });
}

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
  return call([&](CudaDriver &) {
    Gpu *gpu = gpuOf(device);
    if (!gpu)
      return kInvalidDevice;
    int number = int(gpu->device.arch().number);
    if (attribute != kComputeMajor && attribute != kComputeMinor)
      return kInvalidValue;
    *value = attribute == kComputeMajor ? number / 10 : number % 10;
    return kSuccess;
  });
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  return call([&](CudaDriver &) {
    Gpu *gpu = gpuOf(device);
    *context = reinterpret_cast<CUcontext>(gpu);
    return gpu ? kSuccess : kInvalidDevice;
  });
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return call([&](CudaDriver &) {
    Gpu *gpu = gpuOf(device);
    if (!gpu)
      return kInvalidDevice;
    gpu->broken = kSuccess; // a new context is whole
    return kSuccess;
  });
}

CUresult cuCtxSetCurrent(CUcontext context) {
  return call([&](CudaDriver &driver) {
    for (const auto &gpu : driver.gpus)
      if (reinterpret_cast<CUcontext>(gpu.get()) == context) {
        current = gpu.get();
        return kSuccess;
      }
    return kInvalidContext;
  });
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

CUresult cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned,
                            int *, void **) {
  return inContext([&](CudaDriver &driver, Gpu &gpu) {
    const char *text = static_cast<const char *>(image);
    if (std::memcmp(text,
                    "\x7f"
                    "ELF",
                    4) == 0)
      return driver.fail(kNoBinary, "the simulator takes PTX, got a cubin");
    try {
      ptx::Module source =
          ptx::Module::parse({text, strnlen(text, kLongestPtx)}, "PTX");
      ptx::LoadedModule loaded = gpu.device.load(source);
      auto made = std::make_unique<Module>(
          Module{std::move(source), std::move(loaded)});
      *module = reinterpret_cast<CUmodule>(gpu.modules.add(std::move(made)));
      return kSuccess;
    } catch (const Error &error) {
      std::string what = error.what();
      for (const std::string &note : error.notes)
        what += "\n  " + note;
      return driver.fail(kInvalidPtx, what);
    }
  });
}

CUresult cuModuleUnload(CUmodule handle) {
  return call([&](CudaDriver &driver) {
    Module *module = current ? current->modules.find(handle) : nullptr;
    if (!module)
      return kInvalidHandle;
    driver.drain(*current);
    current->functions.removeIf(
        [&](const Function &function) { return function.module == module; });
    current->modules.remove(handle);
    return kSuccess;
  });
}

CUresult cuModuleGetFunction(CUfunction *function, CUmodule handle,
                             const char *name) {
  return inContext([&](CudaDriver &driver, Gpu &gpu) {
    Module *module = gpu.modules.find(handle);
    if (!module)
      return kInvalidHandle;
    for (const ptx::KernelInfo &info : module->source.kernels())
      if (info.name == name) {
        auto made = std::make_unique<Function>(
            Function{module, &info, &module->loaded.kernel(name)});
        *function =
            reinterpret_cast<CUfunction>(gpu.functions.add(std::move(made)));
        return kSuccess;
      }
    return driver.fail(kNotFound, fmt::format("no kernel '{}'", name));
  });
}

CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  return inContext([&](CudaDriver &, Gpu &gpu) {
    Function *function = gpu.functions.find(handle);
    if (!function)
      return kInvalidHandle;
    int64_t most = int64_t(gpu.device.arch().sharedPerBlock) -
                   function->module->loaded.sharedBytes(function->info->name);
    if (attribute != kMaxDynamicShared || value < 0 || value > most)
      return kInvalidValue;
    function->dynamic = uint32_t(value);
    return kSuccess;
  });
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

CUresult cuMemAlloc_v2(CUdeviceptr *address, size_t bytes) {
  return inContext([&](CudaDriver &driver, Gpu &gpu) {
    if (++driver.allocations == driver.settings.outOfMemory)
      return driver.fail(kOutOfMemory, "an allocation that was told to fail");
    if (!bytes)
      return kInvalidValue;
    *address = gpu.device.allocate(bytes);
    return kSuccess;
  });
}

CUresult cuMemFree_v2(CUdeviceptr address) {
  return call([&](CudaDriver &driver) {
    if (!current)
      return kInvalidContext;
    driver.drain(*current); // as the driver does: what still runs may use it
    return current->device.release(address) ? kSuccess : kInvalidValue;
  });
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                              CUstream handle) {
  return inStream(handle, [&](CudaDriver &driver, Gpu &gpu, Stream &stream) {
    // Pageable memory is staged before the call returns.
    const auto *begin = static_cast<const uint8_t *>(from);
    stream.queue.push_back([&driver, &gpu, to,
                            data = std::vector(begin, begin + bytes)] {
      return gpu.device.write(to, data)
                 ? kSuccess
                 : driver.fail(kInvalidValue, "a copy beyond an allocation");
    });
    return kSuccess;
  });
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                              CUstream handle) {
  return inStream(handle, [&](CudaDriver &driver, Gpu &gpu, Stream &stream) {
    stream.queue.push_back([&driver, &gpu, to, from, bytes] {
      return gpu.device.read(from, {static_cast<uint8_t *>(to), bytes})
                 ? kSuccess
                 : driver.fail(kInvalidValue, "a copy beyond an allocation");
    });
    return kSuccess;
  });
}

CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, size_t count,
                         CUstream handle) {
  return inStream(handle, [&](CudaDriver &driver, Gpu &gpu, Stream &stream) {
    stream.queue.push_back([&driver, &gpu, address, value, count] {
      return gpu.device.fill(address, count, value)
                 ? kSuccess
                 : driver.fail(kInvalidValue, "a fill beyond an allocation");
    });
    return kSuccess;
  });
}

//===----------------------------------------------------------------------===//
// Launches and streams
//===----------------------------------------------------------------------===//

CUresult cuLaunchKernel(CUfunction handle, unsigned gridX, unsigned gridY,
                        unsigned gridZ, unsigned blockX, unsigned blockY,
                        unsigned blockZ, unsigned shared, CUstream inside,
                        void **parameters, void **) {
  return inStream(inside, [&](CudaDriver &driver, Gpu &gpu, Stream &stream) {
    Function *function = gpu.functions.find(handle);
    if (!function)
      return kInvalidHandle;
    if (shared > std::max(kSharedUnasked, function->dynamic))
      return driver.fail(kInvalidValue,
                         fmt::format("kernel '{}': {} bytes of shared memory, "
                                     "which nobody asked for",
                                     function->info->name, shared));
    std::vector<uint8_t> buffer(function->info->parameterBytes);
    for (size_t i = 0; i < function->info->parameters.size(); ++i) {
      const ptx::Parameter &parameter = function->info->parameters[i];
      std::memcpy(&buffer[parameter.offset], parameters[i], parameter.bytes);
    }
    ptx::LaunchOptions options;
    options.grid = {gridX, gridY, gridZ};
    options.block = {blockX, blockY, blockZ};
    options.dynamicShared = shared;
    options.seed = driver.settings.seed;
    options.async =
        driver.settings.eager ? ptx::Async::Eager : ptx::Async::Lazy;
    stream.queue.push_back(
        [&driver, &gpu, function = *function, options, buffer] {
          return driver.launch(gpu, function, options, buffer);
        });
    return kSuccess;
  });
}

CUresult cuStreamCreate(CUstream *stream, unsigned) {
  return inContext([&](CudaDriver &, Gpu &gpu) {
    *stream =
        reinterpret_cast<CUstream>(gpu.streams.add(std::make_unique<Stream>()));
    return kSuccess;
  });
}

CUresult cuStreamSynchronize(CUstream handle) {
  return inStream(handle, [](CudaDriver &driver, Gpu &gpu, Stream &stream) {
    return driver.drain(gpu, stream);
  });
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  return call([&](CudaDriver &) {
    return current && current->streams.remove(handle) ? kSuccess
                                                      : kInvalidHandle;
  });
}
