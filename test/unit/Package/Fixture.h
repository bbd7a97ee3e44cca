//===- Fixture.h - a small package by hand ----------------------*- C++ -*-===//
// Entries: `scale` (x f32[N,4] → y = x·w, z = y + 1), `prefill` and `decode`
// over a state that remembers the tokens; their `logits` are sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Manifest.h"
#include "trine/Package/Package.h"
#include "trine/Support/Error.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace trine::test {

constexpr int64_t kCapacity = 8, kVocabulary = 100;

/// A folder that goes away with the test.
class TemporaryFolder {
public:
  TemporaryFolder()
      : path(std::filesystem::temp_directory_path() /
             fmt::format("trine-test-{}-{}", getpid(), ++count)) {
    std::filesystem::create_directories(path);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string &name) const {
    return (path / name).string();
  }
  std::filesystem::path path;

private:
  static inline int count = 0;
};

/// The error of `body`, which must throw one.
template <typename Body> Error errorOf(Body body) {
  try {
    body();
  } catch (const Error &error) {
    return error;
  }
  ADD_FAILURE() << "expected a trine::Error";
  return Error(ExitCode::Done, "", "");
}

inline ProgramValue makeValue(ProgramValue::Origin origin, int64_t index,
                              std::string dtype, std::vector<Size> shape,
                              Size bytes) {
  ProgramValue value;
  value.origin = origin;
  value.index = index;
  value.dtype = std::move(dtype);
  value.shape = std::move(shape);
  value.bytes = std::move(bytes);
  return value;
}

/// c · the product of symbols
inline Size product(int64_t c, std::vector<uint32_t> symbols) {
  Size size;
  size.terms.push_back({c, std::move(symbols)});
  return size;
}

inline Kernel makeKernel(std::string name, std::vector<int64_t> counts,
                         std::vector<int64_t> ties) {
  Kernel kernel;
  kernel.name = std::move(name);
  kernel.device = "cpu";
  kernel.family = "elementwise";
  kernel.node = "node of " + kernel.name;
  kernel.uses = 1;
  kernel.operands = counts[0];
  kernel.results = counts[1];
  kernel.ties = std::move(ties);
  return kernel;
}

inline Step makeStep(int64_t kernel, std::vector<int64_t> operands,
                     std::vector<int64_t> results) {
  Step step;
  step.kernel = kernel;
  step.operands = std::move(operands);
  step.results = std::move(results);
  step.device = "cpu";
  step.node = fmt::format("step of kernel {}", kernel);
  step.scratch = step.shared = Size::constant(64);
  return step;
}

inline EntryTensor makeTensor(std::string name, std::string dtype,
                              std::vector<Size> shape, int64_t value) {
  EntryTensor tensor;
  tensor.name = std::move(name);
  tensor.dtype = std::move(dtype);
  tensor.shape = std::move(shape);
  tensor.value = value;
  return tensor;
}

inline Entry scaleEntry() {
  using enum ProgramValue::Origin;
  Entry entry;
  entry.name = "scale";
  entry.symbols = {"N"};
  entry.symbolLimits = {0};
  std::vector<Size> shape = {Size::symbol(0), Size::constant(4)};
  Size bytes = product(16, {0});
  entry.values = {
      makeValue(Input, 0, "f32", shape, bytes),
      makeValue(Parameter, 0, "f32", {Size::constant(4)}, Size::constant(16)),
      makeValue(Slot, 0, "f32", shape, bytes),
      makeValue(Slot, 1, "f32", shape, bytes),
      makeValue(Slot, 1, "f32", shape, bytes)};
  entry.slots = 2;
  entry.inputs = {makeTensor("x", "f32", shape, 0)};
  entry.outputs = {makeTensor("y", "f32", shape, 2),
                   makeTensor("z", "f32", shape, 4)};
  entry.steps = {makeStep(0, {0, 1}, {2}), makeStep(0, {0, 1}, {3}),
                 makeStep(1, {3}, {4})};
  return entry;
}

