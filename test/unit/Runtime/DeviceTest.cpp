//===- DeviceTest.cpp - steps on a device of a plug-in --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "test/unit/Package/Fixture.h"
#include "trine/Runtime/trine.hpp"

using namespace trine;
using namespace trine::test;

namespace {

class DeviceTest : public testing::Test {
protected:
  /// Entry `scale` with its first step on the device: x and w go there, y
  /// comes back, and is incremented here.
  static Manifest makeDeviceManifest() {
    using enum ProgramValue::Origin;
    Manifest manifest = makeManifest();
    manifest.targets.push_back({"fake", "fake", {}});
    manifest.kernels[0].device = "fake";
    Entry entry = scaleEntry();
    std::vector<Size> shape = {Size::symbol(0), Size::constant(4)};
    Size bytes = product(16, {0});
    entry.values = {
        makeValue(Input, 0, "f32", shape, bytes),
        makeValue(Parameter, 0, "f32", {Size::constant(4)}, Size::constant(16)),
        makeValue(Slot, 0, "f32", shape, bytes), // x there
        makeValue(Slot, 1, "f32", {Size::constant(4)}, Size::constant(16)),
        makeValue(Slot, 2, "f32", shape, bytes),  // y there
        makeValue(Slot, 0, "f32", shape, bytes),  // y here, in x's slot
        makeValue(Slot, 0, "f32", shape, bytes)}; // y + 1
    entry.slots = 3;
    entry.outputs = {makeTensor("z", "f32", shape, 6)};
    auto copy = [](const char *from, const char *to, int64_t a, int64_t b) {
      Step step;
      step.kind = Step::Kind::Copy;
      step.sourceDevice = from;
      step.device = to;
      step.operands = {a};
      step.results = {b};
      return step;
    };
    Step there = makeStep(0, {2, 3}, {4});
    there.device = "fake";
    entry.steps = {copy("cpu", "fake", 0, 2), copy("cpu", "fake", 1, 3), there,
                   copy("fake", "cpu", 4, 5), makeStep(1, {5}, {6})};
    manifest.entries[0] = entry;
    return manifest;
  }

  void write(const Manifest &manifest, const char *code = "code") {
    PackageWriter writer(path);
    writer.addSection("manifest", manifest.toJson().dump());
    writer.addSection("code.cpu", readText(TRINE_TEST_KERNELS));
    writer.addSection("code.fake", code);
    constexpr float weights[] = {1, 2, 3, 4};
    writer.addSection(
        "weights", {reinterpret_cast<const char *>(weights), sizeof(weights)});
    writer.commit();
  }

  void expectLoadError(const char *device, int code, const char *text) {
    try {
      rt::Program program(path, device, 2);
      ADD_FAILURE() << "expected: " << text;
    } catch (const rt::Error &error) {
      EXPECT_EQ(error.code, code);
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos)
          << error.what();
    }
  }

  TemporaryFolder folder;
  std::string path = folder.file("a.trine");
};

TEST_F(DeviceTest, ValuesTravel) {
  write(makeDeviceManifest());
  rt::Program program(path, "cpu", 2);
  rt::Session session(program);
  for (int64_t rows : {1, 7, 2, 300, 7}) {
    std::vector<float> x(size_t(rows * 4), 2);
    std::vector<trine_tensor> results = session.run(
        "scale", {rt::tensor("x", TRINE_F32, {rows, 4}, x.data())}, {"z"});
    auto *z = static_cast<const float *>(results[0].data);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_EQ(z[i], 2 * float(i % 4 + 1) + 1);
  }
}

TEST_F(DeviceTest, ObserverGetsTheDevicesResults) {
  write(makeDeviceManifest());
  rt::Program program(path, "fake", 1);
  rt::Session session(program);
  std::vector<std::string> seen;
  session.observe([&](const trine_step_event &event) {
    seen.push_back(
        fmt::format("{} on {}: {}", event.kernel, event.device,
                    static_cast<const float *>(event.results[0].data)[3]));
  });
  float x[4] = {5, 5, 5, 5};
  session.run("scale", {rt::tensor("x", TRINE_F32, {1, 4}, x)}, {});
  EXPECT_EQ(seen, (std::vector<std::string>{
                      "copy on fake: 5", "copy on fake: 4", "scale on fake: 20",
                      "copy on cpu: 20", "increment on cpu: 21"}));
}

TEST_F(DeviceTest, FailuresSayWhoFailed) {
  Manifest manifest = makeDeviceManifest();
  manifest.kernels[0].name = "fail";
  write(manifest);
  for (int threads : {1, 3}) {
    rt::Program program(path, "cpu", threads);
    rt::Session session(program);
    float x[4] = {};
    try {
      session.run("scale", {rt::tensor("x", TRINE_F32, {1, 4}, x)}, {"z"});
      ADD_FAILURE();
    } catch (const rt::Error &error) {
      EXPECT_EQ(error.code, 6);
      EXPECT_STREQ(error.what(), "device 'fake': the kernel failed");
    }
    // The session goes on.
    int32_t token = 3;
    auto *sum = static_cast<const float *>(
        session
            .run("decode", {rt::tensor("tokens", TRINE_I32, {1, 1}, &token)},
                 {"logits"})[0]
            .data);
    EXPECT_EQ(*sum, 3);
  }
}

TEST_F(DeviceTest, OpeningFails) {
  write(makeDeviceManifest(), "other");
  expectLoadError("cpu", 1, "device 'fake': fake code expected");
  write(makeDeviceManifest());
  expectLoadError("fake:broken", 5, "this device is broken");
}

TEST_F(DeviceTest, StatesLiveOnTheirDevice) {
  Manifest manifest = makeDeviceManifest();
  manifest.states[0].device = "fake";
  write(manifest);
  expectLoadError("cpu", 1,
                  "step 0 uses value 2 on device 'cpu', but it is on "
                  "'fake'");
  manifest.entries.resize(1);
  write(manifest);
  rt::Program program(path);
  rt::Session session(program, 4); // allocates there, releases there
}

} // namespace
