//===- WeightsTest.cpp - weights copied beside the loading ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Runtime/Weights.h"
#include "test/unit/Package/Fixture.h"

#include <cstring>
#include <numeric>

using namespace trine;
using namespace trine::test;

namespace {

class WeightsTest : public testing::Test {
protected:
  /// A package of these weights and nothing else.
  std::shared_ptr<const PackageReader> package(size_t bytes) {
    content.resize(bytes);
    std::iota(content.begin(), content.end(), uint8_t(1));
    PackageWriter writer(folder.file("w.trine"));
    writer.beginSection(section::weights);
    writer.append(Bytes(content));
    writer.endSection();
    writer.commit();
    return std::make_shared<const PackageReader>(folder.file("w.trine"));
  }

  TemporaryFolder folder;
  std::vector<uint8_t> content;
};

TEST_F(WeightsTest, AreTheSectionsBytes) {
  for (size_t bytes : {size_t(1), size_t(2) << 20, (size_t(9) << 20) + 17})
    for (int threads : {1, 2, 7}) {
      Weights weights;
      auto reader = package(bytes);
      std::weak_ptr<const PackageReader> watched = reader;
      weights.load(std::move(reader), threads);
      ASSERT_EQ(weights.size(), bytes);
      EXPECT_EQ(std::memcmp(weights.data(), content.data(), bytes), 0);
      EXPECT_TRUE(watched.expired()) << "the file is let go";
    }
}

TEST_F(WeightsTest, AnyThreadMayWait) {
  Weights weights;
  weights.load(package(size_t(32) << 20), 2);
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i)
    readers.emplace_back([&] {
      EXPECT_EQ(std::memcmp(weights.data(), content.data(), content.size()), 0);
    });
  for (std::thread &reader : readers)
    reader.join();
}

TEST_F(WeightsTest, MayBeDroppedUnread) {
  for (int i = 0; i < 8; ++i) {
    Weights weights;
    weights.load(package(size_t(8) << 20), 3);
  }
}

TEST_F(WeightsTest, MayBeEmpty) {
  Weights weights;
  weights.load(package(0), 2);
  EXPECT_EQ(weights.size(), 0u);
  weights.data();
}

} // namespace
