//===- Recipe.h - what to quantize, and how ---------------------*- C++ -*-===//
// A recipe file (YAML) or a preset → rules over the model's layers. Keys,
// values and presets: docs/reference/recipe.md. Part of Trine, under Apache-2.0
// WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/fp8/Fp8.h"

#include <regex>

namespace trine::fp8 {

struct Recipe {
  /// How one side of a layer is quantized; `scheme` null: it stays.
  struct Side {
    SchemeAttr scheme;
    bool isStatic = false; ///< by one scale of a calibration
  };
  /// The first whose pattern is found in a layer's node applies to it.
  struct Rule {
    std::regex pattern;
    bool keep = false;
    Side weight, input;
  };
  enum class Requantize { Forbid, LosslessOnly, Allow };

  std::string name;
  std::vector<Rule> rules;
  Order order = Order::Free;
  std::optional<int64_t> group; ///< else the finest that scales need
  Requantize requantize = Requantize::Forbid;

  const Rule *find(llvm::StringRef node) const;
};

/// Throws BadInput "file:line: what" for what is no recipe: unknown keys,
/// schemes and values, rules that cannot be.
Recipe parseRecipe(mlir::MLIRContext *context, llvm::StringRef text,
                   llvm::StringRef file);

/// The text of a preset: FP8, FP8_DYNAMIC, FP8_BLOCK, DEEPSEEK, MXFP8, W8A16;
/// empty for other names.
llvm::StringRef presetRecipe(llvm::StringRef name);
/// "FP8, FP8_DYNAMIC, ..."
std::string presetNames();

} // namespace trine::fp8
