//===- Types.h - PTX's types and state spaces -------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <string_view>

namespace trine::ptx {

enum class Type : uint8_t {
  None,
  Pred,
  B8,
  B16,
  B32,
  B64,
  B128,
  U8,
  U16,
  U32,
  U64,
  S8,
  S16,
  S32,
  S64,
  F16,
  F16x2,
  BF16,
  BF16x2,
  TF32,
  F32,
  F64,
  E4M3,
  E5M2,
  E4M3x2,
  E5M2x2,
  U16x2,
  S16x2,
};

/// Bytes in a register or in memory; 0 for Pred and None.
unsigned bytesOf(Type type);
bool isFloat(Type type);
const char *nameOf(Type type);
/// None for a name that is no type.
Type parseType(std::string_view name);

enum class Space : uint8_t {
  Generic,
  Global,
  Shared,
  Local,
  Param, ///< of the kernel; those of calls are Local
  Const,
};

const char *nameOf(Space space);

} // namespace trine::ptx
