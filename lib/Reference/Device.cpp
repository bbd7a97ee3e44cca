//===- Device.cpp - the device `reference` --------------------------------===//
// Code section (MLIR text of launch.kernels) → interpreted launches; memory is
// the host's. One launch at a time: they share an MLIRContext.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Runtime/Device.h"
#include "trine/Reference/Program.h"
#include "trine/Runtime/Guard.h"

#include <cstring>
#include <mutex>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

namespace {
struct Device {
  MLIRContext context{MLIRContext::Threading::DISABLED};
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
  std::mutex mutex;
};
} // namespace

static Tensor viewOf(const trine_device_tensor &tensor) {
  return Tensor::view(DType(tensor.dtype),
                      ArrayRef(tensor.shape, size_t(tensor.rank)), tensor.data);
}

static int openDevice(const void *code, size_t bytes, const char *,
                      void **device, const char **error) {
  return guard(error, [&] {
    auto opened = std::make_unique<Device>();
    StringRef text(static_cast<const char *>(code), bytes);
    opened->module = parseModule(text, "code.reference", opened->context);
    opened->interpreter = std::make_unique<Interpreter>(
        *opened->module, [](graph::ParameterOp parameter) -> Tensor {
          throw badInput("code.reference", "a kernel reads a parameter");
        });
    *device = opened.release();
  });
}

static void closeDevice(void *device) { delete static_cast<Device *>(device); }

static int allocate(void *, size_t bytes, void **data, const char **error) {
  return guard(error, [&] {
    // calloc: a state's pages are touched as it fills.
    *data = std::calloc(bytes + 64, 1);
    if (!*data)
      throw std::bad_alloc();
  });
}

static void release(void *, void *data) { std::free(data); }

static int copyBytes(void *, void *to, const void *from, size_t bytes,
                     const char **) {
  std::memmove(to, from, bytes);
  return 0;
}

static int launchKernel(void *device, const char *name,
                        const trine_device_tensor *operands,
                        size_t operandCount, const trine_device_tensor *results,
                        size_t resultCount, const char **error) {
  return guard(error, [&] {
    Device &self = *static_cast<Device *>(device);
    std::lock_guard lock(self.mutex);
    Interpreter &interpreter = *self.interpreter;
    auto kernel = interpreter.getSymbols().lookup<launch::KernelOp>(name);
    if (!kernel)
      throw badInput("code.reference", "no kernel '{}'", name);
    std::vector<Tensor> arguments;
    for (const auto &operand : ArrayRef(operands, operandCount))
      arguments.push_back(viewOf(operand));
    std::vector<Tensor> values = interpreter.call(kernel, arguments);
    if (values.size() != resultCount)
      throw badInput(name, "expected {} results, got {}", values.size(),
                     resultCount);
    for (auto [value, result] :
         llvm::zip_equal(values, ArrayRef(results, resultCount))) {
      if (ArrayRef<int64_t>(value.shape) !=
          ArrayRef(result.shape, size_t(result.rank)))
        throw badInput(
            name, "expected a result of shape [{}], got [{}]",
            fmt::join(value.shape, ","),
            fmt::join(result.shape, result.shape + result.rank, ","));
      if (result.data != value.bytes.get()) // tied results are in place
        std::memcpy(result.data, value.bytes.get(), size_t(value.byteSize()));
    }
  });
}

extern "C" TRINE_API const trine_device_table *trine_device_api(void) {
  static const trine_device_table table = {TRINE_DEVICE_VERSION,
                                           "reference",
                                           openDevice,
                                           closeDevice,
                                           allocate,
                                           release,
                                           copyBytes,
                                           copyBytes,
                                           launchKernel};
  return &table;
}