/// `prefill` with lengths, or `decode` of one token a row.
inline Entry memoryEntry(bool decode) {
  using enum ProgramValue::Origin;
  Entry entry;
  entry.name = decode ? "decode" : "prefill";
  entry.symbols = decode ? std::vector<std::string>{"B"}
                         : std::vector<std::string>{"B", "S"};
  entry.symbolLimits =
      decode ? std::vector<int64_t>{4} : std::vector<int64_t>{4, kCapacity};
  Size batch = Size::symbol(0), one = Size::constant(1);
  std::vector<Size> tokens = {batch, decode ? one : Size::symbol(1)};
  std::vector<Size> memory = {batch, Size::constant(kCapacity)};
  entry.values = {
      makeValue(Input, 0, "i32", tokens,
                decode ? product(4, {0}) : product(4, {0, 1})),
      makeValue(Length, 0, "i32", {batch}, product(4, {0})),
      makeValue(State, 0, "f32", memory, product(4 * kCapacity, {0})),
      makeValue(State, 0, "f32", memory, product(4 * kCapacity, {0})),
      makeValue(Slot, 0, "f32", {batch, one}, product(4, {0}))};
  entry.slots = 1;
  entry.inputs = {makeTensor("tokens", "i32", tokens, 0)};
  entry.inputs[0].indexLimit = kVocabulary;
  entry.outputs = {makeTensor("logits", "f32", {batch, one}, 4)};
  entry.stateful = true;
  entry.steps = {makeStep(2, {0, 1, 2}, {3})};
  // The symbol after the entry's: tokens before the call.
  entry.steps[0].flops = product(1000, {decode ? 1u : 2u});
  entry.steps[0].bytes = decode ? product(16, {0}) : product(16, {0, 1});
  if (decode) {
    entry.appendTokens = 1;
    entry.steps.push_back(makeStep(4, {3, 1}, {4}));
    return entry;
  }
  entry.values.push_back(makeValue(Input, 1, "i32", {batch}, product(4, {0})));
  entry.inputs.push_back(makeTensor("lengths", "i32", {batch}, 5));
  entry.inputs[1].optional = true;
  entry.appendSymbol = 1;
  entry.lengthsInput = 1;
  entry.steps.push_back(makeStep(3, {3, 1, 5}, {4}));
  return entry;
}

inline Manifest makeManifest() {
  Manifest manifest;
  manifest.trineVersion = "0.1.0";
  manifest.llvmVersion = "22.1";
  manifest.sourceName = "by-hand";
  manifest.modelKind = "causal_lm";
  manifest.options = nlohmann::json::object();
  manifest.targets = {{"cpu", "x86-64-v3", {"avx2", "fma"}}};
  manifest.kernels = {
      makeKernel("scale", {2, 1}, {-1}), makeKernel("increment", {1, 1}, {0}),
      makeKernel("append", {3, 1}, {2}), makeKernel("total", {3, 1}, {-1}),
      makeKernel("total_one", {2, 1}, {-1})};
  Parameter weight;
  weight.name = "w";
  weight.dtype = weight.storage = "f32";
  weight.shape = {4};
  weight.bytes = 16;
  manifest.parameters = {weight};
  State memory;
  memory.name = "memory";
  memory.dtype = "f32";
  memory.device = "cpu";
  memory.capacity = kCapacity;
  memory.shape = {kCapacity};
  memory.bytesPerRow = 4 * kCapacity;
  manifest.states = {memory};
  manifest.entries = {scaleEntry(), memoryEntry(false), memoryEntry(true)};
  manifest.maxSequence = kCapacity;
  manifest.maxBatch = 4;
  return manifest;
}

/// The whole package: `code` is an ELF shared object with Kernels.c's kernels.
inline void writePackage(const std::string &path, const Manifest &manifest,
                         std::string_view code) {
  PackageWriter writer(path);
  writer.addSection(section::manifest, manifest.toJson().dump());
  writer.addSection(section::code("cpu"), code);
  writer.addSection(section::tokenizer, "{\"model\":1}");
  constexpr float weights[] = {1, 2, 3, 4};
  writer.beginSection(section::weights);
  writer.append(
      Bytes(reinterpret_cast<const uint8_t *>(weights), sizeof(weights)));
  writer.endSection();
  writer.commit();
}

} // namespace trine::test
