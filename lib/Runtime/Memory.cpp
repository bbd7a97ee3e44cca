//===- Memory.cpp - anonymous pages ---------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Memory.h"
#include "trine/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>

using namespace trine;

static constexpr size_t kHugePage = size_t(2) << 20;

Pages::Pages(uint64_t size, Kind kind, const char *purpose) : bytes(size) {
  bool huge = kind == Kind::Huge && size >= kHugePage;
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  if (kind == Kind::Sparse)
    flags |= MAP_NORESERVE;
  mapped = size + kBufferAlign + (huge ? kHugePage : 0);
  mapping = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (mapping == MAP_FAILED) {
    mapping = nullptr;
    throw Error(ExitCode::Environment, "",
                fmt::format("cannot get {} MB of memory for {}: {}",
                            (size >> 20) + 1, purpose, std::strerror(errno)));
  }
  uintptr_t address = reinterpret_cast<uintptr_t>(mapping);
  if (huge)
    address = (address + kHugePage - 1) & ~(kHugePage - 1);
  start = reinterpret_cast<uint8_t *>(address);
  // Advice only: without huge pages everything still works.
  madvise(start, size + kBufferAlign, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

Pages::~Pages() {
  if (mapping)
    munmap(mapping, mapped);
}

void Pages::makeReadOnly() { mprotect(mapping, mapped, PROT_READ); }
