//===- GgufTest.cpp - GGUF files, good and hostile ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Gguf.h"
#include "Fixtures.h"

using namespace trine;
using namespace trine::test;

static std::shared_ptr<GgufFile> parse(const std::string &bytes) {
  return GgufFile::parse(asBytes(bytes), "m.gguf");
}

static GgufWriter valid() {
  GgufWriter writer;
  writer.text("general.architecture", "llama")
      .u32("llama.block_count", 2)
      .value("llama.eps", 6, num(0.5f))
      .value("a.i8", 1, num(int8_t(-3)))
      .value("a.u64", 10, num(~uint64_t(0)))
      .value("a.f64", 12, num(2.5))
      .value("a.flag", 7, num(uint8_t(1)))
      .value("a.u16s", 9, ggufArray(2, 2, nums<uint16_t>({7, 65535})))
      .value("a.words", 9, ggufStrings({"x", "", "yz"}))
      .value("a.nested", 9, ggufArray(9, 1, ggufStrings({"deep"})))
      .tensor("w", {2, 3}, 0, nums<float>({1, 2, 3, 4, 5, 6}))
      .tensor("n", {2}, 1, nums<uint16_t>({0x3c00, 0xc000}));
  return writer;
}

TEST(Gguf, ReadsMetadataOfEveryKind) {
  for (uint32_t version : {2u, 3u}) {
    GgufWriter writer = valid();
    writer.version = version;
    std::string bytes = writer.bytes();
    auto file = parse(bytes);
    EXPECT_EQ(file->version(), version);
    EXPECT_EQ(file->get<std::string_view>("general.architecture"), "llama");
    EXPECT_EQ(file->positive("llama.block_count"), 2);
    EXPECT_EQ(file->get<double>("llama.eps"), 0.5);
    EXPECT_EQ(file->get<double>("llama.block_count"), 2.0);
    EXPECT_EQ(file->get<int64_t>("a.i8"), -3);
    EXPECT_EQ(file->get<double>("a.f64"), 2.5);
    EXPECT_TRUE(file->get<bool>("a.flag"));
    EXPECT_EQ(file->get<std::vector<int64_t>>("a.u16s"),
              (std::vector<int64_t>{7, 65535}));
    EXPECT_EQ(file->get<std::vector<int64_t>>("llama.block_count"),
              std::vector<int64_t>{2});
    EXPECT_EQ(file->get<std::vector<std::string_view>>("a.words"),
              (std::vector<std::string_view>{"x", "", "yz"}));
    EXPECT_EQ(file->maybe<int64_t>("absent"), std::nullopt);
    EXPECT_EQ(file->get<int64_t>("absent", 9), 9);
  }
}

TEST(Gguf, ReadsTensorsOutermostFirst) {
  std::string bytes = valid().bytes();
  auto file = parse(bytes);
  EXPECT_EQ(file->names(), (std::vector<std::string>{"w", "n"}));
  const StoredTensor &w = file->require("w", {3, 2});
  EXPECT_EQ(w.rows(), 3);
  float row[2];
  decodeRows(w, 1, 1, row);
  EXPECT_EQ(row[0], 3);
  EXPECT_EQ(row[1], 4);
  decodeRows(*file->find("n"), 0, 1, row);
  EXPECT_EQ(row[0], 1);
  EXPECT_EQ(row[1], -2);
  EXPECT_EQ(file->find("x"), nullptr);
  expectError(ExitCode::BadInput, "m.gguf: tensor 'x' is missing",
              [&] { file->require("x", {1}); });
  expectError(ExitCode::BadInput,
              "m.gguf: tensor 'w': expected shape [2, 3], got [3, 2]",
              [&] { file->require("w", {2, 3}); });
}

TEST(Gguf, DigestIsTheFilesOwn) {
  TempDir dir;
  auto file = GgufFile::open(dir.write("m.gguf", GgufWriter().bytes()));
  // By sha256sum.
  EXPECT_EQ(hex(file->digest()), "a3718c7940c34ff91a906d0758debb65"
                                 "6aed43d1aa8b23b99f67cb106cdbc881");
}

