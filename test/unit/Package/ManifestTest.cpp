//===- ManifestTest.cpp - the manifest and its enemies --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fixture.h"

using namespace trine;
using namespace trine::test;
using Json = nlohmann::json;

static Manifest read(const Json &json) {
  return Manifest::fromJson(json, "a.trine", 16);
}

TEST(ManifestTest, GoesToJsonAndBack) {
  Json json = makeManifest().toJson();
  EXPECT_EQ(read(json).toJson(), json);
  EXPECT_EQ(read(Json::parse(json.dump())).toJson(), json);
}

namespace {
/// One lie: at a JSON pointer, a value, and what the message says.
struct Lie {
  const char *pointer;
  Json value;
  const char *message;
};
} // namespace

TEST(ManifestTest, LiesAreRefused) {
  Json big = uint64_t(1) << 63;
  const Lie lies[] = {
      {"/format_version", 2, "'format_version'"},
      {"/kernel_abi", 0, "'kernel_abi'"},
      {"/trine_version", nullptr, "'trine_version': expected a string"},
      {"/source/name", 3, "'source.name'"},
      {"/targets/0/kind", "../x", "device name"},
      {"/targets/0/features/0", 1, "'targets[0].features[0]'"},
      {"/max_batch", -1, "'max_batch'"},
      {"/parameters/0/offset", 1, "page-aligned"},
      {"/parameters/0/offset", 4096, "page-aligned"},
      {"/parameters/0/offset", big, "'parameters[0].offset'"},
      {"/parameters/0/bytes", 17, "page-aligned"},
      {"/parameters/0/bytes", 15, "at least 16 bytes"},
      {"/parameters/0/shape/0", int64_t(1) << 62, "out of range"},
      {"/parameters/0/dtype", "f8", "f32, f16, bf16 or i32"},
      {"/parameters/0/layout", "panels:0", "a layout such as"},
      {"/parameters/0/layout", "panels:32", "does not fit"},
      {"/states/0/bytes_per_row", 8, "state 'memory'"},
      {"/states/0/capacity", 9, "state 'memory'"},
      {"/states/0/device", "CUDA:0", "device name"},
      {"/kernels/0/ties/0", 2, "kernel 'scale'"},
      {"/kernels/0/ties", Json::array(), "kernel 'scale'"},
      {"/kernels/0/operands", -1, "'kernels[0].operands'"},
      {"/entries/0/name", "", "has no name"},
      {"/entries/0/name", "decode", "entry 'decode' twice"},
      {"/entries/0/symbol_limits", Json::array(), "symbols without limits"},
      {"/entries/0/slots", 1 << 19, "more slots than values"},
      {"/entries/0/slots", 1, "value 3 refers to number 1 of 1"},
      {"/entries/0/inputs/0/value", 9, "refers to value 9 of 5"},
      {"/entries/0/inputs/0/value", 2, "the value of another"},
      {"/entries/0/inputs/0/dtype", "f16", "is not the plain"},
      {"/entries/0/inputs/0/optional", true, "cannot be optional"},
      {"/entries/0/inputs/0/index_limit", 5, "is not i32"},
      {"/entries/0/inputs/0/shape/0", 4, "'N' that no input gives"},
      {"/entries/0/outputs/0/value", -1, "'entries[0].outputs[0].value'"},
      {"/entries/0/outputs/1/name", "y", "output 'y' twice"},
      {"/entries/0/values/0/origin", "disk", "input, slot, parameter"},
      {"/entries/0/values/1/index", 1, "refers to number 1 of 1"},
      {"/entries/0/values/2/layout", "panels:16", "is not the plain"},
      {"/entries/0/values/2/bytes",
       {{"terms", {{16, 1}}}, {"multiple", 1}},
       "uses symbol 1 of 1"},
      {"/entries/0/values/2/bytes",
       {{"terms", {{16, 0}}}, {"multiple", 0}},
       "multiple"},
      {"/entries/0/values/2/bytes",
       {{"terms", {Json::array()}}, {"multiple", 1}},
       "a coefficient"},
      {"/entries/0/steps/0/kernel", 5, "runs kernel 5 of 5"},
      {"/entries/0/steps/0/kernel", 1, "does not fit kernel"},
      {"/entries/0/steps/0/operands/0", 5, "refers to value 5 of 5"},
      {"/entries/0/steps/0/operands/0", 2, "not written yet"},
      {"/entries/0/steps/0/results/0", 1, "not its own"},
      {"/entries/0/steps/0/results/0", 0, "not its own"},
      {"/entries/0/steps/0/device", "npu", "does not fit kernel"},
      {"/entries/0/steps/2/results/0", 2, "ties a result to other storage"},
      {"/entries/0/steps/0/scratch", -1, "scratch"},
      {"/entries/0/steps/0/shared", -1, "shared"},
      {"/entries/1/steps/0/flops", "many", "'entries[1].steps[0].flops"},
      {"/entries/1/steps/0/bytes",
       {{"terms", {{16, 3}}}, {"multiple", 1}},
       "uses symbol 3 of 3"},
      {"/kernels/0/compute", 1, "'kernels[0].compute'"},
      {"/entries/1/append_symbol", 2, "by how much a call appends"},
      {"/entries/1/lengths_input", 2, "by how much a call appends"},
      {"/entries/1/values/1/dtype", "f32", "no list of lengths"},
      {"/entries/1/steps/0/results/0", 4, "other storage"},
      {"/entries/2/append_tokens", 0, "by how much a call appends"},
  };
  for (const Lie &lie : lies) {
    Json json = makeManifest().toJson();
    json[Json::json_pointer(lie.pointer)] = lie.value;
    Error error = errorOf([&] { read(json); });
    EXPECT_EQ(error.code, ExitCode::BadInput) << lie.pointer;
    EXPECT_NE(std::string(error.what()).find(lie.message), std::string::npos)
        << lie.pointer << ": " << error.what();
  }
}

