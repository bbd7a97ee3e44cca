//===- ScaledModel.h - fp8.scaled_matmul, an element at a time --*- C++ -*-===//
// Operands of every kind, their buffers, and the sums that are expected.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "KernelHarness.h"
#include "trine/Support/BlockScales.h"
#include "trine/Support/Float.h"
#include <algorithm>
#include <cfloat>
#include <cmath>
#include <random>

namespace trine::test {

struct Case {
  std::string codes, input; ///< MLIR's element types
  std::string scales;       ///< f32 or i8, of both sides
  std::string order;
  int64_t k, group, columns; ///< columns: of a weight's scale; 0: all
  int64_t inputColumns = 128;

  bool coded() const { return input.starts_with("f8"); }
  int64_t blocks(int64_t size) const {
    return size ? (k + size - 1) / size : 1;
  }
  int64_t groupSize() const { return group ? group : k; }
};

inline const Float8 &formatOf(const std::string &element) {
  return *findFloat8(element == "f8E5M2" ? "e5m2" : "e4m3fn");
}

/// Rows of one side: what a row's elements are, and a scale for each block.
struct Side {
  std::vector<float> values, scales;
  std::vector<uint8_t> codes, bytes; ///< as they are stored; bytes: of scales
  int64_t perRow = 0;
};

inline void scaleBlocks(Side &side, const Case &c, int64_t rows,
                        int64_t columns, std::mt19937 &random, bool extreme) {
  side.perRow = c.blocks(columns);
  for (int64_t i = 0; i < rows * side.perRow; ++i) {
    uint8_t byte = uint8_t(120 + random() % 10);
    if (extreme && random() % 4 == 0)
      byte = uint8_t(random() % 2 * 4); // 2^-127 is a subnormal
    float scale = ue8m0ToF32(byte);
    if (c.scales == "f32")
      scale *= 1 + float(random() % 1000) / 1024;
    side.bytes.push_back(byte);
    side.scales.push_back(scale);
  }
}

/// Random finite codes.
inline Side randomCodes(const Case &c, const std::string &element, int64_t rows,
                        int64_t columns, uint32_t seed, bool extreme) {
  std::mt19937 random(seed);
  const Float8 &format = formatOf(element);
  Side side;
  for (int64_t i = 0; i < rows * c.k; ++i) {
    uint8_t code = uint8_t(random());
    if ((code & 0x7f) > format.largest)
      code &= 0x87;
    side.codes.push_back(code);
    side.values.push_back(format.decode(code));
  }
  scaleBlocks(side, c, rows, columns, random, extreme);
  return side;
}

/// Values of the input's element type; `extreme`: in every second row products
/// and sums around the least normal number.
inline Side randomValues(const Case &c, int64_t rows, uint32_t seed,
                         bool extreme) {
  std::mt19937 random(seed);
  Side side;
  for (int64_t i = 0; i < rows * c.k; ++i) {
    float x = float(int32_t(random())) * 0x1p-31f;
    if (extreme && i / c.k % 2)
      x = std::ldexp(x, -int(112 + random() % 18));
    if (c.input == "bf16")
      x = bf16ToF32(f32ToBf16(x));
    if (c.input == "f16")
      x = f16ToF32(f32ToF16(x));
    side.values.push_back(x);
  }
  return side;
}

inline Side inputOf(const Case &c, int64_t rows, bool extreme) {
  return c.coded() ? randomCodes(c, c.input, rows, c.inputColumns, 7, extreme)
                   : randomValues(c, rows, 7, extreme);
}

template <typename T>
Buffer bufferOf(std::vector<int64_t> dims, const std::vector<T> &data) {
  Buffer buffer(std::move(dims), int64_t(data.size()), sizeof(T));
  std::copy(data.begin(), data.end(), buffer.data<T>());
  return buffer;
}

/// [ceil(N/W)][ceil(K/four)][W][four], zeros where there is nothing.
template <typename T>
Buffer panels(const std::vector<T> &rows, int64_t n, int64_t width,
              int64_t four) {
  int64_t k = int64_t(rows.size()) / n;
  int64_t depth = (k + four - 1) / four * four;
  std::vector<T> out(size_t((n + width - 1) / width * width * depth));
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j)
      out[size_t(i / width * width * depth + j / four * width * four +
                 i % width * four + j % four)] = rows[size_t(i * k + j)];
  return bufferOf({n, k}, out);
}

