//===- Device.cpp - the device `cuda` -------------------------------------===//
// Code section → modules; launches on one stream, in order. The argument is the
// number of a device, or sim-ARCH for the simulator.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Runtime/Device.h"
#include "Driver.h"
#include "trine/Package/CudaCode.h"
#include "trine/Runtime/Guard.h"
#include "trine/Runtime/trine.h"

#include <charconv>
#include <mutex>
#include <utility>

using namespace trine;
using namespace trine::cuda;

namespace {

/// A kernel of the package, loaded when it is first launched.
struct Loaded {
  const CudaKernel *kernel = nullptr;
  CUmodule module = nullptr;
  std::vector<CUfunction> functions; ///< of its launches
};

class CudaDevice {
public:
  CudaDevice(Bytes code, std::string_view argument);
  ~CudaDevice();

  /// On this thread; before anything else.
  void enter() { driver.check(driver.setCurrent(context), "cuCtxSetCurrent"); }

  void *allocate(size_t bytes);
  void release(void *data);
  void toDevice(void *to, const void *from, size_t bytes);
  void fromDevice(void *to, const void *from, size_t bytes);
  void launch(const std::string &name,
              std::span<const trine_device_tensor> operands,
              std::span<const trine_device_tensor> results);

  std::mutex mutex; ///< held by every call

private:
  void choose(std::string_view argument);
  Loaded &load(const std::string &name);
  CUmodule moduleOf(const CudaKernel &kernel);
  void reserve(size_t bytes);

  CudaCode code;
  bool simulated;
  Driver driver;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  std::string arch;
  std::map<std::string, Loaded, std::less<>> kernels;
  CUdeviceptr scratch = 0;
  size_t scratchBytes = 0;
};

} // namespace

static constexpr std::string_view kSimulated = "sim-";
/// Shared memory of a block that needs no attribute.
static constexpr uint32_t kSharedUnasked = 48 << 10;

static CUdeviceptr addressOf(const void *data) {
  return reinterpret_cast<CUdeviceptr>(data);
}

CudaDevice::CudaDevice(Bytes bytes, std::string_view argument)
    : code(CudaCode::parse(bytes, "code.cuda")),
      simulated(argument.starts_with(kSimulated)), driver(simulated) {
  choose(argument);
  driver.check(driver.primaryRetain(&context, device),
               "cuDevicePrimaryCtxRetain");
  enter();
  driver.check(driver.streamCreate(&stream, kNonBlocking), "cuStreamCreate");
  for (const CudaKernel &kernel : code.kernels)
    kernels[kernel.name].kernel = &kernel;
}

CudaDevice::~CudaDevice() {
  driver.setCurrent(context);
  for (auto &[name, loaded] : kernels)
    if (loaded.module)
      driver.moduleUnload(loaded.module);
  if (scratch)
    driver.release(scratch);
  driver.streamDestroy(stream);
  driver.primaryRelease(device);
}

