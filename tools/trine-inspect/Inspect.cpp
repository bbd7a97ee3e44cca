//===- Inspect.cpp - package → text, JSON, files --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Inspect.h"
#include "trine/Formats/Json.h"
#include "trine/Package/CudaCode.h"
#include "trine/Package/Manifest.h"

#include <fmt/ranges.h>

using namespace trine;
namespace fs = std::filesystem;

/// A dimension: a number, a symbol's name, or a sum of products of them.
static Json dimension(const Size &size, const Entry &entry) {
  if (std::optional<int64_t> value = size.asConstant())
    return *value;
  std::vector<std::string> sum;
  for (const Size::Term &term : size.terms) {
    std::vector<std::string> factors;
    if (term.coefficient != 1 || term.symbols.empty())
      factors.push_back(std::to_string(term.coefficient));
    for (uint32_t symbol : term.symbols)
      factors.push_back(entry.symbols[symbol]);
    sum.push_back(fmt::format("{}", fmt::join(factors, "*")));
  }
  std::string text = fmt::format("{}", fmt::join(sum, "+"));
  return size.multiple == 1 ? text
                            : fmt::format("ceil({},{})", text, size.multiple);
}

static Json tensors(const std::vector<EntryTensor> &list, const Entry &entry) {
  Json all = Json::array();
  for (const EntryTensor &tensor : list) {
    Json shape = Json::array();
    for (const Size &size : tensor.shape)
      shape.push_back(dimension(size, entry));
    Json one = {
        {"name", tensor.name}, {"dtype", tensor.dtype}, {"shape", shape}};
    if (tensor.optional)
      one["optional"] = true;
    all.push_back(std::move(one));
  }
  return all;
}

static Json sections(const PackageReader &package) {
  Json all = Json::array();
  for (const PackageSection &section : package.sections())
    all.push_back({{"name", section.name},
                   {"offset", section.offset},
                   {"bytes", section.bytes},
                   {"align", kPackagePage},
                   {"sha256", hex(section.digest)}});
  return all;
}

/// Launches and copies between devices of an entry, in order of first use.
static Json copies(const Entry &entry) {
  Json all = Json::array();
  for (const Step &step : entry.steps)
    if (step.kind == Step::Kind::Copy)
      all.push_back({{"from", step.sourceDevice},
                     {"to", step.device},
                     {"node", step.node}});
  return all;
}

static Json describePackage(const PackageReader &package,
                            const Manifest &manifest) {
  Json targets = Json::array(), entries = Json::array(),
       kernels = Json::array(), fallbacks = Json::array();
  for (const TargetInfo &target : manifest.targets)
    targets.push_back({{"kind", target.kind},
                       {"name", target.name},
                       {"features", target.features}});
  for (const Entry &entry : manifest.entries)
    entries.push_back({{"name", entry.name},
                       {"stateful", entry.stateful},
                       {"inputs", tensors(entry.inputs, entry)},
                       {"outputs", tensors(entry.outputs, entry)},
                       {"steps", entry.steps.size()},
                       {"copies", copies(entry)}});
  for (const Kernel &kernel : manifest.kernels)
    kernels.push_back({{"name", kernel.name},
                       {"family", kernel.family},
                       {"target", kernel.device},
                       {"node", kernel.node},
                       {"uses", kernel.uses},
                       {"bytes", kernel.bytes}});
  for (const Placement &fallback : manifest.fallbacks)
    fallbacks.push_back({{"node", fallback.node},
                         {"op", fallback.op},
                         {"device", fallback.device},
                         {"reason", fallback.reason}});
  return {{"schema", "trine.inspect/1"},
          {"format_version", kPackageVersion},
          {"trine_version", manifest.trineVersion},
          {"llvm_version", manifest.llvmVersion},
          {"source",
           {{"name", manifest.sourceName}, {"sha256", manifest.sourceSha256}}},
          {"model_kind", manifest.modelKind},
          {"options", manifest.options},
          {"max_sequence", manifest.maxSequence},
          {"max_batch", manifest.maxBatch},
          {"targets", targets},
          {"entries", entries},
          {"sections", sections(package)},
          {"kernels", kernels},
          {"fallbacks", fallbacks}};
}

static std::string signature(const Json &tensors) {
  std::vector<std::string> all;
  for (const Json &tensor : tensors) {
    std::vector<std::string> dims;
    for (const Json &dim : tensor["shape"])
      dims.push_back(dim.is_string() ? dim.get<std::string>() : dim.dump());
    all.push_back(fmt::format("{}{} {}[{}]", tensor["name"].get<std::string>(),
                              tensor.contains("optional") ? "?" : "",
                              tensor["dtype"].get<std::string>(),
                              fmt::join(dims, ",")));
  }
  return fmt::format("{}", fmt::join(all, ", "));
}

