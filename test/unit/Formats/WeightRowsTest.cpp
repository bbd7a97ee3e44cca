//===- WeightRowsTest.cpp - rows of parameters, quantized and repeated ----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/WeightRows.h"
#include "Fixtures.h"
#include "trine/Support/Error.h"

#include <gtest/gtest.h>
#include <random>

using namespace trine;
using Part = WeightRows::Part;

namespace {
/// A tensor of f32 [rows, columns] that owns its bytes.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, unsigned seed) {
    std::minstd_rand random(seed);
    std::normal_distribution<float> normal;
    for (int64_t i = 0; i < rows * columns; ++i)
      values.push_back(normal(random) * float(1 + i / columns));
    tensor.name = "w";
    tensor.storage = Storage::F32;
    tensor.shape = {rows, columns};
    tensor.bytes = {reinterpret_cast<const uint8_t *>(values.data()),
                    values.size() * 4};
  }
  std::vector<float> values;
  StoredTensor tensor;
};

BlockQuantizer blocks(int64_t rows, int64_t columns) {
  BlockQuantizer q;
  q.blockRows = rows;
  q.blockColumns = columns;
  return q;
}
} // namespace

TEST(WeightRows, QuantizesThePartsOfABlockAlike) {
  Matrix w(10, 6, 1);
  for (auto [tall, wide] : {std::pair(4, 4), {0, 0}, {1, 0}, {0, 4}, {3, 6}}) {
    BlockQuantizer q = blocks(tall, wide);
    std::vector<uint8_t> codes(60);
    std::vector<float> scales(size_t(q.scaleRows(10) * q.scaleColumns(6)));
    q.quantize(w.values.data(), 10, 6, codes.data(), scales.data());
    WeightRows rows({&w.tensor}, {Part::Codes, q});
    ASSERT_EQ(rows.count(), 10);
    for (int64_t first = 0; first < 10; ++first)
      for (int64_t count = 1; first + count <= 10; count += 3) {
        std::vector<float> part = rows.read(first, count);
        ASSERT_EQ(part.size(), size_t(count * 6));
        for (size_t i = 0; i < part.size(); ++i)
          EXPECT_EQ(part[i], q.format->decode(codes[size_t(first) * 6 + i]));
      }
    WeightRows own({&w.tensor}, {Part::Scales, q});
    ASSERT_EQ(own.count(), q.scaleRows(10));
    ASSERT_EQ(own.elements(), q.scaleColumns(6));
    EXPECT_EQ(own.read(0, own.count()), scales);
    for (int64_t i = 0; i < own.count(); ++i)
      EXPECT_EQ(own.read(i, 1)[0], scales[size_t(i * own.elements())]);
  }
}

TEST(WeightRows, RepeatsScalesAndCutsTheLastBlock) {
  Matrix a(10, 4, 1), b(10, 4, 2);
  WeightRows::Form form{Part::Scales, blocks(4, 2)};
  WeightRows once({&a.tensor, &b.tensor}, form);
  EXPECT_EQ(once.count(), 6);
  form.repeat = 4;
  form.rowsOfPart = 10;
  WeightRows rows({&a.tensor, &b.tensor}, form);
  ASSERT_EQ(rows.count(), 20);
  std::vector<float> all = rows.read(0, 20);
  for (int64_t i = 0; i < 20; ++i) {
    std::vector<float> scale = once.read(i / 10 * 3 + i % 10 / 4, 1);
    EXPECT_EQ(all[size_t(2 * i)], scale[0]);
    EXPECT_EQ(all[size_t(2 * i + 1)], scale[1]);
    EXPECT_EQ(rows.read(i, 1), scale);
  }
  EXPECT_EQ(rows.read(7, 9),
            std::vector<float>(all.begin() + 14, all.begin() + 32));
}

TEST(WeightRows, KeepsWhatIsNoNumber) {
  Matrix w(4, 4, 1);
  w.values[5] = std::numeric_limits<float>::quiet_NaN();
  WeightRows rows({&w.tensor}, {Part::Scales, blocks(0, 2)});
  std::vector<float> scales = rows.read(0, 1);
  EXPECT_TRUE(std::isnan(scales[0]));
  EXPECT_FALSE(std::isnan(scales[1]));
}

TEST(WeightRows, StoredCodesStayAsTheyAre) {
  std::vector<uint8_t> codes(256);
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = uint8_t(i);
  StoredTensor tensor;
  tensor.storage = Storage::E5M2; // with three NaN of either sign
  tensor.shape = {8, 32};
  tensor.bytes = {codes.data(), codes.size()};
  WeightRows rows({&tensor, &tensor});
  std::vector<uint8_t> expected(codes.begin() + 96, codes.end());
  expected.insert(expected.end(), codes.begin(), codes.begin() + 160);
  EXPECT_EQ(rows.encode(3, 10, "f8e5m2", "w"), expected);
}

TEST(WeightRows, BytesHoldPowersOfTwoOnly) {
  EXPECT_EQ(encodeValues({1, 0x1p-127f, 0x1p127f}, "u8", "s"),
            (std::vector<uint8_t>{127, 0, 254}));
  EXPECT_EQ(encodeValues({448, -0.5f}, "f8e4m3fn", "w"),
            (std::vector<uint8_t>{0x7e, 0xb0}));
  for (float value : {0.3f, 0.0f, -1.0f, 0x1.8p-127f}) {
    try {
      encodeValues({1, value}, "u8", "x.weight_scale_inv");
      FAIL() << value;
    } catch (const Error &error) {
      EXPECT_EQ(error.code, ExitCode::BadInput);
      EXPECT_NE(std::string(error.what()).find("x.weight_scale_inv"),
                std::string::npos);
    }
  }
}

TEST(WeightRows, PicksRowsOfEachTensor) {
  Matrix a(8, 3, 1), b(12, 3, 2);
  WeightRows::Form form;
  form.first = 1;
  form.count = 2;
  form.every = 4;
  WeightRows rows({&a.tensor, &b.tensor}, form);
  ASSERT_EQ(rows.count(), 10);
  std::vector<float> expected;
  for (const Matrix *matrix : {&a, &b})
    for (int64_t i = 0; i < matrix->tensor.shape[0]; ++i)
      if (i % 4 == 1 || i % 4 == 2)
        expected.insert(expected.end(), &matrix->values[size_t(i) * 3],
                        &matrix->values[size_t(i) * 3] + 3);
  for (int64_t first = 0; first < 10; ++first)
    for (int64_t count = 1; first + count <= 10; ++count)
      EXPECT_EQ(rows.read(first, count),
                std::vector<float>(&expected[size_t(first) * 3],
                                   &expected[size_t(first) * 3] + count * 3));
}
