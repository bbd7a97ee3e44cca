//===- ExpertsTest.cpp - routing and products with experts ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <sys/mman.h>

using namespace trine::test;

namespace {

int64_t panelOf(const std::string &cpu, bool gated) {
  return (cpu == "x86-64-v3" ? 16 : 64) / (gated ? 2 : 1);
}

/// [E, N, K] with random values and its copy in panels, of f32 or bf16.
struct Weights {
  Weights(int64_t e, int64_t n, int64_t k, int64_t width, bool half,
          uint32_t seed)
      : plain({e, n, k}),
        packed({e, n, k}, e * ((n + width - 1) / width) * width * even(k, half),
               half ? 2 : 4) {
    plain.fill(seed);
    int64_t pair = half ? 2 : 1, depth = even(k, half);
    int64_t padded = (n + width - 1) / width * width;
    std::fill_n(packed.data<uint8_t>(), packed.count * (half ? 2 : 4), 0);
    for (int64_t i = 0; i < plain.count; ++i) {
      int64_t expert = i / (n * k), row = i / k % n, column = i % k;
      int64_t at = (expert * padded + row / width * width) * depth +
                   (column / pair * width + row % width) * pair + column % pair;
      if (half)
        packed.data<uint16_t>()[at] = truncated(plain.data()[i]);
      else
        packed.data()[at] = plain.data()[i];
    }
  }
  static int64_t even(int64_t k, bool half) {
    return half ? (k + 1) / 2 * 2 : k;
  }
  const float *row(int64_t expert, int64_t n) const {
    return plain.data() + (expert * plain.dims[1] + n) * plain.dims[2];
  }
  Buffer plain, packed;
};

/// Σ x·w and its documented bound.
std::pair<double, double> dot(const float *x, const float *w, int64_t k) {
  double sum = 0, size = 0;
  for (int64_t i = 0; i < k; ++i) {
    sum += double(x[i]) * w[i];
    size += std::fabs(double(x[i]) * w[i]);
  }
  return {sum, 2 * std::sqrt(double(k)) * 0x1p-24 * size};
}

double silu(double x) { return x / (1 + std::exp(-x)); }

/// Expert `skipped` is never chosen; every other is, unevenly.
Buffer choices(int64_t tokens, int64_t top, int64_t experts, int64_t skipped) {
  Buffer indices({tokens, top});
  for (int64_t i = 0; i < indices.count; ++i) {
    int64_t expert = (i * i + i / 3) % experts;
    indices.data<int32_t>()[i] =
        int32_t(expert == skipped ? (expert + 1) % experts : expert);
  }
  return indices;
}

const std::vector<int64_t> kTokens = {0, 1, 2, 9, 40};

} // namespace

TEST(Experts, gated) {
  constexpr int64_t e = 5, n = 72, top = 2;
  for (const std::string &cpu : runnableCpus())
    for (auto [half, k] : {std::pair{false, 41}, {true, 41}, {true, 48}}) {
      int64_t width = panelOf(cpu, true);
      std::string weight =
          fmt::format("tensor<{}x{}x{}x{}, #graph.layout<panels, {}>>", e, n, k,
                      half ? "bf16" : "f32", width);
      Kernel kernel(fmt::format(R"(
        launch.kernel @k on "cpu" family "experts" ties [-1] {{
        ^bb0(%x: tensor<?x{0}xf32>, %i: tensor<?x2xi32>, %g: {1}, %u: {1}):
          %y = graph.expert_gated silu %x, %i, %g, %u : tensor<?x{0}xf32>, tensor<?x2xi32>, {1}, {1} -> tensor<?x2x72xf32>
          launch.return %y : tensor<?x2x72xf32>
        }})",
                                k, weight),
                    cpu);
      Weights gate(e, n, k, width, half, 1), up(e, n, k, width, half, 2);
      std::vector<float> first(size_t(top * n));
      for (int64_t m : kTokens) {
        Buffer x = Buffer({m, k}).fill(3), y({m, top, n});
        Buffer indices = choices(m, top, e, 3);
        runTwice(kernel, {x, indices, gate.packed, up.packed}, y);
        for (int64_t i = 0; i < y.count; ++i) {
          int64_t expert = indices.data<int32_t>()[i / n];
          const float *row = x.data() + i / (top * n) * k;
          auto [g, gBound] = dot(row, gate.row(expert, i % n), k);
          auto [u, uBound] = dot(row, up.row(expert, i % n), k);
          double error = 1.13 * gBound * std::fabs(u) +
                         std::fabs(silu(g)) * uBound +
                         std::fabs(silu(g) * u) * 0x1p-20;
          ASSERT_NEAR(y.data()[i], silu(g) * u, error)
              << cpu << " tokens " << m << " at " << i;
          if (m == 1)
            first[size_t(i)] = y.data()[i];
          else if (i < top * n)
            ASSERT_EQ(y.data()[i], first[size_t(i)]) << "alone";
        }
      }
    }
}

