//===- Emit.cpp - what a compile writes -----------------------------------===//
// A module after the target phase → package, or one file a kernel.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Compilation.h"
#include "MakeSelfTest.h"
#include "PackWeights.h"
#include "WriteManifest.h"
#include "mlir/Parser/Parser.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Support/Version.h"
#include "trine/Target/Targets.h"
#include "llvm/Config/llvm-config.h"

using namespace mlir;
using namespace trine;
namespace fs = std::filesystem;

using Images = std::vector<std::pair<std::string, DeviceImage>>;

/// Code of every device that has kernels, in the order of the targets.
Images Compilation::assemble() {
  FailureOr<TargetSet> targets = TargetSet::of(*module);
  Images images;
  for (const std::unique_ptr<Target> &target : targets->all()) {
    bool used = llvm::any_of(module->getOps<launch::KernelOp>(),
                             [&](launch::KernelOp kernel) {
                               return kernel.getDevice() == target->name();
                             });
    if (!used)
      continue;
    FailureOr<DeviceImage> image = target->assemble(
        *module, {unsigned(options.jobs),
                  options.emit == "asm" || options.emit == "ptx"});
    if (failed(image)) // the linker, or its folder
      throw Error(ExitCode::Environment, options.input,
                  fmt::format("no code for '{}'", target->name().str()));
    images.emplace_back(target->name().str(), std::move(*image));
  }
  return images;
}

int Compilation::emitKernels() {
  fs::path directory = options.output;
  makeFolder(directory);
  bool assembly = options.emit == "asm", ptx = options.emit == "ptx";
  for (const auto &[device, image] : assemble())
    for (const DeviceImage::KernelFile &kernel : image.kernels) {
      if (ptx != (device == "cuda"))
        continue;
      auto write = [&](const std::string &suffix, const std::string &text) {
        if (!text.empty())
          writeText(directory / (kernel.name + suffix), text);
      };
      write(ptx        ? ".ptx"
            : assembly ? ".s"
                       : ".o",
            assembly || ptx ? kernel.assembly : kernel.object);
      for (const auto &[suffix, bytes] : kernel.binaries)
        write("." + suffix, bytes);
    }
  return 0;
}

/// The manifest, with what the module itself does not know.
Manifest Compilation::describe(ArrayRef<Images::value_type> images) {
  FailureOr<Manifest> written = writeManifest(*module);
  if (failed(written))
    throw Error(failureCode(), options.input, "cannot describe the program");
  Manifest manifest = std::move(*written);
  auto text = [&](const char *name) {
    auto attr = (*module)->getAttrOfType<StringAttr>(name);
    return attr ? attr.str() : "";
  };
  manifest.trineVersion = versionString();
  manifest.llvmVersion = LLVM_VERSION_STRING;
  manifest.sourceName = text("graph.model");
  if (manifest.sourceName.empty())
    manifest.sourceName = fs::path(options.input).filename();
  manifest.sourceSha256 = sourceDigest();
  manifest.options = nlohmann::json::parse(text("launch.options"));
  std::map<std::string, uint64_t> sizes;
  for (const auto &[device, image] : images) {
    std::string name = device == launch::kHost ? text("launch.cpu") : device;
    manifest.targets.push_back({device, name, image.features});
    for (const DeviceImage::KernelFile &kernel : image.kernels)
      sizes[kernel.name] = kernel.object.size();
  }
  for (Kernel &kernel : manifest.kernels)
    kernel.bytes = sizes[kernel.name];
  return manifest;
}

/// The self-test's JSON; empty without one.
std::string Compilation::selfTest() {
  if (graphText.empty())
    return "";
  OwningOpRef<ModuleOp> graph =
      parseSourceString<ModuleOp>(graphText, ParserConfig(&context));
  std::optional<SelfTest> test;
  if (graph)
    test = makeSelfTest(*graph, model ? &model->weights() : nullptr);
  return test ? test->toJson().dump() : "";
}

void Compilation::writePackage(const Manifest &manifest,
                               ArrayRef<Images::value_type> images) {
  PackageWriter package(options.output);
  package.addSection(section::manifest, manifest.toJson().dump());
  for (const auto &[device, image] : images) {
    package.addSection(section::code(device), image.code);
    std::map<std::string, std::string_view> objects;
    for (const DeviceImage::KernelFile &kernel : image.kernels)
      objects[kernel.name] = kernel.object;
    package.beginSection(section::objects(device));
    for (const Kernel &kernel : manifest.kernels)
      if (kernel.device == device)
        package.append(objects[kernel.name]);
    package.endSection();
  }
  if (!graphText.empty())
    package.addSection(section::graph, graphText);
  if (model && (*module)->hasAttr("graph.model")) {
    TextInfo text = model->text();
    if (!text.tokenizerJson.empty())
      package.addSection(section::tokenizer, text.tokenizerJson);
    package.addSection(section::text, text.json().dump());
  }
  if (std::string test = selfTest(); !test.empty())
    package.addSection(section::selftest, test);
  package.beginSection(section::weights);
  if (model)
    packWeights(*module, model->weights(), manifest.parameters,
                unsigned(options.jobs), package);
  package.endSection();
  package.commit();
}

/// What no target runs is interpreted, which is slow.
void Compilation::warnOfInterpreter(const Manifest &manifest) {
  const Placement *first = nullptr;
  size_t count = 0;
  for (const Placement &place : manifest.fallbacks)
    if (place.device == "reference" && place.reason != kPlacedByRequest) {
      first = first ? first : &place;
      ++count;
    }
  if (first)
    warnings.push_back(fmt::format(
        "{} operations are interpreted, which is slow; '{}' ({}): {}", count,
        first->node, first->op, first->reason));
}

int Compilation::emitPackage() {
  if (!model && !module->getOps<graph::ParameterOp>().empty())
    throw Error(ExitCode::Usage, options.input,
                "the module has parameters; say where they are stored with "
                "--weights-from=MODEL");
  Images images = assemble();
  Manifest manifest = describe(images);
  writePackage(manifest, images);
  clock.end();
  for (const std::string &warning : diagnostics.warnings())
    warnings.push_back(warning);
  if (options.observe.empty()) // reports measure there
    warnOfInterpreter(manifest);
  if (!options.report.empty())
    writeText(options.report,
              report(manifest, clock.json(), warnings).dump(2) + "\n");
  if (!options.quiet)
    for (const std::string &warning : warnings)
      fmt::print(stderr, "warning: {}\n", warning);
  return 0;
}

int Compilation::emit() {
  return options.emit == "package" ? emitPackage() : emitKernels();
}
