//===- Types.cpp - names and sizes of types -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Types.h"

#include <iterator>

using namespace trine::ptx;

namespace {
struct TypeRow {
  const char *name;
  uint8_t bytes;
  bool floating = false;
};
} // namespace

/// In the order of Type.
static constexpr TypeRow rows[] = {
    {"", 0},
    {"pred", 0},
    {"b8", 1},
    {"b16", 2},
    {"b32", 4},
    {"b64", 8},
    {"b128", 16},
    {"u8", 1},
    {"u16", 2},
    {"u32", 4},
    {"u64", 8},
    {"s8", 1},
    {"s16", 2},
    {"s32", 4},
    {"s64", 8},
    {"f16", 2, true},
    {"f16x2", 4, true},
    {"bf16", 2, true},
    {"bf16x2", 4, true},
    {"tf32", 4, true},
    {"f32", 4, true},
    {"f64", 8, true},
    {"e4m3", 1, true},
    {"e5m2", 1, true},
    {"e4m3x2", 2, true},
    {"e5m2x2", 2, true},
    {"u16x2", 4},
    {"s16x2", 4},
};

unsigned trine::ptx::bytesOf(Type type) { return rows[size_t(type)].bytes; }
bool trine::ptx::isFloat(Type type) { return rows[size_t(type)].floating; }
const char *trine::ptx::nameOf(Type type) { return rows[size_t(type)].name; }

Type trine::ptx::parseType(std::string_view name) {
  for (size_t i = 1; i < std::size(rows); ++i)
    if (name == rows[i].name)
      return Type(i);
  return Type::None;
}

const char *trine::ptx::nameOf(Space space) {
  static constexpr const char *names[] = {"generic", "global", "shared",
                                          "local",   "param",  "const"};
  return names[size_t(space)];
}
