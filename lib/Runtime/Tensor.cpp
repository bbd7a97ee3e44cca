//===- Tensor.cpp - the C interface's dtypes by name ----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Tensor.h"
#include "trine/Support/Error.h"

#include <cstring>
#include <fmt/ranges.h>
#include <span>

using namespace trine;

/// In the order of trine_dtype.
static constexpr const char *kNames[] = {"f32",      "f16",    "bf16", "i32",
                                         "f8e4m3fn", "f8e5m2", "u8"};

trine_dtype trine::dtypeFromName(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i)
    if (name == kNames[i])
      return trine_dtype(i);
  throw Error(ExitCode::Internal, "", fmt::format("dtype '{}'", name));
}

std::string trine::dtypeName(int dtype) {
  if (dtype >= 0 && size_t(dtype) < std::size(kNames))
    return kNames[dtype];
  return fmt::format("dtype {}", dtype);
}

int trine::dtypeCode(const trine_tensor &tensor) {
  static_assert(sizeof(tensor.dtype) == sizeof(int));
  int code;
  std::memcpy(&code, &tensor.dtype, sizeof(code));
  return code;
}

std::string trine::shapeText(const int64_t *shape, size_t rank) {
  return fmt::format("[{}]", fmt::join(std::span(shape, rank), ","));
}
