//===- SafetensorsTest.cpp - safetensors, good and hostile ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Safetensors.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

static std::shared_ptr<SafetensorsModel> parse(const std::string &bytes) {
  return SafetensorsModel::parse(asBytes(bytes), "m.safetensors");
}

static std::string valid() {
  return safetensors(
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},)"
      R"("a":{"dtype":"BF16","shape":[2,2],"data_offsets":[0,8]},)"
      R"("s":{"dtype":"F32","shape":[],"data_offsets":[16,20]},)"
      R"("e":{"dtype":"F32","shape":[0,4],"data_offsets":[20,20]}})",
      nums<uint16_t>({0x3f80, 0x4000, 0x4040, 0xbf80}) + num(int64_t(7)) +
          num(1.5f));
}

TEST(Safetensors, ReadsEveryTensor) {
  std::string bytes = valid();
  auto model = parse(bytes);
  EXPECT_EQ(model->names(), (std::vector<std::string>{"a", "b", "s", "e"}));
  float out[2];
  decodeRows(model->require("a", {2, 2}), 1, 1, out);
  EXPECT_EQ(out[0], 3);
  EXPECT_EQ(out[1], -1);
  decodeRows(model->require("s", {}), 0, 1, out);
  EXPECT_EQ(out[0], 1.5f);
  EXPECT_EQ(model->find("b")->storage, Storage::I64);
  EXPECT_EQ(model->find("e")->bytes.size(), 0u);
}

TEST(Safetensors, EveryUnsupportedDtypeIsListed) {
  std::string bytes = safetensors(
      R"({"w":{"dtype":"F8_E4M3FNUZ","shape":[2],"data_offsets":[0,2]},)"
      R"("x":{"dtype":"Q9","shape":[1],"data_offsets":[2,3]}})",
      "abc");
  for (const char *note :
       {"2 unsupported parts", "tensor 'w': dtype \"F8_E4M3FNUZ\"",
        "tensor 'x': unknown dtype \"Q9\""})
    expectError(ExitCode::Unsupported, note, [&] { parse(bytes); });
}

TEST(Safetensors, RefusesHostileFiles) {
  auto one = [](const std::string &entry, const std::string &data = "1234") {
    return safetensors("{\"t\":" + entry + "}", data);
  };
  struct Case {
    std::string bytes, message;
  };
  for (const Case &c : std::vector<Case>{
           {"", "truncated: expected an 8-byte header size, got 0"},
           {num(uint64_t(1) << 60), "header of 1152921504606846976 bytes"},
           {num(uint64_t(50)) + "{}", "truncated: header of 50 bytes"},
           {safetensors("[]", ""), "expected a JSON object as header"},
           {safetensors("{", ""), "m.safetensors: malformed JSON"},
           {one("3"), "tensor 't': expected a JSON object, got 3"},
           {one("{}"), "tensor 't': 'shape' is missing"},
           {one(R"({"shape":[1]})"), "'data_offsets' is missing"},
           {one(R"({"shape":[1],"data_offsets":[0,4]})"), "'dtype' is missing"},
           {one(R"({"shape":[-1],"data_offsets":[0,4],"dtype":"F32"})"),
            "'shape': expected at most 8 dimensions"},
           {one(R"({"shape":[4611686018427387904,4],)"
                R"("data_offsets":[0,4],"dtype":"F32"})"),
            "'shape': expected at most 8 dimensions"},
           {one(R"({"shape":[4611686018427387904],)"
                R"("data_offsets":[0,4],"dtype":"F32"})"),
            "takes 0 bytes, got 4"},
           {one(R"({"shape":["1"],"data_offsets":[0,4],"dtype":"F32"})"),
            "'shape': expected a list, each element an integer"},
           {one(R"({"shape":[1],"data_offsets":[0],"dtype":"F32"})"),
            "'data_offsets': expected [begin, end] within 4 bytes"},
           {one(R"({"shape":[1],"data_offsets":[4,0],"dtype":"F32"})"),
            "'data_offsets': expected [begin, end]"},
           {one(R"({"shape":[1],"data_offsets":[-4,0],"dtype":"F32"})"),
            "'data_offsets': expected [begin, end]"},
           {one(R"({"shape":[2],"data_offsets":[0,8],"dtype":"F32"})"),
            "'data_offsets': expected [begin, end] within 4 bytes"},
           {one(R"({"shape":[2],"data_offsets":[0,4],"dtype":"F32"})"),
            "F32 of shape [2] takes 8 bytes, got 4"},
           {one(R"({"shape":[1],"data_offsets":[0,4],"dtype":"F32"})", "12345"),
            "1 bytes at the end belong to no tensor"},
           {one(R"({"shape":[1],"data_offsets":[1,5],"dtype":"F32"})", "12345"),
            "1 bytes between the header and 't' belong to no tensor"},
           {safetensors(
                R"({"t":{"shape":[1],"data_offsets":[0,4],"dtype":"F32"},)"
                R"("u":{"shape":[1],"data_offsets":[2,6],"dtype":"F32"}})",
                "123456"),
            "tensors 't' and 'u' overlap"},
           {safetensors(
                R"({"t":{"shape":[1],"data_offsets":[0,4],"dtype":"F32"},)"
                R"("t":{"shape":[1],"data_offsets":[0,4],"dtype":"F32"}})",
                "1234"),
            "key \"t\" appears twice"},
       })
    expectError(ExitCode::BadInput, c.message, [&] { parse(c.bytes); });
}

