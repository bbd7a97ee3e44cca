//===- Attention.cpp - attention and rotary embedding ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

namespace {
/// One attention operation's operands, sizes and mask.
struct Attention {
  Operation *op;
  const Tensor &query, &key, &value;
  const Tensor *past = nullptr, *mask = nullptr;
  int64_t batch, tokens, heads, depth; ///< of the query
  int64_t keys, groups, valueDepth;
  double scale, softcap; ///< softcap 0: none
  bool causal;
  int64_t window;

  Attention(graph::AttentionOp op, Operands operands)
      : op(op), query(operands[0]), key(operands[1]), value(operands[2]),
        batch(query.dim(0)), tokens(query.dim(1)), heads(query.dim(2)),
        depth(query.dim(3)), keys(key.dim(1)), groups(key.dim(2)),
        valueDepth(value.dim(3)), scale(op.getScale().convertToDouble()),
        softcap(op.getSoftcap() ? op.getSoftcap()->convertToDouble() : 0),
        causal(op.getCausal()), window(op.getWindow().value_or(INT64_MAX)) {
    size_t next = 3;
    if (op.getPast())
      past = &operands[next++];
    if (op.getMask())
      mask = &operands[next];
  }

  int64_t pastOf(int64_t row) const { return past ? past->ints()[row] : 0; }

  /// Keys that exist for a row.
  int64_t keysOf(int64_t row) const {
    int64_t present = past ? pastOf(row) + tokens : keys;
    if (pastOf(row) < 0 || present > keys)
      throw fault(op,
                  "row {}: expected past + {} tokens within {} keys, got "
                  "past {}",
                  row, tokens, keys, pastOf(row));
    return present;
  }

  bool attends(int64_t row, int64_t position, int64_t t) const {
    return !(causal && t > position) && position - t < window &&
           (!mask || mask->ints()[row * keys + t] != 0);
  }

  double logit(const double *q, const double *k) const {
    double x = 0;
    for (int64_t d = 0; d < depth; ++d)
      x += q[d] * k[d];
    x *= scale;
    return softcap == 0 ? x : softcap * std::tanh(x / softcap);
  }

  void runGroup(int64_t row, int64_t group, Tensor &result) const;
  void runQuery(int64_t row, int64_t token, ArrayRef<double> q,
                ArrayRef<double> k, ArrayRef<double> v,
                MutableArrayRef<double> out) const;
};
} // namespace

/// One query against keys k [present, D] and values v [present, Dv].
void Attention::runQuery(int64_t row, int64_t token, ArrayRef<double> q,
                         ArrayRef<double> k, ArrayRef<double> v,
                         MutableArrayRef<double> out) const {
  SmallVector<std::pair<int64_t, double>> logits;
  double top = -INFINITY;
  for (int64_t t = 0; t < keysOf(row); ++t)
    if (attends(row, pastOf(row) + token, t)) {
      logits.emplace_back(t, logit(q.data(), k.data() + t * depth));
      top = std::fmax(top, logits.back().second);
    }
  double sum = 0;
  for (auto &[t, x] : logits)
    sum += x = std::exp(x - top);
  llvm::fill(out, 0.0);
  for (auto [t, x] : logits)
    for (int64_t d = 0; d < valueDepth; ++d)
      out[size_t(d)] += x / sum * v[size_t(t * valueDepth + d)];
}

void Attention::runGroup(int64_t row, int64_t group, Tensor &result) const {
  int64_t present = keysOf(row), share = heads / groups;
  std::vector<double> k(size_t(present * depth)),
      v(size_t(present * valueDepth)), q(static_cast<size_t>(depth)),
      out(static_cast<size_t>(valueDepth));
  for (int64_t t = 0; t < present; ++t) {
    int64_t index = (row * keys + t) * groups + group;
    key.load(index * depth, depth, k.data() + t * depth);
    value.load(index * valueDepth, valueDepth, v.data() + t * valueDepth);
  }
  for (int64_t s = 0; s < tokens; ++s)
    for (int64_t head = group * share; head < (group + 1) * share; ++head) {
      int64_t index = (row * tokens + s) * heads + head;
      query.load(index * depth, depth, q.data());
      runQuery(row, s, q, k, v, out);
      result.store(index * valueDepth, valueDepth, out.data());
    }
}

static void attention(graph::AttentionOp op, Operands operands,
                      Tensor &result) {
  Attention attention(op, operands);
  for (int64_t row = 0; row < attention.batch; ++row)
    for (int64_t group = 0; group < attention.groups; ++group)
      attention.runGroup(row, group, result);
}

static void rope(graph::RopeOp op, Operands operands, Tensor &result) {
  const Tensor &input = operands[0], &positions = operands[1];
  graph::RopeFrequencies frequencies = graph::ropeFrequencies(op);
  int64_t pairs = int64_t(frequencies.inverse.size());
  int64_t heads = input.dim(2), depth = input.dim(3);
  bool half = op.getStyle() == graph::RopeStyle::Half;
  std::vector<double> head(static_cast<size_t>(depth));
  int64_t vectors = input.dim(0) * input.dim(1) * heads;
  for (int64_t index = 0; index < vectors; ++index) {
    double position = positions.ints()[index / heads];
    input.load(index * depth, depth, head.data());
    for (int64_t i = 0; i < pairs; ++i) {
      double &x = head[size_t(half ? i : 2 * i)];
      double &y = head[size_t(half ? i + pairs : 2 * i + 1)];
      double angle = position * frequencies.inverse[size_t(i)];
      double cosine = frequencies.attention * std::cos(angle);
      double sine = frequencies.attention * std::sin(angle);
      std::tie(x, y) = std::pair(x * cosine - y * sine, y * cosine + x * sine);
    }
    result.store(index * depth, depth, head.data());
  }
}

bool reference::evaluateAttention(Operation *op, Operands operands,
                                  Tensor &result) {
  if (auto node = dyn_cast<graph::AttentionOp>(op))
    return attention(node, operands, result), true;
  if (auto node = dyn_cast<graph::RopeOp>(op))
    return rope(node, operands, result), true;
  return false;
}
