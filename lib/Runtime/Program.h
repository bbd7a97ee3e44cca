//===- Program.h - a loaded package -----------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Code.h"
#include "PlugIn.h"
#include "Pool.h"
#include "Weights.h"
#include "trine/Package/Manifest.h"

#include <map>
#include <mutex>

namespace trine {

/// Code, weights and threads; immutable once loaded and shared by sessions.
class Program {
public:
  /// `device`: "cpu" runs every step where the package places it; another name,
  /// with an optional ":argument" for its plug-in, must be in the package.
  /// `threads` 0: defaultThreads().
  static std::shared_ptr<Program> load(const std::string &path,
                                       const std::string &device, int threads);

  std::string path;
  Manifest manifest;
  std::string manifestText;
  /// Every section but `weights`, which `weights` holds.
  std::map<std::string, std::string, std::less<>> sections;
  Weights weights;
  /// By kernel of the manifest; null for those of other devices.
  std::vector<KernelFunction> functions;
  /// By entry and value: where the value lives; null: in this process's memory.
  std::vector<std::vector<Device *>> valueDevices;

  /// Null for "cpu".
  Device *device(const std::string &name) const;
  const Entry &entry(std::string_view name) const;
  /// The parameter's bytes on another device, copied there once for all
  /// sessions; under the mutex.
  void *onDevice(size_t parameter, Device &device);

  /// Held while a session runs, or touches a device.
  std::mutex mutex;
  std::unique_ptr<Pool> pool;

private:
  void readSections(const PackageReader &package);
  void openDevices(const std::string &choice);
  void loadCode();

  std::unique_ptr<SharedLibrary> code;
  std::map<std::string, std::unique_ptr<Device>> devices;
  std::map<std::pair<size_t, Device *>, DeviceBuffer> deviceParameters;
};

} // namespace trine
