//===- Experts.cpp - a mixture of experts instead of an MLP ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Experts.h"

using namespace mlir;
using namespace trine;
using namespace trine::graph;

void trine::checkExperts(ModelBuilder &m, const ExpertsConfig &c,
                         const char *countKey) {
  m.checkLayers(countKey, c.count, "experts");
  if (c.top > c.count)
    m.bad(fmt::format("num_experts_per_tok: expected at most {} experts, got "
                      "{}",
                      c.count, c.top));
  if (c.groups == 1 && c.limit == 1)
    return;
  int64_t size = c.count / c.groups;
  if (c.count % c.groups != 0 || size < 2)
    m.bad(fmt::format("n_group: expected groups of two experts or more, got {} "
                      "experts in {} groups",
                      c.count, c.groups));
  else if (c.limit > c.groups || c.top > c.limit * size)
    m.bad(fmt::format("topk_group: {} experts of a token do not fit into {} of "
                      "{} groups of {}",
                      c.top, c.limit, c.groups, size));
}

/// A count that the checkpoint contradicts is one fault, not one a tensor.
static void checkStored(ModelBuilder &m, const std::string &at,
                        const ExpertsConfig &c) {
  auto name = [&](int64_t expert) {
    return fmt::format("{}{}.{}.weight", at, expert, c.down);
  };
  auto stored = [&](int64_t expert) { return m.has(name(expert)); };
  int64_t found = 0;
  while (stored(found))
    ++found;
  bool fewer = found < c.count && !stored(c.count - 1), more = found > c.count;
  if (!fewer && !more)
    return;
  m.bad(
      fmt::format("tensor '{}' {}: config.json says {} experts, and there are "
                  "{}",
                  m.storedName(name(std::min(found, c.count))),
                  fewer ? "is missing" : "is of no expert", c.count, found));
  m.checkFaults();
}

/// The choice of each token: indices and weights.
static RouteOp route(ModelBuilder &m, const std::string &node, Value x,
                     const ExpertsConfig &c) {
  Value logits = m.linear(node + ".gate", x, c.count, /*bias=*/false);
  Value bias;
  if (c.biased)
    bias = m.weight(node + ".gate.e_score_correction_bias", {c.count});
  auto logitsType = cast<RankedTensorType>(logits.getType());
  SmallVector<int64_t> shape(logitsType.getShape());
  shape.back() = c.top;
  bool grouped = c.groups > 1;
  return RouteOp::create(
      m.builder, m.at(node + ".route"), RankedTensorType::get(shape, m.i32),
      RankedTensorType::get(shape, m.f32),
      ScoringAttr::get(m.builder.getContext(), c.scoring), logits, bias,
      m.integer(c.top), c.normalize ? m.builder.getUnitAttr() : UnitAttr(),
      grouped ? m.integer(c.groups) : IntegerAttr(),
      grouped ? m.integer(c.limit) : IntegerAttr(), m.real(c.scale));
}

Value trine::buildExperts(ModelBuilder &m, const std::string &node, Value x,
                          const ExpertsConfig &c) {
  int64_t hidden = cast<RankedTensorType>(x.getType()).getShape().back();
  std::string at = node + ".experts.";
  checkStored(m, at, c);
  auto weights = [&](const std::string &layer, int64_t n, int64_t k) {
    std::vector<std::string> parts;
    for (int64_t i = 0; i < c.count; ++i)
      parts.push_back(fmt::format("{}{}.{}.weight", at, i, layer));
    return m.stackedWeight(at + layer + ".weight", parts, {n, k});
  };
  RouteOp chosen = route(m, node, x, c);
  auto kind = ActivationAttr::get(m.builder.getContext(), c.activation);
  Value gate = weights(c.gate, c.feedForward, hidden);
  Value up = weights(c.up, c.feedForward, hidden);
  Value wide = m.make<ExpertGatedOp>(at + "gate_up", x, chosen.getIndices(),
                                     gate, up, kind);
  return m.make<ExpertLinearOp>(at + c.down, wide, chosen.getIndices(),
                                chosen.getWeights(),
                                weights(c.down, hidden, c.feedForward));
}
