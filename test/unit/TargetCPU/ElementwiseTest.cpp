//===- ElementwiseTest.cpp - elementwise kernels against scalar loops -----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"
#include <bit>
#include <cmath>

using namespace trine::test;

TEST(Elementwise, chainOnRaggedRows) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>):
        %s = graph.add %x, %y : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
        %n = graph.neg %s : tensor<?x?xf32>
        launch.return %n : tensor<?x?xf32>
      })",
                  cpu);
    for (int64_t columns : {0, 1, 2, 7, 8, 9, 16, 31, 33, 127, 128, 129})
      for (int threads : {1, 3}) {
        Buffer x({5, columns}), y({5, columns}), z({5, columns});
        kernel.run({x.fill(1), y.fill(2), z}, threads);
        for (int64_t i = 0; i < z.count; ++i)
          ASSERT_EQ(z.data()[i], -(x.data()[i] + y.data()[i]))
              << cpu << " columns " << columns << " element " << i;
      }
  }
}

// Every way an operand can repeat: missing dimensions, 1 in the middle, in the
// last place, everywhere; a constant; two results.
TEST(Elementwise, broadcasting) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1, -1] {
      ^bb0(%x: tensor<?x?x?xf32>, %middle: tensor<?x1x?xf32>, %last: tensor<?x?x1xf32>,
           %row: tensor<?xf32>, %one: tensor<1xf32>, %plane: tensor<1x?x1xf32>):
        %c = graph.constant dense<0.5> : tensor<f32>
        %0 = graph.sub %x, %middle : tensor<?x?x?xf32>, tensor<?x1x?xf32> -> tensor<?x?x?xf32>
        %1 = graph.mul %last, %0 : tensor<?x?x1xf32>, tensor<?x?x?xf32> -> tensor<?x?x?xf32>
        %2 = graph.div %1, %row : tensor<?x?x?xf32>, tensor<?xf32> -> tensor<?x?x?xf32>
        %3 = graph.max %2, %one : tensor<?x?x?xf32>, tensor<1xf32> -> tensor<?x?x?xf32>
        %4 = graph.mul %plane, %c : tensor<1x?x1xf32>, tensor<f32> -> tensor<1x?x1xf32>
        %5 = graph.add %3, %4 : tensor<?x?x?xf32>, tensor<1x?x1xf32> -> tensor<?x?x?xf32>
        launch.return %1, %5 : tensor<?x?x?xf32>, tensor<?x?x?xf32>
      })",
                  cpu);
    for (int64_t b : {0, 1, 3})
      for (int64_t n : {0, 1, 7, 17, 33}) {
        int64_t s = 4;
        Buffer x({b, s, n}), middle({b, 1, n}), last({b, s, 1}), row({n}),
            one({1}), plane({1, s, 1}), r0({b, s, n}), r1({b, s, n});
        kernel.run({x.fill(1), middle.fill(2), last.fill(3), row.fill(4),
                    one.fill(5), plane.fill(6), r0, r1},
                   2);
        for (int64_t i = 0; i < x.count; ++i) {
          int64_t column = i % n, token = i / n % s, batch = i / n / s;
          float scaled = last.data()[i / n] *
                         (x.data()[i] - middle.data()[batch * n + column]);
          float sum = std::max(scaled / row.data()[column], one.data()[0]) +
                      plane.data()[token] * 0.5f;
          ASSERT_EQ(r0.data()[i], scaled) << cpu << " element " << i;
          ASSERT_EQ(r1.data()[i], sum) << cpu << " element " << i;
        }
      }
  }
}

TEST(Elementwise, maximumAndMinimumKeepNaN) {
  const float values[] = {NAN, -INFINITY, -1, 0, 2, INFINITY};
  for (const std::string &cpu : runnableCpus())
    for (bool isMax : {true, false}) {
      Kernel kernel(
          std::string(R"(
        launch.kernel @k on "cpu" family "elementwise" ties [-1] {
        ^bb0(%x: tensor<36xf32>, %y: tensor<36xf32>):
          %z = graph.)") +
              (isMax ? "max" : "min") +
              R"( %x, %y : tensor<36xf32>, tensor<36xf32> -> tensor<36xf32>
          launch.return %z : tensor<36xf32>
        })",
          cpu);
      Buffer x({36}), y({36}), z({36});
      for (int i = 0; i < 36; ++i) {
        x.data()[i] = values[i / 6];
        y.data()[i] = values[i % 6];
      }
      kernel.run({x, y, z});
      for (int i = 0; i < 36; ++i) {
        float a = x.data()[i], b = y.data()[i];
        if (std::isnan(a) || std::isnan(b))
          EXPECT_TRUE(std::isnan(z.data()[i])) << a << ", " << b;
        else
          EXPECT_EQ(z.data()[i], isMax ? std::max(a, b) : std::min(a, b));
      }
    }
}

static std::string castKernel(const std::string &from, const std::string &to) {
  std::string in = "tensor<?x" + from + ">", out = "tensor<?x" + to + ">";
  return "launch.kernel @k on \"cpu\" family \"elementwise\" ties [-1] {\n"
         "^bb0(%x: " +
         in + "):\n  %y = graph.cast %x : " + in + " -> " + out +
         "\n  launch.return %y : " + out + "\n}";
}

