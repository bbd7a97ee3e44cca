//===- Code.cpp - shared libraries from files and from memory -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Code.h"
#include "trine/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace trine;

SharedLibrary::~SharedLibrary() {
  if (handle)
    dlclose(handle);
  if (descriptor >= 0)
    close(descriptor);
}

void *SharedLibrary::find(const std::string &symbol) const {
  return dlsym(handle, symbol.c_str());
}

std::unique_ptr<SharedLibrary> SharedLibrary::open(const std::string &file,
                                                   std::string &why) {
  auto library = std::make_unique<SharedLibrary>();
  library->handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle)
    return library;
  const char *message = dlerror();
  why = message ? message : "unknown error";
  return nullptr;
}

static void writeAll(int descriptor, Bytes bytes, const std::string &path) {
  while (!bytes.empty()) {
    ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      throw Error(ExitCode::Environment, path,
                  fmt::format("cannot place the package's code in memory: {}",
                              std::strerror(errno)));
    bytes = bytes.subspan(size_t(written));
  }
}

std::unique_ptr<SharedLibrary> SharedLibrary::load(Bytes elf,
                                                   const std::string &path) {
  auto library = std::make_unique<SharedLibrary>();
  library->descriptor = memfd_create("trine-code", MFD_CLOEXEC);
  if (library->descriptor < 0)
    throw Error(ExitCode::Environment, path,
                fmt::format("cannot place the package's code in memory: "
                            "memfd_create: {}",
                            std::strerror(errno)));
  writeAll(library->descriptor, elf, path);
  // The descriptor stays open as long as the library: the dynamic loader knows
  // libraries by file name, so the name must not come to mean another package.
  std::string file = fmt::format("/proc/self/fd/{}", library->descriptor);
  std::string why;
  std::unique_ptr<SharedLibrary> opened = open(file, why);
  if (!opened)
    throw Error(ExitCode::Environment, path,
                fmt::format("the system refuses the package's code ({}); is "
                            "/proc mounted and may anonymous memory be "
                            "executed?",
                            why));
  std::swap(library->handle, opened->handle);
  return library;
}
