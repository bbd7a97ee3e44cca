//===- Experts.cpp - mixtures of experts ----------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

static constexpr double kLowest = std::numeric_limits<float>::lowest();

/// The `count` largest, largest first, of equal ones the first.
static std::vector<int64_t> largest(ArrayRef<double> values, int64_t count) {
  std::vector<int64_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](int64_t a, int64_t b) {
    double x = values[size_t(a)], y = values[size_t(b)];
    return x > y || (x == y && a < b);
  });
  order.resize(size_t(count));
  return order;
}

static std::vector<double> scores(graph::Scoring scoring,
                                  std::vector<double> logits) {
  if (scoring == graph::Scoring::Sigmoid) {
    for (double &x : logits)
      x = 1 / (1 + std::exp(-x));
    return logits;
  }
  double top = -INFINITY, sum = 0;
  for (double x : logits)
    top = std::fmax(top, x);
  for (double &x : logits)
    sum += x = std::exp(x - top);
  for (double &x : logits)
    x /= sum;
  return logits;
}

/// Scores by which experts are chosen: none from groups that are not.
static void limitGroups(std::vector<double> &choice, int64_t groups,
                        int64_t limit) {
  size_t size = choice.size() / size_t(groups);
  std::vector<double> sums;
  for (size_t g = 0; g < choice.size(); g += size) {
    ArrayRef<double> group(choice.data() + g, size);
    double sum = 0;
    for (int64_t i : largest(group, 2))
      sum += group[size_t(i)];
    sums.push_back(std::fmax(sum, kLowest));
  }
  std::vector<int64_t> open = largest(sums, limit);
  for (size_t i = 0; i < choice.size(); ++i)
    if (!llvm::is_contained(open, int64_t(i / size)))
      choice[i] = -INFINITY;
}

static void route(graph::RouteOp op, Operands operands,
                  MutableArrayRef<Tensor> results) {
  const Tensor &logits = operands[0];
  int64_t experts = logits.shape.back(), top = int64_t(op.getTop());
  std::vector<double> bias(static_cast<size_t>(experts));
  if (op.getBias())
    bias = operands[1].load(0, experts);
  for (int64_t row = 0; row * experts < logits.elements(); ++row) {
    std::vector<double> s =
        scores(op.getScoring(), logits.load(row * experts, experts));
    std::vector<double> choice = s;
    for (size_t i = 0; i < choice.size(); ++i) {
      choice[i] += bias[i];
      choice[i] = std::fmax(choice[i], kLowest);
    }
    if (op.getGroups())
      limitGroups(choice, int64_t(*op.getGroups()), int64_t(*op.getLimit()));
    std::vector<double> weights;
    double sum = 0;
    for (int64_t expert : largest(choice, top)) {
      results[0].ints()[row * top + int64_t(weights.size())] = int32_t(expert);
      weights.push_back(s[size_t(expert)]);
      sum += weights.back();
    }
    for (double &weight : weights)
      weight *= op.getScale().convertToDouble() /
                (op.getNormalize() ? sum + 1e-20 : 1);
    results[1].store(row * top, top, weights.data());
  }
}

int64_t reference::expertOf(Operation *op, const Tensor &indices, int64_t pair,
                            const Tensor &weight) {
  int64_t expert = indices.ints()[pair];
  if (expert < 0 || expert >= weight.dim(0))
    throw fault(op, "expected an expert of 0 to {}, got {}", weight.dim(0) - 1,
                expert);
  return expert;
}

static void expertGated(graph::ExpertGatedOp op, Operands operands,
                        MutableArrayRef<Tensor> results) {
  const Tensor &input = operands[0], &indices = operands[1];
  int64_t n = operands[2].dim(1), k = input.shape.back();
  int64_t top = indices.shape.back();
  for (int64_t pair = 0; pair < indices.elements(); ++pair) {
    int64_t row = expertOf(op, indices, pair, operands[2]) * n;
    std::vector<double> x = input.load(pair / top * k, k);
    std::vector<double> gate = product(x, operands[2], row, 1, n, k);
    std::vector<double> up = product(x, operands[3], row, 1, n, k);
    for (size_t i = 0; i < up.size(); ++i)
      up[i] *= graph::evaluate(op.getActivation(), gate[i]);
    results[0].store(pair * n, n, up.data());
  }
}

static void expertLinear(graph::ExpertLinearOp op, Operands operands,
                         MutableArrayRef<Tensor> results) {
  const Tensor &input = operands[0], &indices = operands[1],
               &weight = operands[3];
  int64_t n = weight.dim(1), k = weight.dim(2), top = indices.shape.back();
  std::vector<double> weights = operands[2].load(0, operands[2].elements());
  for (int64_t token = 0; token * top < indices.elements(); ++token) {
    std::vector<double> sum(static_cast<size_t>(n));
    for (int64_t pair = token * top; pair < (token + 1) * top; ++pair) {
      int64_t row = expertOf(op, indices, pair, weight) * n;
      std::vector<double> y =
          product(input.load(pair * k, k), weight, row, 1, n, k);
      for (size_t i = 0; i < y.size(); ++i)
        sum[i] += weights[size_t(pair)] * y[i];
    }
    results[0].store(token * n, n, sum.data());
  }
}

/// b [G, K, N] as [G, N, K].
static Tensor turned(const Tensor &b) {
  int64_t groups = b.dim(0), k = b.dim(1), n = b.dim(2);
  Tensor out(b.dtype, {groups, n, k});
  std::vector<double> all = b.load(0, b.elements()), to(all.size());
  for (int64_t i = 0; i < b.elements(); ++i)
    to[size_t((i / (k * n) * n + i % n) * k + i / n % k)] = all[size_t(i)];
  out.store(0, b.elements(), to.data());
  return out;
}

static void groupedLinear(graph::GroupedLinearOp op, Operands operands,
                          MutableArrayRef<Tensor> results) {
  const Tensor &input = operands[0];
  Tensor weight = op.getTransposed() ? turned(operands[1]) : operands[1];
  int64_t groups = weight.dim(0), n = weight.dim(1), k = weight.dim(2);
  for (int64_t row = 0; row * k < input.elements(); ++row) {
    std::vector<double> y =
        product(input.load(row * k, k), weight, row % groups * n, 1, n, k);
    results[0].store(row * n, n, y.data());
  }
}

bool reference::evaluateExperts(Operation *op, Operands operands,
                                MutableArrayRef<Tensor> results) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](graph::RouteOp o) { return route(o, operands, results), true; })
      .Case([&](graph::ExpertGatedOp o) {
        return expertGated(o, operands, results), true;
      })
      .Case([&](graph::ExpertLinearOp o) {
        return expertLinear(o, operands, results), true;
      })
      .Case([&](graph::GroupedLinearOp o) {
        return groupedLinear(o, operands, results), true;
      })
      .Default(false);
}
