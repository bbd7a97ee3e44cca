//===- RowsTest.cpp - norms, softmax and pooling against float64 loops ----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

using namespace trine::test;

using Row = std::vector<double>;

static const int64_t kLengths[] = {0,  1,  2,  7,   8,   9,   31,
                                   32, 33, 48, 127, 128, 129, 1000};

/// Largest difference of a row, as a part of its largest magnitude.
static double errorOf(const float *got, const Row &exact) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < exact.size(); ++i) {
    double difference = std::fabs(got[i] - exact[i]);
    worst = difference <= worst ? worst : difference; // NaN wins
    largest = std::max(largest, std::fabs(exact[i]));
  }
  return worst == 0 ? 0 : worst / largest;
}

static Row rmsNorm(const float *x, const float *weight, int64_t n, double eps,
                   double offset) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i)
    squares += double(x[i]) * x[i];
  Row y;
  for (int64_t i = 0; i < n; ++i)
    y.push_back(x[i] / std::sqrt(squares / n + eps) * (weight[i] + offset));
  return y;
}

static Row layerNorm(const Row &x, const float *weight, const float *bias,
                     double eps) {
  double mean = 0, variance = 0;
  for (double v : x)
    mean += v / x.size();
  for (double v : x)
    variance += (v - mean) * (v - mean) / x.size();
  Row y;
  for (size_t i = 0; i < x.size(); ++i)
    y.push_back((x[i] - mean) / std::sqrt(variance + eps) * weight[i] +
                bias[i]);
  return y;
}

static Row softmax(const float *x, int64_t n) {
  double largest = -INFINITY, sum = 0;
  for (int64_t i = 0; i < n; ++i)
    largest = std::max<double>(largest, x[i]);
  Row y;
  for (int64_t i = 0; i < n; ++i) {
    y.push_back(std::exp(x[i] - largest));
    sum += y.back();
  }
  for (double &v : y)
    v /= sum;
  return y;
}

TEST(Rows, rmsNorm) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x?x?xf32>, %w: tensor<?xf32>):
        %y = graph.rms_norm %x, %w epsilon 1.0e-05 {offset = 1.0 : f64} : tensor<?x?x?xf32>, tensor<?xf32> -> tensor<?x?x?xf32>
        launch.return %y : tensor<?x?x?xf32>
      })",
                  cpu);
    for (int64_t n : kLengths)
      for (int threads : {1, 3}) {
        Buffer x({2, 3, n}), w({n}), y({2, 3, n});
        kernel.run({x.fill(1), w.fill(2), y}, threads);
        for (int64_t row = 0; row < 6; ++row) {
          Row exact = rmsNorm(x.data() + row * n, w.data(), n, 1e-5, 1);
          EXPECT_LE(errorOf(y.data() + row * n, exact), 1e-6) << n << cpu;
          // A wrong formula is seen.
          if (n > 1) {
            Row wrong = rmsNorm(x.data() + row * n, w.data(), n, 1e-3, 1);
            EXPECT_GT(errorOf(y.data() + row * n, wrong), 1e-6);
          }
        }
      }
  }
}

// The residual sum is a result of its own; a scale follows the norm.
TEST(Rows, layerNormBetweenElementwise) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1, -1] {
      ^bb0(%x: tensor<?x?xf32>, %r: tensor<?x?xf32>, %w: tensor<?xf32>, %b: tensor<?xf32>, %s: tensor<?x1xf32>):
        %0 = graph.add %x, %r : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
        %1 = graph.layer_norm %0, %w, %b epsilon 1.0e-12 : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32> -> tensor<?x?xf32>
        %2 = graph.mul %1, %s : tensor<?x?xf32>, tensor<?x1xf32> -> tensor<?x?xf32>
        launch.return %2, %0 : tensor<?x?xf32>, tensor<?x?xf32>
      })",
                  cpu);
    for (int64_t n : kLengths)
      for (int threads : {1, 4}) {
        Buffer x({3, n}), r({3, n}), w({n}), b({n}), s({3, 1}), y({3, n}),
            sum({3, n});
        x.fill(1);
        // Far from zero: the mean is a thousand deviations.
        for (float &value : x.elements())
          value += 1000;
        kernel.run({x, r.fill(2), w.fill(3), b.fill(4), s.fill(5), y, sum},
                   threads);
        for (int64_t row = 0; row < 3; ++row) {
          Row input;
          for (int64_t i = row * n; i < (row + 1) * n; ++i) {
            EXPECT_EQ(sum.data()[i], x.data()[i] + r.data()[i]);
            input.push_back(x.data()[i] + r.data()[i]);
          }
          Row exact = layerNorm(input, w.data(), b.data(), 1e-12);
          for (double &value : exact)
            value *= s.data()[row];
          EXPECT_LE(errorOf(y.data() + row * n, exact), 1e-6) << n << cpu;
        }
      }
  }
}

