//===- ScaledExpertsTest.cpp - experts of codes against a scalar model ----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ScaledModel.h"
#include "fmt/format.h"
#include "gtest/gtest.h"

using namespace trine;
using namespace trine::test;

namespace {

constexpr int64_t kExperts = 5, kTop = 2;

/// Each expert's rows in panels of their own.
template <typename T>
Buffer stacked(const std::vector<T> &rows, int64_t n, int64_t width,
               int64_t four) {
  std::vector<T> all;
  int64_t each = int64_t(rows.size()) / kExperts;
  for (int64_t e = 0; e < kExperts; ++e) {
    std::vector<T> matrix(rows.begin() + e * each,
                          rows.begin() + (e + 1) * each);
    Buffer packed = panels(matrix, n, width, four);
    all.insert(all.end(), packed.data<T>(), packed.data<T>() + packed.count);
  }
  return bufferOf({kExperts, n, each / n}, all);
}

Buffer scalesOf(const Case &c, const Side &w, int64_t n, int64_t width) {
  return c.scales == "f32" ? stacked(w.scales, n, width, 1)
                           : stacked(w.bytes, n, width, 1);
}

/// Expert 3 is never chosen.
Buffer choices(int64_t tokens) {
  Buffer indices({tokens, kTop});
  for (int64_t i = 0; i < indices.count; ++i) {
    int64_t expert = (i * i + i / 3) % kExperts;
    indices.data<int32_t>()[i] = int32_t(expert == 3 ? 4 : expert);
  }
  return indices;
}

std::string types(const Case &c, int64_t n, int64_t width) {
  return fmt::format(
      "!w = tensor<{0}x{1}x{2}x{3}, #graph.layout<panels, {4}>>\n"
      "!s = tensor<{0}x{1}x{5}x{6}, #graph.layout<panels, {4}>>\n",
      kExperts, n, c.k, c.codes, width, c.blocks(c.columns), c.scales);
}

/// Without dot products of bf16 and with them.
const Case kCases[] = {
    {"f8E4M3FN", "f32", "f32", "free", 72, 24, 24},
    {"f8E4M3FN", "bf16", "i8", "free", 128, 64, 64},
    {"f8E5M2", "bf16", "f32", "free", 42, 0, 0},
};

double silu(double x) { return x / (1 + std::exp(-x)); }

} // namespace

TEST(ScaledExperts, gated) {
  constexpr int64_t n = 40;
  for (const std::string &cpu : runnableCpus())
    for (const Case &c : kCases) {
      int64_t width = cpu == "x86-64-v3" ? 8 : 16;
      Kernel kernel(fmt::format(
                        R"({0}
        launch.kernel @k on "cpu" family "experts" ties [-1] {{
        ^bb0(%x: tensor<?x{1}x{2}>, %i: tensor<?x2xi32>, %g: !w, %gs: !s, %u: !w, %us: !s):
          %y = fp8.scaled_expert_gated silu %x, %i, %g scales %gs, %u scales %us [1, {3}] group {4} : tensor<?x{1}x{2}>, tensor<?x2xi32>, !w, !s, !w, !s -> tensor<?x2x40xf32>
          launch.return %y : tensor<?x2x40xf32>
        }})",
                        types(c, n, width), c.k, c.input, c.columns, c.group),
                    cpu);
      Side gate = randomCodes(c, c.codes, kExperts * n, c.columns, 3, false);
      Side up = randomCodes(c, c.codes, kExperts * n, c.columns, 4, false);
      for (int64_t m : {0, 1, 9}) {
        Side x = randomValues(c, m, 7, false);
        Buffer y({m, kTop, n}), indices = choices(m);
        runTwice(kernel,
                 {inputBuffer(c, x, m), indices,
                  stacked(gate.codes, n, width, 4), scalesOf(c, gate, n, width),
                  stacked(up.codes, n, width, 4), scalesOf(c, up, n, width)},
                 y);
        for (int64_t i = 0; i < y.count; ++i) {
          int64_t row = indices.data<int32_t>()[i / n] * n + i % n;
          Sum g = product(c, x, i / (kTop * n), gate, row);
          Sum u = product(c, x, i / (kTop * n), up, row);
          double want = silu(g.value) * u.value;
          double error = 1.13 * g.bound * std::fabs(u.value) +
                         std::fabs(silu(g.value)) * u.bound +
                         std::fabs(want) * 0x1p-20 + 1e-37;
          ASSERT_NEAR(y.data()[i], want, error)
              << cpu << " " << c.input << " tokens " << m << " at " << i;
        }
      }
    }
}

TEST(ScaledExperts, linear) {
  constexpr int64_t n = 72;
  for (const std::string &cpu : runnableCpus())
    for (const Case &c : kCases) {
      int64_t width = cpu == "x86-64-v3" ? 16 : 32;
      Kernel kernel(fmt::format(
                        R"({0}
        launch.kernel @k on "cpu" family "experts" ties [-1] {{
        ^bb0(%x: tensor<?x2x{1}x{2}>, %i: tensor<?x2xi32>, %f: tensor<?x2xf32>, %w: !w, %s: !s):
          %y = fp8.scaled_expert_linear %x, %i, %f, %w scales %s [1, {3}] group {4} : tensor<?x2x{1}x{2}>, tensor<?x2xi32>, tensor<?x2xf32>, !w, !s -> tensor<?x72xf32>
          launch.return %y : tensor<?x72xf32>
        }})",
                        types(c, n, width), c.k, c.input, c.columns, c.group),
                    cpu);
      Side w = randomCodes(c, c.codes, kExperts * n, c.columns, 3, false);
      for (int64_t m : {0, 1, 9}) {
        Side x = randomValues(c, m * kTop, 7, false);
        Buffer y({m, n}), indices = choices(m);
        Buffer factors = Buffer({m, kTop}).fill(5);
        Buffer input = inputBuffer(c, x, m * kTop);
        input.dims = {m, kTop, c.k};
        runTwice(kernel,
                 {input, indices, factors, stacked(w.codes, n, width, 4),
                  scalesOf(c, w, n, width)},
                 y);
        for (int64_t i = 0; i < y.count; ++i) {
          double want = 0, error = 1e-37;
          for (int64_t pair = i / n * kTop; pair < (i / n + 1) * kTop; ++pair) {
            int64_t row = indices.data<int32_t>()[pair] * n + i % n;
            Sum p = product(c, x, pair, w, row);
            double factor = factors.data()[pair];
            want += factor * p.value;
            error += std::fabs(factor) *
                     (p.bound + 3 * 0x1p-24 * std::fabs(p.value));
          }
          ASSERT_NEAR(y.data()[i], want, error)
              << cpu << " " << c.input << " tokens " << m << " at " << i;
        }
      }
    }
}
