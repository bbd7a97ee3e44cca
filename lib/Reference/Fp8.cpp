//===- Fp8.cpp - codes, scales and products of them -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

static std::vector<float> floatsOf(const Tensor &tensor) {
  std::vector<double> values = tensor.load(0, tensor.elements());
  return {values.begin(), values.end()};
}

static float scaleAt(const Tensor &scales, int64_t index) {
  if (fp8::isOneScale(scales.shape))
    index = 0;
  if (scales.dtype == TRINE_U8)
    return ue8m0ToF32(scales.bytes.get()[index]);
  return reinterpret_cast<const float *>(scales.bytes.get())[index];
}

namespace {
/// The last two dimensions of codes, and where the scale of an element is.
struct Blocks {
  Blocks(const Tensor &codes, ArrayRef<int64_t> block)
      : columns(codes.shape.back()),
        rows(codes.rank() > 1 ? codes.shape[codes.shape.size() - 2] : 1),
        tall(block[0] ? block[0] : std::max<int64_t>(rows, 1)),
        wide(block[1] ? block[1] : std::max<int64_t>(columns, 1)) {}

  int64_t matrices(const Tensor &codes) const {
    return rows * columns ? codes.elements() / (rows * columns) : 0;
  }
  int64_t perMatrix() const {
    return llvm::divideCeil(rows, tall) * llvm::divideCeil(columns, wide);
  }
  /// Of element `column` of row `row`, counted over all matrices.
  int64_t scaleOf(int64_t row, int64_t column) const {
    return row / rows * perMatrix() +
           row % rows / tall * llvm::divideCeil(columns, wide) + column / wide;
  }

  int64_t columns, rows, tall, wide;
};
} // namespace

//===----------------------------------------------------------------------===//
// Codes and scales
//===----------------------------------------------------------------------===//

static void quantizeInto(const std::vector<float> &values,
                         const BlockQuantizer &q, ArrayRef<int64_t> block,
                         MutableArrayRef<Tensor> results) {
  Blocks blocks(results[0], block);
  int64_t size = blocks.rows * blocks.columns;
  int64_t scaleBytes = blocks.perMatrix() * dtypeBytes(results[1].dtype);
  for (int64_t i = 0; i < blocks.matrices(results[0]); ++i)
    q.quantize(values.data() + i * size, blocks.rows, blocks.columns,
               results[0].bytes.get() + i * size,
               results[1].bytes.get() + i * scaleBytes);
}

static void quantize(fp8::QuantizeOp op, Operands operands,
                     MutableArrayRef<Tensor> results) {
  quantizeInto(floatsOf(operands[0]), fp8::quantizerOf(op.getScheme()),
               op.getScheme().getBlock(), results);
}

static void encode(fp8::EncodeOp op, Operands operands,
                   MutableArrayRef<Tensor> results) {
  BlockQuantizer q = fp8::decoderOf(op.getBlock(), op.getCodes().getType(),
                                    op.getScales().getType());
  q.elementRcp = op.getElementRcp();
  Blocks blocks(results[0], op.getBlock());
  std::vector<float> values = floatsOf(operands[0]);
  for (size_t i = 0; i < values.size(); ++i)
    results[0].bytes.get()[i] =
        q.code(values[i], scaleAt(operands[1],
                                  blocks.scaleOf(int64_t(i) / blocks.columns,
                                                 int64_t(i) % blocks.columns)));
}

/// code · scale of each element, exactly.
static std::vector<double> decoded(const Tensor &codes, const Tensor &scales,
                                   ArrayRef<int64_t> block) {
  std::vector<double> values = codes.load(0, codes.elements());
  Blocks blocks(codes, block);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] *= scaleAt(scales, blocks.scaleOf(int64_t(i) / blocks.columns,
                                                int64_t(i) % blocks.columns));
  return values;
}

static void dequantize(fp8::DequantizeOp op, Operands operands,
                       MutableArrayRef<Tensor> results) {
  std::vector<double> values = decoded(operands[0], operands[1], op.getBlock());
  results[0].store(0, int64_t(values.size()), values.data());
}

static void requantize(fp8::RequantizeOp op, Operands operands,
                       MutableArrayRef<Tensor> results) {
  std::vector<double> values = decoded(operands[0], operands[1], op.getBlock());
  quantizeInto({values.begin(), values.end()}, fp8::quantizerOf(op.getScheme()),
               op.getScheme().getBlock(), results);
}

