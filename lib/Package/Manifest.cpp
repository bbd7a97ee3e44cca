//===- Manifest.cpp - manifest → JSON -------------------------------------===//
// ManifestReader.cpp is the way back.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Package/Manifest.h"

using namespace trine;
using Json = nlohmann::json;

namespace trine {

static void to_json(Json &json, const Size &size) {
  if (std::optional<int64_t> value = size.asConstant()) {
    json = *value;
    return;
  }
  Json terms = Json::array();
  for (const Size::Term &term : size.terms) {
    Json row = Json::array({term.coefficient});
    for (uint32_t symbol : term.symbols)
      row.push_back(symbol);
    terms.push_back(std::move(row));
  }
  json = {{"terms", terms}, {"multiple", size.multiple}};
}

static const char *originName(ProgramValue::Origin origin) {
  switch (origin) {
  case ProgramValue::Origin::Input:
    return "input";
  case ProgramValue::Origin::Slot:
    return "slot";
  case ProgramValue::Origin::Parameter:
    return "parameter";
  case ProgramValue::Origin::State:
    return "state";
  case ProgramValue::Origin::Length:
    return "length";
  }
  return "";
}

static void to_json(Json &json, const ProgramValue &value) {
  json = {{"origin", originName(value.origin)},
          {"index", value.index},
          {"dtype", value.dtype},
          {"shape", value.shape},
          {"layout", value.layout.text()},
          {"bytes", value.bytes}};
}

static void to_json(Json &json, const Step &step) {
  json = {{"operands", step.operands},
          {"results", step.results},
          {"device", step.device}};
  if (!step.node.empty())
    json["node"] = step.node;
  if (step.kind == Step::Kind::Copy) {
    json["copy_from"] = step.sourceDevice;
    return;
  }
  json["kernel"] = step.kernel;
  json["scratch"] = step.scratch;
  json["shared"] = step.shared;
  if (step.flops)
    json["flops"] = *step.flops;
  if (step.bytes)
    json["bytes"] = *step.bytes;
}

static void to_json(Json &json, const EntryTensor &tensor) {
  json = {{"name", tensor.name},
          {"dtype", tensor.dtype},
          {"shape", tensor.shape},
          {"value", tensor.value}};
  if (tensor.optional)
    json["optional"] = true;
  if (tensor.indexLimit)
    json["index_limit"] = tensor.indexLimit;
}

static void to_json(Json &json, const Entry &entry) {
  json = {{"name", entry.name},
          {"symbols", entry.symbols},
          {"symbol_limits", entry.symbolLimits},
          {"inputs", entry.inputs},
          {"outputs", entry.outputs},
          {"values", entry.values},
          {"steps", entry.steps},
          {"slots", entry.slots},
          {"stateful", entry.stateful}};
  if (entry.appendSymbol >= 0)
    json["append_symbol"] = entry.appendSymbol;
  if (entry.appendTokens)
    json["append_tokens"] = entry.appendTokens;
  if (entry.lengthsInput >= 0)
    json["lengths_input"] = entry.lengthsInput;
}

static void to_json(Json &json, const Kernel &kernel) {
  json = {{"name", kernel.name},         {"device", kernel.device},
          {"family", kernel.family},     {"node", kernel.node},
          {"uses", kernel.uses},         {"bytes", kernel.bytes},
          {"operands", kernel.operands}, {"results", kernel.results},
          {"ties", kernel.ties}};
  if (!kernel.compute.empty())
    json["compute"] = kernel.compute;
}

static void to_json(Json &json, const Parameter &parameter) {
  json = {{"name", parameter.name},           {"dtype", parameter.dtype},
          {"storage", parameter.storage},     {"shape", parameter.shape},
          {"offset", parameter.offset},       {"bytes", parameter.bytes},
          {"layout", parameter.layout.text()}};
}

static void to_json(Json &json, const State &state) {
  json = {{"name", state.name},
          {"dtype", state.dtype},
          {"device", state.device},
          {"capacity", state.capacity},
          {"shape", state.shape},
          {"layout", state.layout.text()},
          {"bytes_per_row", state.bytesPerRow}};
}

static void to_json(Json &json, const Placement &placement) {
  json = {{"node", placement.node},
          {"op", placement.op},
          {"device", placement.device},
          {"reason", placement.reason}};
}

static void to_json(Json &json, const TargetInfo &target) {
  json = {{"kind", target.kind},
          {"name", target.name},
          {"features", target.features}};
}

} // namespace trine

Json Manifest::toJson() const {
  return {{"format_version", formatVersion},
          {"kernel_abi", kernelAbi},
          {"trine_version", trineVersion},
          {"llvm_version", llvmVersion},
          {"source", {{"name", sourceName}, {"sha256", sourceSha256}}},
          {"model_kind", modelKind},
          {"options", options},
          {"targets", targets},
          {"entries", entries},
          {"kernels", kernels},
          {"parameters", parameters},
          {"states", states},
          {"fallbacks", fallbacks},
          {"max_sequence", maxSequence},
          {"max_batch", maxBatch}};
}
