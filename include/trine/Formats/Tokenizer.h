//===- Tokenizer.h - what a package stores about text -----------*- C++ -*-===//
// GGUF or Hugging Face directory -> tokenizer.json, chat template, special ids.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Gguf.h"
#include "trine/Formats/HFModel.h"

namespace trine {

/// A Hugging Face tokenizer.json made from a GGUF's tokens, merges and scores:
/// byte-level BPE ("gpt2") and SentencePiece BPE ("llama"). Another tokenizer
/// or an unknown pre-tokenizer throws Unsupported naming it. The result adds no
/// special tokens of its own: TextInfo::addBos says what the model wants.
std::string tokenizerJsonFromGguf(const GgufFile &file);

struct TextInfo {
  std::string tokenizerJson; ///< empty: the model has no tokenizer
  std::string chatTemplate;  ///< Jinja; empty if none
  std::optional<int64_t> bos, pad;
  std::vector<int64_t> eos; ///< each of them ends generation
  std::string bosToken, eosToken;
  bool addBos = false; ///< prepend bos to a prompt that is not a chat
  std::optional<int64_t> maxSeqLength; ///< of sentence_bert_config.json

  /// The package's "text" section: {"bos","eos","pad","add_bos",
  /// "chat_template","bos_token","eos_token","max_seq_length"}.
  Json json() const;
};

TextInfo textInfo(const GgufFile &file);
TextInfo textInfo(const HFModel &model);

} // namespace trine
