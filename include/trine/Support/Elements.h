//===- Elements.h - numbers in arrays of a named dtype ----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string_view>

namespace trine {

/// Bytes of an element of "f32", "f16", "bf16", "f8e4m3fn", "f8e5m2", "i32" or
/// "u8" (a byte, of ue8m0 scales too); 0 for other names.
int64_t dtypeBytes(std::string_view dtype);

/// Element `index` of an array of such a dtype, exactly.
double readElement(std::string_view dtype, const void *data, int64_t index);

/// Rounds to nearest, f8 saturating; an integer must be a whole number in
/// range. False when the dtype cannot hold `value`.
bool writeElement(std::string_view dtype, void *data, int64_t index,
                  double value);

} // namespace trine
