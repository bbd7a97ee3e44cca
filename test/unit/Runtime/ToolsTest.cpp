//===- ToolsTest.cpp - trine-run and trine-inspect as users type them -----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "test/unit/Package/Fixture.h"
#include "trine/Formats/Npy.h"
#include "trine/Package/SelfTest.h"

#include <cstdlib>
#include <sys/wait.h>

using namespace trine;
using namespace trine::test;
using Json = nlohmann::json;

namespace {

class ToolsTest : public testing::Test {
protected:
  void SetUp() override {
    path = folder.file("a.trine");
    writePackage(path, makeManifest(), readText(TRINE_TEST_KERNELS));
  }

  /// Runs a shell command where RUN and INSPECT are the tools, PKG the package
  /// and DIR the folder; the exit code.
  int shell(std::string command) {
    auto replace = [&](std::string_view name, std::string_view value) {
      for (size_t at; (at = command.find(name)) != std::string::npos;)
        command.replace(at, name.size(), value);
    };
    replace("RUN", TRINE_RUN);
    replace("INSPECT", TRINE_INSPECT);
    replace("PKG", path);
    replace("DIR", folder.path.string());
    command += " >" + folder.file("out") + " 2>" + folder.file("err");
    int status = std::system(command.c_str());
    out = readText(folder.file("out"));
    err = readText(folder.file("err"));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  void expect(const std::string &command, int code, const std::string &text) {
    EXPECT_EQ(shell(command), code) << command << "\n" << err;
    const std::string &stream = code ? err : out;
    EXPECT_NE(stream.find(text), std::string::npos) << command << "\n"
                                                    << stream;
    if (code) {
      EXPECT_EQ(err.rfind("error: ", 0), 0u) << err;
    }
  }

  TemporaryFolder folder;
  std::string path, out, err;
};

TEST_F(ToolsTest, RunsAndCompares) {
  expect("RUN PKG --entry=scale --input x=1,2,3,4", 0,
         "y f32[1,4] min 1 max 16 at 3: 1 4 9 16\nz f32[1,4]");
  expect("RUN PKG --entry scale --input x=1,2,3,4 --output y=DIR/y.npy", 0, "");
  NpyArray y = readNpy(folder.file("y.npy"));
  EXPECT_EQ(y.shape, (std::vector<int64_t>{1, 4}));
  expect("RUN PKG --entry scale --input x=1,2,3,4 --expect y=DIR/y.npy", 0,
         "y f32");
  expect("RUN PKG --entry scale --input x=1,2,3,4.5 --expect y=DIR/y.npy", 3,
         "1 of 4 values differ by more than atol 0 + rtol 0; worst at element "
         "3: expected 16, got 18");
  expect("RUN PKG --entry scale --input x=1,2,3,4.5 --expect y=DIR/y.npy "
         "--atol=2 --json",
         0, "\"max_absolute_error\": 2.0");
  expect("RUN PKG --entry scale --input x=DIR/y.npy --expect z=DIR/y.npy "
         "--rtol 0.1",
         3, "'z'");
}

TEST_F(ToolsTest, CallsShareASession) {
  expect("RUN PKG --call 'prefill tokens=1,2,3' --call 'decode tokens=4'", 0,
         "logits f32[1,1] min 10 max 10 at 0: 10");
  expect("RUN PKG --call 'prefill tokens=[2,3] lengths=DIR/none.npy'", 1,
         "none.npy");
  expect("RUN PKG --call 'scale x=1,2,3,4' --call 'prefill tokens=[2,3]'", 0,
         "logits f32[2,1]");
  expect("RUN PKG --call 'prefill tokens=1,2,3 logits=>DIR/l.npy' "
         "--entry=decode --input tokens=5 --json",
         0, "\"max\": 11.0");
  EXPECT_EQ(readNpy(folder.file("l.npy")).shape, (std::vector<int64_t>{1, 1}));
}

TEST_F(ToolsTest, Faults) {
  expect("RUN", 2, "expected one package, got 0; see trine-run --help");
  expect("RUN PKG", 2,
         "which entry? choose one with --entry: scale, prefill, decode");
  expect("RUN PKG --entry=nix", 1, "no entry 'nix'");
  expect("RUN PKG --entry scale --imput x=1", 2, "did you mean '--input'?");
  expect("RUN PKG --entry scale --input x", 2, "expected NAME=VALUE, got 'x'");
  expect("RUN PKG --entry scale --input x=1,a", 2, "numbers 1,2,3 or a shape");
  expect("RUN PKG --entry scale --input x=1 --input x=2", 2, "given twice");
  expect("RUN PKG --entry scale", 1, "input 'x' is missing");
  expect("RUN PKG --entry prefill --input tokens=1.5", 1, "whole numbers");
  expect("RUN PKG --entry prefill --input tokens=[1,9]", 1,
         "sequence of 9 exceeds --max-sequence=8");
  expect("RUN PKG --entry scale --input x=1,2,3,4 --device=npu", 1,
         "no code for device 'npu'");
  expect("RUN PKG --entry scale --input x=1,2,3,4 --output y=DIR/no/y.npy", 5,
         "y.npy");
  expect("RUN PKG --entry decode --input tokens=1 --dump-node n=DIR/n.npy", 1,
         "no node 'n' ran; the first were: step of kernel 2");
  expect("RUN PKG --self-test", 1, "no test of its own");
  expect("RUN DIR --entry=scale", 1, "expected a regular file");
  expect("RUN --version", 0, "trine-run 0.");
  expect("RUN --help", 0, "--dump-node");
}

TEST_F(ToolsTest, SelfTest) {
  SelfTest test;
  test.entry = "scale";
  test.inputs = {{"x", "f32", {1, 4}, {1, 1, 1, 1}}};
  test.outputs = {{"y", "f32", {1, 4}, {0, 3}, {1, 4}, 0, 0}};
  auto write = [&] {
    PackageWriter writer(path);
    writer.addSection("manifest", makeManifest().toJson().dump());
    writer.addSection("code.cpu", readText(TRINE_TEST_KERNELS));
    writer.addSection("selftest", test.toJson().dump());
    constexpr float weights[] = {1, 2, 3, 4};
    writer.addSection(
        "weights", {reinterpret_cast<const char *>(weights), sizeof(weights)});
    writer.commit();
  };
  write();
  EXPECT_EQ(shell("RUN PKG --self-test"), 0);
  EXPECT_EQ(err, "self-test passed\n");
  test.outputs[0].values[1] = 4.5;
  write();
  expect("RUN PKG --self-test", 3,
         "the self-test failed: output 'y': expected 4.5, got 4 at 3");
}

TEST_F(ToolsTest, MeasuresAndObserves) {
  ASSERT_EQ(shell("RUN PKG --call 'prefill tokens=1,2' --entry=decode --input "
                  "tokens=3 --threads=1 --bench=3"),
            0)
      << err;
  Json bench = Json::parse(out.substr(out.find('{')));
  for (const char *key :
       {"entry", "device", "threads", "compute", "median_seconds",
        "best_seconds", "tokens_per_second"})
    EXPECT_TRUE(bench.contains(key)) << key;
  EXPECT_GT(bench["calibration"]["stream_gbs"], 0);
  EXPECT_EQ(bench["entry"], "decode");

  EXPECT_EQ(
      shell("RUN PKG --entry decode --input tokens=3 --profile=DIR/p.json "
            "--dump-node 'step of kernel 2=DIR/d.npy' "
            "--report DIR/r.json"),
      0)
      << err;
  EXPECT_NE(err.find("total_one"), std::string::npos);
  EXPECT_EQ(readNpy(folder.file("d.npy")).shape,
            (std::vector<int64_t>{1, kCapacity}));
  EXPECT_TRUE(
      Json::parse(readText(folder.file("r.json"))).contains("load_seconds"));
}

/// Of the profile's kernels, the one of this entry and name.
static Json kernelOf(const Json &profile, const char *entry, const char *name) {
  for (const Json &row : profile["kernels"])
    if (row["entry"] == entry && row["name"] == name)
      return row;
  ADD_FAILURE() << "no " << name << " in " << profile;
  return {};
}

TEST_F(ToolsTest, Profiles) {
  ASSERT_EQ(shell("RUN PKG --call 'prefill tokens=1,2' --entry=decode --input "
                  "tokens=3 --threads=2 --bench=3 --profile=DIR/p.json"),
            0)
      << err;
  for (const char *column :
       {"share", "GB/s", "GFLOP/s", "roof", "wait ms", "node",
        "threads waiting for each other", "outside of kernels",
        "4 calls, 2 threads", "limits of this machine"})
    EXPECT_NE(err.find(column), std::string::npos) << column << "\n" << err;
  Json profile = Json::parse(readText(folder.file("p.json")));
  EXPECT_EQ(profile["schema"], "trine.profile/1");
  EXPECT_EQ(profile["kernels"].size(), 4u);
  EXPECT_EQ(profile["nodes"].size(), 4u);
  double sum = profile["waiting_seconds"].get<double>() +
               profile["outside_seconds"].get<double>();
  for (const Json &row : profile["kernels"])
    sum += row["seconds"].get<double>();
  EXPECT_NEAR(sum, profile["seconds"].get<double>(), 1e-9);
  // Of the benchmark's runs each starts with the two tokens before it.
  Json append = kernelOf(profile, "decode", "append");
  EXPECT_EQ(append["calls"], 3);
  EXPECT_EQ(append["flops"], 3 * 2000);
  EXPECT_EQ(append["bytes"], 3 * 16);
  EXPECT_EQ(append["node"], "step of kernel 2");
  EXPECT_GT(append["roofline_share"], 0);
  EXPECT_LE(append["best_seconds"], append["median_seconds"]);
  Json total = kernelOf(profile, "decode", "total_one");
  for (const char *key : {"flops", "bytes", "gflops", "gbs", "roofline_share"})
    EXPECT_TRUE(total[key].is_null()) << key;
}

TEST_F(ToolsTest, Traces) {
  ASSERT_EQ(shell("RUN PKG --call 'prefill tokens=1,2' --entry=decode --input "
                  "tokens=3 --threads=2 --quiet --bench=3 "
                  "--profile=DIR/p.perfetto-trace"),
            0);
  EXPECT_EQ(err, "");
  Json trace = Json::parse(readText(folder.file("p.perfetto-trace")));
  std::map<std::string, int> kinds;
  for (const Json &event : trace["traceEvents"])
    ++kinds[event["ph"] == "M" ? "name" : event["cat"].get<std::string>()];
  // Three tracks; two calls, the benchmark's once; two steps on two threads.
  EXPECT_EQ(kinds, (std::map<std::string, int>{
                       {"name", 3}, {"call", 2}, {"elementwise", 8}}));
}

TEST_F(ToolsTest, Inspects) {
  expect("INSPECT PKG", 0,
         "prefill(tokens i32[B,S], lengths? i32[B]) -> logits f32[B,1]");
  ASSERT_EQ(shell("INSPECT PKG --json --verify"), 0) << err;
  Json json = Json::parse(out);
  for (const char *key :
       {"format_version", "trine_version", "llvm_version", "source", "options",
        "targets", "entries", "sections", "kernels", "fallbacks"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["entries"][1]["inputs"][0]["shape"], Json({"B", "S"}));
  EXPECT_EQ(json["kernels"][0]["target"], "cpu");
  EXPECT_EQ(shell("INSPECT PKG --quiet"), 2);
  expect("INSPECT PKG --extract=DIR/x", 0, "sections");
  EXPECT_EQ(readText(folder.file("x/code.cpu.so")),
            readText(TRINE_TEST_KERNELS));
  EXPECT_EQ(std::filesystem::file_size(folder.file("x/weights")), 16u);

  std::string bytes = readText(path);
  writeText(path, bytes + '\0');
  expect("INSPECT PKG --verify", 1, "was cut or added to");
  bytes.back() = 1; // padding
  writeText(path, bytes);
  expect("INSPECT PKG", 0, "sections");
  expect("INSPECT PKG --verify", 1, "padding after section 'weights'");
}

} // namespace
