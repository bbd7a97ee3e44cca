//===- PlugIn.cpp - devices other than the CPU ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "PlugIn.h"
#include "trine/Support/Error.h"

#include <dlfcn.h>

using namespace trine;
namespace fs = std::filesystem;

std::unique_ptr<SharedLibrary> trine::openPlugIn(const std::string &file,
                                                 const std::string &what) {
  std::vector<fs::path> places;
  Dl_info self;
  if (dladdr(reinterpret_cast<void *>(&openPlugIn), &self) && self.dli_fname) {
    // An executable found by PATH is known to dladdr by its bare name.
    fs::path own = self.dli_fname;
    std::error_code ignored;
    fs::path real =
        fs::canonical(own.has_parent_path() ? own : "/proc/self/exe", ignored);
    fs::path folder = (real.empty() ? own : real).parent_path();
    places = {folder / file, folder / ".." / "lib" / file};
  }
  places.emplace_back(file);
  std::string why;
  for (const fs::path &place : places) {
    std::error_code ignored;
    // A file that is there but does not open is the reason worth telling.
    bool there = place.has_parent_path() && fs::exists(place, ignored);
    if (place.has_parent_path() && !there)
      continue;
    if (auto library = SharedLibrary::open(place.string(), why))
      return library;
    if (there)
      break;
  }
  throw Error(ExitCode::Environment, file,
              fmt::format("{} is not installed or does not load: {}; put the "
                          "file beside libtrine_rt.so",
                          what, why));
}

Device::Device(const std::string &name, Bytes code, const std::string &argument)
    : name(name) {
  std::string file = "libtrine_device_" + name + ".so";
  library = openPlugIn(file, "the plug-in of device '" + name + "'");
  auto api = reinterpret_cast<trine_device_api_function>(
      library->find("trine_device_api"));
  table = api ? api() : nullptr;
  if (!table || table->version != TRINE_DEVICE_VERSION)
    throw Error(ExitCode::Environment, file,
                fmt::format("expected device interface version {}, got {}; "
                            "install the plug-in of this release",
                            TRINE_DEVICE_VERSION, table ? table->version : 0));
  const char *error = nullptr;
  check(
      table->open(code.data(), code.size(), argument.c_str(), &device, &error),
      error);
}

Device::~Device() {
  if (device)
    table->close(device);
}

void Device::check(int code, const char *error) {
  if (code)
    throw Error(ExitCode(code), "device '" + name + "'",
                error ? error : "failed without a message");
}

void *Device::allocate(size_t bytes) {
  void *data = nullptr;
  const char *error = nullptr;
  check(table->allocate(device, bytes, &data, &error), error);
  return data;
}

void Device::release(void *data) { table->release(device, data); }

void Device::toDevice(void *to, const void *from, size_t bytes) {
  const char *error = nullptr;
  check(table->to_device(device, to, from, bytes, &error), error);
}

void Device::fromDevice(void *to, const void *from, size_t bytes) {
  const char *error = nullptr;
  check(table->from_device(device, to, from, bytes, &error), error);
}

void Device::launch(const char *kernel,
                    std::span<const trine_device_tensor> operands,
                    std::span<const trine_device_tensor> results) {
  const char *error = nullptr;
  check(table->launch(device, kernel, operands.data(), operands.size(),
                      results.data(), results.size(), &error),
        error);
}
