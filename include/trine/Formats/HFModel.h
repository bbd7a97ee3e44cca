//===- HFModel.h - a Hugging Face model directory ---------------*- C++ -*-===//
// config.json and the files beside it, with the weights of its safetensors.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Json.h"
#include "trine/Formats/Safetensors.h"

namespace trine {

/// One entry of modules.json, with its own config.json when there is one.
struct SentenceModule {
  std::string type; ///< last part of the class name: "Pooling", "Normalize"
  std::string path;
  std::optional<JsonReader> config;
};

class HFModel : public SafetensorsModel {
public:
  /// Throws BadInput when config.json or the weights are missing or malformed.
  static std::shared_ptr<HFModel>
  open(const std::filesystem::path &directory,
       std::vector<std::string> *unsupported = nullptr);

  const JsonReader &config() const { return files.at("config.json"); }
  /// One of the optional files (generation_config.json, tokenizer_config.json,
  /// special_tokens_map.json, sentence_bert_config.json); null if absent.
  const JsonReader *optional(std::string_view file) const;
  /// tokenizer.json, verbatim; empty if absent.
  const std::string &tokenizerJson() const { return tokenizer; }
  /// chat_template.jinja, else tokenizer_config.json's (a string, or the entry
  /// "default" of a list); empty if absent.
  std::string chatTemplate() const;
  /// In order; empty without modules.json.
  const std::vector<SentenceModule> &modules() const { return moduleList; }

private:
  using SafetensorsModel::SafetensorsModel;
  std::optional<std::string> readSmall(const std::filesystem::path &directory,
                                       const std::string &file);
  std::optional<JsonReader> readJson(const std::filesystem::path &directory,
                                     const std::string &file);
  void readModules(const std::filesystem::path &directory);

  std::map<std::string, JsonReader, std::less<>> files;
  std::string tokenizer, jinja;
  std::vector<SentenceModule> moduleList;
};

} // namespace trine
