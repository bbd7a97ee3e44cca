//===- TextInfoTest.cpp - special tokens and templates --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fixtures.h"
#include "trine/Formats/Tokenizer.h"

using namespace trine;
using namespace trine::test;

static TextInfo ofGguf(const GgufWriter &writer) {
  std::string bytes = writer.bytes();
  return textInfo(*GgufFile::parse(asBytes(bytes), "m.gguf"));
}

static GgufWriter tokenizer(const std::string &pre) {
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", "gpt2")
      .text("tokenizer.ggml.pre", pre)
      .value("tokenizer.ggml.tokens", 9, ggufStrings({"<s>", "</s>", "<eot>"}))
      .value("tokenizer.ggml.merges", 9, ggufStrings({}))
      .u32("tokenizer.ggml.bos_token_id", 0)
      .u32("tokenizer.ggml.eos_token_id", 1);
  return writer;
}

TEST(TextInfo, OfAGguf) {
  EXPECT_EQ(ofGguf(GgufWriter()).json(),
            Json::parse(R"({"bos":null,"eos":[],"pad":null,"add_bos":false,
                "chat_template":null,"bos_token":"","eos_token":"",
                "max_seq_length":null})"));
  GgufWriter writer = tokenizer("smollm");
  writer.u32("tokenizer.ggml.padding_token_id", 1)
      .u32("tokenizer.ggml.eot_token_id", 2)
      .text("tokenizer.chat_template", "{{x}}");
  EXPECT_EQ(ofGguf(writer).json(),
            Json::parse(R"({"bos":0,"eos":[1,2],"pad":1,"add_bos":false,
                "chat_template":"{{x}}","bos_token":"<s>","eos_token":"</s>",
                "max_seq_length":null})"));
  GgufWriter idsOnly;
  idsOnly.text("tokenizer.ggml.model", "no_vocab");
  EXPECT_TRUE(ofGguf(idsOnly).tokenizerJson.empty());
  EXPECT_TRUE(ofGguf(tokenizer("llama-bpe")).addBos);
  GgufWriter off = tokenizer("llama-bpe");
  off.value("tokenizer.ggml.add_bos_token", 7, num(uint8_t(0)));
  EXPECT_FALSE(ofGguf(off).addBos);
  GgufWriter bad = tokenizer("smollm");
  bad.u32("tokenizer.ggml.eot_token_id", 3);
  expectError(ExitCode::BadInput,
              "'tokenizer.ggml.eot_token_id': expected one of 3 token ids, "
              "got 3",
              [&] { ofGguf(bad); });
}

TEST(TextInfo, OfADirectoryMergesItsSources) {
  TempDir dir;
  dir.write("model.safetensors", safetensors("{}", ""));
  dir.write("config.json", R"({"eos_token_id":2,"pad_token_id":-1})");
  EXPECT_EQ(textInfo(*HFModel::open(dir.path)).json(),
            Json::parse(R"({"bos":null,"eos":[2],"pad":null,"add_bos":false,
                "chat_template":null,"bos_token":"","eos_token":"",
                "max_seq_length":null})"));
  dir.write("generation_config.json", R"({"eos_token_id":[5,2]})");
  dir.write("sentence_bert_config.json", R"({"max_seq_length":256})");
  dir.write("tokenizer_config.json",
            R"({"eos_token":"</s>","bos_token":{"content":"<s>"},)"
            R"("chat_template":"t"})");
  dir.write("tokenizer.json",
            R"({"added_tokens":[{"id":7,"content":"</s>"}],)"
            R"("model":{"vocab":{"<s>":4}},)"
            R"("post_processor":{"type":"TemplateProcessing",)"
            R"("single":[{"SpecialToken":{"id":"<s>","type_id":0}}]}})");
  EXPECT_EQ(textInfo(*HFModel::open(dir.path)).json(),
            Json::parse(R"({"bos":4,"eos":[5,2,7],"pad":null,"add_bos":true,
                "chat_template":"t","bos_token":"<s>","eos_token":"</s>",
                "max_seq_length":256})"));
  dir.write("tokenizer_config.json",
            R"({"bos_token":"<s>","add_bos_token":false})");
  EXPECT_FALSE(textInfo(*HFModel::open(dir.path)).addBos);
}

TEST(TextInfo, RefusesHostileDirectories) {
  struct Case {
    const char *file, *text, *message;
  };
  for (const Case &c : std::vector<Case>{
           {"tokenizer.json", "[]", "tokenizer.json: expected a JSON object"},
           {"tokenizer.json", "{", "tokenizer.json: malformed JSON"},
           {"config.json", R"({"eos_token_id":"x"})",
            "'eos_token_id': expected an integer, got \"x\""},
           {"generation_config.json", R"({"eos_token_id":[1,"x"]})",
            "'eos_token_id': expected a list"},
           {"tokenizer_config.json", R"({"eos_token":3})",
            "'eos_token': expected a string, got 3"},
           {"tokenizer_config.json", R"({"chat_template":3})",
            "'chat_template': expected a string, got 3"},
           {"tokenizer_config.json", R"({"chat_template":[3]})",
            "tokenizer_config.json: expected a JSON object, got 3"},
           {"sentence_bert_config.json", R"({"max_seq_length":0})",
            "'max_seq_length': expected a positive integer"}}) {
    TempDir dir;
    dir.write("model.safetensors", safetensors("{}", ""));
    dir.write("config.json", "{}");
    dir.write(c.file, c.text);
    expectError(ExitCode::BadInput, c.message,
                [&] { textInfo(*HFModel::open(dir.path)); });
  }
  // Odd shapes of the parts that are only looked into.
  TempDir dir;
  dir.write("model.safetensors", safetensors("{}", ""));
  dir.write("config.json", "{}");
  dir.write("tokenizer_config.json", R"({"bos_token":"<s>"})");
  for (const char *json :
       {R"({"added_tokens":3,"model":3,"post_processor":3})",
        R"({"added_tokens":[1,{"content":1,"id":"x"}],"model":{"vocab":[]},)"
        R"("post_processor":{"processors":3,"single":{"0":1}}})",
        R"({"model":{"vocab":{"<s>":"x"}},"post_processor":{"processors":[1],)"
        R"("single":[{"SpecialToken":1}]}})"}) {
    dir.write("tokenizer.json", json);
    EXPECT_FALSE(textInfo(*HFModel::open(dir.path)).addBos);
  }
}
