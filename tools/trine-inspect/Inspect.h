//===- Inspect.h - package → text, JSON, files ------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Package.h"

namespace trine {

/// To stdout; `verified` says so in the text.
void print(const PackageReader &package, bool json, bool verified);

/// Every section as a file of `folder`, which is made if missing.
void extract(const PackageReader &package, const std::string &folder);

} // namespace trine
