//===- Memory.cpp - allocations with a map of written bytes ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Memory.h"

#include <algorithm>
#include <cstdlib>
#include <new>

using namespace trine::ptx;

void Storage::Free::operator()(uint8_t *pointer) const { std::free(pointer); }

Storage::Storage(uint64_t bytes)
    // Pages of calloc cost nothing until they are touched.
    : bytes(bytes), content(static_cast<uint8_t *>(std::calloc(bytes + 1, 1))),
      blank(bytes > 0) {
  if (!content)
    throw std::bad_alloc();
}

uint64_t Storage::unwritten(uint64_t at, uint64_t length) const {
  if (blank || map.empty())
    return blank ? length : 0;
  auto begin = map.begin() + int64_t(at);
  return uint64_t(std::count(begin, begin + int64_t(length), 0));
}

void Storage::written(uint64_t at, uint64_t length) {
  if (length == bytes) {
    blank = false;
    map = {};
    return;
  }
  if (blank)
    makeMap();
  if (!map.empty())
    std::fill_n(map.begin() + int64_t(at), length, 1);
}

void Storage::makeMap() {
  blank = false;
  map.resize(bytes);
}

void Storage::write(uint64_t at, const void *source, uint64_t length) {
  if (length)
    std::memcpy(data(at), source, length);
  written(at, length);
}

void Storage::fill(uint64_t at, uint8_t value, uint64_t length) {
  std::memset(data(at), value, length);
  written(at, length);
}

Allocation &GlobalMemory::allocate(uint64_t bytes) {
  Allocation &made = allocations[next];
  made.address = next;
  made.bytes = bytes;
  made.storage = Storage(bytes);
  next += (bytes + 511 + 255) / 256 * 256;
  return made;
}

bool GlobalMemory::release(uint64_t address) {
  auto found = allocations.find(address);
  if (found == allocations.end() || found->second.freed)
    return false;
  found->second.freed = true;
  found->second.storage = {};
  return true;
}

Allocation *GlobalMemory::near(uint64_t address) {
  auto above = allocations.upper_bound(address);
  return above == allocations.begin() ? nullptr : &std::prev(above)->second;
}

Allocation *GlobalMemory::find(uint64_t address, uint64_t bytes) {
  if (last && last->holds(address, bytes))
    return last;
  Allocation *found = near(address);
  if (!found || !found->holds(address, bytes))
    return nullptr;
  return last = found;
}
