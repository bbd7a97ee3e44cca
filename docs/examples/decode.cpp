//===- decode.cpp - greedy decoding through the C++ wrapper ---------------===//
//   example-decode smollm2.trine 16 1 4093 198
// continues these token ids by 16 more, and prints them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Runtime/trine.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace rt = trine::rt;

/// The likeliest token of logits f32[1, V].
static int32_t best(const trine_tensor &logits) {
  auto *values = static_cast<const float *>(logits.data);
  return int32_t(std::max_element(values, values + logits.shape[1]) - values);
}

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s PACKAGE COUNT ID...\n", argv[0]);
    return 2;
  }
  std::vector<int32_t> prompt;
  for (int i = 3; i < argc; ++i)
    prompt.push_back(std::atoi(argv[i]));
  try {
    rt::Program program(argv[1]);
    rt::Session session(program, /*batch=*/1);
    // The prompt in one call, then token by token: the session remembers.
    trine_tensor tokens = rt::tensor(
        "tokens", TRINE_I32, {1, int64_t(prompt.size())}, prompt.data());
    int32_t token = best(session.run("prefill", {tokens}, {"logits"})[0]);
    for (int i = std::atoi(argv[2]); i > 0; --i) {
      std::printf("%d\n", token);
      trine_tensor next = rt::tensor("tokens", TRINE_I32, {1, 1}, &token);
      token = best(session.run("decode", {next}, {"logits"})[0]);
    }
  } catch (const rt::Error &error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return error.code;
  }
  return 0;
}
