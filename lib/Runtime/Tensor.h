//===- Tensor.h - the C interface's dtypes by name --------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/trine.h"

#include <string>
#include <string_view>
#include <vector>

namespace trine {

trine_dtype dtypeFromName(std::string_view name);
/// "f32"; "dtype 7" for what is none.
std::string dtypeName(int dtype);
/// The caller's dtype, which need not be one of the enumeration.
int dtypeCode(const trine_tensor &tensor);
/// "[2,3,4]"
std::string shapeText(const int64_t *shape, size_t rank);

} // namespace trine
