//===- Presets.cpp - recipes by the names users know ----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Recipe.h"

using namespace trine;

#define KEEP "  - {match: '(^|\\.)(lm_head|router|gate)$', keep: source}\n"

static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> presets[] =
    {
        // One scale a tensor; activations by a calibration.
        {"FP8", R"(version: 1
metadata: {name: FP8}
schemes:
  weight: {elem: e4m3fn, block: [0, 0], scale: f32, rule: amax}
  input: {elem: e4m3fn, block: [0, 0], scale: f32, rule: amax, dynamic: false}
rules:
)" KEEP R"(  - {match: '.', weight: weight, input: input}
)"},
        // A scale for each output channel and each token.
        {"FP8_DYNAMIC", R"(version: 1
metadata: {name: FP8_DYNAMIC}
schemes:
  weight: {elem: e4m3fn, block: [1, 0], scale: f32, rule: amax}
  input: {elem: e4m3fn, block: [1, 0], scale: f32, rule: amax}
rules:
)" KEEP R"(  - {match: '.', weight: weight, input: input}
)"},
        {"FP8_BLOCK", R"(version: 1
metadata: {name: FP8_BLOCK}
schemes:
  weight: {elem: e4m3fn, block: [128, 128], scale: f32, rule: amax}
  input: {elem: e4m3fn, block: [1, 128], scale: f32, rule: amax}
rules:
)" KEEP R"(  - {match: '.', weight: weight, input: input}
)"},
        // DeepSeek-V3.1: as FP8_BLOCK with scales of powers of two.
        {"DEEPSEEK", R"(version: 1
metadata: {name: DEEPSEEK}
schemes:
  weight: {elem: e4m3fn, block: [128, 128], scale: ue8m0, rule: rceil, amax_floor: 1.0e-4}
  input: {elem: e4m3fn, block: [1, 128], scale: ue8m0, rule: rceil, amax_floor: 1.0e-4}
rules:
)" KEEP R"(  - {match: '.', weight: weight, input: input}
accumulate: {group: 128}
)"},
        {"MXFP8", R"(version: 1
metadata: {name: MXFP8}
schemes:
  mx: {elem: e4m3fn, block: [1, 32], scale: ue8m0, rule: rceil}
rules:
)" KEEP R"(  - {match: '.', weight: mx, input: mx}
)"},
        // Weights alone.
        {"W8A16", R"(version: 1
metadata: {name: W8A16}
schemes:
  weight: {elem: e4m3fn, block: [128, 128], scale: f32, rule: amax}
rules:
)" KEEP R"(  - {match: '.', weight: weight}
)"},
};

llvm::StringRef fp8::presetRecipe(llvm::StringRef name) {
  for (auto [preset, text] : presets)
    if (preset == name)
      return text;
  return "";
}

std::string fp8::presetNames() {
  std::string names;
  for (auto [preset, text] : presets)
    names += (names.empty() ? "" : ", ") + preset.str();
  return names;
}
