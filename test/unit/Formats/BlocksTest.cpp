//===- BlocksTest.cpp - ggml's block formats ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Blocks.h"
#include "Fixtures.h"
#include "trine/Formats/Gguf.h"
#include "trine/Support/Float.h"

#include <cmath>

using namespace trine;
using namespace trine::test;

static constexpr Storage blocked[] = {
    Storage::Q4_0, Storage::Q4_1, Storage::Q5_0, Storage::Q5_1,
    Storage::Q8_0, Storage::Q4_K, Storage::Q5_K, Storage::Q6_K};

static std::shared_ptr<GgufFile> goldens() {
  return GgufFile::open(TRINE_TEST_DATA "/ggml/blocks.gguf");
}

static std::vector<float> decode(const StoredTensor &tensor) {
  std::vector<float> out(size_t(tensor.rows() * tensor.rowElements()));
  decodeRows(tensor, 0, tensor.rows(), out.data());
  return out;
}

static BlockCodes read(Storage storage, const std::string &bytes,
                       int64_t elements) {
  StoredTensor tensor{"t", storage, {elements}, asBytes(bytes), "f", false};
  BlockCodes codes;
  readBlocks(tensor, 0, 1, codes);
  return codes;
}

/// The value of element i by the formula of Blocks.h, in double.
static double value(const BlockFormat &format, const BlockCodes &codes,
                    size_t i) {
  size_t block = i / size_t(format.super), sub = i / size_t(format.block);
  int q = format.bits == 8 ? int8_t(codes.codes[i]) : codes.codes[i];
  double d = f16ToF32(codes.d[block]), scale = 1;
  if (format.hasScales)
    scale = format.hasMin ? codes.scales[sub] : int8_t(codes.scales[sub]);
  double result = d * scale * (q - format.zero);
  if (format.hasMin)
    result += f16ToF32(codes.m[block]) *
              (format.hasScales ? -double(codes.mins[sub]) : 1.0);
  return result;
}

TEST(Blocks, TableAgreesWithTheStorages) {
  for (int i = 0; i < int(Storage::Unsupported); ++i) {
    const StorageInfo &info = storageInfo(Storage(i));
    const BlockFormat *format = blockFormat(Storage(i));
    EXPECT_EQ(format != nullptr, info.blockElements > 1) << info.name;
    if (format) {
      EXPECT_EQ(uint32_t(format->super), info.blockElements) << info.name;
    }
  }
}

TEST(Blocks, DecodeAsTheGgufPackage) {
  auto file = goldens();
  for (Storage storage : blocked) {
    std::string name = storageName(storage);
    const StoredTensor &tensor = file->require(name, {2, 512});
    EXPECT_EQ(tensor.storage, storage);
    std::vector<float> got = decode(tensor);
    std::vector<float> expected =
        decode(file->require(name + ".f32", {2, 512}));
    for (size_t i = 0; i < got.size(); ++i)
      EXPECT_TRUE(got[i] == expected[i] ||
                  (std::isnan(got[i]) && std::isnan(expected[i])))
          << name << " element " << i << ": " << got[i] << ", expected "
          << expected[i];
  }
}

/// The products are exact: one rounding, of the sum, is left.
TEST(Blocks, CodesAndScalesGiveTheDecodedValue) {
  auto file = goldens();
  for (Storage storage : blocked) {
    const StoredTensor &tensor = *file->find(storageName(storage));
    BlockCodes codes, second;
    readBlocks(tensor, 0, 2, codes);
    readBlocks(tensor, 1, 1, second);
    EXPECT_TRUE(std::equal(second.codes.begin(), second.codes.end(),
                           codes.codes.begin() + 512));
    std::vector<float> decoded = decode(tensor);
    ASSERT_EQ(codes.codes.size(), decoded.size());
    for (size_t i = 0; i < decoded.size(); ++i) {
      double exact = value(*blockFormat(storage), codes, i);
      EXPECT_TRUE(float(exact) == decoded[i] || std::isnan(exact))
          << storageName(storage) << " element " << i;
    }
  }
}