TEST(Gguf, ReleaseKeepsTheValues) {
  TempDir dir;
  std::vector<float> ones(1 << 16, 1.0f);
  std::string bytes =
      GgufWriter().tensor("w", {1 << 16}, 0, nums<float>(ones)).bytes();
  for (auto &file :
       {parse(bytes), GgufFile::open(dir.write("m.gguf", bytes))}) {
    const StoredTensor &w = *file->find("w");
    release(w);
    std::vector<float> out(ones.size());
    decodeRows(w, 0, 1, out.data());
    EXPECT_EQ(out, ones);
  }
}

TEST(Gguf, TypedAccessNamesTheKey) {
  std::string bytes = valid().bytes();
  auto file = parse(bytes);
  expectError(ExitCode::BadInput,
              "m.gguf: metadata 'a.flag': expected an integer, got bool",
              [&] { file->get<int64_t>("a.flag"); });
  expectError(ExitCode::BadInput, "expected an integer, got uint64",
              [&] { file->get<int64_t>("a.u64"); });
  expectError(ExitCode::BadInput, "expected an integer, got an array of 2",
              [&] { file->get<int64_t>("a.u16s"); });
  expectError(ExitCode::BadInput, "each element an integer, got an array of 3",
              [&] { file->get<std::vector<int64_t>>("a.words"); });
  expectError(ExitCode::BadInput, "each element an integer, got an array of 1",
              [&] { file->get<std::vector<int64_t>>("a.nested"); });
  expectError(ExitCode::BadInput, "metadata 'absent' is missing",
              [&] { file->get<bool>("absent"); });
  expectError(ExitCode::BadInput, "'a.i8': expected a positive integer",
              [&] { file->positive("a.i8"); });
}

TEST(Gguf, AlignmentOfTheFile) {
  GgufWriter writer;
  writer.alignment = 64;
  writer.u32("general.alignment", 64)
      .tensor("a", {1}, 0, num(1.0f))
      .tensor("b", {1}, 0, num(2.0f));
  std::string bytes = writer.bytes();
  float value;
  decodeRows(*parse(bytes)->find("b"), 0, 1, &value);
  EXPECT_EQ(value, 2.0f);
}

TEST(Gguf, EveryUnsupportedTensorIsListed) {
  GgufWriter writer;
  writer.entry("a", {256}, 10, 0).entry("b", {32}, 9, 0).entry("c", {1}, 77, 0);
  writer.tensor("d", {1}, 0, num(1.0f));
  std::string bytes = writer.bytes();
  for (const char *note :
       {"3 unsupported parts", "tensor 'a': ggml type q2_k",
        "tensor 'b': ggml type q8_1", "tensor 'c': ggml type unknown (77)"})
    expectError(ExitCode::Unsupported, note, [&] { parse(bytes); });
  std::vector<std::string> unsupported;
  auto file = GgufFile::parse(asBytes(bytes), "m.gguf", &unsupported);
  EXPECT_EQ(unsupported.size(), 3u);
  EXPECT_EQ(file->find("a")->storage, Storage::Unsupported);
  float value;
  expectError(ExitCode::BadInput, "expected floating-point elements",
              [&] { decodeRows(*file->find("a"), 0, 1, &value); });
}