TEST(Experts, linearWithResidual) {
  constexpr int64_t e = 5, n = 70, k = 40, top = 3;
  for (const std::string &cpu : runnableCpus())
    for (bool half : {false, true}) {
      int64_t width = panelOf(cpu, false);
      std::string weight =
          fmt::format("tensor<5x70x40x{}, #graph.layout<panels, {}>>",
                      half ? "bf16" : "f32", width);
      Kernel kernel(fmt::format(R"(
        launch.kernel @k on "cpu" family "experts" ties [-1] {{
        ^bb0(%x: tensor<?x3x40xf32>, %i: tensor<?x3xi32>, %f: tensor<?x3xf32>, %w: {0}, %r: tensor<?x70xf32>):
          %y = graph.expert_linear %x, %i, %f, %w : tensor<?x3x40xf32>, tensor<?x3xi32>, tensor<?x3xf32>, {0} -> tensor<?x70xf32>
          %z = graph.add %r, %y : tensor<?x70xf32>, tensor<?x70xf32> -> tensor<?x70xf32>
          launch.return %z : tensor<?x70xf32>
        }})",
                                weight),
                    cpu);
      Weights w(e, n, k, width, half, 1);
      for (int64_t m : kTokens) {
        Buffer x = Buffer({m, top, k}).fill(3), r = Buffer({m, n}).fill(4);
        Buffer factors = Buffer({m, top}).fill(5), y({m, n});
        Buffer indices = choices(m, top, e, 0);
        runTwice(kernel, {x, indices, factors, w.packed, r}, y);
        for (int64_t i = 0; i < y.count; ++i) {
          double expected = r.data()[i], error = std::fabs(expected) * 0x1p-23;
          for (int64_t pair = i / n * top; pair < (i / n + 1) * top; ++pair) {
            double factor = factors.data()[pair];
            auto [p, bound] =
                dot(x.data() + pair * k,
                    w.row(indices.data<int32_t>()[pair], i % n), k);
            expected += factor * p;
            error += std::fabs(factor) * (bound + 5 * 0x1p-24 * std::fabs(p));
          }
          ASSERT_NEAR(y.data()[i], expected, error)
              << cpu << " tokens " << m << " at " << i;
        }
      }
    }
}

