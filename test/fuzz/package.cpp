//===- package.cpp - fuzz target: package file, manifest, self-test -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Fuzz.h"
#include "lib/Package/Format.h"
#include "lib/Runtime/Session.h"
#include "lib/Runtime/Tensor.h"
#include "trine/Formats/Json.h"
#include "trine/Package/SelfTest.h"

#include <cstring>
#include <sys/mman.h>
#include <unistd.h>

using namespace trine;

/// As a file, its header's checksum made right: the table behind it is where
/// lies are interesting.
static void readPackage(std::string bytes) {
  using namespace package;
  if (bytes.size() >= kPackagePage) {
    PageBytes page;
    std::memcpy(page.data(), bytes.data(), page.size());
    Digest digest = pageDigest(page);
    std::memcpy(bytes.data() + offsetof(Page, digest), digest.data(),
                digest.size());
  }
  int descriptor = memfd_create("fuzz", 0);
  if (write(descriptor, bytes.data(), bytes.size()) != ssize_t(bytes.size()))
    std::abort();
  fuzz::run([&] {
    PackageReader package(fmt::format("/proc/self/fd/{}", descriptor));
    fuzz::run([&] { package.checkSections(); });
    fuzz::run([&] { package.verify(); });
  });
  close(descriptor);
}

static void noKernel(const int64_t *, const KernelTeam *) {}

/// Runs an entry with every symbol `extent`; its kernels do nothing.
static void runEntry(const std::shared_ptr<Program> &program,
                     const Entry &entry, int64_t extent) {
  std::vector<int64_t> symbols(entry.symbols.size(), extent);
  std::vector<trine_tensor> inputs, outputs;
  std::vector<std::vector<uint8_t>> data;
  for (const EntryTensor &input : entry.inputs) {
    trine_tensor tensor{input.name.c_str(), TRINE_I32, 0, {}, nullptr};
    std::vector<int64_t> shape;
    for (const Size &size : input.shape)
      tensor.shape[tensor.rank++] = shape.emplace_back(size.evaluate(symbols));
    int64_t bytes = storedBytes({}, shape, input.dtype);
    if (bytes > 1 << 20)
      return;
    tensor.data = data.emplace_back(size_t(bytes) + 1).data();
    for (int dtype = 0; dtype < 4; ++dtype)
      if (dtypeName(dtype) == input.dtype)
        tensor.dtype = trine_dtype(dtype);
    inputs.push_back(tensor);
  }
  for (const EntryTensor &output : entry.outputs)
    outputs.push_back({output.name.c_str(), TRINE_F32, 0, {}, nullptr});
  Session session(program, extent);
  for (int i = 0; i < 2; ++i)
    session.run(entry.name, inputs, outputs);
}

static void useManifest(const std::string &text) {
  constexpr uint64_t weightBytes = 8192;
  auto program = std::make_shared<Program>();
  program->path = "fuzz.trine";
  program->manifest = Manifest::fromJson(parseJson(text, "fuzz.trine"),
                                         "fuzz.trine", weightBytes);
  program->manifest.toJson();
  program->weights.clear(weightBytes);
  program->functions.assign(program->manifest.kernels.size(), noKernel);
  for (const Entry &entry : program->manifest.entries)
    program->valueDevices.emplace_back(entry.values.size());
  program->pool = std::make_unique<Pool>(1);
  for (const Entry &entry : program->manifest.entries)
    for (int64_t extent : {1, 3})
      fuzz::run([&] { runEntry(program, entry, extent); });
}

/// The first byte chooses what the rest is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  std::string text(reinterpret_cast<const char *>(data) + 1, size - 1);
  return fuzz::run([&] {
    if (data[0] == 0)
      readPackage(text);
    else if (data[0] == 1)
      useManifest(text);
    else
      SelfTest::parse(text, "fuzz.trine");
  });
}
