//===- gguf.cpp - fuzz target: GGUF and the tokenizer made of it ----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fuzz.h"
#include "trine/Formats/Tokenizer.h"

using namespace trine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  return fuzz::run([&] {
    std::vector<std::string> unsupported;
    auto file = GgufFile::parse({data, size}, "fuzz.gguf", &unsupported);
    fuzz::decodeSome(*file);
    for (const auto &[key, value] : file->metadata())
      fuzz::run([&, &key = key] { file->maybe<std::vector<double>>(key); });
    textInfo(*file).json();
  });
}