TEST(Rows, softmaxOfScaledScores) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>):
        %c = graph.constant dense<64.0> : tensor<f32>
        %0 = graph.mul %x, %c : tensor<?x?xf32>, tensor<f32> -> tensor<?x?xf32>
        %1 = graph.softmax %0 : tensor<?x?xf32>
        launch.return %1 : tensor<?x?xf32>
      })",
                  cpu);
    for (int64_t n : kLengths) {
      Buffer x({3, n}), y({3, n}), scaled({3, n});
      kernel.run({x.fill(1), y}, 2);
      for (int64_t i = 0; i < x.count; ++i)
        scaled.data()[i] = x.data()[i] * 64;
      for (int64_t row = 0; row < 3; ++row)
        EXPECT_LE(
            errorOf(y.data() + row * n, softmax(scaled.data() + row * n, n)),
            1e-6)
            << n << cpu;
    }
  }
}

TEST(Rows, softmaxOfExceptionalRows) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x40xf32>):
        %1 = graph.softmax %x : tensor<?x40xf32>
        launch.return %1 : tensor<?x40xf32>
      })",
                  cpu);
    Buffer x({3, 40}), y({3, 40});
    x.fill(1);
    x.data()[3] = -INFINITY;               // masked
    x.data()[40 + 17] = NAN;               // the whole row
    std::fill_n(x.data() + 80, 40, 1e30f); // no overflow
    kernel.run({x, y});
    EXPECT_EQ(y.data()[3], 0);
    for (int i = 0; i < 40; ++i) {
      EXPECT_TRUE(std::isnan(y.data()[40 + i]));
      EXPECT_FLOAT_EQ(y.data()[80 + i], 1 / 40.f);
    }
  }
}

TEST(Rows, normalize) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>):
        %y = graph.normalize %x : tensor<?x?xf32>
        launch.return %y : tensor<?x?xf32>
      })",
                  cpu);
    for (int64_t n : kLengths)
      for (float scale : {1.f, 1e-14f, 1e30f, 0.f}) {
        Buffer x({2, n}), y({2, n});
        x.fill(3);
        for (float &value : x.elements())
          value *= scale;
        kernel.run({x, y}, 2);
        for (int64_t row = 0; row < 2; ++row) {
          double squares = 0;
          for (int64_t i = 0; i < n; ++i)
            squares += std::pow(x.data()[row * n + i], 2);
          Row exact;
          for (int64_t i = 0; i < n; ++i)
            exact.push_back(x.data()[row * n + i] /
                            std::max(std::sqrt(squares), 1e-12));
          EXPECT_LE(errorOf(y.data() + row * n, exact), 1e-6)
              << n << " " << scale << cpu;
        }
      }
  }
}

// A row of one value repeated: sums in f32 would drift.
TEST(Rows, longConstantRow) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>, %w: tensor<?xf32>):
        %y = graph.rms_norm %x, %w epsilon 0.0 : tensor<?x?xf32>, tensor<?xf32> -> tensor<?x?xf32>
        launch.return %y : tensor<?x?xf32>
      })",
                  cpu);
    int64_t n = 100003;
    Buffer x({1, n}), w({n}), y({1, n});
    std::ranges::fill(x.elements(), 0.1f);
    std::ranges::fill(w.elements(), 1.f);
    kernel.run({x, w, y});
    for (float value : y.elements())
      ASSERT_NEAR(value, 1, 2e-7);
  }
}

