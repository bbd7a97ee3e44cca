//===- PlugIn.h - devices other than the CPU --------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Code.h"
#include "trine/Runtime/Device.h"

#include <span>

namespace trine {

/// An open device of a plug-in libtrine_device_<name>.so. Methods throw what
/// the plug-in reports.
class Device {
public:
  /// Throws Environment naming the file when the plug-in is not installed.
  Device(const std::string &name, Bytes code, const std::string &argument);
  ~Device();
  Device(const Device &) = delete;
  Device &operator=(const Device &) = delete;

  void *allocate(size_t bytes);
  void release(void *data);
  void toDevice(void *to, const void *from, size_t bytes);
  void fromDevice(void *to, const void *from, size_t bytes);
  void launch(const char *kernel, std::span<const trine_device_tensor> operands,
              std::span<const trine_device_tensor> results);

private:
  void check(int code, const char *error);

  std::string name;
  std::unique_ptr<SharedLibrary> library;
  const trine_device_table *table = nullptr;
  void *device = nullptr;
};

/// Memory of a device, released with it.
class DeviceBuffer {
public:
  DeviceBuffer() = default;
  DeviceBuffer(Device &device, size_t bytes)
      : device(&device), address(device.allocate(bytes)), bytes(bytes) {}
  ~DeviceBuffer() {
    if (device)
      device->release(address);
  }
  DeviceBuffer(DeviceBuffer &&other) noexcept { *this = std::move(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept {
    std::swap(device, other.device);
    std::swap(address, other.address);
    std::swap(bytes, other.bytes);
    return *this;
  }
  void *data() const { return address; }
  size_t size() const { return bytes; }

private:
  Device *device = nullptr;
  void *address = nullptr;
  size_t bytes = 0;
};

/// A plug-in library of that file name: beside this library, in its ../lib, or
/// on the loader's path. Throws Environment naming `file`.
std::unique_ptr<SharedLibrary> openPlugIn(const std::string &file,
                                          const std::string &what);

} // namespace trine
