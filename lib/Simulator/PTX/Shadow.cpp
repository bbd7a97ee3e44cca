//===- Shadow.cpp - races of shared memory --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Shadow.h"
#include "Warp.h"

#include <algorithm>

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
    return earlier.lane == touch.lane || earlier.clock < touch.clock;
  return warp.clocks[earlier.warp] >= earlier.clock;
}

const Touch *Shadow::read(Warp &warp, Touch touch, uint64_t at,
                          unsigned bytes) {
  Touch good = {};
  for (uint64_t i = at; i < at + bytes; ++i) {
    const Touch &writer = writers[i];
    if (writer != good) {
      if (!before(writer, touch, warp))
        return &writer;
      good = writer;
    }
    // Two readers of different warps are kept: any writer differs from one.
    if (readers[i].any() && readers[i].warp != touch.warp)
      otherReaders[i] = readers[i];
    readers[i] = touch;
  }
  return nullptr;
}

const Touch *Shadow::write(Warp &warp, Touch touch, uint64_t at, unsigned bytes,
                           bool same) {
  Touch good = {};
  for (uint64_t i = at; i < at + bytes; ++i) {
    for (const Touch *earlier : {&writers[i], &readers[i], &otherReaders[i]}) {
      if (*earlier == good)
        continue;
      // A value that is written twice is the same in either order.
      bool harmless =
          same && earlier == &writers[i] && !earlier->copy && !touch.copy;
      if (!harmless && !before(*earlier, touch, warp))
        return earlier;
      good = *earlier;
    }
    writers[i] = touch;
    readers[i] = otherReaders[i] = {};
  }
  return nullptr;
}

void Shadow::landed(Touch touch, uint64_t at, unsigned bytes) {
  touch.copy = 0;
  std::fill_n(writers.begin() + int64_t(at), bytes, touch);
}
