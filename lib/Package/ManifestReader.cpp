//===- ManifestReader.cpp - JSON → manifest -------------------------------===//
// Types and ranges of every field; ManifestCheck.cpp relates them to each
// other. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "JsonField.h"
#include "ManifestCheck.h"

using namespace trine;

namespace {

std::string text(const Field &field) { return field.text(); }
int64_t count(const Field &field) { return field.integer(0, kMaxCount); }
int64_t position(const Field &field) { return field.integer(-1, kMaxCount); }
int64_t extent(const Field &field) { return field.integer(0); }

Size size(const Field &field) {
  if (field.raw().is_number())
    return Size::constant(field.integer(0));
  Size size;
  size.multiple = field["multiple"].integer(1, 1 << 30);
  auto term = [](const Field &row) {
    std::vector<int64_t> numbers =
        row.list([](const Field &n) { return n.integer(-kAny); }, kMaxRank * 2);
    if (numbers.empty())
      throw row.expected("a coefficient and symbols");
    Size::Term term{numbers[0], {}};
    for (size_t i = 1; i < numbers.size(); ++i) {
      if (numbers[i] < 0 || numbers[i] >= kMaxCount)
        throw row.expected("symbols by index");
      term.symbols.push_back(uint32_t(numbers[i]));
    }
    return term;
  };
  size.terms = field["terms"].list(term, 64);
  return size;
}

std::vector<Size> shape(const Field &field) {
  return field.list(size, kMaxRank);
}

Layout layout(const Field &field) {
  std::optional<Layout> layout = Layout::parse(field.text());
  if (!layout)
    throw field.expected("a layout such as \"rows\" or \"panels:32\"");
  return *layout;
}

std::string dtype(const Field &field) {
  std::string name = field.text();
  if (dtypeBytes(name) == 0)
    throw field.expected("f32, f16, bf16 or i32");
  return name;
}

/// Device names become file names of plug-ins.
std::string device(const Field &field) {
  std::string name = field.text();
  if (name.empty() || name.size() > 32 ||
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") !=
          std::string::npos)
    throw field.expected("a device name of small letters and digits");
  return name;
}

ProgramValue value(const Field &field) {
  using Origin = ProgramValue::Origin;
  static const std::pair<std::string_view, Origin> origins[] = {
      {"input", Origin::Input},
      {"slot", Origin::Slot},
      {"parameter", Origin::Parameter},
      {"state", Origin::State},
      {"length", Origin::Length}};
  ProgramValue value;
  std::string name = field["origin"].text();
  auto found = std::find_if(std::begin(origins), std::end(origins),
                            [&](auto &entry) { return entry.first == name; });
  if (found == std::end(origins))
    throw field["origin"].expected("input, slot, parameter, state or length");
  value.origin = found->second;
  value.index = count(field["index"]);
  value.dtype = dtype(field["dtype"]);
  value.shape = shape(field["shape"]);
  value.layout = layout(field["layout"]);
  value.bytes = size(field["bytes"]);
  return value;
}

Step step(const Field &field) {
  Step step;
  step.operands = field["operands"].list(count);
  step.results = field["results"].list(count);
  step.device = device(field["device"]);
  if (field.has("node"))
    step.node = field["node"].text();
  if (field.has("copy_from")) {
    step.kind = Step::Kind::Copy;
    step.sourceDevice = device(field["copy_from"]);
    return step;
  }
  step.kernel = count(field["kernel"]);
  step.scratch = size(field["scratch"]);
  if (field.has("shared")) // packages before kernel_abi 2 are refused by that
    step.shared = size(field["shared"]);
  if (field.has("flops"))
    step.flops = size(field["flops"]);
  if (field.has("bytes"))
    step.bytes = size(field["bytes"]);
  return step;
}

EntryTensor tensor(const Field &field) {
  EntryTensor tensor;
  tensor.name = field["name"].text();
  tensor.dtype = dtype(field["dtype"]);
  tensor.shape = shape(field["shape"]);
  tensor.value = count(field["value"]);
  if (field.has("optional"))
    tensor.optional = field["optional"].boolean();
  if (field.has("index_limit"))
    tensor.indexLimit = field["index_limit"].integer(0);
  return tensor;
}

Entry entry(const Field &field) {
  Entry entry;
  entry.name = field["name"].text();
  entry.symbols = field["symbols"].list(text, 64);
  entry.symbolLimits = field["symbol_limits"].list(extent, 64);
  entry.inputs = field["inputs"].list(tensor);
  entry.outputs = field["outputs"].list(tensor);
  entry.values = field["values"].list(value);
  entry.steps = field["steps"].list(step);
  entry.slots = count(field["slots"]);
  entry.stateful = field["stateful"].boolean();
  if (field.has("append_symbol"))
    entry.appendSymbol = position(field["append_symbol"]);
  if (field.has("append_tokens"))
    entry.appendTokens = count(field["append_tokens"]);
  if (field.has("lengths_input"))
    entry.lengthsInput = position(field["lengths_input"]);
  return entry;
}

Kernel kernel(const Field &field) {
  Kernel kernel;
  kernel.name = field["name"].text();
  kernel.device = device(field["device"]);
  kernel.family = field["family"].text();
  kernel.node = field["node"].text();
  if (field.has("compute"))
    kernel.compute = field["compute"].text();
  kernel.uses = extent(field["uses"]);
  kernel.bytes = uint64_t(extent(field["bytes"]));
  kernel.operands = count(field["operands"]);
  kernel.results = count(field["results"]);
  kernel.ties = field["ties"].list(position);
  return kernel;
}

Parameter parameter(const Field &field) {
  Parameter parameter;
  parameter.name = field["name"].text();
  parameter.dtype = dtype(field["dtype"]);
  parameter.storage = field["storage"].text();
  parameter.shape = field["shape"].list(extent, kMaxRank);
  parameter.layout = layout(field["layout"]);
  parameter.offset = uint64_t(extent(field["offset"]));
  parameter.bytes = uint64_t(extent(field["bytes"]));
  return parameter;
}

State state(const Field &field) {
  State state;
  state.name = field["name"].text();
  state.dtype = dtype(field["dtype"]);
  state.device = device(field["device"]);
  state.capacity = extent(field["capacity"]);
  state.shape = field["shape"].list(extent, kMaxRank - 1);
  state.layout = layout(field["layout"]);
  state.bytesPerRow = uint64_t(extent(field["bytes_per_row"]));
  return state;
}

Placement placement(const Field &field) {
  return {field["node"].text(), field["op"].text(), field["device"].text(),
          field["reason"].text()};
}

TargetInfo target(const Field &field) {
  return {device(field["kind"]), field["name"].text(),
          field["features"].list(text)};
}

} // namespace

Manifest Manifest::fromJson(const Json &json, const std::string &path,
                            uint64_t weightBytes) {
  const std::string where = path + ": manifest";
  Field root(where, json);
  Manifest manifest;
  manifest.formatVersion = root["format_version"].integer(1, 1);
  manifest.kernelAbi = root["kernel_abi"].integer(1);
  manifest.trineVersion = root["trine_version"].text();
  manifest.llvmVersion = root["llvm_version"].text();
  manifest.sourceName = root["source"]["name"].text();
  manifest.sourceSha256 = root["source"]["sha256"].text();
  manifest.modelKind = root["model_kind"].text();
  manifest.options = root["options"].raw();
  manifest.targets = root["targets"].list(target);
  manifest.entries = root["entries"].list(entry);
  manifest.kernels = root["kernels"].list(kernel);
  manifest.parameters = root["parameters"].list(parameter);
  manifest.states = root["states"].list(state);
  manifest.fallbacks = root["fallbacks"].list(placement);
  manifest.maxSequence = extent(root["max_sequence"]);
  manifest.maxBatch = extent(root["max_batch"]);
  checkManifest(manifest, path, weightBytes);
  return manifest;
}
