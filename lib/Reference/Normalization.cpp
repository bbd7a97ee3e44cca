//===- Normalization.cpp - row reductions ---------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <numeric>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

using Row = MutableArrayRef<double>;

/// Runs `body` on every row of the last dimension, in place.
static void forEachRow(const Tensor &input, Tensor &result,
                       function_ref<void(Row)> body) {
  int64_t width = input.shape.back();
  std::vector<double> row(static_cast<size_t>(width));
  for (int64_t first = 0; first < input.elements(); first += width) {
    input.load(first, width, row.data());
    body(row);
    result.store(first, width, row.data());
  }
}

static double sumOf(Row row) {
  return std::accumulate(row.begin(), row.end(), 0.0);
}
static double squares(Row row) {
  return std::inner_product(row.begin(), row.end(), row.begin(), 0.0);
}

static void rmsNorm(graph::RmsNormOp op, Operands operands, Tensor &result) {
  std::vector<double> weight = operands[1].load(0, operands[1].elements());
  double epsilon = op.getEpsilon().convertToDouble();
  double offset = op.getOffset().convertToDouble();
  forEachRow(operands[0], result, [&](Row row) {
    double scale = 1 / std::sqrt(squares(row) / double(row.size()) + epsilon);
    for (auto [x, w] : llvm::zip_equal(row, weight))
      x *= scale * (w + offset);
  });
}

static void layerNorm(graph::LayerNormOp op, Operands operands,
                      Tensor &result) {
  std::vector<double> weight = operands[1].load(0, operands[1].elements());
  std::vector<double> bias = operands[2].load(0, operands[2].elements());
  double epsilon = op.getEpsilon().convertToDouble();
  forEachRow(operands[0], result, [&](Row row) {
    double mean = sumOf(row) / double(row.size());
    for (double &x : row)
      x -= mean;
    double scale = 1 / std::sqrt(squares(row) / double(row.size()) + epsilon);
    for (auto [x, w, b] : llvm::zip_equal(row, weight, bias))
      x = x * scale * w + b;
  });
}

static void softmax(Row row) {
  double top = *std::max_element(row.begin(), row.end());
  for (double &x : row)
    x = std::exp(x - top);
  double sum = sumOf(row);
  for (double &x : row)
    x /= sum;
}

static void normalize(Row row) {
  double norm = std::max(std::sqrt(squares(row)), 1e-12);
  for (double &x : row)
    x /= norm;
}

static void pool(graph::PoolOp op, Operands operands, Tensor &result) {
  const Tensor &input = operands[0], &mask = operands[1];
  int64_t tokens = input.dim(1), width = input.dim(2);
  bool isMax = op.getKind() == graph::PoolKind::Max;
  if (op.getKind() == graph::PoolKind::Cls && tokens == 0 && input.dim(0) != 0)
    throw fault(op, "expected at least one token, got none");
  for (int64_t row = 0; row < input.dim(0); ++row) {
    std::vector<double> out(size_t(width), isMax ? -INFINITY : 0.0);
    double weights = 0;
    for (int64_t s = 0; s < tokens; ++s) {
      double weight = mask.ints()[row * tokens + s];
      if (op.getKind() == graph::PoolKind::Cls)
        weight = s == 0;
      if (weight == 0)
        continue;
      weights += weight;
      std::vector<double> x = input.load((row * tokens + s) * width, width);
      for (auto [sum, value] : llvm::zip_equal(out, x))
        sum = isMax ? std::max(sum, value) : sum + weight * value;
    }
    if (op.getKind() == graph::PoolKind::Mean)
      for (double &x : out)
        x /= std::max(weights, 1e-9);
    result.store(row * width, width, out.data());
  }
}

bool reference::evaluateNormalization(Operation *op, Operands operands,
                                      Tensor &result) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](graph::RmsNormOp o) {
        return rmsNorm(o, operands, result), true;
      })
      .Case([&](graph::LayerNormOp o) {
        return layerNorm(o, operands, result), true;
      })
      .Case([&](graph::SoftmaxOp) {
        return forEachRow(operands[0], result, softmax), true;
      })
      .Case([&](graph::NormalizeOp) {
        return forEachRow(operands[0], result, normalize), true;
      })
      .Case([&](graph::PoolOp o) { return pool(o, operands, result), true; })
      .Default(false);
}
