//===- TextInfo.cpp - special tokens and chat template of a model ---------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Tokenizer.h"

#include <algorithm>

using namespace trine;

static void addUnique(std::vector<int64_t> &list, int64_t id) {
  if (id >= 0 && std::find(list.begin(), list.end(), id) == list.end())
    list.push_back(id);
}

Json TextInfo::json() const {
  auto orNull = [](const auto &value) { return value ? Json(*value) : Json(); };
  return {{"bos", orNull(bos)},
          {"eos", eos},
          {"pad", orNull(pad)},
          {"add_bos", addBos},
          {"chat_template", chatTemplate.empty() ? Json() : Json(chatTemplate)},
          {"bos_token", bosToken},
          {"eos_token", eosToken},
          {"max_seq_length", orNull(maxSeqLength)}};
}

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

/// llama.cpp's default where the file does not say: SentencePiece and Llama 3
/// models begin with bos, other byte-level ones do not.
static bool addsBos(const GgufFile &file) {
  std::string_view pre = file.get<std::string_view>("tokenizer.ggml.pre", "");
  bool usual = file.get<std::string_view>("tokenizer.ggml.model") == "llama" ||
               pre == "llama-bpe" || pre == "llama3" || pre == "llama-v3";
  return file.get("tokenizer.ggml.add_bos_token", usual);
}

TextInfo trine::textInfo(const GgufFile &file) {
  TextInfo info;
  // llama.cpp's name for a model that knows token ids only.
  if (file.get<std::string_view>("tokenizer.ggml.model", "no_vocab") ==
      "no_vocab")
    return info;
  info.tokenizerJson = tokenizerJsonFromGguf(file);
  info.chatTemplate = file.get<std::string_view>("tokenizer.chat_template", "");
  auto tokens =
      file.get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
  auto id = [&](const char *name) -> std::optional<int64_t> {
    std::string key = fmt::format("tokenizer.ggml.{}_token_id", name);
    std::optional<int64_t> value = file.maybe<int64_t>(key);
    if (value && (*value < 0 || *value >= int64_t(tokens.size())))
      throw badInput(file.sourceName(),
                     "metadata '{}': expected one of {} token ids, got {}", key,
                     tokens.size(), *value);
    return value;
  };
  info.bos = id("bos");
  info.pad = id("padding");
  if (std::optional<int64_t> eos = id("eos")) {
    info.eos.push_back(*eos);
    info.eosToken = tokens[*eos];
  }
  if (std::optional<int64_t> endOfTurn = id("eot"))
    addUnique(info.eos, *endOfTurn);
  if (info.bos)
    info.bosToken = tokens[*info.bos];
  info.addBos = info.bos && addsBos(file);
  return info;
}

//===----------------------------------------------------------------------===//
// Hugging Face directory
//===----------------------------------------------------------------------===//

/// A special token of tokenizer_config.json or special_tokens_map.json: its
/// text, or an object with "content".
static std::string specialToken(const HFModel &model, std::string_view key) {
  for (const char *file :
       {"tokenizer_config.json", "special_tokens_map.json"}) {
    const JsonReader *reader = model.optional(file);
    if (!reader || !reader->has(key))
      continue;
    if (reader->json().at(key).is_object())
      return reader->object(key)->get<std::string>("content");
    return reader->get<std::string>(key);
  }
  return "";
}

/// The id of a token in tokenizer.json.
static std::optional<int64_t> tokenId(const Json &tokenizer,
                                      const std::string &token) {
  for (const Json &added : tokenizer.value("added_tokens", Json::array()))
    if (added.is_object() && added.value("content", Json()) == token &&
        added.value("id", Json()).is_number_unsigned())
      return added["id"].get<int64_t>();
  static const Json::json_pointer vocab("/model/vocab");
  Json found;
  if (tokenizer.contains(vocab) && tokenizer[vocab].is_object())
    found = tokenizer[vocab].value(token, Json());
  return found.is_number_unsigned() ? std::optional(found.get<int64_t>())
                                    : std::nullopt;
}

/// Whether tokenizer.json's own post-processor begins a sequence with `token`.
static bool beginsWith(const Json &processor, const std::string &token) {
  if (!processor.is_object())
    return false;
  for (const Json &inner : processor.value("processors", Json::array()))
    if (beginsWith(inner, token))
      return true;
  static const Json::json_pointer first("/single/0/SpecialToken/id");
  return processor.contains(first) && processor[first] == token;
}

/// An id, or a list of them, under `key`.
static std::vector<int64_t> idList(const JsonReader *reader,
                                   std::string_view key) {
  if (!reader || !reader->has(key))
    return {};
  if (reader->json().at(key).is_array())
    return reader->get<std::vector<int64_t>>(key);
  return {reader->get<int64_t>(key)};
}

TextInfo trine::textInfo(const HFModel &model) {
  TextInfo info;
  info.tokenizerJson = model.tokenizerJson();
  info.chatTemplate = model.chatTemplate();
  Json tokenizer = Json::object();
  std::string file = model.sourceName() + "/tokenizer.json";
  if (!info.tokenizerJson.empty())
    tokenizer = JsonReader(file, parseJson(info.tokenizerJson, file)).json();
  const JsonReader *generation = model.optional("generation_config.json");
  // The first source that names an id, else the tokenizer's token.
  auto id = [&](const char *name) {
    std::string key = fmt::format("{}_token_id", name);
    std::vector<int64_t> ids;
    for (const JsonReader *reader : {generation, &model.config()})
      for (int64_t value : idList(reader, key))
        addUnique(ids, value);
    std::string token = specialToken(model, fmt::format("{}_token", name));
    if (std::optional<int64_t> value = tokenId(tokenizer, token))
      addUnique(ids, *value);
    return ids;
  };
  auto first = [](const std::vector<int64_t> &ids) {
    return ids.empty() ? std::nullopt : std::optional(ids.front());
  };
  info.bos = first(id("bos"));
  info.pad = first(id("pad"));
  info.eos = id("eos");
  info.bosToken = specialToken(model, "bos_token");
  info.eosToken = specialToken(model, "eos_token");
  const JsonReader *config = model.optional("tokenizer_config.json");
  bool usual =
      !info.bosToken.empty() &&
      beginsWith(tokenizer.value("post_processor", Json()), info.bosToken);
  info.addBos =
      info.bos && (config ? config->get("add_bos_token", usual) : usual);
  if (const JsonReader *sentence = model.optional("sentence_bert_config.json"))
    if (sentence->has("max_seq_length"))
      info.maxSeqLength = sentence->positive("max_seq_length");
  return info;
}