/// Calls visit(json) with every value of `part`, a part of `json`, replaced
/// by nonsense, one at a time.
template <typename Visit>
static void replaceEach(Json &json, Json &part, Visit visit) {
  static const Json nonsense[] = {
      nullptr, -1,         0,    uint64_t(-1),  int64_t(1) << 62,
      1e300,   "nonsense", true, Json::array(), Json::object()};
  Json old = std::move(part);
  for (const Json &value : nonsense) {
    part = value;
    visit(json);
  }
  part = std::move(old);
  if (part.is_structured())
    for (Json &inner : part)
      replaceEach(json, inner, visit);
}

// Any nonsense is accepted or refused; nothing else may happen.
TEST(ManifestTest, NonsenseAnywhere) {
  Json json = makeManifest().toJson();
  int refused = 0;
  replaceEach(json, json, [&](const Json &changed) {
    try {
      read(changed);
    } catch (const Error &error) {
      ASSERT_EQ(error.code, ExitCode::BadInput);
      ++refused;
    }
  });
  EXPECT_GT(refused, 2000);
}

TEST(ManifestTest, ValuesFollowTheSteps) {
  Manifest manifest = makeManifest();
  Entry &entry = manifest.entries[0];
  Step copy;
  copy.kind = Step::Kind::Copy;
  copy.sourceDevice = "cpu";
  copy.device = "reference";
  copy.operands = {2};
  copy.results = {3};
  entry.steps = {entry.steps[0], copy};
  Error error = errorOf([&] { read(manifest.toJson()); });
  EXPECT_NE(std::string(error.what())
                .find("output 'z' uses value 4 on device 'cpu', but it is on "
                      "'reference'"),
            std::string::npos)
      << error.what();
  entry.outputs.pop_back();
  read(manifest.toJson());
  EXPECT_EQ(valueDevices(manifest, entry, "a.trine"),
            (std::vector<std::string>{"cpu", "cpu", "cpu", "reference", ""}));
}
