//===- Reference.cpp - calls → the reference interpreter's plug-in --------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Backend.h"
#include "lib/Runtime/PlugIn.h"
#include "trine/Package/Package.h"
#include "trine/Reference/PlugIn.h"
#include "trine/Support/Error.h"

using namespace trine;
using namespace trine::run;

namespace {

class ReferenceBackend final : public Backend {
public:
  ReferenceBackend(const std::string &file, const std::string &weightsFrom)
      : file(file) {
    if (!file.ends_with(".mlir")) {
      PackageReader package(file);
      manifest = readManifest(package.text(section::manifest), file,
                              package.has(section::weights)
                                  ? package.section(section::weights).size()
                                  : 0);
    }
    library = openPlugIn("libtrine_reference.so", "the reference");
    find(open, "trine_reference_open");
    find(close, "trine_reference_close");
    find(run, "trine_reference_call");
    find(release, "trine_reference_free");
    const char *error = nullptr;
    check(open(file.c_str(),
               weightsFrom.empty() ? nullptr : weightsFrom.c_str(), &reference,
               &error),
          error);
  }
  ~ReferenceBackend() override {
    if (reference)
      close(reference);
  }

  const Entry *entry(const std::string &name) const override {
    return manifest ? &findEntry(*manifest, file, name) : nullptr;
  }

  std::vector<Array> call(const std::string &name,
                          const std::vector<Array> &inputs,
                          const std::vector<std::string> &wanted) override {
    const Entry *declared = entry(name);
    std::vector<std::string> names =
        wanted.empty() && declared ? outputNames(*declared) : wanted;
    std::vector<trine_tensor> tensors,
        outputs(std::max<size_t>(names.size(), 1));
    for (const Array &array : inputs)
      tensors.push_back(array.tensor());
    for (size_t i = 0; i < names.size(); ++i)
      outputs[i].name = names[i].c_str();
    std::string entryName = declared ? declared->name : name;
    const char *error = nullptr;
    check(run(reference, entryName.empty() ? nullptr : entryName.c_str(),
              tensors.data(), tensors.size(), outputs.data(), outputs.size(),
              &error),
          error);
    std::vector<Array> results;
    for (const trine_tensor &output : outputs)
      results.push_back(Array::from(output));
    release(outputs.data(), outputs.size());
    return results;
  }

private:
  template <typename Function>
  void find(Function *&function, const char *symbol) {
    function = reinterpret_cast<Function *>(library->find(symbol));
    if (!function)
      throw Error(
          ExitCode::Environment, "libtrine_reference.so",
          fmt::format("has no '{}'; install the one of this release", symbol));
  }
  static void check(int code, const char *error) {
    if (code)
      throw Error(ExitCode(code), "",
                  error ? error : "the reference failed without a message");
  }

  std::string file;
  std::optional<Manifest> manifest;
  std::unique_ptr<SharedLibrary> library;
  decltype(trine_reference_open) *open = nullptr;
  decltype(trine_reference_close) *close = nullptr;
  decltype(trine_reference_call) *run = nullptr;
  decltype(trine_reference_free) *release = nullptr;
  trine_reference *reference = nullptr;
};

} // namespace

std::unique_ptr<Backend>
trine::run::makeReferenceBackend(const std::string &file,
                                 const std::string &weightsFrom) {
  return std::make_unique<ReferenceBackend>(file, weightsFrom);
}