TEST(Elementwise, castToIntegers) {
  const float values[] = {0,      -0.f,     0.9f,      -0.9f,    1.5f,
                          -1.5f,  1e9f,     0x1p31f,   -0x1p31f, 3e9f,
                          -3e9f,  INFINITY, -INFINITY, NAN,      0x1.fffffep30f,
                          1e-40f, -7.99f};
  const int32_t expected[] = {
      0,          0,         0,          0,         1,         -1,
      1000000000, INT32_MAX, INT32_MIN,  INT32_MAX, INT32_MIN, INT32_MAX,
      INT32_MIN,  0,         2147483520, 0,         -7};
  for (const std::string &cpu : runnableCpus()) {
    Buffer x({17}), y({17});
    std::copy_n(values, 17, x.data());
    Kernel(castKernel("f32", "i32"), cpu).run({x, y});
    for (int i = 0; i < 17; ++i)
      EXPECT_EQ(y.data<int32_t>()[i], expected[i]) << values[i] << " " << cpu;
  }
}

/// The bf16 nearest to an integer, ties to even, by integer arithmetic.
static uint16_t nearestBf16(int32_t value) {
  if (value == 0)
    return 0;
  uint64_t magnitude = std::abs(int64_t(value));
  int exponent = 63 - std::countl_zero(magnitude);
  int drop = std::max(exponent - 7, 0);
  uint64_t kept = magnitude >> drop, rest = magnitude & ((1ull << drop) - 1);
  uint64_t half = drop ? 1ull << (drop - 1) : 1;
  if (drop && (rest > half || (rest == half && (kept & 1))))
    ++kept;
  double rounded = std::ldexp(double(kept), drop) * (value < 0 ? -1 : 1);
  return uint16_t(std::bit_cast<uint32_t>(float(rounded)) >> 16);
}

TEST(Elementwise, castOfIntegersRoundsOnce) {
  std::vector<int32_t> values = {
      0,          1,          -1,          INT32_MAX,  INT32_MIN,
      0x40800001, 0x40800000, -0x40800001, 0x41800000, 0x4080007f,
      0x3f80ffff, 257,        259,         -385};
  for (uint32_t i = 1, state = 7; i < 1000; ++i) {
    state = state * 1664525 + 1013904223;
    values.push_back(int32_t(state) >> (i % 24));
    // Next to a tie, where rounding to f32 first would go wrong.
    values.push_back(
        int32_t(0x40000000u + ((state >> 26) << 23) + 0x400000u + i % 3 - 1));
  }
  int64_t n = values.size();
  for (const std::string &cpu : runnableCpus()) {
    Buffer x({n}), wide({n}), narrow({n}, -1, 2);
    std::copy(values.begin(), values.end(), x.data<int32_t>());
    Kernel(castKernel("i32", "f32"), cpu).run({x, wide});
    Kernel(castKernel("i32", "bf16"), cpu).run({x, narrow}, 2);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(wide.data()[i], float(values[i]));
      EXPECT_EQ(narrow.data<uint16_t>()[i], nearestBf16(values[i]))
          << values[i] << " " << cpu;
    }
  }
}

TEST(Elementwise, narrowFloatsRoundToNearestEven) {
  // 1 + 2^-8 and 1 + 3·2^-8 lie halfway between two bf16.
  const float values[] = {1 + 0x1p-8f, 1 + 0x3p-8f, -1 - 0x1p-8f, 3.4e38f,
                          INFINITY,    0x1p-133f,   1e-45f,       0};
  const uint16_t bf16[] = {0x3f80, 0x3f82, 0xbf80, 0x7f80,
                           0x7f80, 0x0001, 0x0000, 0x0000};
  const float halves[] = {1 + 0x1p-11f, 1 + 0x3p-11f, 65519,    65520,
                          0x1p-24f,     0x1p-25f,     0x3p-25f, -0.f};
  const uint16_t f16[] = {0x3c00, 0x3c02, 0x7bff, 0x7c00,
                          0x0001, 0x0000, 0x0002, 0x8000};
  for (const std::string &cpu : runnableCpus()) {
    Buffer x({8}), y({8}, -1, 2), back({8});
    std::copy_n(values, 8, x.data());
    Kernel(castKernel("f32", "bf16"), cpu).run({x, y});
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(y.data<uint16_t>()[i], bf16[i]) << values[i] << " " << cpu;
    Kernel(castKernel("bf16", "f32"), cpu).run({y, back});
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(std::bit_cast<uint32_t>(back.data()[i]), bf16[i] << 16u) << cpu;
    std::copy_n(halves, 8, x.data());
    Kernel(castKernel("f32", "f16"), cpu).run({x, y});
    for (int i = 0; i < 8; ++i)
      EXPECT_EQ(y.data<uint16_t>()[i], f16[i]) << halves[i] << " " << cpu;
  }
}

// Each operation's value is rounded to its own type inside a fused chain.
TEST(Elementwise, chainsRoundAtEachOperation) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1] {
      ^bb0(%x: tensor<?xbf16>, %y: tensor<?xbf16>):
        %s = graph.add %x, %y : tensor<?xbf16>, tensor<?xbf16> -> tensor<?xbf16>
        %d = graph.sub %s, %x : tensor<?xbf16>, tensor<?xbf16> -> tensor<?xbf16>
        launch.return %d : tensor<?xbf16>
      })",
                  cpu);
    Buffer x({1}, -1, 2), y({1}, -1, 2), z({1}, -1, 2);
    x.data<uint16_t>()[0] = 0x4380; // 256
    y.data<uint16_t>()[0] = 0x3f80; // 1: 257 rounds to 256
    kernel.run({x, y, z});
    EXPECT_EQ(z.data<uint16_t>()[0], 0) << cpu;
  }
}
