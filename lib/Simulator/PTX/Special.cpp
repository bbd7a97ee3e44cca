//===- Special.cpp - special registers ------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Machine.h"

#include <iterator>

using namespace trine::ptx;

namespace {
struct Special {
  const char *name;
  unsigned bytes;
  uint64_t (*value)(const Warp &warp, unsigned lane);
  bool changes = false;
};

/// Position of a thread in its block.
Dim3 thread(const Warp &warp, unsigned lane) {
  const Dim3 &block = warp.machine.options.block;
  uint32_t linear = warp.index * warpSize + lane;
  return {linear % block.x, linear / block.x % block.y,
          linear / block.x / block.y};
}

uint64_t blockNumber(const Warp &warp) {
  const Dim3 &id = warp.cta.id, &grid = warp.machine.options.grid;
  return id.x + uint64_t(grid.x) * (id.y + uint64_t(grid.y) * id.z);
}

#define DIMENSIONS(NAME, EXPRESSION)                                           \
  {NAME ".x", 4,                                                               \
   [](const Warp &w, unsigned l) -> uint64_t { return (EXPRESSION).x; }},      \
      {NAME ".y", 4,                                                           \
       [](const Warp &w, unsigned l) -> uint64_t { return (EXPRESSION).y; }},  \
  {                                                                            \
    NAME ".z", 4,                                                              \
        [](const Warp &w, unsigned l) -> uint64_t { return (EXPRESSION).z; }   \
  }

#define VALUE(NAME, BYTES, EXPRESSION)                                         \
  {NAME, BYTES,                                                                \
   [](const Warp &w, unsigned l) -> uint64_t { return EXPRESSION; }}

constexpr Special specials[] = {
    DIMENSIONS("%tid", thread(w, l)),
    DIMENSIONS("%ntid", w.machine.options.block),
    DIMENSIONS("%ctaid", w.cta.id),
    DIMENSIONS("%nctaid", w.machine.options.grid),
    VALUE("%laneid", 4, l),
    VALUE("%warpid", 4, w.index),
    VALUE("%nwarpid", 4, 64),
    VALUE("%smid", 4, blockNumber(w) % w.machine.arch.processors),
    VALUE("%nsmid", 4, w.machine.arch.processors),
    VALUE("%gridid", 8, 1),
    VALUE("%lanemask_eq", 4, 1u << l),
    VALUE("%lanemask_lt", 4, (1u << l) - 1),
    VALUE("%lanemask_le", 4, (2u << l) - 1),
    VALUE("%lanemask_gt", 4, ~((2u << l) - 1)),
    VALUE("%lanemask_ge", 4, ~((1u << l) - 1)),
    VALUE("%dynamic_smem_size", 4, w.machine.options.dynamicShared),
    VALUE("%total_smem_size", 4,
          w.machine.program.sharedBytes + w.machine.options.dynamicShared),
    {"%clock", 4,
     [](const Warp &w, unsigned) -> uint64_t { return w.machine.instructions; },
     true},
    {"%clock64", 8,
     [](const Warp &w, unsigned) -> uint64_t { return w.machine.instructions; },
     true},
    {"%globaltimer", 8,
     [](const Warp &w, unsigned) -> uint64_t { return w.machine.instructions; },
     true},
};

#undef DIMENSIONS
#undef VALUE
} // namespace

int trine::ptx::specialNumber(std::string_view name) {
  for (size_t i = 0; i < std::size(specials); ++i)
    if (name == specials[i].name)
      return int(i);
  return -1;
}

unsigned trine::ptx::specialBytes(unsigned number) {
  return specials[number].bytes;
}

bool trine::ptx::specialVolatile(unsigned number) {
  return specials[number].changes;
}

uint64_t trine::ptx::specialValue(unsigned number, const Warp &warp,
                                  unsigned lane) {
  return specials[number].value(warp, lane);
}
