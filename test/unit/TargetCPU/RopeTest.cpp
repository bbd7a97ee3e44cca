//===- RopeTest.cpp - rotary embedding against float64 --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>

using namespace trine::test;

namespace {
struct Shape {
  int64_t size, dims;
  bool interleaved;
};
} // namespace

static std::string kernelOf(const Shape &shape, double theta,
                            const std::string &scaling) {
  std::string type = "tensor<?x?x?x" + std::to_string(shape.size) + "xf32>";
  return "launch.kernel @k on \"cpu\" family \"movement\" ties [-1] {\n"
         "^bb0(%x: " +
         type + ", %p: tensor<?x?xi32>):\n  %y = graph.rope " +
         (shape.interleaved ? "interleaved" : "half") + " %x, %p theta " +
         std::to_string(theta) + " dims " + std::to_string(shape.dims) +
         scaling + " : " + type + ", tensor<?x?xi32> -> " + type +
         "\n  launch.return %y : " + type + "\n}";
}

/// Largest error of a rotated pair in ulp of its magnitude; `factor` divides
/// the frequencies, `attention` multiplies the result.
static double errorOf(const Shape &shape, double theta, double factor,
                      const Buffer &x, const Buffer &positions,
                      const Buffer &y) {
  int64_t heads = x.dims[2], half = shape.dims / 2;
  double worst = 0;
  for (int64_t head = 0; head < x.count / shape.size; ++head) {
    const float *in = x.data() + head * shape.size;
    const float *out = y.data() + head * shape.size;
    double position = positions.data<int32_t>()[head / heads];
    for (int64_t i = 0; i < half; ++i) {
      int64_t a = shape.interleaved ? 2 * i : i;
      int64_t b = shape.interleaved ? 2 * i + 1 : i + half;
      double angle = position * std::pow(theta, -2.0 * i / shape.dims) / factor;
      double exact[] = {in[a] * std::cos(angle) - in[b] * std::sin(angle),
                        in[b] * std::cos(angle) + in[a] * std::sin(angle)};
      double magnitude = std::hypot(in[a], in[b]);
      double ulp = std::ldexp(1, std::ilogb(magnitude) - 23);
      for (double error : {out[a] - exact[0], out[b] - exact[1]})
        worst =
            std::fabs(error) / ulp <= worst ? worst : std::fabs(error) / ulp;
    }
    for (int64_t i = shape.dims; i < shape.size; ++i)
      EXPECT_EQ(out[i], in[i]);
  }
  return worst;
}

static const Shape kShapes[] = {
    {64, 64, false}, {64, 64, true},  {80, 80, true}, {80, 32, false},
    {20, 14, true},  {20, 18, false}, {2, 2, false},  {128, 128, false}};

TEST(Rope, rotatesWithinFourUlp) {
  for (const std::string &cpu : runnableCpus())
    for (const Shape &shape : kShapes) {
      double theta = 10000;
      Kernel kernel(kernelOf(shape, theta, ""), cpu);
      for (int threads : {1, 3}) {
        Buffer x({2, 4, 3, shape.size}), positions({2, 4}), y(x.dims);
        const int32_t values[] = {0, 1, 2, 131072, 131071, 99991, 4097, 77};
        std::copy_n(values, 8, positions.data<int32_t>());
        kernel.run({x.fill(1), positions, y}, threads);
        EXPECT_LE(errorOf(shape, theta, 1, x, positions, y), 4)
            << cpu << " " << shape.size << " " << shape.dims;
        // Angles of f32 would be found out.
        EXPECT_GT(errorOf(shape, theta * (1 + 1e-7), 1, x, positions, y),
                  4 * (shape.dims > 2));
      }
    }
}

TEST(Rope, linearScaling) {
  for (const std::string &cpu : runnableCpus()) {
    Shape shape = {64, 64, false};
    Kernel kernel(
        kernelOf(shape, 500000,
                 " scaling <linear, factor = 4.0 : f64, low = 1.0 : f64, high "
                 "= 1.0 : f64, original_length = 8192, attention = 1.0 : f64>"),
        cpu);
    Buffer x({1, 3, 2, 64}), positions({1, 3}), y(x.dims);
    const int32_t values[] = {5, 60000, 131072};
    std::copy_n(values, 3, positions.data<int32_t>());
    kernel.run({x.fill(1), positions, y});
    EXPECT_LE(errorOf(shape, 500000, 4, x, positions, y), 4);
    EXPECT_GT(errorOf(shape, 500000, 1, x, positions, y), 4);
  }
}

TEST(Rope, nothingToDo) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(kernelOf({64, 64, false}, 10000, ""), cpu);
    Buffer x({0, 5, 3, 64}), positions({0, 5}), y(x.dims);
    kernel.run({x, positions, y}, 2);
  }
}
