//===- Version.cpp --------------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/Version.h"

const char *trine::versionString() { return TRINE_VERSION; }
