//===- PackageTest.cpp - the file and its enemies -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fixture.h"

#include <fstream>

using namespace trine;
using namespace trine::test;

namespace {

class PackageTest : public testing::Test {
protected:
  void SetUp() override {
    writePackage(path, makeManifest(), "not really code");
    good = readText(path);
  }

  void put(const std::string &bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  /// The bytes are refused as `check` looks at them.
  template <typename Check>
  void expectRefused(const std::string &bytes, Check check,
                     const std::string &what) {
    put(bytes);
    Error error = errorOf([&] { check(PackageReader(path)); });
    EXPECT_EQ(error.code, ExitCode::BadInput) << what;
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos)
        << error.what();
  }

  TemporaryFolder folder;
  std::string path = folder.file("a.trine"), good;
};

TEST_F(PackageTest, GivesBackWhatWasWritten) {
  PackageReader package(path);
  package.verify();
  EXPECT_EQ(package.text("code.cpu"), "not really code");
  EXPECT_EQ(package.section("weights").size(), 16u);
  EXPECT_FALSE(package.has("graph"));
  EXPECT_EQ(errorOf([&] { package.section("graph"); }).code,
            ExitCode::BadInput);
  for (const PackageSection &section : package.sections())
    EXPECT_EQ(section.offset % kPackagePage, 0u) << section.name;
}

TEST_F(PackageTest, BytesAreAFunctionOfTheContent) {
  std::string other = folder.file("b.trine");
  writePackage(other, makeManifest(), "not really code");
  EXPECT_EQ(good, readText(other));
}

TEST_F(PackageTest, StreamsAndAligns) {
  PackageWriter writer(path);
  writer.beginSection("weights");
  writer.append("abc");
  writer.alignTo(kPackagePage);
  EXPECT_EQ(writer.sectionBytes(), kPackagePage);
  writer.alignTo(kPackagePage);
  writer.append("def");
  writer.endSection();
  writer.addSection("empty", "");
  writer.addSection("text", "{}");
  writer.commit();
  PackageReader package(path);
  package.verify();
  EXPECT_EQ(package.section("weights").size(), kPackagePage + 3);
  EXPECT_EQ(package.text("weights").substr(kPackagePage), "def");
  EXPECT_EQ(package.section("empty").size(), 0u);
  EXPECT_EQ(package.text("text"), "{}");
}

TEST_F(PackageTest, NothingIsLeftWithoutCommit) {
  std::string other = folder.file("c.trine");
  {
    PackageWriter writer(other);
    writer.addSection("text", "{}");
  }
  EXPECT_FALSE(std::filesystem::exists(other));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path),
                          std::filesystem::directory_iterator()),
            1);
}

TEST_F(PackageTest, WriterRefusesMisuse) {
  PackageWriter writer(folder.file("d.trine"));
  EXPECT_EQ(errorOf([&] { writer.append("x"); }).code, ExitCode::Internal);
  EXPECT_EQ(errorOf([&] { writer.beginSection("a/b"); }).code,
            ExitCode::Internal);
  writer.beginSection("a");
  EXPECT_EQ(errorOf([&] { writer.beginSection("b"); }).code,
            ExitCode::Internal);
  EXPECT_EQ(errorOf([&] { writer.commit(); }).code, ExitCode::Internal);
  writer.endSection();
  EXPECT_EQ(errorOf([&] { writer.beginSection("a"); }).code,
            ExitCode::Internal);
}

TEST_F(PackageTest, EveryBitOfTheHeaderCounts) {
  for (size_t at = 0; at < kPackagePage; at += at < 192 ? 1 : 61) {
    std::string bytes = good;
    bytes[at] = char(bytes[at] ^ (1 << (at % 8)));
    expectRefused(
        bytes, [](const PackageReader &) {}, fmt::format("header byte {}", at));
  }
}

TEST_F(PackageTest, EveryByteCountsWhenVerifying) {
  for (size_t at = kPackagePage; at < good.size(); at += 211) {
    std::string bytes = good;
    bytes[at] = char(bytes[at] ^ 0x10);
    expectRefused(
        bytes, [](const PackageReader &p) { p.verify(); },
        fmt::format("byte {}", at));
  }
}

TEST_F(PackageTest, LoadingChecksAllButTheWeights) {
  PackageReader package(path);
  for (const PackageSection &section : package.sections()) {
    std::string bytes = good;
    bytes[section.offset] = char(bytes[section.offset] ^ 1);
    if (section.name != "weights") {
      expectRefused(
          bytes, [](const PackageReader &p) { p.checkSections(); },
          section.name);
      continue;
    }
    put(bytes);
    PackageReader(path).checkSections();
  }
}

TEST_F(PackageTest, CutOrAppended) {
  auto nothing = [](const PackageReader &) {};
  for (size_t size :
       {size_t(0), size_t(7), size_t(8), size_t(63), size_t(kPackagePage - 1),
        size_t(kPackagePage), good.size() - kPackagePage, good.size() - 1})
    expectRefused(good.substr(0, size), nothing, fmt::format("{}", size));
  expectRefused(good + '\0', nothing, "one byte more");
  expectRefused(good + std::string(kPackagePage, '\0'), nothing, "a page more");
  expectRefused(std::string("GGUF") + good.substr(4), nothing, "other magic");
}

TEST_F(PackageTest, AnotherVersionIsNamed) {
  std::string bytes = good;
  bytes[8] = 7;
  put(bytes);
  std::string message = errorOf([&] { PackageReader reader(path); }).what();
  EXPECT_NE(message.find("version 7"), std::string::npos) << message;
  EXPECT_NE(message.find("version 1"), std::string::npos) << message;
  EXPECT_NE(message.find("compile the model again"), std::string::npos)
      << message;
}

} // namespace
