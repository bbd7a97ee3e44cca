//===- Shadow.cpp - races of shared memory --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Shadow.h"
#include "Warp.h"

#include <algorithm>
#include <bit>

using namespace trine::ptx;

/// Whether `earlier` happens before what `touch` does now.
static bool before(const Touch &earlier, const Touch &touch, const Warp &warp) {
  if (!earlier.any())
    return true;
  if (earlier.copy)
    return false; // of its own thread, too
  if (earlier.atomic && touch.atomic)
    return true;
  if (earlier.warp == touch.warp)
    return earlier.lane == touch.lane || earlier.clock < warp.synced;
  return warp.clocks[earlier.warp] >= earlier.clock;
}

static uint64_t bitsOf(const Touch &touch) {
  return std::bit_cast<uint64_t>(touch);
}

/// Whether all are one, which they are where accesses have one size.
static bool isUniform(const Touch *touches, unsigned bytes) {
  uint64_t first = bitsOf(touches[0]), other = 0;
  for (unsigned i = 1; i < bytes; ++i)
    other |= bitsOf(touches[i]) ^ first;
  return other == 0;
}

/// Null, or the first of `touches` that is not before `touch`.
static const Touch *findRace(const Touch *touches, unsigned bytes, Touch touch,
                             const Warp &warp) {
  unsigned count = isUniform(touches, bytes) ? 1 : bytes;
  for (unsigned i = 0; i < count; ++i)
    if (!before(touches[i], touch, warp))
      return &touches[i];
  return nullptr;
}

const Touch *Shadow::read(Warp &warp, Touch touch, uint64_t at,
                          unsigned bytes) {
  if (const Touch *other = findRace(&writers[at], bytes, touch, warp))
    return other;
  // Two readers of different warps are kept: any writer differs from one.
  const uint64_t mine = bitsOf(touch), warps = bitsOf({0, 0, 63, 0, 0, 0});
  for (uint64_t i = at; i < at + bytes; ++i) {
    uint64_t last = bitsOf(readers[i]), other = bitsOf(otherReaders[i]);
    bool keep = last != 0 && ((last ^ mine) & warps) != 0;
    otherReaders[i] = std::bit_cast<Touch>(keep ? last : other);
    readers[i] = touch;
  }
  return nullptr;
}

const Touch *Shadow::write(Warp &warp, Touch touch, uint64_t at, unsigned bytes,
                           bool same) {
  const Touch *writer = findRace(&writers[at], bytes, touch, warp);
  // A value that is written twice is the same in either order.
  if (writer && !(same && !writer->copy && !touch.copy))
    return writer;
  for (std::vector<Touch> *list : {&readers, &otherReaders}) {
    if (const Touch *other = findRace(&(*list)[at], bytes, touch, warp))
      return other;
    std::fill_n(list->begin() + int64_t(at), bytes, Touch{});
  }
  std::fill_n(writers.begin() + int64_t(at), bytes, touch);
  return nullptr;
}

void Shadow::landed(Touch touch, uint64_t at, unsigned bytes) {
  touch.copy = 0;
  std::fill_n(writers.begin() + int64_t(at), bytes, touch);
}
