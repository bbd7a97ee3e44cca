//===- Memory.h - allocations with a map of written bytes -------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

namespace trine::ptx {

/// Bytes, each written or not.
class Storage {
public:
  Storage() = default;
  explicit Storage(uint64_t bytes);

  uint64_t size() const { return bytes; }
  uint8_t *data(uint64_t at) { return content.get() + at; }
  const uint8_t *data(uint64_t at) const { return content.get() + at; }
  /// One byte each, 1 where written; null when all are.
  uint8_t *valid(uint64_t at) {
    if (blank)
      makeMap();
    return map.empty() ? nullptr : map.data() + at;
  }
  uint64_t unwritten(uint64_t at, uint64_t length) const;
  void write(uint64_t at, const void *source, uint64_t length);
  void fill(uint64_t at, uint8_t value, uint64_t length);

private:
  void written(uint64_t at, uint64_t length);
  void makeMap();

  struct Free {
    void operator()(uint8_t *pointer) const;
  };
  uint64_t bytes = 0;
  std::unique_ptr<uint8_t, Free> content;
  bool blank = false; ///< nothing is written, and there is no map yet
  std::vector<uint8_t> map;
};

struct Allocation {
  uint64_t address = 0, bytes = 0;
  Storage storage;
  bool freed = false, constant = false;

  bool holds(uint64_t at, uint64_t length) const {
    return at >= address && at - address <= storage.size() &&
           length <= storage.size() - (at - address) && !freed;
  }
};

/// Addresses grow; a gap follows each allocation, and none is used twice.
class GlobalMemory {
public:
  Allocation &allocate(uint64_t bytes);
  bool release(uint64_t address);
  /// The allocation that holds or precedes the address; null for none.
  Allocation *near(uint64_t address);
  /// Null when the range is not within one.
  Allocation *find(uint64_t address, uint64_t bytes);

private:
  std::map<uint64_t, Allocation> allocations;
  Allocation *last = nullptr;
  uint64_t next = uint64_t(0x7f) << 40;
};

} // namespace trine::ptx
