//===- Calibration.cpp - what trine calibrate measured --------------------===//
// A JSON file of schema trine.calibration/1 → the attribute fp8.calibration.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Calibration.h"
#include "mlir/IR/Builders.h"
#include "trine/Formats/Json.h"
#include "trine/Support/File.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace trine;

/// Keys that nobody reads would be promises that nobody keeps.
static void expectKeys(const Json &object, const std::string &where,
                       std::initializer_list<std::string_view> known) {
  if (!object.is_object())
    throw badInput(where, "expected an object, got {}", describe(object));
  for (const auto &[key, value] : object.items())
    if (std::ranges::find(known, key) == known.end())
      throw badInput(where, "unknown key '{}'; known: {}", key,
                     fmt::join(known, ", "));
  for (std::string_view key : known)
    if (!object.contains(key))
      throw badInput(where, "expected key '{}'", key);
}

static FloatAttr readNode(Builder &b, const Json &node,
                          const std::string &where) {
  expectKeys(node, where, {"amax"});
  const Json &amax = node["amax"];
  double value = amax.is_number() ? amax.get<double>() : -1;
  if (!(value >= 0 && std::isfinite(float(value))))
    throw badInput(where, "expected a finite amax of 0 or more, got {}",
                   describe(amax));
  return b.getF32FloatAttr(float(value));
}

DictionaryAttr trine::readCalibration(MLIRContext &context,
                                      const std::string &file,
                                      const std::string &digest) {
  Json root = parseJson(readText(file), file, DuplicateKeys::Refuse);
  std::string schema = root.is_object() ? root.value("schema", "") : "";
  if (schema != "trine.calibration/1")
    throw badInput(file, "expected schema trine.calibration/1, got '{}'",
                   schema);
  expectKeys(root, file, {"schema", "model", "observer", "tokens", "nodes"});
  if (root["observer"] != "absmax")
    throw badInput(file, "unknown observer {}; known: absmax",
                   describe(root["observer"]));
  if (root["model"] != digest)
    throw badInput(file,
                   "expected a calibration of this model (sha256 {}), got one "
                   "of {}; calibrate this model",
                   digest, describe(root["model"]));
  if (!root["nodes"].is_object())
    throw badInput(file, "'nodes': expected an object, got {}",
                   describe(root["nodes"]));
  Builder b(&context);
  SmallVector<NamedAttribute> nodes;
  for (const auto &[name, node] : root["nodes"].items())
    nodes.push_back(b.getNamedAttr(
        name, readNode(b, node, fmt::format("{}: node '{}'", file, name))));
  return b.getDictionaryAttr(nodes);
}
