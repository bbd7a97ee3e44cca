//===- npy.cpp - fuzz target: one .npy array ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Npy.h"
#include "Fuzz.h"

using namespace trine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz::run([&] { parseNpy({data, size}, "fuzz.npy"); });
}
