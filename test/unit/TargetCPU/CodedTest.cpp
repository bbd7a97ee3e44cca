//===- CodedTest.cpp - layers over stored codes against float64 -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "trine/Formats/CodePanels.h"
#include "trine/Support/Float.h"
#include "gtest/gtest.h"
#include <cmath>
#include <random>

using namespace trine;
using namespace trine::test;

namespace {

const char *const kFormats[] = {"q4_0", "q4_1", "q5_0", "q5_1",
                                "q8_0", "q4_k", "q5_k", "q6_k"};

/// Registers of a panel are two, of each of a gated layer's one.
int64_t panelOf(const std::string &cpu) { return cpu == "x86-64-v3" ? 16 : 32; }

/// [N, K] of random blocks: its values, a bound on its parts, its panels.
struct Codes {
  Codes(const char *name, int64_t n, int64_t k, int64_t width, uint32_t seed)
      : format(*blockFormat(name)), form{format, width}, values({n, k}),
        sizes({n, k}),
        packed({n, k},
               (n + width - 1) / width * (k / format.super) * form.blockBytes(),
               1) {
    std::mt19937 random(seed);
    auto fill = [&](auto &list, int64_t count, uint32_t mask, uint32_t base) {
      for (int64_t i = 0; i < count; ++i)
        list.push_back(decltype(list[0] + 0)(base + (random() & mask)));
    };
    BlockCodes codes;
    int64_t blocks = n * k / format.super;
    fill(codes.codes, n * k, (1u << format.bits) - 1, 0);
    fill(codes.d, blocks, 0x7ff, 0x2400); // 2^-6 and above
    for (uint16_t &d : codes.d)
      d |= random() & 0x8000;
    if (format.hasMin)
      fill(codes.m, blocks, 0x7ff, 0x2c00);
    if (format.hasScales)
      fill(codes.scales, blocks * format.subBlocks(), format.hasMin ? 63 : 255,
           0);
    if (format.hasScales && format.hasMin)
      fill(codes.mins, blocks * format.subBlocks(), 63, 0);
    int64_t bytes = k / format.super * form.blockBytes();
    auto *panels = packed.data<uint8_t>();
    std::fill_n(panels, packed.count, uint8_t(0));
    for (int64_t row = 0; row < n; ++row)
      form.pack(codes, row, k, row % width, panels + row / width * bytes);
    for (int64_t row = 0; row < n; ++row) {
      form.decode(panels + row / width * bytes, row % width, k,
                  values.data() + row * k);
      for (int64_t i = 0; i < k; ++i) {
        size_t block = size_t((row * k + i) / format.super);
        size_t sub = size_t((row * k + i) / format.block);
        double d = f16ToF32(codes.d[block]), m = 0;
        if (format.hasMin)
          m = f16ToF32(codes.m[block]);
        if (format.hasScales)
          d *= format.hasMin ? codes.scales[sub] : int8_t(codes.scales[sub]);
        if (format.hasScales && format.hasMin)
          m *= codes.mins[sub];
        sizes.data()[row * k + i] =
            float(std::fabs(d) * (2 << format.bits) + std::fabs(m));
      }
    }
  }

  BlockFormat format;
  CodePanel form;
  Buffer values, sizes, packed;
};

/// x as `int8` prescribes.
std::vector<float> quantized(const float *x, int64_t k) {
  std::vector<float> out;
  for (int64_t i = 0; i < k; i += 32) {
    float most = 0;
    for (int64_t j = i; j < i + 32; ++j)
      most = std::max(most, std::fabs(x[j]));
    float scale = most * (1.0f / 127), inverse = 1 / scale;
    for (int64_t j = i; j < i + 32; ++j)
      out.push_back(scale * std::nearbyint(x[j] * inverse));
  }
  return out;
}

struct Case {
  const char *format;
  std::string element; ///< of x
  bool int8 = false;
  int64_t panels = 1; ///< width over the usual one: 2 for AMX tiles
};

/// x of `m` rows in the kernel's type, and its exact values as f32.
std::pair<Buffer, std::vector<float>> input(const Case &c, int64_t m,
                                            int64_t k) {
  Buffer x = Buffer({m, k}).fill(7);
  std::vector<float> values(x.data(), x.data() + m * k);
  if (c.element == "f32")
    return {x, values};
  Buffer narrow({m, k}, -1, 2);
  for (int64_t i = 0; i < m * k; ++i) {
    narrow.data<uint16_t>()[i] = f32ToBf16(values[size_t(i)]);
    values[size_t(i)] = bf16ToF32(narrow.data<uint16_t>()[i]);
  }
  return {narrow, values};
}

/// Σ x·w, and the documented bound of its error.
std::pair<double, double> product(const Case &c, const Codes &w, int64_t column,
                                  std::vector<float> x, bool many) {
  int64_t k = int64_t(x.size());
  if (c.int8)
    x = quantized(x.data(), k);
  double sum = 0, size = 0, rounded = 0;
  for (int64_t i = 0; i < k; ++i) {
    double part = double(x[size_t(i)]) * w.values.data()[column * k + i];
    sum += part;
    rounded += std::fabs(part);
    size += std::fabs(x[size_t(i)]) * w.sizes.data()[column * k + i];
  }
  double bound = 2 * std::sqrt(double(k)) * 0x1p-24 * size;
  // Many rows of bf16 meet weights rounded to bf16.
  return {sum, bound + (many && c.element == "bf16" ? 0x1p-8 * rounded : 0)};
}

/// Dot products are some CPUs'; elsewhere x is widened for all formats alike.
std::vector<Case> cases(const std::string &cpu) {
  std::vector<Case> list;
  for (const char *name : kFormats) {
    if (cpu == "sapphirerapids") {
      list.push_back({name, "bf16", false, 2});
      continue;
    }
    bool dots = cpu == "cooperlake";
    if (!dots)
      list.push_back({name, "f32"});
    if (dots || name == std::string("q5_1"))
      list.insert(list.end(), {{name, "bf16"}, {name, "f32", true}});
  }
  return list;
}

} // namespace