TEST(Rows, sameBitsForAnyThreads) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>, %w: tensor<?xf32>, %b: tensor<?xf32>):
        %y = graph.layer_norm %x, %w, %b epsilon 1.0e-05 : tensor<?x?xf32>, tensor<?xf32>, tensor<?xf32> -> tensor<?x?xf32>
        launch.return %y : tensor<?x?xf32>
      })",
                  cpu);
    Buffer x({11, 77}), w({77}), b({77}), one({11, 77}), many({11, 77});
    kernel.run({x.fill(1), w.fill(2), b.fill(3), one}, 1);
    kernel.run({x, w, b, many}, 7);
    EXPECT_EQ(memcmp(one.data(), many.data(), one.count * 4), 0);
  }
}

TEST(Rows, narrowStorage) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "rows" ties [-1] {
      ^bb0(%x: tensor<?x?xbf16>, %w: tensor<?xbf16>):
        %y = graph.rms_norm %x, %w epsilon 1.0e-05 : tensor<?x?xbf16>, tensor<?xbf16> -> tensor<?x?xbf16>
        launch.return %y : tensor<?x?xbf16>
      })",
                  cpu);
    int64_t n = 33;
    Buffer x({2, n}, -1, 2), w({n}, -1, 2), y({2, n}, -1, 2);
    auto value = [](uint16_t bits) {
      return std::bit_cast<float>(uint32_t(bits) << 16);
    };
    for (int64_t i = 0; i < 2 * n; ++i)
      x.data<uint16_t>()[i] = uint16_t(0x3f00 + i * 5);
    for (int64_t i = 0; i < n; ++i)
      w.data<uint16_t>()[i] = uint16_t(0xbf00 + i * 3);
    kernel.run({x, w, y});
    for (int64_t row = 0; row < 2; ++row) {
      std::vector<float> input(n), weight(n);
      for (int64_t i = 0; i < n; ++i) {
        input[i] = value(x.data<uint16_t>()[row * n + i]);
        weight[i] = value(w.data<uint16_t>()[i]);
      }
      Row exact = rmsNorm(input.data(), weight.data(), n, 1e-5, 0);
      // Half the distance of two bf16, and f32 arithmetic close to a tie.
      for (int64_t i = 0; i < n; ++i)
        EXPECT_NEAR(value(y.data<uint16_t>()[row * n + i]), exact[i],
                    std::ldexp(1.001, std::ilogb(exact[i]) - 8))
            << cpu;
    }
  }
}

static std::string poolKernel(const std::string &kind) {
  return R"(
    launch.kernel @k on "cpu" family "rows" ties [-1] {
    ^bb0(%x: tensor<?x?x?xf32>, %m: tensor<?x?xi32>, %s: tensor<?xf32>):
      %y = graph.pool )" +
         kind +
         R"( %x, %m : tensor<?x?x?xf32>, tensor<?x?xi32> -> tensor<?x?xf32>
      %z = graph.mul %y, %s : tensor<?x?xf32>, tensor<?xf32> -> tensor<?x?xf32>
      launch.return %z : tensor<?x?xf32>
    })";
}

TEST(Rows, pool) {
  for (const std::string &cpu : runnableCpus())
    for (std::string kind : {"mean", "cls", "max"}) {
      Kernel kernel(poolKernel(kind), cpu);
      for (int64_t n : kLengths)
        for (int64_t tokens : {1, 5}) {
          Buffer x({3, tokens, n}), mask({3, tokens}), s({n}), y({3, n});
          x.fill(1);
          for (int64_t i = 0; i < mask.count; ++i) // row 2: no position counts
            mask.data<int32_t>()[i] = i < 2 * tokens && i % 3 != 2;
          if (n > 0) // a masked position may hold anything
            x.data()[(3 * tokens - 1) * n] = kind == "cls" ? 0 : NAN;
          kernel.run({x, mask, s.fill(2), y}, 2);
          for (int64_t b = 0; b < 3; ++b)
            for (int64_t i = 0; i < n; ++i) {
              double sum = 0, count = 0, largest = -INFINITY;
              for (int64_t t = 0; t < tokens; ++t) {
                double value = x.data()[(b * tokens + t) * n + i];
                if (!mask.data<int32_t>()[b * tokens + t])
                  continue;
                sum += value;
                ++count;
                largest = std::max(largest, value);
              }
              double exact = kind == "mean"  ? sum / std::max(count, 1e-9)
                             : kind == "max" ? largest
                                             : x.data()[b * tokens * n + i];
              EXPECT_FLOAT_EQ(y.data()[b * n + i], float(exact * s.data()[i]))
                  << kind << cpu << " row " << b;
            }
        }
    }
}
