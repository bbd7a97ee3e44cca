//===- GgufTypes.h - GGUF metadata value types ------------------*- C++ -*-===//
// Private to the GGUF reader. Part of Trine, under Apache-2.0 WITH
// LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Gguf.h"

namespace trine::gguf {

/// GGUF metadata value types, in the order of their numbers.
enum GgufType : uint32_t {
  U8,
  I8,
  U16,
  I16,
  U32,
  I32,
  F32,
  Boolean,
  String,
  Array,
  U64,
  I64,
  F64
};

struct GgufTypeInfo {
  const char *name;
  uint32_t bytes; ///< in the file; the least of them for strings and arrays
};

inline constexpr GgufTypeInfo ggufTypes[] = {
    {"uint8", 1},  {"int8", 1},    {"uint16", 2},  {"int16", 2},  {"uint32", 4},
    {"int32", 4},  {"float32", 4}, {"bool", 1},    {"string", 8}, {"array", 12},
    {"uint64", 8}, {"int64", 8},   {"float64", 8},
};

/// A scalar of any type but string and array at `from`, widened.
GgufValue ggufScalar(uint32_t type, const uint8_t *from);

} // namespace trine::gguf
