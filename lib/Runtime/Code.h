//===- Code.h - a package's CPU code in memory ------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/KernelABI.h"
#include "trine/Support/File.h"

#include <memory>

namespace trine {

/// A shared library opened with dlopen.
class SharedLibrary {
public:
  SharedLibrary() = default;
  SharedLibrary(const SharedLibrary &) = delete;
  SharedLibrary &operator=(const SharedLibrary &) = delete;
  ~SharedLibrary();

  /// Nothing when it cannot be opened; `why` then says the reason.
  static std::unique_ptr<SharedLibrary> open(const std::string &file,
                                             std::string &why);
  /// An ELF shared object from memory, without touching the disk. Throws
  /// Environment naming `path` when the system refuses.
  static std::unique_ptr<SharedLibrary> load(Bytes elf,
                                             const std::string &path);

  void *find(const std::string &symbol) const;

private:
  void *handle = nullptr;
  int descriptor = -1;
};

} // namespace trine
