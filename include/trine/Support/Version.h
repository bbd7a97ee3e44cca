//===- Version.h ------------------------------------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

namespace trine {

/// Trine's version, "0.1.0".
const char *versionString();

} // namespace trine