TEST(Coded, linear) {
  constexpr int64_t n = 75, k = 512;
  for (const std::string &cpu : tileCpus())
    for (const Case &c : cases(cpu)) {
      int64_t width = panelOf(cpu) * c.panels;
      Codes w(c.format, n, k, width, 1);
      Kernel kernel(fmt::format(R"(
        !w = tensor<{0}x{1}xf32, #graph.layout<panels, {2}, "{3}">>
        launch.kernel @k on "cpu" family "contraction" ties [-1] {{
        ^bb0(%x: tensor<?x{1}x{4}>, %w: !w, %b: tensor<{0}xf32>):
          %y = graph.linear %x, %w bias %b {5} : tensor<?x{1}x{4}>, !w, tensor<{0}xf32> -> tensor<?x{0}xf32>
          launch.return %y : tensor<?x{0}xf32>
        }})",
                                n, k, width, c.format, c.element,
                                c.int8 ? "int8" : ""),
                    cpu);
      Buffer b = Buffer({n}).fill(2);
      for (int64_t m : {0, 1, 2, 3, 4, 5, 23}) {
        auto [x, values] = input(c, m, k);
        Buffer y({m, n}), again({m, n});
        kernel.run({x, w.packed, b, y});
        kernel.run({x, w.packed, b, again}, 3);
        for (int64_t i = 0; i < m * n; ++i) {
          auto row = values.begin() + i / n * k;
          auto [sum, bound] =
              product(c, w, i % n, std::vector<float>(row, row + k), m > 1);
          ASSERT_NEAR(y.data()[i], sum + b.data()[i % n], bound)
              << cpu << " " << c.format << " " << c.element << " int8 "
              << c.int8 << ", " << m << " rows, at " << i;
          ASSERT_EQ(y.data()[i], again.data()[i]) << "on three threads";
        }
      }
    }
}

// Two weights, panels of half the width, a K in slices.
TEST(Coded, gatedInSlices) {
  constexpr int64_t n = 40, k = 8192;
  for (const std::string &cpu : tileCpus())
    for (const Case &c : {Case{"q4_1", "f32"},
                          {"q4_k", "bf16"},
                          {"q4_k", "bf16", false, 2},
                          {"q6_k", "f32", true}}) {
      int64_t width = panelOf(cpu) / 2 * c.panels;
      Codes gate(c.format, n, k, width, 1), up(c.format, n, k, width, 2);
      Kernel kernel(fmt::format(R"(
        !w = tensor<{0}x{1}xf32, #graph.layout<panels, {2}, "{3}">>
        launch.kernel @k on "cpu" family "contraction" ties [-1] {{
        ^bb0(%x: tensor<?x{1}x{4}>, %g: !w, %u: !w):
          %y = graph.gated relu %x, %g, %u {5} : tensor<?x{1}x{4}>, !w, !w -> tensor<?x{0}xf32>
          launch.return %y : tensor<?x{0}xf32>
        }})",
                                n, k, width, c.format, c.element,
                                c.int8 ? "int8" : ""),
                    cpu);
      for (int64_t m : {1, 50}) {
        auto [x, values] = input(c, m, k);
        Buffer y({m, n});
        kernel.run({x, gate.packed, up.packed, y}, 2);
        for (int64_t i = 0; i < m * n; ++i) {
          std::vector<float> row(values.begin() + i / n * k,
                                 values.begin() + (i / n + 1) * k);
          auto [g, gBound] = product(c, gate, i % n, row, m > 2);
          auto [u, uBound] = product(c, up, i % n, row, m > 2);
          ASSERT_NEAR(y.data()[i], std::max(g, 0.0) * u,
                      gBound * std::fabs(u) + uBound * std::fabs(g) +
                          gBound * uBound)
              << cpu << " " << c.format << ", " << m << " rows, at " << i;
        }
      }
    }
}

// A table's rows are decoded to the last bit.
TEST(Coded, gather) {
  constexpr int64_t n = 75, k = 512;
  for (const std::string &cpu : runnableCpus())
    for (const char *format : kFormats) {
      Codes table(format, n, k, panelOf(cpu), 3);
      Kernel kernel(fmt::format(R"(
        !w = tensor<{0}x{1}xf32, #graph.layout<panels, {2}, "{3}">>
        launch.kernel @k on "cpu" family "gather" ties [-1] {{
        ^bb0(%w: !w, %i: tensor<?xi32>):
          %y = graph.gather %w, %i : !w, tensor<?xi32> -> tensor<?x{1}xf32>
          launch.return %y : tensor<?x{1}xf32>
        }})",
                                n, k, panelOf(cpu), format),
                    cpu);
      Buffer rows({4}), y({4, k});
      int32_t wanted[] = {0, 74, 31, 40};
      std::copy_n(wanted, 4, rows.data<int32_t>());
      kernel.run({table.packed, rows, y}, 2);
      for (int64_t i = 0; i < 4 * k; ++i)
        ASSERT_EQ(y.data()[i], table.values.data()[wanted[i / k] * k + i % k])
            << cpu << " " << format << " at " << i;
    }
}