/// d = 0.5, m = -2.5.
static const std::string half = num<uint16_t>(0x3800);
static const std::string minus = num<uint16_t>(0xc100);

TEST(Blocks, FifthBits) {
  // Elements 0 and 31 have theirs set; all low nibbles 1, all high ones 2.
  std::string bits = num<uint32_t>(0x80000001), nibbles(16, '\x21');
  BlockCodes q50 = read(Storage::Q5_0, half + bits + nibbles, 32);
  BlockCodes q51 = read(Storage::Q5_1, half + minus + bits + nibbles, 32);
  EXPECT_EQ(q50.codes, q51.codes);
  EXPECT_EQ(q50.codes[0], 17);
  EXPECT_EQ(q50.codes[1], 1);
  EXPECT_EQ(q50.codes[16], 2);
  EXPECT_EQ(q50.codes[31], 18);
  EXPECT_EQ(q51.m, std::vector<uint16_t>{0xc100});
  EXPECT_TRUE(q50.m.empty() && q50.scales.empty() && q50.mins.empty());
}

TEST(Blocks, SixBitScales) {
  // Scale 1 in byte 1, scale 5 in byte 9 with its upper bits in byte 1.
  std::string scales = {0, '\xc5', 0, 0, 0, '\x47', 0, 0, 0, '\xa9', 0, 0};
  std::string q4k = half + minus + scales + std::string(128, '\x31');
  BlockCodes codes = read(Storage::Q4_K, q4k, 256);
  EXPECT_EQ(codes.scales, (std::vector<uint8_t>{0, 5, 0, 0, 0, 57, 0, 0}));
  EXPECT_EQ(codes.mins, (std::vector<uint8_t>{0, 7, 0, 0, 0, 26, 0, 0}));
  EXPECT_EQ(codes.codes[31], 1);
  EXPECT_EQ(codes.codes[32], 3);
  // Bit 1 of byte 2: the fifth bit of element 2 of sub-block 1.
  std::string fifth(32, '\0');
  fifth[2] = 2;
  std::string q5k = half + minus + scales + fifth + std::string(128, '\x31');
  codes = read(Storage::Q5_K, q5k, 256);
  EXPECT_EQ(codes.scales[5], 57);
  EXPECT_EQ(codes.codes[33], 3);
  EXPECT_EQ(codes.codes[34], 19);
  EXPECT_EQ(codes.codes[66], 1);
}

TEST(Blocks, SixBitCodes) {
  std::string nibbles(128, '\x21'), pairs(64, '\0'), scales(16, '\x80');
  nibbles[64] = '\x43'; // elements 128 and 192
  pairs[0] = '\xe4';    // elements 0, 32, 64, 96: 0, 1, 2, 3
  BlockCodes codes = read(Storage::Q6_K, nibbles + pairs + scales + half, 256);
  EXPECT_EQ(codes.codes[0], 1);
  EXPECT_EQ(codes.codes[32], 17);
  EXPECT_EQ(codes.codes[64], 34);
  EXPECT_EQ(codes.codes[96], 50);
  EXPECT_EQ(codes.codes[97], 2);
  EXPECT_EQ(codes.codes[128], 3);
  EXPECT_EQ(codes.codes[192], 4);
  EXPECT_EQ(codes.scales.size(), 16u);
  std::string bytes = nibbles + pairs + scales + half;
  StoredTensor tensor{"t", Storage::Q6_K, {256}, asBytes(bytes), "f", false};
  EXPECT_EQ(decode(tensor)[0], -31 * -64.0f);
}

TEST(Blocks, RefusesWhatIsNotABlock) {
  std::string bytes(72, '\0');
  expectError(ExitCode::BadInput, "tensor 't': expected blocks, got f32",
              [&] { read(Storage::F32, bytes, 18); });
  StoredTensor tensor{"t", Storage::Q8_0, {2, 32}, asBytes(bytes), "f", false};
  BlockCodes codes;
  expectError(ExitCode::Internal, "rows 1 to 3 of 2",
              [&] { readBlocks(tensor, 1, 2, codes); });
}
