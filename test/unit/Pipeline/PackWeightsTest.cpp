//===- PackWeightsTest.cpp - weights in their layouts ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Pipeline/PackWeights.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"
#include <cstring>
#include <gtest/gtest.h>
#include <list>
#include <unistd.h>

using namespace mlir;
using namespace trine;

namespace {

/// f32 tensors in memory; element i of each is i / 8 + 1.
class Source : public WeightSource {
public:
  Source() : WeightSource("source") {
    add("a", {37, 5});
    add("b", {11, 5});
    add("bias", {48});
    add("tail", {3});
    add("experts", {2, 3, 4});
    // Several chunks of 4 MiB, the last of them partly filled.
    add("large", {1000, 3001});
  }
  static float value(int64_t i) { return float(i) / 8 + 1; }

private:
  void add(const char *name, std::vector<int64_t> shape) {
    std::vector<float> &values = buffers.emplace_back();
    for (int64_t i = 0; i < *elementCount(shape); ++i)
      values.push_back(value(i));
    StoredTensor tensor;
    tensor.name = name;
    tensor.storage = Storage::F32;
    tensor.shape = std::move(shape);
    tensor.bytes = {reinterpret_cast<const uint8_t *>(values.data()),
                    values.size() * sizeof(float)};
    addTensor(std::move(tensor));
  }
  std::list<std::vector<float>> buffers;
};

struct PackWeightsTest : testing::Test {
  PackWeightsTest() : builder(&context) {
    context.loadDialect<graph::GraphDialect>();
    module = ModuleOp::create(builder.getUnknownLoc());
    builder.setInsertionPointToEnd(module->getBody());
  }

  void declare(const char *name, std::vector<int64_t> shape,
               std::vector<StringRef> sources, int64_t panel = 0,
               Type element = {}, const char *storage = "f32") {
    Attribute layout;
    if (panel)
      layout =
          graph::LayoutAttr::get(&context, graph::LayoutKind::Panels, panel);
    auto type = RankedTensorType::get(
        shape, element ? element : builder.getF32Type(), layout);
    graph::ParameterOp::create(builder, builder.getUnknownLoc(), name, type,
                               storage, builder.getStrArrayAttr(sources));
  }

  std::string pack(unsigned jobs) {
    std::string path =
        testing::TempDir() + "/pack" + std::to_string(getpid()) + ".trine";
    parameters = layOutParameters(*module);
    {
      PackageWriter package(path);
      package.beginSection("weights");
      packWeights(*module, source, parameters, jobs, package);
      package.endSection();
      package.commit();
    }
    std::string bytes(PackageReader(path).text("weights"));
    unlink(path.c_str());
    return bytes;
  }

  template <typename T>
  static T element(const std::string &bytes, uint64_t offset, int64_t index) {
    T value;
    std::memcpy(&value, bytes.data() + offset + uint64_t(index) * sizeof(T),
                sizeof(T));
    return value;
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
  Source source;
  std::vector<Parameter> parameters;
};

TEST_F(PackWeightsTest, PanelsOfConcatenatedSources) {
  declare("ab", {48, 5}, {"a", "b"}, 32);
  std::string bytes = pack(3);
  ASSERT_EQ(parameters[0].bytes, 64u * 5 * 4);
  for (int64_t row = 0; row < 64; ++row)
    for (int64_t k = 0; k < 5; ++k) {
      float expected = row < 37   ? Source::value(row * 5 + k)
                       : row < 48 ? Source::value((row - 37) * 5 + k)
                                  : 0;
      int64_t index = (row / 32 * 5 + k) * 32 + row % 32;
      EXPECT_EQ(element<float>(bytes, 0, index), expected) << row << ' ' << k;
    }
}

TEST_F(PackWeightsTest, EachMatrixStartsAPanel) {
  declare("experts", {2, 3, 4}, {"experts"}, 8);
  std::string bytes = pack(1);
  ASSERT_EQ(parameters[0].bytes, 2u * 8 * 4 * 4);
  // Expert 1, row 2, column 3.
  EXPECT_EQ(element<float>(bytes, 0, 32 + 3 * 8 + 2), Source::value(23));
  EXPECT_EQ(element<float>(bytes, 0, 32 + 3 * 8 + 3), 0);
}

TEST_F(PackWeightsTest, MatricesOfOneRankLessAreStacked) {
  declare("two", {2, 37, 5}, {"a", "a"}, 8);
  declare("unlike", {2, 37, 5}, {"a", "b"}, 8);
  EXPECT_THROW(checkParameters(*module, source), Error);
  module->getBody()->back().erase();
  checkParameters(*module, source);
  std::string bytes = pack(2);
  ASSERT_EQ(parameters[0].bytes, 2u * 40 * 5 * 4);
  // Row 36, column 4 of the second.
  EXPECT_EQ(element<float>(bytes, 0, ((40 + 32) * 5 + 4 * 8) + 4),
            Source::value(36 * 5 + 4));
}

TEST_F(PackWeightsTest, RowsAndVectorsAtPageOffsets) {
  declare("bias", {51}, {"bias", "tail"});
  declare("half", {37, 5}, {"a"}, 0, builder.getBF16Type());
  std::string bytes = pack(2);
  EXPECT_EQ(element<float>(bytes, 0, 47), Source::value(47));
  EXPECT_EQ(element<float>(bytes, 0, 50), Source::value(2));
  ASSERT_EQ(parameters[1].offset, 4096u);
  EXPECT_EQ(element<uint16_t>(bytes, 4096, 184), f32ToBf16(Source::value(184)));
}

TEST_F(PackWeightsTest, BytesDoNotDependOnJobs) {
  declare("large", {1000, 3001}, {"large"}, 48);
  std::string one = pack(1), many = pack(7);
  EXPECT_TRUE(one == many);
  // Row 999 is in the last, partly filled panel.
  int64_t index = (999 / 48 * 3001 + 3000) * 48 + 999 % 48;
  EXPECT_EQ(element<float>(one, 0, index), Source::value(999 * 3001 + 3000));
}

TEST_F(PackWeightsTest, FaultsAreNamed) {
  declare("gone", {5}, {"nothing"});
  declare("short", {49, 5}, {"a", "b"});
  declare("other", {37, 5}, {"a"}, 0, {}, "q8_0");
  try {
    checkParameters(*module, source);
    FAIL() << "expected an error";
  } catch (const Error &error) {
    EXPECT_EQ(error.code, ExitCode::BadInput);
    ASSERT_EQ(error.notes.size(), 3u);
    EXPECT_EQ(error.notes[0], "parameter 'gone': tensor 'nothing' is missing");
    EXPECT_EQ(error.notes[1],
              "parameter 'short': expected 49 rows from its sources, got 48");
    EXPECT_EQ(error.notes[2], "parameter 'other': expected tensor 'a' to be "
                              "stored as q8_0, got f32");
  }
}
} // namespace