static void convertScales(fp8::ConvertScalesOp op, Operands operands,
                          MutableArrayRef<Tensor> results) {
  const Tensor &scales = operands[0], &codes = operands[1];
  Blocks from(codes, op.getFrom()), to(codes, op.getTo());
  for (int64_t row = 0; row < codes.elements() / codes.shape.back();
       row +=
       row % to.rows + to.tall < to.rows ? to.tall : to.rows - row % to.rows)
    for (int64_t column = 0; column < to.columns; column += to.wide) {
      float scale = scaleAt(scales, from.scaleOf(row, column));
      int64_t at = to.scaleOf(row, column);
      uint8_t byte = f32ToUe8m0(scale, false);
      if (results[0].dtype == TRINE_F32)
        reinterpret_cast<float *>(results[0].bytes.get())[at] = scale;
      else if (std::isnan(scale) || ue8m0ToF32(byte) == scale)
        results[0].bytes.get()[at] = byte;
      else
        throw fault(op, "expected powers of two as ue8m0 scales, got {}",
                    scale);
    }
}

static void observe(fp8::ObserveOp, Operands operands,
                    MutableArrayRef<Tensor> results) {
  float most = 0;
  for (float value : floatsOf(operands[0]))
    if (!std::isnan(most) && !(std::fabs(value) <= most))
      most = std::fabs(value);
  *reinterpret_cast<float *>(results[0].bytes.get()) = most;
}

static void compare(fp8::CompareOp, Operands operands,
                    MutableArrayRef<Tensor> results) {
  int64_t count = operands[0].elements();
  std::vector<double> a = operands[0].load(0, count),
                      b = operands[1].load(0, count), sums(4);
  for (size_t i = 0; i < a.size(); ++i) {
    sums[0] += a[i] * a[i];
    sums[1] += (a[i] - b[i]) * (a[i] - b[i]);
    sums[2] += a[i] * b[i];
    sums[3] += b[i] * b[i];
  }
  results[0].store(0, 4, sums.data());
}

