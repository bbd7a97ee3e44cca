//===- Tokenizer.cpp - tokenizer.json from a GGUF -------------------------===//
// Tokens, token types, merges and scores -> the Hugging Face file that makes
// the same ids. Schema: github.com/huggingface/tokenizers.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Tokenizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

using namespace trine;

namespace {

/// Values of tokenizer.ggml.token_type.
enum TokenType { Normal = 1, Unknown, Control, UserDefined, Unused, Byte };

/// A pre-tokenizer of llama.cpp as the regexes it splits by, one after another.
struct PreTokenizer {
  const char *name;
  std::vector<const char *> splits = {}; ///< empty: ByteLevel's own (GPT-2's)
  bool digits = false;       ///< each digit alone, before the splits
  bool ignoreMerges = false; ///< a word that is a token needs no merges
  bool nfc = false;
};

constexpr const char *llama3Split =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char *qwen2Split =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
constexpr const char *gpt2Split =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| "
    "?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const std::vector<PreTokenizer> &preTokenizers() {
  static const std::vector<PreTokenizer> table = {
      {.name = "smollm", .digits = true},
      {.name = "gpt-2"},
      {.name = "default",
       .splits = {"[\\p{P}\\$\\+<=>\\^~\\|]+", gpt2Split, "\\p{N}+",
                  "[0-9][0-9][0-9]"}},
      {.name = "llama-bpe", .splits = {llama3Split}, .ignoreMerges = true},
      {.name = "llama3", .splits = {llama3Split}, .ignoreMerges = true},
      {.name = "llama-v3", .splits = {llama3Split}, .ignoreMerges = true},
      {.name = "qwen2", .splits = {qwen2Split}, .nfc = true},
  };
  return table;
}

/// The GGUF's vocabulary, checked.
struct Vocabulary {
  std::vector<std::string_view> tokens;
  std::vector<int64_t> types;
  std::unordered_map<std::string_view, size_t> ids;

  explicit Vocabulary(const GgufFile &file);
  Json json() const;
  Json addedTokens() const;
};

} // namespace

Vocabulary::Vocabulary(const GgufFile &file) {
  using Strings = std::vector<std::string_view>;
  tokens = file.get<Strings>("tokenizer.ggml.tokens");
  types = file.get("tokenizer.ggml.token_type",
                   std::vector<int64_t>(tokens.size(), Normal));
  if (tokens.empty() || types.size() != tokens.size())
    throw badInput(file.sourceName(),
                   "'tokenizer.ggml.token_type' has {} entries for {} tokens",
                   types.size(), tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    auto [it, inserted] = ids.try_emplace(tokens[id], id);
    if (!inserted)
      throw badInput(file.sourceName(), "tokens {} and {} are both {}",
                     it->second, id, describe(std::string(tokens[id])));
  }
}

Json Vocabulary::json() const {
  Json vocab = Json::object();
  for (size_t id = 0; id < tokens.size(); ++id)
    vocab[std::string(tokens[id])] = id;
  return vocab;
}

/// Control and user-defined tokens are matched in the text before any split.
Json Vocabulary::addedTokens() const {
  Json added = Json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    bool control = types[id] == Control || types[id] == Unknown;
    if ((control || types[id] == UserDefined) && !tokens[id].empty())
      added.push_back({{"id", id},
                       {"content", tokens[id]},
                       {"single_word", false},
                       {"lstrip", false},
                       {"rstrip", false},
                       {"normalized", false},
                       {"special", control}});
  }
  return added;
}

//===----------------------------------------------------------------------===//
// Byte-level BPE ("gpt2")
//===----------------------------------------------------------------------===//

static const PreTokenizer &choosePreTokenizer(const GgufFile &file) {
  std::string_view wanted =
      file.get<std::string_view>("tokenizer.ggml.pre", "default");
  std::string known;
  for (const PreTokenizer &pre : preTokenizers()) {
    if (wanted == pre.name)
      return pre;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", pre.name);
  }
  throw Error(ExitCode::Unsupported, file.sourceName(),
              fmt::format("tokenizer.ggml.pre {} is not supported; known: {}",
                          describe(std::string(wanted)), known));
}

static Json byteLevel(bool prefixSpace, bool useRegex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefixSpace},
          {"trim_offsets", true},
          {"use_regex", useRegex}};
}

static Json preTokenizerJson(const PreTokenizer &pre) {
  Json list = Json::array();
  if (pre.digits)
    list.push_back({{"type", "Digits"}, {"individual_digits", true}});
  for (const char *regex : pre.splits)
    list.push_back({{"type", "Split"},
                    {"pattern", {{"Regex", regex}}},
                    {"behavior", "Isolated"},
                    {"invert", false}});
  list.push_back(byteLevel(false, pre.splits.empty()));
  return {{"type", "Sequence"}, {"pretokenizers", std::move(list)}};
}

