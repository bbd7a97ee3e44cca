//===- SessionTest.cpp - load a package and run it ------------------------===//
// Through the C interface, as applications do.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fixture.h"
#include "trine/Runtime/trine.h"

#include <cmath>
#include <cstring>

using namespace trine;
using namespace trine::test;

namespace {

class SessionTest : public testing::Test {
protected:
  void SetUp() override { load(makeManifest(), 2); }
  void TearDown() override {
    trine_session_destroy(session);
    trine_unload(program);
  }

  void load(const Manifest &manifest, int threads, int batch = 1) {
    TearDown();
    session = nullptr;
    program = nullptr;
    std::string path = folder.file("a.trine");
    writePackage(path, manifest, readText(TRINE_TEST_KERNELS));
    trine_load_options options{nullptr, threads};
    ASSERT_EQ(trine_load(path.c_str(), &options, &program), 0) << trine_error();
    ASSERT_EQ(trine_session_create(program, batch, &session), 0)
        << trine_error();
  }

  static trine_tensor ints(const char *name, std::vector<int64_t> shape,
                           std::vector<int32_t> &data) {
    trine_tensor tensor{
        name, TRINE_I32, int32_t(shape.size()), {}, data.data()};
    std::copy(shape.begin(), shape.end(), tensor.shape);
    return tensor;
  }

  /// Runs prefill or decode of `batch` rows; the sums.
  std::vector<float> append(const char *entry, int64_t batch,
                            std::vector<int32_t> tokens,
                            std::vector<int32_t> lengths = {}) {
    std::vector<trine_tensor> inputs = {
        ints("tokens", {batch, int64_t(tokens.size()) / batch}, tokens)};
    if (!lengths.empty())
      inputs.push_back(ints("lengths", {batch}, lengths));
    trine_tensor output{"logits", TRINE_F32, 0, {}, nullptr};
    status =
        trine_run(session, entry, inputs.data(), inputs.size(), &output, 1);
    if (status)
      return {};
    auto *data = static_cast<const float *>(output.data);
    return std::vector<float>(data, data + batch);
  }

  /// The call must fail with exit code 1 and say `text`.
  void expectRefused(const std::string &text) {
    EXPECT_EQ(status, 1);
    EXPECT_NE(std::string(trine_error()).find(text), std::string::npos)
        << trine_error();
  }

  TemporaryFolder folder;
  trine_program *program = nullptr;
  trine_session *session = nullptr;
  trine_status status = 0;
};

TEST_F(SessionTest, RunsStatelessEntry) {
  for (int64_t rows : {3, 0, 1, 500, 3}) {
    std::vector<float> x(size_t(rows * 4));
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = float(i) * 0.5f;
    trine_tensor input{"x", TRINE_F32, 2, {rows, 4}, x.data()};
    std::vector<float> room(x.size() + 1);
    trine_tensor outputs[] = {{"z", TRINE_F32, 2, {rows, 4}, room.data()},
                              {"y", TRINE_F32, 0, {}, nullptr}};
    trine_status status = trine_run(session, "scale", &input, 1, outputs, 2);
    if (rows == 0) { // the package's kind is a model, not .mlir
      EXPECT_EQ(status, 1);
      continue;
    }
    ASSERT_EQ(status, 0) << trine_error();
    ASSERT_EQ(outputs[1].rank, 2);
    EXPECT_EQ(outputs[1].shape[0], rows);
    auto *y = static_cast<const float *>(outputs[1].data);
    for (size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(y[i], x[i] * float(i % 4 + 1));
      ASSERT_EQ(room[i], y[i] + 1);
    }
  }
}

TEST_F(SessionTest, KeepsSequenceState) {
  EXPECT_EQ(append("prefill", 1, {1, 2, 3}), std::vector<float>{6});
  EXPECT_EQ(append("prefill", 1, {4}), std::vector<float>{10});
  EXPECT_EQ(append("decode", 1, {5}), std::vector<float>{15});
  EXPECT_EQ(trine_session_length(session, 0), 5);
  EXPECT_EQ(trine_session_length(session, 1), -1);
  EXPECT_EQ(trine_session_truncate(session, 2), 0);
  EXPECT_EQ(append("decode", 1, {50}), std::vector<float>{53});
  trine_session_reset(session);
  EXPECT_EQ(append("decode", 1, {7}), std::vector<float>{7});
}

TEST_F(SessionTest, RaggedRowsGrowByTheirLengths) {
  load(makeManifest(), 2, 3);
  EXPECT_EQ(append("prefill", 3, {1, 2, 3, 4, 0, 0, 5, 6, 0}, {3, 1, 2}),
            (std::vector<float>{6, 4, 11}));
  EXPECT_EQ(append("decode", 3, {10, 20, 30}),
            (std::vector<float>{16, 24, 41}));
  EXPECT_EQ(trine_session_length(session, 0), 4);
  EXPECT_EQ(trine_session_length(session, 1), 2);
  EXPECT_EQ(trine_session_length(session, 2), 3);
}

} // namespace
