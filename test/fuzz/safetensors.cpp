//===- safetensors.cpp - fuzz target: one safetensors file ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Safetensors.h"
#include "Fuzz.h"

using namespace trine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz::run([&] {
    std::vector<std::string> unsupported;
    fuzz::decodeSome(*SafetensorsModel::parse({data, size}, "fuzz.safetensors",
                                              &unsupported));
  });
}
