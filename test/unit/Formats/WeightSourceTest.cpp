//===- WeightSourceTest.cpp - storage types and decoding ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/WeightSource.h"
#include "Fixtures.h"

#include <cmath>
#include <limits>

using namespace trine;
using namespace trine::test;

static std::vector<float> decode(Storage storage, std::vector<int64_t> shape,
                                 const std::string &bytes, int64_t first = 0,
                                 int64_t rows = 1) {
  StoredTensor tensor{"t", storage, shape, asBytes(bytes), "f", false};
  std::vector<float> out(size_t(rows * tensor.rowElements()));
  decodeRows(tensor, first, rows, out.data());
  return out;
}

TEST(Storage, NamesGoBothWays) {
  for (int i = 0; i < int(Storage::Unsupported); ++i)
    EXPECT_EQ(parseStorage(storageName(Storage(i))), Storage(i));
  EXPECT_EQ(parseStorage("q4_1"), Storage::Q4_1);
  EXPECT_EQ(parseStorage("unsupported"), std::nullopt);
}

TEST(Storage, SizesAreChecked) {
  int64_t big = int64_t(1) << 62;
  EXPECT_EQ(storedBytes(Storage::F32, {}), 4u);
  EXPECT_EQ(storedBytes(Storage::F32, {3, 5}), 60u);
  EXPECT_EQ(storedBytes(Storage::F32, {0, 5}), 0u);
  EXPECT_EQ(storedBytes(Storage::Q4_1, {2, 64}), 80u);
  EXPECT_EQ(storedBytes(Storage::Q8_0, {1, 64}), 68u);
  EXPECT_EQ(storedBytes(Storage::Q6_K, {2, 512}), 840u);
  EXPECT_EQ(storedBytes(Storage::Q4_0, {64, 31}), std::nullopt);
  EXPECT_EQ(storedBytes(Storage::Q5_K, {2, 128}), std::nullopt);
  EXPECT_EQ(storedBytes(Storage::F32, {-1, 4}), std::nullopt);
  EXPECT_EQ(storedBytes(Storage::I8, {big, 4}), std::nullopt);
  EXPECT_EQ(storedBytes(Storage::I8, {0, big, 4}), std::nullopt);
  EXPECT_EQ(storedBytes(Storage::F64, {big}), std::nullopt);
}

TEST(Decode, Floats) {
  EXPECT_EQ(decode(Storage::F32, {2, 1}, nums<float>({1, -7.5f}), 1)[0], -7.5f);
  EXPECT_EQ(decode(Storage::F64, {}, num(0.1))[0], 0.1f);
  EXPECT_EQ(decode(Storage::BF16, {2}, nums<uint16_t>({0x3f80, 0xc040})),
            (std::vector<float>{1, -3}));
  std::vector<float> half = decode(
      Storage::F16, {4}, nums<uint16_t>({0x3555, 0x0001, 0x8000, 0x7c00}));
  EXPECT_EQ(half[0], 0x1.554p-2f);
  EXPECT_EQ(half[1], 0x1p-24f);
  EXPECT_TRUE(std::signbit(half[2]) && half[2] == 0);
  EXPECT_EQ(half[3], std::numeric_limits<float>::infinity());
}

/// Sixteen bytes whose low nibbles count up and high nibbles down.
static std::string nibbles() {
  std::string bytes;
  for (int i = 0; i < 16; ++i)
    bytes += char(i | (15 - i) << 4);
  return bytes;
}

TEST(Decode, BlocksOfThirtyTwo) {
  std::string d = num<uint16_t>(0x3800), m = num<uint16_t>(0xc100); // .5, -2.5
  std::vector<float> q40 = decode(Storage::Q4_0, {32}, d + nibbles());
  std::vector<float> q41 = decode(Storage::Q4_1, {32}, d + m + nibbles());
  std::string codes;
  for (int i = 0; i < 32; ++i)
    codes += char(i * 8 - 128);
  std::vector<float> q80 = decode(Storage::Q8_0, {32}, d + codes);
  for (int i = 0; i < 32; ++i) {
    int q = i < 16 ? i : 31 - i;
    EXPECT_EQ(q40[i], 0.5f * float(q - 8)) << i;
    EXPECT_EQ(q41[i], 0.5f * float(q) - 2.5f) << i;
    EXPECT_EQ(q80[i], 0.5f * float(i * 8 - 128)) << i;
  }
}

TEST(Decode, RowsOfBlocks) {
  std::string row0(40, '\0'),
      block = num<uint16_t>(0x3c00) + num<uint16_t>(0x3c00) + nibbles();
  std::vector<float> row =
      decode(Storage::Q4_1, {2, 64}, row0 + block + block, 1);
  EXPECT_EQ(row[0], 1);
  EXPECT_EQ(row[47], 16);
  EXPECT_EQ(row[63], 1);
}

TEST(Decode, RefusesRowsOutsideAndIntegers) {
  std::string bytes(8, '\0');
  expectError(ExitCode::Internal, "tensor 't': rows 1 to 3 of 2",
              [&] { decode(Storage::F32, {2, 1}, bytes, 1, 2); });
  expectError(ExitCode::Internal, "rows -1 to 0",
              [&] { decode(Storage::F32, {2, 1}, bytes, -1, 1); });
  expectError(ExitCode::BadInput,
              "tensor 't': expected floating-point elements, got i64",
              [&] { decode(Storage::I64, {1}, bytes); });
}