// Every token goes through every group, packed or as rows [K, N].
TEST(Experts, groupedLinear) {
  constexpr int64_t g = 5, n = 70, k = 40;
  for (const std::string &cpu : runnableCpus())
    for (bool half : {false, true})
      for (bool transposed : {false, true}) {
        int64_t width = panelOf(cpu, false);
        std::string element = half ? "bf16" : "f32";
        std::string weight =
            transposed
                ? fmt::format("tensor<5x40x70x{}>", element)
                : fmt::format("tensor<5x70x40x{}, #graph.layout<panels, {}>>",
                              element, width);
        Kernel kernel(fmt::format(R"(
          launch.kernel @k on "cpu" family "experts" ties [-1] {{
          ^bb0(%x: tensor<?x5x40xf32>, %w: {0}):
            %y = graph.grouped_linear %x, %w {1} : tensor<?x5x40xf32>, {0} -> tensor<?x5x70xf32>
            launch.return %y : tensor<?x5x70xf32>
          }})",
                                  weight, transposed ? "transposed" : ""),
                      cpu);
        Weights w(g, n, k, width, half, 1);
        Buffer rows({g, k, n}, -1, half ? 2 : 4);
        for (int64_t i = 0; i < rows.count; ++i) {
          float value = w.row(i / (k * n), i % n)[i / n % k];
          if (half)
            rows.data<uint16_t>()[i] = truncated(value);
          else
            rows.data()[i] = value;
        }
        for (int64_t m : kTokens) {
          Buffer x = Buffer({m, g, k}).fill(3), y({m, g, n});
          runTwice(kernel, {x, transposed ? rows : w.packed}, y);
          for (int64_t i = 0; i < y.count; ++i) {
            auto [p, bound] =
                dot(x.data() + i / n * k, w.row(i / n % g, i % n), k);
            ASSERT_NEAR(y.data()[i], p, bound)
                << cpu << " " << element << " tokens " << m << " at " << i;
          }
        }
      }
}

// Pages of an expert that nobody chose cannot be read.
TEST(Experts, onlyThoseChosenAreRead) {
  constexpr int64_t e = 3, n = 64, k = 256;
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "experts" ties [-1] {{
      ^bb0(%x: tensor<?x1x256xf32>, %i: tensor<?x1xi32>, %f: tensor<?x1xf32>, %w: tensor<3x64x256xf32, #graph.layout<panels, {0}>>):
        %y = graph.expert_linear %x, %i, %f, %w : tensor<?x1x256xf32>, tensor<?x1xi32>, tensor<?x1xf32>, tensor<3x64x256xf32, #graph.layout<panels, {0}>> -> tensor<?x64xf32>
        launch.return %y : tensor<?x64xf32>
      }})",
                              panelOf(cpu, false)),
                  cpu);
    Weights w(e, n, k, panelOf(cpu, false), false, 1);
    auto begin = uintptr_t(w.packed.data() + n * k),
         end = uintptr_t(w.packed.data() + 2 * n * k);
    begin = (begin + 4095) / 4096 * 4096;
    ASSERT_EQ(mprotect(reinterpret_cast<void *>(begin),
                       end / 4096 * 4096 - begin, PROT_NONE),
              0);
    for (int64_t m : {1, 9}) {
      Buffer x = Buffer({m, 1, k}).fill(3), f = Buffer({m, 1}).fill(4);
      Buffer y({m, n}), indices({m, 1});
      for (int64_t i = 0; i < m; ++i) // one beyond the range is the last
        indices.data<int32_t>()[i] = i % 3 ? 7 : -1;
      kernel.run({x, indices, f, w.packed, y}, 2);
      for (int64_t i = 0; i < y.count; ++i) {
        auto [p, bound] =
            dot(x.data() + i / n * k, w.row(i / n % 3 ? 2 : 0, i % n), k);
        double factor = f.data()[i / n];
        ASSERT_NEAR(y.data()[i], factor * p,
                    std::fabs(factor) * (bound + 0x1p-23 * std::fabs(p)));
      }
    }
  }
}