TEST(Safetensors, SurvivesTruncationAndBitFlips) { mutate(valid(), parse); }

static std::string shard(const std::string &name, float value) {
  return safetensors("{\"" + name +
                         R"(":{"dtype":"F32","shape":[1],)"
                         R"("data_offsets":[0,4]}})",
                     num(value));
}

TEST(Safetensors, Shards) {
  TempDir dir;
  std::string index = R"({"metadata":{},"weight_map":{"b":"2.safetensors",)"
                      R"("a":"1.safetensors"}})";
  std::string first = shard("a", 1), second = shard("b", 2);
  dir.write("model.safetensors.index.json", index);
  dir.write("1.safetensors", first);
  dir.write("2.safetensors", second);
  auto model = SafetensorsModel::open(dir.path);
  EXPECT_EQ(model->names(), (std::vector<std::string>{"a", "b"}));
  float value;
  decodeRows(*model->find("b"), 0, 1, &value);
  EXPECT_EQ(value, 2);
  std::string lines = hex(sha256(asBytes(first))) + "  1.safetensors\n" +
                      hex(sha256(asBytes(second))) + "  2.safetensors\n" +
                      hex(sha256(asBytes(index))) +
                      "  model.safetensors.index.json\n";
  EXPECT_EQ(hex(model->digest()), hex(sha256(asBytes(lines))));
  release(*model->find("b"));
  decodeRows(*model->find("b"), 0, 1, &value);
  EXPECT_EQ(value, 2);
}

TEST(Safetensors, RefusesHostileShards) {
  struct Case {
    const char *map, *message;
  };
  for (const Case &c : std::vector<Case>{
           {R"({"a":"1.safetensors","c":"3.safetensors"})",
            "shard '3.safetensors' is missing"},
           {R"({"a":"../1.safetensors"})", "'weight_map.a': expected the name"},
           {R"({"a":"/etc/passwd"})", "'weight_map.a': expected the name"},
           {R"({"a":".."})", "'weight_map.a': expected the name"},
           {R"({"a":""})", "'weight_map.a': expected the name"},
           {R"({"a":1})", "'weight_map.a': expected a string"},
           {R"({"a":"1.safetensors","z":"1.safetensors"})",
            "tensor 'z' is not in shard \"1.safetensors\""},
           {R"({"a":"1.safetensors","x":"2.safetensors"})",
            "2.safetensors: tensor 'a' is already in"},
           {"3", "'weight_map': expected an object"},
           {"null", "'weight_map' is missing"}}) {
    TempDir dir;
    dir.write("1.safetensors", shard("a", 1));
    dir.write("2.safetensors", shard("a", 2));
    dir.write("model.safetensors.index.json",
              std::string("{\"weight_map\":") + c.map + "}");
    expectError(ExitCode::BadInput, c.message,
                [&] { SafetensorsModel::open(dir.path); });
  }
  TempDir empty;
  expectError(ExitCode::BadInput,
              "expected model.safetensors or model.safetensors.index.json",
              [&] { SafetensorsModel::open(empty.path); });
}
