//===- SessionTest.cpp - load a package and run it ------------------------===//
// Through the C interface, as applications do.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "test/unit/Package/Fixture.h"
#include "trine/Runtime/trine.h"

#include <cmath>
#include <cstring>
#include <thread>

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

// Entries of a .mlir file may be given nothing at all.
TEST_F(SessionTest, EmptyTensors) {
  Manifest manifest = makeManifest();
  manifest.modelKind = "mlir";
  load(manifest, 3);
  trine_tensor input{"x", TRINE_F32, 2, {0, 4}, nullptr};
  trine_tensor output{"z", TRINE_F32, 0, {}, nullptr};
  ASSERT_EQ(trine_run(session, "scale", &input, 1, &output, 1), 0)
      << trine_error();
  EXPECT_EQ(output.shape[0], 0);
  append("prefill", 1, {});
  expectRefused("expected at least one token a row");
}

// A manifest cannot make the runtime read beyond the caller's tensor.
TEST_F(SessionTest, ValuesHaveTheDeclaredShape) {
  Manifest manifest = makeManifest();
  manifest.entries[0].values[0].shape[0] = product(2, {0});
  manifest.entries[0].values[0].bytes = product(32, {0});
  load(manifest, 1);
  float x[4] = {};
  trine_tensor input{"x", TRINE_F32, 2, {1, 4}, x};
  status = trine_run(session, "scale", &input, 1, nullptr, 0);
  expectRefused("tensor 'x' has another shape than its value");
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

TEST_F(SessionTest, RefusesWhatDoesNotFitAndChangesNothing) {
  append("prefill", 1, {1, 2, 3});
  append("nonsense", 1, {1});
  expectRefused("no entry 'nonsense'; the package has: scale, prefill, decode");
  append("decode", 1, {1, 2});
  expectRefused("input 'tokens': expected i32[B,1] = [1,1], got [1,2]");
  append("prefill", 1, {1, kVocabulary, 2});
  expectRefused("expected ids from 0 to 99, got 100 at [0,1]");
  append("prefill", 1, {-1});
  expectRefused("got -1 at [0,0]");
  append("prefill", 1, std::vector<int32_t>(kCapacity + 1, 1));
  expectRefused("sequence of 9 exceeds --max-sequence=8");
  append("prefill", 1, std::vector<int32_t>(6, 1));
  expectRefused("row 0 holds 3 tokens and 6 are to be appended");
  append("prefill", 5, std::vector<int32_t>(5, 1));
  expectRefused("batch of 5 exceeds --max-batch=4");
  append("prefill", 2, {1, 2});
  expectRefused("expected the session's batch of 1, got 2");
  append("prefill", 1, {});
  expectRefused("expected at least one token a row, got S = 0");
  append("prefill", 1, {1, 2}, {3});
  expectRefused("input 'lengths': expected 1 to 2, got 3 at [0]");
  append("prefill", 1, {1, 2}, {0});
  expectRefused("input 'lengths': expected 1 to 2, got 0 at [0]");
  EXPECT_EQ(trine_session_length(session, 0), 3);
  EXPECT_EQ(append("decode", 1, {4}), std::vector<float>{10});
}

TEST_F(SessionTest, FullSessionContinuesAfterTruncate) {
  append("prefill", 1, std::vector<int32_t>(kCapacity, 1));
  append("decode", 1, {1});
  expectRefused("sequence of 9 exceeds --max-sequence=8");
  trine_session_truncate(session, kCapacity - 1);
  EXPECT_EQ(append("decode", 1, {3}), std::vector<float>{10});
}

TEST_F(SessionTest, RefusesWrongTensors) {
  std::vector<int32_t> data(4);
  trine_tensor tokens = ints("tokens", {1, 4}, data);
  trine_tensor output{"logits", TRINE_F32, 0, {}, nullptr};
  auto run = [&](std::vector<trine_tensor> inputs) {
    status =
        trine_run(session, "prefill", inputs.data(), inputs.size(), &output, 1);
  };
  run({});
  expectRefused("input 'tokens' is missing; it takes: tokens i32[B,S], lengths "
                "i32[B] (optional)");
  run({tokens, tokens});
  expectRefused("input 'tokens' is given twice");
  run({tokens, ints("token", {1, 4}, data)});
  expectRefused("no input 'token'");
  trine_tensor other = tokens;
  other.dtype = TRINE_F32;
  run({other});
  expectRefused("expected i32[B,S], got f32 of rank 2");
  int unknown = 77;
  std::memcpy(&other.dtype, &unknown, sizeof(unknown));
  run({other});
  expectRefused("got dtype 77 of rank 2");
  other = tokens;
  other.rank = 1;
  run({other});
  expectRefused("got i32 of rank 1");
  other.rank = 100;
  run({other});
  expectRefused("got i32 of rank 100");
  other = tokens;
  other.shape[1] = -4;
  run({other});
  expectRefused("shape [1,-4] is not possible");
  other.shape[0] = other.shape[1] = int64_t(1) << 40;
  run({other});
  expectRefused("is not possible");
  other = tokens;
  other.data = nullptr;
  run({other});
  expectRefused("input 'tokens' has no data");
  output.name = "logit";
  run({tokens});
  expectRefused("no output 'logit'; it gives: logits");
  float room[2];
  output = {"logits", TRINE_F32, 2, {1, 2}, room};
  run({tokens});
  expectRefused("output 'logits': expected room for [1,1], got [1,2]");
  EXPECT_EQ(trine_run(nullptr, "prefill", nullptr, 0, nullptr, 0), 2);
  EXPECT_EQ(trine_session_length(session, 0), 0);
}

TEST_F(SessionTest, ResultsDoNotDependOnThreads) {
  std::vector<float> x(4 * 1000), one;
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = std::sin(float(i));
  for (int threads : {1, 2, 3, 8}) {
    load(makeManifest(), threads);
    trine_tensor input{"x", TRINE_F32, 2, {1000, 4}, x.data()};
    std::vector<float> z(x.size());
    trine_tensor output{"z", TRINE_F32, 2, {1000, 4}, z.data()};
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(trine_run(session, "scale", &input, 1, &output, 1), 0);
      if (one.empty())
        one = z;
      EXPECT_EQ(std::memcmp(one.data(), z.data(), 4 * z.size()), 0);
    }
  }
}