inline Buffer inputBuffer(const Case &c, const Side &x, int64_t m) {
  if (c.coded())
    return bufferOf({m, c.k}, x.codes);
  if (c.input == "f32")
    return bufferOf({m, c.k}, x.values);
  std::vector<uint16_t> narrow;
  for (float value : x.values)
    narrow.push_back(c.input == "bf16" ? f32ToBf16(value) : f32ToF16(value));
  return bufferOf({m, c.k}, narrow);
}

inline Buffer scaleBuffer(const Case &c, const Side &side, int64_t rows,
                          int64_t width = 0) {
  if (width)
    return c.scales == "f32" ? panels(side.scales, rows, width, 1)
                             : panels(side.bytes, rows, width, 1);
  return c.scales == "f32" ? bufferOf({rows, side.perRow}, side.scales)
                           : bufferOf({rows, side.perRow}, side.bytes);
}

//===----------------------------------------------------------------------===//
// What the description of fp8.scaled_matmul says
//===----------------------------------------------------------------------===//

inline float flushed(float x) { return std::fabs(x) < FLT_MIN ? 0 : x; }

/// As FMA with denormals-are-zero and flush-to-zero.
inline float flushingFma(float a, float b, float sum) {
  a = flushed(a), b = flushed(b), sum = flushed(sum);
  double exact = double(a) * b + sum;
  if (std::fabs(exact) < double(FLT_MIN) * (1 - 0x1p-25))
    return 0;
  return std::fma(a, b, sum);
}

/// 32 products and the sum as integers, in units of 2^-13 of the power of two
/// that the largest has.
inline float hopperSum(const float *x, const float *w, int64_t count) {
  float sum = 0;
  for (int64_t first = 0; first < count; first += 32) {
    std::vector<float> terms = {sum};
    for (int64_t i = first; i < std::min(first + 32, count); ++i)
      terms.push_back(x[i] * w[i]);
    int most = 0;
    float largest = 0;
    for (float term : terms)
      largest = std::max(largest, std::fabs(term));
    std::frexp(largest, &most); // largest < 2^most
    int64_t units = 0;
    for (float term : terms)
      units += int64_t(std::ldexp(double(term), 14 - most));
    sum = float(std::ldexp(double(units), most - 14));
  }
  return sum;
}

inline float groupSum(const Case &c, const float *x, const float *w,
                      int64_t count) {
  float sum = 0;
  if (c.order == "hopper")
    return hopperSum(x, w, count);
  if (c.order == "chain")
    for (int64_t i = 0; i < count; ++i)
      sum = std::fma(x[i], w[i], sum);
  else
    for (int64_t i = 0; i < count; i += 2) {
      if (i + 1 < count)
        sum = flushingFma(x[i + 1], w[i + 1], sum);
      sum = flushingFma(x[i], w[i], sum);
    }
  return sum;
}

struct Sum {
  float bits;          ///< of an order that promises them
  double value, bound; ///< of `free`
};

inline Sum product(const Case &c, const Side &x, int64_t row, const Side &w,
                   int64_t column) {
  Sum sum{0, 0, 0};
  const float *a = &x.values[size_t(row * c.k)];
  const float *b = &w.values[size_t(column * c.k)];
  for (int64_t k = 0; k < c.k; k += c.groupSize()) {
    int64_t count = std::min(c.groupSize(), c.k - k);
    auto scaleOf = [&](const Side &side, int64_t of, int64_t columns) {
      return side
          .scales[size_t(of * side.perRow + (columns ? k / columns : 0))];
    };
    float scale = scaleOf(w, column, c.columns);
    if (c.coded())
      scale = scaleOf(x, row, c.inputColumns) * scale;
    sum.bits = std::fma(scale, groupSum(c, a + k, b + k, count), sum.bits);
    for (int64_t i = k; i < k + count; ++i) {
      sum.value += double(scale) * a[i] * b[i];
      sum.bound += std::fabs(double(scale) * a[i] * b[i]);
    }
  }
  sum.bound *= 2 * std::sqrt(double(c.k)) * 0x1p-24;
  return sum;
}

} // namespace trine::test
