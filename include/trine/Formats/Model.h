//===- Model.h - a model as its files give it -------------------*- C++ -*-===//
// A GGUF file or a Hugging Face directory behind one handle.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Tokenizer.h"

namespace trine {

struct Model {
  std::string name; ///< base name of its file or directory
  /// Exactly one of them is set.
  std::shared_ptr<const GgufFile> gguf;
  std::shared_ptr<const HFModel> huggingFace;
  /// Tensors of a type that Trine does not read.
  std::vector<std::string> unsupported;

  const WeightSource &weights() const {
    if (gguf)
      return *gguf;
    return *huggingFace;
  }
  /// What is needed to turn text into tokens; throws as textInfo() does.
  TextInfo text() const {
    return gguf ? textInfo(*gguf) : textInfo(*huggingFace);
  }
};

/// Opens a .gguf file or a Hugging Face directory. Throws BadInput for anything
/// else; unsupported tensors are listed, not thrown.
std::shared_ptr<const Model> openModel(const std::filesystem::path &path);

} // namespace trine