namespace {
struct Routing {
  std::string scoring, attributes;
  int64_t experts, top, groups, limit;
  bool bias, normalize;
  double scale;
};

/// The operation's description, in float64.
void route(const Routing &r, const float *logits, const float *bias,
           std::vector<int64_t> &chosen, std::vector<double> &weights) {
  std::vector<double> s(size_t(r.experts)), choice;
  double most = *std::max_element(logits, logits + r.experts), sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    s[i] = r.scoring == "softmax" ? std::exp(logits[i] - most)
                                  : 1 / (1 + std::exp(-double(logits[i])));
    sum += s[i];
  }
  for (double &x : s)
    x /= r.scoring == "softmax" ? sum : 1;
  for (size_t i = 0; i < s.size(); ++i)
    choice.push_back(s[i] + (r.bias ? bias[i] : 0));
  auto take = [](std::vector<double> &from) {
    auto best = std::max_element(from.begin(), from.end()); // the first
    *best = -INFINITY;
    return best - from.begin();
  };
  int64_t size = r.experts / r.groups;
  std::vector<double> sums;
  for (int64_t g = 0; g < r.groups && r.groups > 1; ++g) {
    std::vector<double> group(&choice[size_t(g * size)],
                              &choice[size_t(g * size)] + size);
    std::sort(group.rbegin(), group.rend());
    sums.push_back(group[0] + group[1]);
  }
  for (int64_t i = 0; i < r.limit && r.groups > 1; ++i)
    take(sums);
  for (size_t i = 0; i < choice.size() && r.groups > 1; ++i)
    if (sums[i / size_t(size)] != -INFINITY)
      choice[i] = -INFINITY;
  double total = 1e-20;
  for (int64_t i = 0; i < r.top; ++i) {
    chosen.push_back(take(choice));
    weights.push_back(s[size_t(chosen.back())]);
    total += weights.back();
  }
  for (double &w : weights)
    w *= r.scale / (r.normalize ? total : 1);
}
} // namespace

// Logits of few values, so that many scores are equal, and single ones.
TEST(Experts, routing) {
  const Routing cases[] = {
      {"softmax", "top 2 normalize", 8, 2, 1, 1, false, true, 1},
      {"softmax", "top 3", 3, 3, 1, 1, false, false, 1},
      {"sigmoid", "bias %b top 4 groups 4 limit 2 normalize {scale = 2.5}", 20,
       4, 4, 2, true, true, 2.5},
      {"sigmoid", "bias %b top 8 groups 8 limit 4 normalize {scale = 2.5}", 256,
       8, 8, 4, true, true, 2.5},
      {"sigmoid", "bias %b top 6", 37, 6, 1, 1, true, false, 1}};
  for (const std::string &cpu : runnableCpus())
    for (const Routing &r : cases) {
      Kernel kernel(
          fmt::format(R"(
        launch.kernel @k on "cpu" family "experts" ties [-1, -1] {{
        ^bb0(%x: tensor<?x{0}xf32>{4}):
          %i, %w = graph.route {1} %x {2} : tensor<?x{0}xf32>{5} -> tensor<?x{3}xi32>, tensor<?x{3}xf32>
          launch.return %i, %w : tensor<?x{3}xi32>, tensor<?x{3}xf32>
        }})",
                      r.experts, r.scoring, r.attributes, r.top,
                      r.bias ? fmt::format(", %b: tensor<{}xf32>", r.experts)
                             : "",
                      r.bias ? fmt::format(", tensor<{}xf32>", r.experts) : ""),
          cpu);
      constexpr int64_t m = 50;
      Buffer x = Buffer({m, r.experts}).fill(1);
      Buffer b = Buffer({r.experts}).fill(2);
      for (float &value : x.elements()) // half of them: few values
        if (&value - x.data() < x.count / 2)
          value = 0.03125f + std::floor(value * 8) / 8;
      for (float &value : b.elements())
        value = std::floor(value * 4) / 4;
      Buffer indices({m, r.top}), weights({m, r.top});
      std::vector<Buffer> buffers = {x};
      if (r.bias)
        buffers.push_back(b);
      buffers.insert(buffers.end(), {indices, weights});
      kernel.run(buffers, 3);
      for (int64_t row = 0; row < m; ++row) {
        std::vector<int64_t> chosen;
        std::vector<double> expected;
        route(r, x.data() + row * r.experts, b.data(), chosen, expected);
        double most = *std::max_element(expected.begin(), expected.end());
        for (int64_t j = 0; j < r.top; ++j) {
          int64_t at = row * r.top + j;
          ASSERT_EQ(indices.data<int32_t>()[at], chosen[size_t(j)])
              << cpu << " " << r.attributes << " row " << row << " " << j;
          ASSERT_NEAR(weights.data()[at], expected[size_t(j)], 4e-6 * most);
        }
      }
    }
}