static std::string word(const Json &json, const char *key) {
  return json[key].get<std::string>();
}

static void printText(const Json &json) {
  fmt::print("model     {} ({})\n", word(json["source"], "name"),
             word(json, "model_kind"));
  fmt::print("made by   Trine {}, LLVM {}\n", word(json, "trine_version"),
             word(json, "llvm_version"));
  for (const Json &target : json["targets"])
    fmt::print(
        "target    {} {}: {}\n", word(target, "kind"), word(target, "name"),
        fmt::join(target["features"].get<std::vector<std::string>>(), " "));
  fmt::print("limits    batch {}, sequence {}\n", json["max_batch"].dump(),
             json["max_sequence"].dump());
  fmt::print("\nentries\n");
  for (const Json &entry : json["entries"]) {
    fmt::print("  {}({}) -> {}\n", word(entry, "name"),
               signature(entry["inputs"]), signature(entry["outputs"]));
    fmt::print("      {} steps{}{}\n", entry["steps"].dump(),
               entry["copies"].empty()
                   ? ""
                   : fmt::format(", {} copies between devices",
                                 entry["copies"].size()),
               entry["stateful"] ? ", appends to the session" : "");
  }
  fmt::print("\nsections\n");
  for (const Json &section : json["sections"])
    fmt::print("  {:<16} {:>12} bytes at {:>10}  sha256 {}\n",
               word(section, "name"), section["bytes"].dump(),
               section["offset"].dump(), word(section, "sha256").substr(0, 16));
  fmt::print("\nkernels\n");
  for (const Json &kernel : json["kernels"])
    fmt::print("  {:<28} {:<12} {:<10} {:>4} uses {:>8} bytes\n",
               word(kernel, "name"), word(kernel, "family"),
               word(kernel, "target"), kernel["uses"].dump(),
               kernel["bytes"].dump());
  for (const Json &fallback : json["fallbacks"])
    fmt::print("fallback  {} ({}) on {}: {}\n", word(fallback, "node"),
               word(fallback, "op"), word(fallback, "device"),
               word(fallback, "reason"));
}

static Manifest readManifest(const PackageReader &package) {
  uint64_t weightBytes = package.has(section::weights)
                             ? package.section(section::weights).size()
                             : 0;
  package.checkSections();
  return Manifest::fromJson(
      parseJson(package.text(section::manifest), package.path()),
      package.path(), weightBytes);
}

void trine::print(const PackageReader &package, bool json, bool verified) {
  Manifest manifest = readManifest(package);
  Json description = describePackage(package, manifest);
  if (json) {
    if (verified)
      description["verified"] = true;
    fmt::print("{}\n",
               description.dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  printText(description);
  if (verified)
    fmt::print("\nevery byte of the file is as it was written\n");
}

void trine::extract(const PackageReader &package, const std::string &folder) {
  makeFolder(folder);
  auto write = [&](const std::string &name, Bytes bytes) {
    AtomicFile file(fs::path(folder) / name);
    file.write(bytes.data(), bytes.size());
    file.commit();
  };
  // Section names are file names: the reader lets no separator pass.
  for (const PackageSection &section : package.sections())
    write(section.name, package.section(section.name));
  // As tools that read object files expect it.
  if (std::string cpu = section::code("cpu"); package.has(cpu))
    write(cpu + ".so", package.section(cpu));
  std::map<std::string, Bytes> rest; // of each device's objects
  for (const Kernel &kernel : readManifest(package).kernels) {
    std::string objects = section::objects(kernel.device);
    if (!package.has(objects))
      continue;
    Bytes &left =
        rest.try_emplace(objects, package.section(objects)).first->second;
    if (kernel.bytes > left.size())
      throw badInput(package.path(),
                     "section '{}': kernel '{}' of {} bytes is beyond its end",
                     objects, kernel.name, kernel.bytes);
    const char *suffix = kernel.device == "cpu"    ? ".o"
                         : kernel.device == "cuda" ? ".ptx"
                                                   : ".mlir";
    write(kernel.name + suffix, left.first(kernel.bytes));
    left = left.subspan(kernel.bytes);
  }
  std::string cuda = section::code("cuda");
  if (!package.has(cuda))
    return;
  for (const CudaKernel &kernel :
       CudaCode::parse(package.section(cuda), package.path()).kernels)
    for (const auto &[arch, cubin] : kernel.cubins)
      write(kernel.name + "." + arch + ".cubin",
            {reinterpret_cast<const uint8_t *>(cubin.data()), cubin.size()});
}