static void census(fp8::CensusOp op, Operands operands,
                   MutableArrayRef<Tensor> results) {
  const Tensor &codes = operands[1], &scales = operands[2];
  int64_t count = codes.elements();
  std::vector<double> x = operands[0].load(0, count), c = codes.load(0, count);
  std::vector<double> counts(3 + 256);
  const Float8 &format =
      *fp8::formatOf(op.getCodes().getType().getElementType());
  Blocks blocks(codes, op.getBlock());
  counts[0] = double(count);
  for (size_t i = 0; i < x.size(); ++i) {
    int64_t row = int64_t(i) / blocks.columns;
    double scale =
        scaleAt(scales, blocks.scaleOf(row, int64_t(i) % blocks.columns));
    // Up to half a step beyond is rounding.
    float ratio = float(std::fabs(x[i]) / scale);
    counts[1] +=
        ratio > format.max && format.encode(ratio, false) > format.largest;
    counts[2] += x[i] != 0 && c[i] == 0;
  }
  for (int64_t i = 0; i < scales.elements(); ++i)
    ++counts[3 +
             size_t(llvm::bit_cast<uint32_t>(scaleAt(scales, i)) >> 23 & 0xff)];
  results[0].store(0, int64_t(counts.size()), counts.data());
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A multiply-add that takes subnormals for 0 and gives 0 for them, as
/// VDPBF16PS does. a · b is exact in double.
static float flushingFma(float a, float b, float sum) {
  auto flushed = [](float x) {
    return std::fabs(x) < FLT_MIN ? std::copysign(0.0f, x) : x;
  };
  a = flushed(a), b = flushed(b), sum = flushed(sum);
  // Tiny is what rounds to less than the least normal number.
  double exact = double(a) * b + sum;
  if (std::fabs(exact) < double(FLT_MIN) * (1 - 0x1p-25))
    return std::copysign(0.0f, float(exact));
  return std::fma(a, b, sum);
}

static float pairs(const float *a, const float *b, int64_t count) {
  float sum = 0;
  for (int64_t k = 0; k < count; k += 2) {
    if (k + 1 < count)
      sum = flushingFma(a[k + 1], b[k + 1], sum);
    sum = flushingFma(a[k], b[k], sum);
  }
  return sum;
}

/// 32 products and the sum lose what is below 2^-13 of the largest's exponent.
static float hopper(const float *a, const float *b, int64_t count) {
  float sum = 0;
  for (int64_t first = 0; first < count; first += 32) {
    double terms[33] = {sum};
    int64_t n = 1;
    for (int64_t k = first; k < std::min(first + 32, count); ++k)
      terms[n++] = double(a[k]) * b[k];
    int largest = INT_MIN;
    double total = 0;
    for (int64_t i = 0; i < n; ++i)
      if (terms[i] != 0)
        largest = std::max(largest, std::ilogb(terms[i]));
    for (int64_t i = 0; i < n && largest != INT_MIN; ++i)
      total +=
          std::isfinite(terms[i])
              ? std::scalbn(std::trunc(std::scalbn(terms[i], 13 - largest)),
                            largest - 13)
              : terms[i];
    sum = float(total);
  }
  return sum;
}

static float chain(const float *a, const float *b, int64_t count) {
  float sum = 0;
  for (int64_t k = 0; k < count; ++k)
    sum = std::fma(a[k], b[k], sum);
  return sum;
}

namespace {
/// One operand of a product: the values of its codes, or floats, and scales.
struct Side {
  Side(const Tensor &values, const Tensor *scales, ArrayRef<int64_t> block)
      : values(floatsOf(values)), scales(scales),
        blocks(values, block.empty() ? ArrayRef<int64_t>{1, 0} : block) {}
  const float *row(int64_t i) const {
    return values.data() + i * blocks.columns;
  }
  float scale(int64_t row, int64_t k) const {
    return scales ? scaleAt(*scales, blocks.scaleOf(row, k)) : 1;
  }

  std::vector<float> values;
  const Tensor *scales;
  Blocks blocks;
};
} // namespace

/// Row i of x times row j of w: rounded to f32 but in order `free`.
static double scaled(const Side &x, int64_t i, const Side &w, int64_t j,
                     fp8::Order order, int64_t group) {
  int64_t k = w.blocks.columns;
  group = group ? group : std::max<int64_t>(k, 1);
  double sum = 0;
  for (int64_t g = 0; g < k; g += group) {
    const float *a = x.row(i) + g, *b = w.row(j) + g;
    int64_t count = std::min(group, k - g);
    float scale = x.scale(i, g) * w.scale(j, g);
    if (order == fp8::Order::Free) {
      double part = 0;
      for (int64_t e = 0; e < count; ++e)
        part += double(a[e]) * b[e];
      sum += scale * part;
      continue;
    }
    float part = order == fp8::Order::Chain   ? chain(a, b, count)
                 : order == fp8::Order::Pairs ? pairs(a, b, count)
                                              : hopper(a, b, count);
    sum = std::fma(scale, part, float(sum));
  }
  return sum;
}

/// The product's rows [M, N] without bias.
static std::vector<double> scaled(const Side &x, const Side &w,
                                  fp8::Order order, int64_t group) {
  int64_t k = w.blocks.columns, n = w.blocks.rows;
  int64_t m = k ? int64_t(x.values.size()) / k : 0;
  std::vector<double> out;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j)
      out.push_back(scaled(x, i, w, j, order, group));
  return out;
}

/// Row i of x times the matrix of an expert.
static std::vector<double> ofExpert(const Side &x, int64_t i, const Side &w,
                                    int64_t expert, uint64_t group) {
  std::vector<double> out;
  for (int64_t j = 0; j < w.blocks.rows; ++j)
    out.push_back(scaled(x, i, w, expert * w.blocks.rows + j, fp8::Order::Free,
                         int64_t(group)));
  return out;
}

static void scaledMatmul(fp8::ScaledMatmulOp op, Operands operands,
                         MutableArrayRef<Tensor> results) {
  bool coded = bool(op.getInputScales());
  Side x(operands[0], coded ? &operands[1] : nullptr,
         op.getInputBlock().value_or(ArrayRef<int64_t>()));
  Operands rest = operands.drop_front(coded ? 2 : 1);
  Side w(rest[0], &rest[1], op.getWeightBlock());
  bool free = op.getOrder() == fp8::Order::Free;
  std::vector<double> out = scaled(x, w, op.getOrder(), int64_t(op.getGroup()));
  if (op.getBias()) {
    std::vector<double> bias = rest[2].load(0, rest[2].elements());
    for (size_t i = 0; i < out.size(); ++i) {
      double &y = out[i], b = bias[i % bias.size()];
      y = free ? y + b : double(float(y) + float(b));
    }
  }
  results[0].store(0, int64_t(out.size()), out.data());
}