/// By number; the simulator's by the name of its architecture.
void CudaDevice::choose(std::string_view argument) {
  int count = 0, wanted = 0, major = 0, minor = 0;
  driver.check(driver.deviceGetCount(&count), "cuDeviceGetCount");
  if (count == 0)
    throw Error(ExitCode::Environment, "cuda", "no CUDA device");
  if (simulated) {
    std::string names;
    for (wanted = 0; wanted < count; ++wanted) {
      char name[256] = {};
      driver.check(driver.deviceGetName(name, sizeof name - 1, wanted),
                   "cuDeviceGetName");
      if (argument == name)
        break;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    if (wanted == count)
      throw Error(ExitCode::Usage, "cuda",
                  fmt::format("no device '{}'; there are {}", argument, names));
  } else if (!argument.empty()) {
    const std::string text(argument);
    const char *end = text.data() + text.size();
    auto [stop, fault] = std::from_chars(text.data(), end, wanted);
    if (fault != std::errc() || stop != end || wanted < 0 || wanted >= count)
      throw Error(ExitCode::Usage, "cuda",
                  fmt::format("expected a device from 0 to {} or sim-ARCH, got "
                              "'{}'",
                              count - 1, argument));
  }
  driver.check(driver.deviceGet(&device, wanted), "cuDeviceGet");
  driver.check(driver.deviceGetAttribute(&major, kComputeMajor, device),
               "cuDeviceGetAttribute");
  driver.check(driver.deviceGetAttribute(&minor, kComputeMinor, device),
               "cuDeviceGetAttribute");
  arch = fmt::format("sm_{}{}", major, minor);
}

void *CudaDevice::allocate(size_t bytes) {
  CUdeviceptr address = 0;
  bytes = std::max<size_t>(bytes, 1);
  driver.check(driver.allocate(&address, bytes), "cuMemAlloc");
  // A state's bytes beyond the tokens present are never read, and 0 for those
  // who look.
  driver.check(driver.fill(address, 0, bytes, stream), "cuMemsetD8Async");
  return reinterpret_cast<void *>(address);
}

void CudaDevice::release(void *data) {
  driver.setCurrent(context);
  driver.streamSynchronize(stream);
  driver.release(addressOf(data));
}

void CudaDevice::toDevice(void *to, const void *from, size_t bytes) {
  if (!bytes)
    return;
  driver.check(driver.copyToDevice(addressOf(to), from, bytes, stream),
               "cuMemcpyHtoDAsync");
  // The caller may change or free what it gave.
  driver.check(driver.streamSynchronize(stream), "cuStreamSynchronize");
}

void CudaDevice::fromDevice(void *to, const void *from, size_t bytes) {
  if (bytes)
    driver.check(driver.copyFromDevice(to, addressOf(from), bytes, stream),
                 "cuMemcpyDtoHAsync");
  driver.check(driver.streamSynchronize(stream), "cuStreamSynchronize");
}

/// The device's cubin, or PTX for the driver to compile.
CUmodule CudaDevice::moduleOf(const CudaKernel &kernel) {
  CUmodule module = nullptr;
  auto cubin = kernel.cubins.find(arch);
  bool compiled = cubin != kernel.cubins.end() && !simulated;
  const std::string &image = compiled ? cubin->second : kernel.ptx;
  std::string what = fmt::format("kernel '{}' on {}", kernel.name, arch);
  driver.check(driver.moduleLoad(&module, image.c_str(), 0, nullptr, nullptr),
               what.c_str());
  return module;
}

Loaded &CudaDevice::load(const std::string &name) {
  auto found = kernels.find(name);
  if (found == kernels.end())
    throw badInput("code.cuda", "no kernel '{}'", name);
  Loaded &loaded = found->second;
  if (loaded.functions.size() == loaded.kernel->launches.size())
    return loaded;
  if (!loaded.module)
    loaded.module = moduleOf(*loaded.kernel);
  loaded.functions.clear();
  for (const CudaLaunch &launch : loaded.kernel->launches) {
    CUfunction &function = loaded.functions.emplace_back();
    driver.check(driver.moduleGetFunction(&function, loaded.module,
                                          launch.entry.c_str()),
                 launch.entry.c_str());
    if (launch.shared > kSharedUnasked)
      driver.check(driver.functionSetAttribute(function, kMaxDynamicShared,
                                               int(launch.shared)),
                   launch.entry.c_str());
  }
  return loaded;
}

void CudaDevice::reserve(size_t bytes) {
  if (bytes <= scratchBytes)
    return;
  driver.check(driver.streamSynchronize(stream), "cuStreamSynchronize");
  if (scratch)
    driver.release(std::exchange(scratch, 0));
  scratchBytes = 0;
  driver.check(driver.allocate(&scratch, bytes), "cuMemAlloc");
  scratchBytes = bytes;
}

void CudaDevice::launch(const std::string &name,
                        std::span<const trine_device_tensor> operands,
                        std::span<const trine_device_tensor> results) {
  Loaded &loaded = load(name);
  const CudaKernel &kernel = *loaded.kernel;
  std::vector<uint64_t> addresses;
  std::vector<int64_t> dims;
  for (auto tensors : {operands, results})
    for (const trine_device_tensor &tensor : tensors) {
      addresses.push_back(addressOf(tensor.data));
      dims.insert(dims.end(), tensor.shape, tensor.shape + tensor.rank);
    }
  kernel.check(dims.size());
  if (int64_t bytes = kernel.scratch.evaluate(dims)) {
    reserve(size_t(bytes));
    addresses.push_back(scratch);
  }
  std::vector<int32_t> sizes;
  for (uint32_t dim : kernel.sizes)
    sizes.push_back(int32_t(dims[dim]));
  std::vector<void *> parameters;
  for (uint64_t &address : addresses)
    parameters.push_back(&address);
  for (int32_t &size : sizes)
    parameters.push_back(&size);
  for (size_t i = 0; i < kernel.launches.size(); ++i) {
    const CudaLaunch &launch = kernel.launches[i];
    int64_t size = launch.guard.evaluate(dims);
    if (size < launch.least || size > launch.most)
      continue;
    unsigned grid[3];
    for (size_t axis = 0; axis < 3; ++axis)
      grid[axis] = launch.blocks(axis, dims);
    if (!grid[0] || !grid[1] || !grid[2])
      continue;
    driver.check(driver.launch(loaded.functions[i], grid[0], grid[1], grid[2],
                               launch.threads, 1, 1, launch.shared, stream,
                               parameters.data(), nullptr),
                 name.c_str());
  }
}

//===----------------------------------------------------------------------===//
// The plug-in
//===----------------------------------------------------------------------===//

static CudaDevice &deviceOf(void *device) {
  return *static_cast<CudaDevice *>(device);
}

/// One call at a time, on whatever thread.
template <typename Body>
static int call(void *device, const char **error, Body body) {
  return guard(error, [&] {
    std::lock_guard lock(deviceOf(device).mutex);
    deviceOf(device).enter();
    body(deviceOf(device));
  });
}

static int openDevice(const void *code, size_t bytes, const char *argument,
                      void **device, const char **error) {
  return guard(error, [&] {
    *device = new CudaDevice(Bytes(static_cast<const uint8_t *>(code), bytes),
                             argument);
  });
}

static void closeDevice(void *device) { delete &deviceOf(device); }

static int allocate(void *device, size_t bytes, void **data,
                    const char **error) {
  return call(device, error,
              [&](CudaDevice &cuda) { *data = cuda.allocate(bytes); });
}

static void release(void *device, void *data) {
  std::lock_guard lock(deviceOf(device).mutex);
  deviceOf(device).release(data);
}

static int toDevice(void *device, void *to, const void *from, size_t bytes,
                    const char **error) {
  return call(device, error,
              [&](CudaDevice &cuda) { cuda.toDevice(to, from, bytes); });
}

static int fromDevice(void *device, void *to, const void *from, size_t bytes,
                      const char **error) {
  return call(device, error,
              [&](CudaDevice &cuda) { cuda.fromDevice(to, from, bytes); });
}

static int launchKernel(void *device, const char *name,
                        const trine_device_tensor *operands,
                        size_t operandCount, const trine_device_tensor *results,
                        size_t resultCount, const char **error) {
  return call(device, error, [&](CudaDevice &cuda) {
    cuda.launch(name, {operands, operandCount}, {results, resultCount});
  });
}

extern "C" TRINE_API const trine_device_table *trine_device_api(void) {
  static const trine_device_table table = {TRINE_DEVICE_VERSION,
                                           "cuda",
                                           openDevice,
                                           closeDevice,
                                           allocate,
                                           release,
                                           toDevice,
                                           fromDevice,
                                           launchKernel};
  return &table;
}