TEST(Gguf, RefusesHostileFiles) {
  struct Case {
    std::string bytes, message;
    ExitCode code = ExitCode::BadInput;
  };
  GgufWriter w;
  auto with = [](auto change) {
    GgufWriter writer;
    change(writer);
    return writer.bytes();
  };
  uint64_t huge = uint64_t(1) << 60;
  std::vector<Case> cases = {
      {"", "not a GGUF file"},
      {"GGML" + std::string(40, '\0'), "not a GGUF file"},
      {"GGUF" + num(3u), "truncated: tensor count at byte 8"},
      {"GGUF" + num(__builtin_bswap32(3u)) + std::string(16, '\0'),
       "big-endian", ExitCode::Unsupported},
      {with([](auto &w) { w.version = 1; }), "version 2 or 3, got 1",
       ExitCode::Unsupported},
      {with([&](auto &w) { w.metadataCount = huge; }), "metadata: count"},
      {with([&](auto &w) { w.tensorCount = huge; }), "tensors: count"},
      {with([&](auto &w) { w.metadata.push_back(num(huge) + "12345678"); }),
       "truncated: metadata key"},
      {with([&](auto &w) { w.value("k", 8, num(huge)); }), "truncated: k"},
      {with([&](auto &w) { w.value("k", 9, ggufArray(8, huge, "")); }),
       "metadata 'k': count"},
      {with([&](auto &w) { w.value("k", 9, ggufArray(10, huge, "")); }),
       "metadata 'k': count"},
      {with([](auto &w) { w.value("k", 13, ""); }), "unknown value type 13"},
      {with([](auto &w) { w.value("k", 9, ggufArray(99, 0, "")); }),
       "unknown element type 99"},
      {with([](auto &w) {
         std::string nested = ggufArray(0, 0, "");
         for (int i = 0; i < 6; ++i)
           nested = ggufArray(9, 1, nested);
         w.value("k", 9, nested);
       }),
       "nested more than 4 deep"},
      {with([](auto &w) { w.u32("k", 1).u32("k", 2); }),
       "metadata 'k' appears twice"},
      {with([](auto &w) { w.u32("general.alignment", 0); }),
       "'general.alignment': expected a power of two"},
      {with([](auto &w) { w.u32("general.alignment", 48); }),
       "'general.alignment': expected a power of two"},
      {with([](auto &w) { w.entry("t", {}, 0, 0); }), "rank 1 to 4, got 0"},
      {with([](auto &w) { w.entry("t", {1, 1, 1, 1, 1}, 0, 0); }),
       "rank 1 to 4, got 5"},
      {with([](auto &w) { w.entry("t", {4, 0}, 0, 0); }), "dimension 1 is 0"},
      {with([](auto &w) { w.entry("t", {~uint64_t(0)}, 0, 0); }),
       "dimension 0 is"},
      {with([&](auto &w) { w.entry("t", {huge, huge}, 0, 0); }), "overflows"},
      {with([&](auto &w) { w.entry("t", {huge * 4}, 0, 0); }),
       "tensor 't': shape"},
      {with([](auto &w) { w.entry("t", {33}, 2, 0); }), "in blocks of 32"},
      {with([](auto &w) { w.entry("t", {24, 4}, 6, 0); }), "in blocks of 32"},
      {with([](auto &w) { w.entry("t", {128, 2}, 12, 0); }),
       "tensor 't': shape [2, 128] does not fit q4_k: rows are stored in "
       "blocks of 256"},
      {with([](auto &w) { w.tensor("t", {256}, 14, std::string(209, 0)); }),
       "truncated: tensor 't' needs 210 bytes"},
      {with([](auto &w) { w.tensor("t", {1}, 0, ""); }),
       "truncated: tensor 't' needs 4 bytes"},
      {with([&](auto &w) { w.entry("t", {1}, 0, huge); }),
       "truncated: tensor 't'"},
      {with([](auto &w) { w.entry("t", {1}, 0, 4).data = "12345678"; }),
       "offset 4 is not a multiple of 32"},
      {with([](auto &w) {
         w.tensor("t", {1}, 0, "1234").entry("u", {1}, 0, 0);
       }),
       "tensors 't' and 'u' overlap"},
      {with([](auto &w) {
         w.tensor("t", {1}, 0, "1234").tensor("t", {1}, 0, "1234");
       }),
       "tensor 't' is already in m.gguf"},
  };
  for (const Case &c : cases)
    expectError(c.code, c.message, [&] { parse(c.bytes); });
}

TEST(Gguf, SurvivesTruncationAndBitFlips) { mutate(valid().bytes(), parse); }

TEST(Gguf, MissingFileIsNamed) {
  expectError(ExitCode::BadInput, "/nowhere/m.gguf: cannot open",
              [] { GgufFile::open("/nowhere/m.gguf"); });
  expectError(ExitCode::BadInput, "regular file", [] { GgufFile::open("/"); });
}