TEST_F(SessionTest, SessionsShareAProgram) {
  trine_session *other = nullptr;
  ASSERT_EQ(trine_session_create(program, 1, &other), 0);
  append("prefill", 1, {1, 2});
  std::swap(session, other);
  EXPECT_EQ(append("decode", 1, {5}), std::vector<float>{5});
  std::swap(session, other);
  // A session keeps its program alive.
  trine_unload(program);
  program = nullptr;
  EXPECT_EQ(append("decode", 1, {5}), std::vector<float>{8});
  trine_session_destroy(other);
}

TEST_F(SessionTest, SessionsOfOneProgramInSeveralThreads) {
  auto work = [this](int32_t token) {
    trine_session *own = nullptr;
    ASSERT_EQ(trine_session_create(program, 1, &own), 0);
    float sum = 0;
    for (int i = 0; i < 200; ++i) {
      if (i % kCapacity == 0) {
        trine_session_reset(own);
        sum = 0;
      }
      trine_tensor input{"tokens", TRINE_I32, 2, {1, 1}, &token};
      trine_tensor output{"logits", TRINE_F32, 0, {}, nullptr};
      ASSERT_EQ(trine_run(own, "decode", &input, 1, &output, 1), 0);
      sum += float(token);
      ASSERT_EQ(*static_cast<float *>(output.data), sum);
    }
    trine_session_destroy(own);
  };
  std::vector<std::thread> threads;
  for (int32_t token : {1, 2, 3})
    threads.emplace_back(work, token);
  for (std::thread &thread : threads)
    thread.join();
}

TEST_F(SessionTest, ObserverSeesEveryStep) {
  std::vector<std::string> seen;
  auto note = [](const trine_step_event *event, void *user) {
    static_cast<std::vector<std::string> *>(user)->push_back(fmt::format(
        "{} {} {} {}", event->kernel, event->node, event->layouts[0],
        static_cast<const float *>(event->results[0].data)[0]));
  };
  trine_session_observe(session, note, &seen);
  append("decode", 1, {7});
  trine_session_observe(session, nullptr, nullptr);
  append("decode", 1, {8});
  EXPECT_EQ(seen,
            (std::vector<std::string>{"append step of kernel 2 rows 7",
                                      "total_one step of kernel 4 rows 7"}));
}

TEST_F(SessionTest, ProfilerSeesTheWholeCall) {
  struct Seen {
    std::vector<std::string> steps;
    double seconds = 0, inside = 0;
  } seen;
  auto note = [](const trine_call_times *call, void *user) {
    Seen &seen = *static_cast<Seen *>(user);
    double last = 0;
    for (size_t i = 0; i < call->step_count; ++i) {
      const trine_step_times &step = call->steps[i];
      seen.steps.push_back(fmt::format("{} {} {} {} {}", call->entry,
                                       step.kernel, step.node, step.flops,
                                       step.bytes));
      EXPECT_EQ(step.threads, call->threads);
      for (int thread = 0; thread < step.threads; ++thread) {
        EXPECT_LE(last, step.end[thread]);
        EXPECT_LE(step.begin[thread], step.end[thread]);
      }
      last = step.begin[0];
      seen.inside += step.end[0] - step.begin[0];
    }
    seen.seconds += call->seconds;
  };
  append("prefill", 1, {1, 2, 3});
  trine_session_profile(session, note, &seen);
  append("decode", 1, {7});
  append("prefill", 1, {8, 9});
  trine_session_profile(session, nullptr, nullptr);
  append("decode", 1, {8});
  // Three tokens were there, then four; total and total_one say nothing.
  EXPECT_EQ(seen.steps,
            (std::vector<std::string>{"decode append step of kernel 2 3000 16",
                                      "decode total_one step of kernel 4 -1 -1",
                                      "prefill append step of kernel 2 4000 32",
                                      "prefill total step of kernel 3 -1 -1"}));
  EXPECT_GT(seen.inside, 0);
  EXPECT_GT(seen.seconds, seen.inside);
}

