//===- Program.cpp - package file → loaded program ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Program.h"
#include "CpuFeatures.h"
#include "trine/Formats/Json.h"
#include "trine/Package/Package.h"

using namespace trine;

static constexpr int kMostThreads = 1024;

static Bytes asBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

std::shared_ptr<Program> Program::load(const std::string &path,
                                       const std::string &device, int threads) {
  if (threads < 0 || threads > kMostThreads)
    throw Error(
        ExitCode::Usage, "",
        fmt::format("expected 0 to {} threads, got {}", kMostThreads, threads));
  if (threads == 0)
    threads = defaultThreads();
  auto package = std::make_shared<const PackageReader>(path);
  auto program = std::make_shared<Program>();
  program->path = path;
  // While they are copied the rest is read and checked.
  if (package->has(section::weights))
    program->weights.load(package, threads);
  package->checkSections();
  program->readSections(*package);
  for (const TargetInfo &target : program->manifest.targets)
    if (target.kind == "cpu")
      requireCpuFeatures(target.features, path);
  program->openDevices(device);
  program->loadCode();
  program->pool = std::make_unique<Pool>(threads);
  return program;
}

void Program::readSections(const PackageReader &package) {
  for (const PackageSection &section : package.sections())
    if (section.name != section::weights)
      sections[section.name] = package.text(section.name);
  manifestText = package.text(section::manifest);
  manifest =
      Manifest::fromJson(parseJson(manifestText, path), path, weights.size());
}

void Program::openDevices(const std::string &choice) {
  size_t colon = choice.find(':');
  std::string chosen = choice.substr(0, colon), known;
  std::string argument =
      colon == std::string::npos ? "" : choice.substr(colon + 1);
  bool found = chosen == "cpu";
  for (const TargetInfo &target : manifest.targets) {
    found |= target.kind == chosen;
    known += (known.empty() ? "" : ", ") + target.kind;
  }
  if (!found)
    throw badInput(path,
                   "the package has no code for device '{}' (it has: {}); "
                   "compile with --target={} or --place=PATTERN={}",
                   chosen, known, chosen, chosen);
  auto use = [&](const std::string &name) {
    if (name == "cpu" || devices.contains(name))
      return;
    auto code = sections.find(section::code(name));
    if (code == sections.end())
      throw badInput(path, "device '{}' needs the section 'code.{}'", name,
                     name);
    devices[name] = std::make_unique<Device>(name, asBytes(code->second),
                                             name == chosen ? argument : "");
  };
  use(chosen);
  for (const Kernel &kernel : manifest.kernels)
    use(kernel.device);
  for (const Entry &entry : manifest.entries) {
    std::vector<Device *> &places = valueDevices.emplace_back();
    for (const std::string &name : trine::valueDevices(manifest, entry, path))
      places.push_back(device(name));
  }
  for (const State &state : manifest.states)
    device(state.device);
}

Device *Program::device(const std::string &name) const {
  if (name.empty() || name == "cpu")
    return nullptr;
  auto it = devices.find(name);
  if (it == devices.end())
    throw badInput(path,
                   "manifest places work on device '{}' without code "
                   "for it",
                   name);
  return it->second.get();
}

void *Program::onDevice(size_t parameter, Device &device) {
  DeviceBuffer &buffer = deviceParameters[{parameter, &device}];
  if (!buffer.data()) {
    const Parameter &declared = manifest.parameters[parameter];
    DeviceBuffer made(device, declared.bytes);
    device.toDevice(made.data(), weights.data() + declared.offset,
                    declared.bytes);
    buffer = std::move(made);
  }
  return buffer.data();
}

void Program::loadCode() {
  if (manifest.kernelAbi != kKernelAbiVersion)
    throw badInput(path,
                   "kernels of interface version {}, but this runtime calls "
                   "version {}; compile the model again with this release of "
                   "Trine",
                   manifest.kernelAbi, kKernelAbiVersion);
  functions.resize(manifest.kernels.size());
  for (size_t i = 0; i < functions.size(); ++i) {
    const Kernel &kernel = manifest.kernels[i];
    if (device(kernel.device))
      continue;
    auto text = sections.find(section::code("cpu"));
    if (text == sections.end())
      throw badInput(path, "kernel '{}' needs the section 'code.cpu'",
                     kernel.name);
    if (!code)
      code = SharedLibrary::load(asBytes(text->second), path);
    functions[i] = reinterpret_cast<KernelFunction>(code->find(kernel.name));
    if (!functions[i])
      throw badInput(path, "section 'code.cpu' has no kernel '{}'",
                     kernel.name);
  }
}

const Entry &Program::entry(std::string_view name) const {
  std::string known;
  for (const Entry &entry : manifest.entries) {
    if (entry.name == name)
      return entry;
    known += (known.empty() ? "" : ", ") + entry.name;
  }
  throw badInput(path, "no entry '{}'; the package has: {}", name, known);
}
