//===- TokenizerTest.cpp - tokenizer.json from a GGUF ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Tokenizer.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

using Strings = std::vector<std::string>;

static GgufWriter byteLevel(const Strings &tokens,
                            const std::vector<int32_t> &types,
                            const Strings &merges) {
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", "gpt2")
      .value("tokenizer.ggml.tokens", 9, ggufStrings(tokens))
      .value("tokenizer.ggml.token_type", 9,
             ggufArray(5, types.size(), nums(types)))
      .value("tokenizer.ggml.merges", 9, ggufStrings(merges));
  return writer;
}

static GgufWriter sentencePiece(const Strings &tokens,
                                const std::vector<int32_t> &types,
                                const std::vector<float> &scores) {
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", "llama")
      .value("tokenizer.ggml.tokens", 9, ggufStrings(tokens))
      .value("tokenizer.ggml.token_type", 9,
             ggufArray(5, types.size(), nums(types)))
      .value("tokenizer.ggml.scores", 9,
             ggufArray(6, scores.size(), nums(scores)));
  return writer;
}

static Json tokenizer(const GgufWriter &writer) {
  std::string bytes = writer.bytes();
  return Json::parse(
      tokenizerJsonFromGguf(*GgufFile::parse(asBytes(bytes), "m.gguf")));
}

TEST(Tokenizer, ByteLevelBpe) {
  GgufWriter writer =
      byteLevel({"<s>", "a", "b", "ab", "<user>"}, {3, 1, 1, 1, 4}, {"a b"});
  writer.text("tokenizer.ggml.pre", "smollm");
  Json json = tokenizer(writer);
  EXPECT_EQ(json["model"]["type"], "BPE");
  EXPECT_EQ(json["model"]["vocab"],
            Json::parse(R"({"<s>":0,"a":1,"b":2,"ab":3,"<user>":4})"));
  EXPECT_EQ(json["model"]["merges"], Json::parse(R"([["a","b"]])"));
  EXPECT_EQ(json["pre_tokenizer"]["pretokenizers"],
            Json::parse(R"([{"type":"Digits","individual_digits":true},
                {"type":"ByteLevel","add_prefix_space":false,
                 "trim_offsets":true,"use_regex":true}])"));
  ASSERT_EQ(json["added_tokens"].size(), 2u);
  EXPECT_EQ(json["added_tokens"][0]["content"], "<s>");
  EXPECT_EQ(json["added_tokens"][0]["special"], true);
  EXPECT_EQ(json["added_tokens"][1]["id"], 4);
  EXPECT_EQ(json["added_tokens"][1]["special"], false);
  EXPECT_TRUE(json["post_processor"].is_null());
}

TEST(Tokenizer, PreTokenizers) {
  struct Case {
    const char *pre;
    size_t steps;
    bool ownRegex, ignoreMerges;
  };
  for (const Case &c :
       {Case{"gpt-2", 1, true, false}, Case{"default", 5, false, false},
        Case{"llama-bpe", 2, false, true}, Case{"llama3", 2, false, true},
        Case{"qwen2", 2, false, false}}) {
    GgufWriter writer = byteLevel({"a"}, {1}, {});
    writer.text("tokenizer.ggml.pre", c.pre);
    Json json = tokenizer(writer);
    const Json &steps = json["pre_tokenizer"]["pretokenizers"];
    EXPECT_EQ(steps.size(), c.steps) << c.pre;
    EXPECT_EQ(steps.back()["use_regex"], c.ownRegex) << c.pre;
    EXPECT_EQ(json["model"]["ignore_merges"], c.ignoreMerges) << c.pre;
  }
  // Without the key llama.cpp uses "default".
  EXPECT_EQ(
      tokenizer(byteLevel({"a"}, {1}, {}))["pre_tokenizer"]["pretokenizers"]
          .size(),
      5u);
}

TEST(Tokenizer, SentencePieceMergesFollowTheScores) {
  Json json = tokenizer(sentencePiece(
      {"<unk>", "<s>", "<0x41>", "abc", "a", "b", "c", "ab", "bc"},
      {2, 3, 6, 1, 1, 1, 1, 1, 1}, {0, 0, 0, -3, -9, -9, -9, -2, -1}));
  EXPECT_EQ(json["model"]["merges"],
            Json::parse(R"([["b","c"],["a","b"],["a","bc"],["ab","c"]])"));
  EXPECT_EQ(json["model"]["unk_token"], "<unk>");
  EXPECT_EQ(json["model"]["byte_fallback"], true);
  EXPECT_EQ(json["normalizer"]["normalizers"][0],
            Json::parse("{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"}"));
  EXPECT_EQ(json["decoder"]["decoders"].size(), 4u);
  GgufWriter bare = sentencePiece({"a"}, {1}, {0});
  bare.value("tokenizer.ggml.add_space_prefix", 7, num(uint8_t(0)));
  EXPECT_EQ(tokenizer(bare)["normalizer"]["normalizers"].size(), 1u);
  EXPECT_EQ(tokenizer(bare)["decoder"]["decoders"].size(), 3u);
}

TEST(Tokenizer, RefusesWhatItCannotMake) {
  GgufWriter pre = byteLevel({"a"}, {1}, {});
  pre.text("tokenizer.ggml.pre", "falcon");
  expectError(ExitCode::Unsupported,
              "m.gguf: tokenizer.ggml.pre \"falcon\" is not supported",
              [&] { tokenizer(pre); });
  GgufWriter model;
  model.text("tokenizer.ggml.model", "t5");
  expectError(ExitCode::Unsupported,
              "tokenizer.ggml.model \"t5\" is not supported",
              [&] { tokenizer(model); });
  struct Case {
    GgufWriter writer;
    const char *message;
  };
  for (const Case &c : std::vector<Case>{
           {byteLevel({"a"}, {1, 1}, {}), "has 2 entries for 1 tokens"},
           {byteLevel({}, {}, {}), "has 0 entries for 0 tokens"},
           {byteLevel({"a", "a"}, {1, 1}, {}), "tokens 0 and 1 are both \"a\""},
           {byteLevel({"a", "b"}, {1, 1}, {"a b"}),
            "'tokenizer.ggml.merges'[0]: expected two tokens"},
           {byteLevel({"a"}, {1}, {"a"}), "'tokenizer.ggml.merges'[0]"},
           {byteLevel({"a"}, {1}, {""}), "'tokenizer.ggml.merges'[0]"},
           {byteLevel({"\xff"}, {1}, {}), "not UTF-8"},
           {sentencePiece({"a"}, {1}, {}), "has 0 entries for 1 tokens"},
           {sentencePiece({std::string(2000, 'a')}, {1}, {0}),
            "token 0 has 2000 bytes"}})
    expectError(ExitCode::BadInput, c.message, [&] { tokenizer(c.writer); });
}
