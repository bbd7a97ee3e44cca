//===- Contraction.cpp - linear layers and matrix products ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

/// Σ a·b in float64. Eight fixed partial sums let the compiler use vectors
/// without reordering anything from one build to the next.
static double dot(const double *a, const double *b, int64_t count) {
  double partial[8] = {};
  int64_t i = 0;
  for (; i + 8 <= count; i += 8)
    for (int64_t lane = 0; lane < 8; ++lane)
      partial[lane] += a[i + lane] * b[i + lane];
  double sum = 0;
  for (; i < count; ++i)
    sum += a[i] * b[i];
  for (double value : partial)
    sum += value;
  return sum;
}

/// Each row of b is widened once.
std::vector<double> reference::product(ArrayRef<double> a, const Tensor &b,
                                       int64_t firstRow, int64_t m, int64_t n,
                                       int64_t k) {
  std::vector<double> out(size_t(m * n)), row(static_cast<size_t>(k));
  for (int64_t j = 0; j < n; ++j) {
    b.load((firstRow + j) * k, k, row.data());
    for (int64_t i = 0; i < m; ++i)
      out[size_t(i * n + j)] = dot(a.data() + i * k, row.data(), k);
  }
  return out;
}

/// input [.., K] as a matrix [M, K].
static int64_t leadingRows(const Tensor &input) {
  int64_t rows = 1;
  for (int64_t dim : ArrayRef(input.shape).drop_back())
    rows *= dim;
  return rows;
}

/// x as s·c by blocks of 32, in the f32 arithmetic that `int8` prescribes.
static void quantizeBlocks(MutableArrayRef<double> rows, int64_t k) {
  for (size_t row = 0; row < rows.size(); row += size_t(k))
    for (int64_t from = 0; from < k; from += 32) {
      auto block = rows.slice(row + size_t(from),
                              size_t(std::min<int64_t>(32, k - from)));
      float most = 0;
      for (double x : block)
        most = std::max(most, std::fabs(float(x)));
      float scale = most * (1.0f / 127), inverse = 1 / scale;
      for (double &x : block)
        x = scale == 0
                ? 0
                : double(scale) * double(std::nearbyint(float(x) * inverse));
    }
}

static void linear(graph::LinearOp op, Operands operands, Tensor &result) {
  const Tensor &input = operands[0], &weight = operands[1];
  int64_t m = leadingRows(input), n = weight.dim(0), k = weight.dim(1);
  std::vector<double> a = input.load(0, m * k);
  if (op.getInt8())
    quantizeBlocks(a, k);
  std::vector<double> out = product(a, weight, 0, m, n, k);
  if (op.getBias()) {
    std::vector<double> bias = operands[2].load(0, n);
    for (int64_t i = 0; i < m * n; ++i)
      out[size_t(i)] += bias[size_t(i % n)];
  }
  result.store(0, m * n, out.data());
}

static void gated(graph::GatedOp op, Operands operands, Tensor &result) {
  const Tensor &input = operands[0];
  int64_t m = leadingRows(input), n = operands[1].dim(0),
          k = input.shape.back();
  std::vector<double> a = input.load(0, m * k);
  if (op.getInt8())
    quantizeBlocks(a, k);
  std::vector<double> gate = product(a, operands[1], 0, m, n, k);
  std::vector<double> up = product(a, operands[2], 0, m, n, k);
  for (size_t i = 0; i < up.size(); ++i)
    up[i] *= graph::evaluate(op.getActivation(), gate[i]);
  result.store(0, m * n, up.data());
}

/// b [batch.., K, N] as [batch.., N, K].
static Tensor transposeLast(const Tensor &b) {
  Shape shape = b.shape;
  size_t rank = shape.size();
  int64_t k = shape[rank - 2], n = shape[rank - 1];
  std::swap(shape[rank - 2], shape[rank - 1]);
  Tensor out(b.dtype, shape);
  for (int64_t base = 0; base < b.elements(); base += k * n) {
    std::vector<double> values = b.load(base, k * n);
    std::vector<double> column(static_cast<size_t>(k));
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t i = 0; i < k; ++i)
        column[size_t(i)] = values[size_t(i * n + j)];
      out.store(base + j * k, k, column.data()); // exact: same dtype
    }
  }
  return out;
}

static void matmul(graph::MatmulOp op, Operands operands, Tensor &result) {
  const Tensor &a = operands[0];
  Tensor b = op.getTransposeB() ? operands[1] : transposeLast(operands[1]);
  size_t rank = a.shape.size();
  int64_t m = a.shape[rank - 2], k = a.shape[rank - 1], n = b.shape[rank - 2];
  int64_t batches = m * n == 0 ? 0 : result.elements() / (m * n);
  for (int64_t batch = 0; batch < batches; ++batch) {
    std::vector<double> out =
        product(a.load(batch * m * k, m * k), b, batch * n, m, n, k);
    result.store(batch * m * n, m * n, out.data());
  }
}

bool reference::evaluateContraction(Operation *op, Operands operands,
                                    Tensor &result) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case(
          [&](graph::LinearOp o) { return linear(o, operands, result), true; })
      .Case([&](graph::GatedOp o) { return gated(o, operands, result), true; })
      .Case(
          [&](graph::MatmulOp o) { return matmul(o, operands, result), true; })
      .Default(false);
}
