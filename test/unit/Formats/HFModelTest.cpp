//===- HFModelTest.cpp - Hugging Face directories -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/HFModel.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

/// A directory with config.json and one tensor.
static TempDir directory() {
  TempDir dir;
  dir.write("config.json", R"({"hidden_size":8,"bad":"x"})");
  dir.write(
      "model.safetensors",
      safetensors(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                  "1234"));
  return dir;
}

TEST(HFModel, ReadsTheDirectory) {
  TempDir dir = directory();
  dir.write("tokenizer.json", "{}");
  dir.write("modules.json",
            R"([{"idx":0,"name":"0","path":"","type":"a.b.Transformer"},)"
            R"({"idx":1,"name":"1","path":"1_Pooling","type":"a.Pooling"},)"
            R"({"idx":2,"name":"2","path":"2_Normalize","type":"Normalize"}])");
  dir.write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens":true})");
  auto model = HFModel::open(dir.path);
  EXPECT_EQ(model->config().positive("hidden_size"), 8);
  EXPECT_NE(model->find("w"), nullptr);
  EXPECT_EQ(model->tokenizerJson(), "{}");
  EXPECT_EQ(model->optional("generation_config.json"), nullptr);
  ASSERT_EQ(model->modules().size(), 3u);
  EXPECT_EQ(model->modules()[0].type, "Transformer");
  EXPECT_EQ(model->modules()[1].type, "Pooling");
  EXPECT_TRUE(
      model->modules()[1].config->get<bool>("pooling_mode_mean_tokens"));
  EXPECT_EQ(model->modules()[2].type, "Normalize");
  EXPECT_FALSE(model->modules()[2].config);
  expectError(ExitCode::BadInput,
              "config.json: 'bad': expected a positive integer",
              [&] { model->config().positive("bad"); });
}

TEST(HFModel, DigestCoversConfigAndWeights) {
  TempDir dir = directory();
  Digest before = HFModel::open(dir.path)->digest();
  EXPECT_EQ(before, HFModel::open(dir.path)->digest());
  dir.write("config.json", R"({"hidden_size":9})");
  EXPECT_NE(before, HFModel::open(dir.path)->digest());
}

TEST(HFModel, ChatTemplateFromItsThreePlaces) {
  TempDir dir = directory();
  EXPECT_EQ(HFModel::open(dir.path)->chatTemplate(), "");
  dir.write("tokenizer_config.json", R"({"chat_template":"text"})");
  EXPECT_EQ(HFModel::open(dir.path)->chatTemplate(), "text");
  dir.write("tokenizer_config.json",
            R"({"chat_template":[{"name":"tool_use","template":"t"},)"
            R"({"name":"default","template":"d"}]})");
  EXPECT_EQ(HFModel::open(dir.path)->chatTemplate(), "d");
  dir.write("chat_template.jinja", "jinja");
  EXPECT_EQ(HFModel::open(dir.path)->chatTemplate(), "jinja");
}

TEST(HFModel, RefusesHostileDirectories) {
  struct Case {
    const char *file, *text, *message;
  };
  for (const Case &c : std::vector<Case>{
           {"config.json", "", "config.json: malformed JSON"},
           {"config.json", "[]", "config.json: expected a JSON object"},
           {"generation_config.json", "{", "generation_config.json: malformed"},
           {"modules.json", "{}", "modules.json: expected a list"},
           {"modules.json", "[1]", "modules.json: expected a JSON object"},
           {"modules.json", "[{}]", "modules.json: 'type' is missing"},
           {"modules.json", R"([{"type":"P","path":"../x"}])",
            "'path': expected a folder of the model's directory"},
           {"modules.json", R"([{"type":"P","path":"/etc"}])",
            "'path': expected a folder of the model's directory"},
           {"model.safetensors", "", "model.safetensors: truncated"}}) {
    TempDir dir = directory();
    dir.write(c.file, c.text);
    expectError(ExitCode::BadInput, c.message,
                [&] { HFModel::open(dir.path); });
  }
  TempDir dir = directory();
  std::filesystem::remove(dir.path / "config.json");
  expectError(ExitCode::BadInput, "config.json is missing",
              [&] { HFModel::open(dir.path); });
  expectError(ExitCode::BadInput, "expected a Hugging Face directory",
              [&] { HFModel::open(dir.path / "none"); });
}