/// "left right" pairs, each part and the whole being a token.
static Json readMerges(const GgufFile &file, const Vocabulary &vocabulary) {
  Json merges = Json::array();
  auto lines = file.get<std::vector<std::string_view>>("tokenizer.ggml.merges");
  for (size_t i = 0; i < lines.size(); ++i) {
    // The left part may itself begin with a space.
    size_t space = lines[i].find(' ', 1);
    std::string left(lines[i].substr(0, space)), right;
    if (space != std::string_view::npos)
      right = lines[i].substr(space + 1);
    if (!vocabulary.ids.contains(left) || !vocabulary.ids.contains(right) ||
        !vocabulary.ids.contains(left + right))
      throw badInput(file.sourceName(),
                     "'tokenizer.ggml.merges'[{}]: expected two tokens whose "
                     "concatenation is a token, got {}",
                     i, describe(std::string(lines[i])));
    merges.push_back({left, right});
  }
  return merges;
}

static Json byteLevelTokenizer(const GgufFile &file,
                               const Vocabulary &vocabulary) {
  const PreTokenizer &pre = choosePreTokenizer(file);
  return {{"normalizer", pre.nfc ? Json{{"type", "NFC"}} : Json()},
          {"pre_tokenizer", preTokenizerJson(pre)},
          {"decoder", byteLevel(true, true)},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", pre.ignoreMerges},
            {"vocab", vocabulary.json()},
            {"merges", readMerges(file, vocabulary)}}}};
}

//===----------------------------------------------------------------------===//
// SentencePiece BPE ("llama")
//===----------------------------------------------------------------------===//

/// SentencePiece joins the neighbours whose union has the highest score; BPE
/// takes the pair earliest in its list. So: every way to split a piece into two
/// others, the pieces by falling score, equal ones by id.
static Json mergesByScore(const GgufFile &file, const Vocabulary &vocabulary) {
  const std::vector<std::string_view> &tokens = vocabulary.tokens;
  auto scores = file.get<std::vector<double>>("tokenizer.ggml.scores");
  if (scores.size() != tokens.size())
    throw badInput(file.sourceName(),
                   "'tokenizer.ggml.scores' has {} entries for {} tokens",
                   scores.size(), tokens.size());
  auto joins = [&](size_t id) { return vocabulary.types[id] == Normal; };
  std::vector<size_t> order(tokens.size());
  std::iota(order.begin(), order.end(), 0);
  std::erase_if(
      order, [&](size_t id) { return !joins(id) || std::isnan(scores[id]); });
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : a < b;
  });
  constexpr size_t maxBytes = 1024; // splitting is quadratic in the length
  Json merges = Json::array();
  for (size_t id : order) {
    std::string_view piece = tokens[id];
    if (piece.size() > maxBytes)
      throw badInput(file.sourceName(), "token {} has {} bytes, more than {}",
                     id, piece.size(), maxBytes);
    for (size_t cut = 1; cut < piece.size(); ++cut) {
      auto left = vocabulary.ids.find(piece.substr(0, cut));
      if (left == vocabulary.ids.end() || !joins(left->second))
        continue;
      auto right = vocabulary.ids.find(piece.substr(cut));
      if (right != vocabulary.ids.end() && joins(right->second))
        merges.push_back({left->first, right->first});
    }
  }
  return merges;
}

static Json sentencePieceTokenizer(const GgufFile &file,
                                   const Vocabulary &vocabulary) {
  bool prefix = file.get("tokenizer.ggml.add_space_prefix", true);
  constexpr const char *space = "\u2581";
  Json normalizers = Json::array();
  if (prefix)
    normalizers.push_back({{"type", "Prepend"}, {"prepend", space}});
  normalizers.push_back({{"type", "Replace"},
                         {"pattern", {{"String", " "}}},
                         {"content", space}});
  Json decoders = {
      {{"type", "Replace"}, {"pattern", {{"String", space}}}, {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}}};
  if (prefix)
    decoders.push_back(
        {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  auto unknown = std::find(vocabulary.types.begin(), vocabulary.types.end(),
                           int64_t(Unknown));
  Json unkToken;
  if (unknown != vocabulary.types.end())
    unkToken = vocabulary.tokens[unknown - vocabulary.types.begin()];
  return {{"normalizer", {{"type", "Sequence"}, {"normalizers", normalizers}}},
          {"pre_tokenizer", nullptr},
          {"decoder", {{"type", "Sequence"}, {"decoders", decoders}}},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", unkToken},
            {"continuing_subword_prefix", nullptr},
            {"end_of_word_suffix", nullptr},
            {"fuse_unk", true},
            {"byte_fallback", true},
            {"ignore_merges", false},
            {"vocab", vocabulary.json()},
            {"merges", mergesByScore(file, vocabulary)}}}};
}

std::string trine::tokenizerJsonFromGguf(const GgufFile &file) {
  std::string_view model = file.get<std::string_view>("tokenizer.ggml.model");
  if (model != "gpt2" && model != "llama")
    throw Error(ExitCode::Unsupported, file.sourceName(),
                fmt::format("tokenizer.ggml.model {} is not supported; known: "
                            "gpt2, llama",
                            describe(std::string(model))));
  Vocabulary vocabulary(file);
  Json json = model == "gpt2" ? byteLevelTokenizer(file, vocabulary)
                              : sentencePieceTokenizer(file, vocabulary);
  json["version"] = "1.0";
  json["truncation"] = nullptr;
  json["padding"] = nullptr;
  json["post_processor"] = nullptr;
  json["added_tokens"] = vocabulary.addedTokens();
  try {
    return json.dump();
  } catch (const Json::exception &) {
    throw badInput(file.sourceName(),
                   "'tokenizer.ggml.tokens' holds text that is not UTF-8");
  }
}