TEST_F(SessionTest, Sections) {
  const void *data = nullptr;
  size_t bytes = 0;
  ASSERT_EQ(trine_section(program, "tokenizer", &data, &bytes), 0);
  EXPECT_EQ(std::string_view(static_cast<const char *>(data), bytes),
            "{\"model\":1}");
  ASSERT_EQ(trine_section(program, "weights", &data, &bytes), 0);
  EXPECT_EQ(bytes, 16u);
  status = trine_section(program, "selftest", &data, &bytes);
  expectRefused("no section 'selftest'");
  EXPECT_EQ(nlohmann::json::parse(trine_manifest(program)),
            makeManifest().toJson());
}

class LoadTest : public testing::Test {
protected:
  std::pair<int, std::string> loadCode(const Manifest &manifest,
                                       std::string_view code,
                                       const char *device = "cpu",
                                       int threads = 1) {
    std::string path = folder.file("a.trine");
    writePackage(path, manifest, code);
    trine_load_options options{device, threads};
    trine_program *program = nullptr;
    int status = trine_load(path.c_str(), &options, &program);
    EXPECT_EQ(program == nullptr, status != 0);
    trine_unload(program);
    return {status, status ? trine_error() : ""};
  }
  std::pair<int, std::string>
  load(const Manifest &manifest, const char *device = "cpu", int threads = 1) {
    return loadCode(manifest, readText(TRINE_TEST_KERNELS), device, threads);
  }
  static void expect(std::pair<int, std::string> got, int code,
                     const std::string &text) {
    EXPECT_EQ(got.first, code);
    EXPECT_NE(got.second.find(text), std::string::npos) << got.second;
  }

  TemporaryFolder folder;
};

TEST_F(LoadTest, MissingCpuFeaturesAreNamed) {
  Manifest manifest = makeManifest();
  manifest.targets[0].features = {"sse2", "avx999", "amx-magic"};
  expect(load(manifest), 5, "lacks avx999, amx-magic");
}

TEST_F(LoadTest, UnknownDevices) {
  Manifest manifest = makeManifest();
  expect(load(manifest, "npu:tiny"), 1,
         "no code for device 'npu' (it has: cpu)");
  manifest.kernels[0].device = "npu";
  for (Step &step : manifest.entries[0].steps)
    if (step.kernel == 0)
      step.device = "npu";
  EXPECT_EQ(load(manifest).first, 1); // values are not where steps run
  manifest.entries.erase(manifest.entries.begin());
  expect(load(manifest), 1, "needs the section 'code.npu'");
}

TEST_F(LoadTest, MissingPlugInIsNamed) {
  std::string path = folder.file("a.trine");
  Manifest manifest = makeManifest();
  manifest.targets.push_back({"nowhere", "nowhere", {}});
  {
    PackageWriter writer(path);
    writer.addSection("manifest", manifest.toJson().dump());
    writer.addSection("code.cpu", readText(TRINE_TEST_KERNELS));
    writer.addSection("code.nowhere", "module {}");
    writer.addSection("weights", std::string(16, '\0'));
    writer.commit();
  }
  trine_program *program = nullptr;
  // Placed on no step, the device is not needed.
  EXPECT_EQ(trine_load(path.c_str(), nullptr, &program), 0) << trine_error();
  trine_unload(program);
  trine_load_options options{"nowhere", 1};
  int status = trine_load(path.c_str(), &options, &program);
  expect({status, trine_error()}, 5, "libtrine_device_nowhere.so");
}

TEST_F(LoadTest, BadCode) {
  Manifest manifest = makeManifest();
  expect(loadCode(manifest, "this is no ELF file"), 5,
         "the system refuses the package's code");
  manifest.kernels[1].name = "decrement";
  expect(load(manifest), 1, "has no kernel 'decrement'");
  manifest = makeManifest();
  manifest.kernelAbi = 1;
  expect(load(manifest), 1, "interface version 1");
  expect(load(makeManifest(), "cpu", -1), 2, "0 to 1024 threads");
}

TEST_F(LoadTest, NoFile) {
  trine_program *program = nullptr;
  int status = trine_load(folder.file("none").c_str(), nullptr, &program);
  expect({status, trine_error()}, 1, "none: cannot open");
  EXPECT_EQ(trine_load(nullptr, nullptr, &program), 2);
}

} // namespace