static void scaledGated(fp8::ScaledGatedOp op, Operands operands,
                        MutableArrayRef<Tensor> results) {
  bool coded = bool(op.getInputScales());
  Side x(operands[0], coded ? &operands[1] : nullptr,
         op.getInputBlock().value_or(ArrayRef<int64_t>()));
  Operands rest = operands.drop_front(coded ? 2 : 1);
  Side gate(rest[0], &rest[1], op.getWeightBlock());
  Side up(rest[2], &rest[3], op.getWeightBlock());
  std::vector<double> g =
      scaled(x, gate, op.getOrder(), int64_t(op.getGroup()));
  std::vector<double> u = scaled(x, up, op.getOrder(), int64_t(op.getGroup()));
  for (size_t i = 0; i < g.size(); ++i)
    g[i] = graph::evaluate(op.getActivation(), g[i]) * u[i];
  results[0].store(0, int64_t(g.size()), g.data());
}

static void scaledExpertGated(fp8::ScaledExpertGatedOp op, Operands operands,
                              MutableArrayRef<Tensor> results) {
  const Tensor &indices = operands[1];
  Side x(operands[0], nullptr, {});
  Side gate(operands[2], &operands[3], op.getWeightBlock());
  Side up(operands[4], &operands[5], op.getWeightBlock());
  for (int64_t pair = 0; pair < indices.elements(); ++pair) {
    int64_t expert = expertOf(op, indices, pair, operands[2]);
    int64_t row = pair / indices.shape.back(), n = gate.blocks.rows;
    std::vector<double> g = ofExpert(x, row, gate, expert, op.getGroup());
    std::vector<double> u = ofExpert(x, row, up, expert, op.getGroup());
    for (size_t i = 0; i < g.size(); ++i)
      g[i] = graph::evaluate(op.getActivation(), g[i]) * u[i];
    results[0].store(pair * n, n, g.data());
  }
}

static void scaledExpertLinear(fp8::ScaledExpertLinearOp op, Operands operands,
                               MutableArrayRef<Tensor> results) {
  const Tensor &indices = operands[1];
  Side x(operands[0], nullptr, {});
  Side w(operands[3], &operands[4], op.getWeightBlock());
  std::vector<double> weights = operands[2].load(0, operands[2].elements());
  int64_t n = w.blocks.rows, top = indices.shape.back();
  for (int64_t token = 0; token * top < indices.elements(); ++token) {
    std::vector<double> sum(static_cast<size_t>(n));
    for (int64_t pair = token * top; pair < (token + 1) * top; ++pair) {
      int64_t expert = expertOf(op, indices, pair, operands[3]);
      std::vector<double> y = ofExpert(x, pair, w, expert, op.getGroup());
      for (size_t i = 0; i < y.size(); ++i)
        sum[i] += weights[size_t(pair)] * y[i];
    }
    results[0].store(token * n, n, sum.data());
  }
}

bool reference::evaluateFp8(Operation *op, Operands operands,
                            MutableArrayRef<Tensor> results) {
  auto with = [&](auto evaluate) {
    return
        [&, evaluate](auto o) { return evaluate(o, operands, results), true; };
  };
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case<fp8::QuantizeOp>(with(quantize))
      .Case<fp8::EncodeOp>(with(encode))
      .Case<fp8::DequantizeOp>(with(dequantize))
      .Case<fp8::RequantizeOp>(with(requantize))
      .Case<fp8::ConvertScalesOp>(with(convertScales))
      .Case<fp8::ObserveOp>(with(observe))
      .Case<fp8::CompareOp>(with(compare))
      .Case<fp8::CensusOp>(with(census))
      .Case<fp8::ScaledMatmulOp>(with(scaledMatmul))
      .Case<fp8::ScaledGatedOp>(with(scaledGated))
      .Case<fp8::ScaledExpertGatedOp>(with(scaledExpertGated))
      .Case<fp8::ScaledExpertLinearOp>(with(scaledExpertLinear))
      .Default(false);
}
