//===- Shadow.h - races of shared memory ------------------------*- C++ -*-===//
// Every byte remembers who wrote it last and two of those who read it since,
// with the clock of their warp. A later access by another lane must happen
// after these: through a barrier, or because the lanes of the warp have met.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <vector>

namespace trine::ptx {

class Warp;

/// Who touched a byte, where and when. All zero: nobody.
struct Touch {
  uint64_t clock : 24;
  uint64_t pc : 24;
  uint64_t warp : 6;
  uint64_t lane : 5;
  uint64_t atomic : 1;
  uint64_t copy : 1; ///< of cp.async, not waited for yet

  bool operator==(const Touch &) const = default;
  bool any() const { return clock != 0; }
};
static_assert(sizeof(Touch) == 8);

class Shadow {
public:
  Shadow() = default;
  explicit Shadow(uint64_t bytes)
      : writers(bytes), readers(bytes), otherReaders(bytes) {}

  bool enabled() const { return !writers.empty(); }

  /// Null, or the earlier access that this one races with.
  const Touch *read(Warp &warp, Touch touch, uint64_t at, unsigned bytes);
  /// `same`: the bytes there are the bytes to be written.
  const Touch *write(Warp &warp, Touch touch, uint64_t at, unsigned bytes,
                     bool same);
  /// A copy's bytes are its thread's writes from now on.
  void landed(Touch touch, uint64_t at, unsigned bytes);

private:
  std::vector<Touch> writers, readers, otherReaders;
};

} // namespace trine::ptx
