//===- SizeTest.cpp - sizes and layouts -----------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fixture.h"

#include <set>

using namespace trine;
using namespace trine::test;

TEST(SizeTest, Evaluates) {
  Size size = product(3, {0, 1}); // 3·B·S + 5, up to a multiple of 8
  size.terms.push_back({5, {}});
  EXPECT_EQ(size.evaluate({2, 7}), 47);
  size.multiple = 8;
  EXPECT_EQ(size.evaluate({2, 7}), 48);
  EXPECT_EQ(size.evaluate({2, 0}), 8);
  EXPECT_FALSE(size.asConstant());
  EXPECT_FALSE(size.asSymbol());
  EXPECT_EQ(Size::symbol(3).asSymbol(), 3u);
  EXPECT_EQ(Size::constant(7).asConstant(), 7);
  EXPECT_EQ(Size().asConstant(), 0);
  Size difference = product(1, {0});
  difference.terms.push_back({-1, {}});
  EXPECT_EQ(difference.evaluate({5}), 4);
}

TEST(SizeTest, RefusesOverflowAndNegative) {
  int64_t large = int64_t(1) << 40;
  for (const Size &size :
       {product(1, {0, 0}), product(-1, {0}), product(1 << 20, {0})})
    EXPECT_EQ(errorOf([&] { size.evaluate({large}); }).code,
              ExitCode::BadInput);
}

TEST(SizeTest, StoredBytesIncludePadding) {
  EXPECT_EQ(storedBytes({}, {2, 3}, "f32"), 24);
  EXPECT_EQ(storedBytes({}, {}, "bf16"), 2);
  EXPECT_EQ(storedBytes({"panels", 32}, {33, 5}, "f32"), 64 * 5 * 4);
  EXPECT_EQ(storedBytes({"head_panels", 16}, {2, 17, 3, 4}, "bf16"),
            2 * 32 * 3 * 4 * 2);
  EXPECT_EQ(storedBytes({"heads", 1}, {2, 17, 3, 4}, "f32"),
            2 * 17 * 3 * 4 * 4);
  EXPECT_EQ(storedBytes({"panels", 32}, {0, 5}, "f32"), 0);
}

TEST(SizeTest, LayoutsByName) {
  for (const char *text : {"rows", "heads", "panels:32", "head_panels:16"})
    EXPECT_EQ(Layout::parse(text)->text(), text);
  for (const char *text :
       {"", "row", "panels:", "panels:0", "panels:-1", "panels:99999",
        "panels:3x", ":3", "panels:3:", "panels:3:q9", "heads:1:q4_1"})
    EXPECT_FALSE(Layout::parse(text)) << text;
}

// Every element has a place of its own within the stored bytes.
TEST(SizeTest, PositionsAreDistinct) {
  struct Case {
    Layout layout;
    std::vector<int64_t> shape;
    const char *dtype = "f32";
  };
  for (const Case &c :
       {Case{{"rows", 1}, {2, 3, 4, 5}}, Case{{"heads", 1}, {2, 3, 4, 5}},
        Case{{"head_panels", 4}, {2, 7, 3, 5}},
        Case{{"panels", 4}, {2, 3, 7, 5}},
        Case{{"heads", 1}, {2, 3, 4, 5}, "bf16"},
        Case{{"head_panels", 4}, {2, 7, 3, 5}, "bf16"},
        Case{{"panels", 4}, {2, 3, 7, 5}, "bf16"}}) {
    std::set<int64_t> places;
    int64_t count = 1;
    int64_t room =
        storedBytes(c.layout, c.shape, c.dtype) / dtypeBytes(c.dtype);
    for (int64_t extent : c.shape)
      count *= extent;
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int64_t> index(c.shape.size());
      int64_t rest = i;
      for (size_t dim = index.size(); dim-- > 0;) {
        index[dim] = rest % c.shape[dim];
        rest /= c.shape[dim];
      }
      int64_t place = c.layout.position(c.shape, index, c.dtype);
      EXPECT_TRUE(place >= 0 && place < room && places.insert(place).second)
          << c.layout.text();
    }
  }
  // [..][ceil(N/W)][K][W] and [B][H][ceil(T/W)][D][W]
  EXPECT_EQ((Layout{"panels", 4}).position({7, 5}, {5, 2}, "f32"),
            20 + 2 * 4 + 1);
  EXPECT_EQ(
      (Layout{"head_panels", 4}).position({2, 7, 3, 5}, {1, 5, 2, 3}, "f32"),
      (((1 * 3 + 2) * 2 + 1) * 5 + 3) * 4 + 1);
  EXPECT_EQ((Layout{"heads", 1}).position({2, 7, 3, 5}, {1, 5, 2, 3}, "f32"),
            ((1 * 3 + 2) * 7 + 5) * 5 + 3);
  // bf16: [..][ceil(N/W)][ceil(K/2)][W][2] and [B][H][ceil(T/2)][D][2]
  EXPECT_EQ((Layout{"panels", 4}).position({7, 5}, {5, 3}, "bf16"),
            ((1 * 3 + 1) * 4 + 1) * 2 + 1);
  EXPECT_EQ((Layout{"heads", 1}).position({2, 7, 3, 5}, {1, 5, 2, 3}, "bf16"),
            (((1 * 3 + 2) * 4 + 2) * 5 + 3) * 2 + 1);
  EXPECT_EQ(storedBytes({"panels", 32, "q4_1"}, {33, 64}, "f32"), 64 * 2 * 20);
  EXPECT_EQ(storedBytes({"panels", 64, "q6_k"}, {64, 256}, "f32"), 64 * 210);
}
