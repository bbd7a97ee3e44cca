//===- ContractionTest.cpp - linear layers and products against float64 ---===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <set>
#include <sstream>

using namespace trine::test;

namespace {

struct Shape {
  int64_t m, n, k;
};
const std::vector<int64_t> kRows = {0,  1,  2,  7,   8,   9,
                                    31, 32, 33, 127, 128, 129};

/// W of a linear layer's weight for the CPU; a gated layer's is half.
int64_t panelOf(const std::string &cpu) { return cpu == "x86-64-v3" ? 16 : 64; }

/// [N, K] of f32 as bf16 in panels of `width`, in pairs along k; NaN between.
Buffer pairedPanels(Buffer &plain, int64_t width) {
  int64_t n = plain.dims[0], k = plain.dims[1], pairs = (k + 1) / 2;
  Buffer packed(plain.dims, (n + width - 1) / width * width * pairs * 2, 2);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < k; ++j)
      packed.data<uint16_t>()
          [((i / width * pairs + j / 2) * width + i % width) * 2 + j % 2] =
          truncated(plain.data()[i * k + j]);
  return packed;
}

/// [N, K] with random values and its copy in panels of `width`.
struct Weight {
  Weight(int64_t n, int64_t k, int64_t width, uint32_t seed)
      : plain({n, k}), packed({n, k}, (n + width - 1) / width * width * k) {
    plain.fill(seed);
    std::fill_n(packed.data(), packed.count, 0.f);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < k; ++j)
        packed.data()[(i / width * k + j) * width + i % width] =
            plain.data()[i * k + j];
  }
  Buffer plain, packed;
};

/// Σ x·w and Σ |x·w| in float64.
std::pair<double, double> dot(const float *x, const float *w, int64_t k,
                              int64_t stride = 1) {
  double sum = 0, size = 0;
  for (int64_t i = 0; i < k; ++i) {
    double product = double(x[i]) * w[i * stride];
    sum += product;
    size += std::fabs(product);
  }
  return {sum, size};
}

/// The documented bound of a contraction, and the rounding of what follows.
double bound(double size, int64_t k, double result = 0) {
  return 2 * std::sqrt(double(k)) * 0x1p-24 * size +
         std::fabs(result) * 0x1p-22;
}

double silu(double x) { return x / (1 + std::exp(-x)); }

} // namespace

TEST(Contraction, linearWithBiasAndResidual) {
  for (const std::string &cpu : runnableCpus())
    for (auto [n, k] : {std::pair{64, 48}, {33, 17}, {5, 1}, {96, 200}}) {
      Kernel kernel(fmt::format(R"(
        launch.kernel @k on "cpu" family "contraction" ties [-1] {{
        ^bb0(%x: tensor<1x?x{1}xf32>, %w: tensor<{0}x{1}xf32, #graph.layout<panels, {2}>>, %b: tensor<{0}xf32>, %r: tensor<1x?x{0}xf32>):
          %y = graph.linear %x, %w bias %b : tensor<1x?x{1}xf32>, tensor<{0}x{1}xf32, #graph.layout<panels, {2}>>, tensor<{0}xf32> -> tensor<1x?x{0}xf32>
          %z = graph.add %r, %y : tensor<1x?x{0}xf32>, tensor<1x?x{0}xf32> -> tensor<1x?x{0}xf32>
          launch.return %z : tensor<1x?x{0}xf32>
        }})",
                                n, k, panelOf(cpu)),
                    cpu);
      Weight w(n, k, panelOf(cpu), 1);
      Buffer b = Buffer({n}).fill(2);
      for (int64_t m : kRows) {
        Buffer x = Buffer({1, m, k}).fill(3), r = Buffer({1, m, n}).fill(4);
        Buffer y({1, m, n}), again({1, m, n});
        kernel.run({x, w.packed, b, r, y});
        kernel.run({x, w.packed, b, r, again}, 3);
        for (int64_t i = 0; i < m * n; ++i) {
          int64_t row = i / n, column = i % n;
          auto [sum, size] =
              dot(x.data() + row * k, w.plain.data() + column * k, k);
          double expected = sum + b.data()[column] + r.data()[i];
          ASSERT_NEAR(y.data()[i], expected, bound(size + 2, k))
              << cpu << " " << m << "x" << n << "x" << k << " at " << i;
          ASSERT_EQ(y.data()[i], again.data()[i]) << "on three threads";
        }
      }
    }
}

TEST(Contraction, aSumIsOneChainWhateverTheTileAndTheSlice) {
  // K beyond a slice on every CPU, and no multiple of an unrolled loop's steps.
  constexpr int64_t n = 70, k = 4099;
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1] {{
      ^bb0(%x: tensor<?x{1}xf32>, %w: tensor<{0}x{1}xf32, #graph.layout<panels, {2}>>, %b: tensor<{0}xf32>):
        %y = graph.linear %x, %w bias %b : tensor<?x{1}xf32>, tensor<{0}x{1}xf32, #graph.layout<panels, {2}>>, tensor<{0}xf32> -> tensor<?x{0}xf32>
        launch.return %y : tensor<?x{0}xf32>
      }})",
                              n, k, panelOf(cpu)),
                  cpu);
    Weight w(n, k, panelOf(cpu), 1);
    Buffer b = Buffer({n}).fill(2);
    for (int64_t m : {1, 6, 13, 150})
      for (int threads : {1, 3}) {
        Buffer x = Buffer({m, k}).fill(3), y({m, n});
        kernel.run({x, w.packed, b, y}, threads);
        for (int64_t i = 0; i < m * n; i += 7) {
          float sum = 0;
          for (int64_t j = 0; j < k; ++j)
            sum = std::fma(x.data()[i / n * k + j],
                           w.plain.data()[i % n * k + j], sum);
          ASSERT_EQ(y.data()[i], sum + b.data()[i % n])
              << cpu << " rows " << m << " threads " << threads << " at " << i;
        }
      }
  }
}

TEST(Contraction, bf16Weights) {
  // K that is odd, and of whole AMX tiles; slices, a last panel that is
  // partial; NaN after a row of x and between the pairs of the weight, which
  // must not be read.
  for (std::string input : {"f32", "bf16"})
    for (const std::string &cpu : input == "f32" ? runnableCpus() : tileCpus())
      for (auto [n, k] : {std::pair{64, 96}, {70, 8203}, {70, 8224}}) {
        Kernel kernel(fmt::format(R"(
          launch.kernel @k on "cpu" family "contraction" ties [-1] {{
          ^bb0(%x: tensor<?x{1}x{3}>, %w: tensor<{0}x{1}xbf16, #graph.layout<panels, {2}>>):
            %y = graph.linear %x, %w : tensor<?x{1}x{3}>, tensor<{0}x{1}xbf16, #graph.layout<panels, {2}>> -> tensor<?x{0}xf32>
            launch.return %y : tensor<?x{0}xf32>
          }})",
                                  n, k, panelOf(cpu), input),
                      cpu);
        Buffer w = Buffer({n, k}).fill(1);
        Buffer packed = pairedPanels(w, panelOf(cpu));
        Buffer x = Buffer({150, k}).fill(2);
        Buffer narrow = narrowed(x), first({1, n});
        for (int64_t m : {1, 2, 7, 17, 33, 50, 150}) {
          if (m > 50 && k > 96)
            continue;
          Buffer some = input == "f32" ? x : narrow, y({m, n}), again({m, n});
          some.dims[0] = m;
          kernel.run({some, packed, y});
          kernel.run({some, packed, again}, 3);
          if (m == 1)
            first = y;
          for (int64_t i = 0; i < m * n; ++i) {
            auto [sum, size] =
                dot(x.data() + i / n * k, w.data() + i % n * k, k);
            ASSERT_NEAR(y.data()[i], sum, bound(size, k))
                << cpu << " " << input << " " << m << "x" << n << "x" << k
                << " at " << i;
            ASSERT_EQ(y.data()[i], again.data()[i]) << "on three threads";
            if (i < n)
              ASSERT_EQ(y.data()[i], first.data()[i]) << "alone";
          }
        }
      }
}

TEST(Contraction, gatedOfBf16) {
  for (const std::string &cpu : tileCpus()) {
    int64_t n = 72, k = 64, width = panelOf(cpu) / 2;
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1] {{
      ^bb0(%x: tensor<?x64xbf16>, %g: tensor<72x64xbf16, #graph.layout<panels, {0}>>, %u: tensor<72x64xbf16, #graph.layout<panels, {0}>>):
        %y = graph.gated silu %x, %g, %u : tensor<?x64xbf16>, tensor<72x64xbf16, #graph.layout<panels, {0}>>, tensor<72x64xbf16, #graph.layout<panels, {0}>> -> tensor<?x72xbf16>
        launch.return %y : tensor<?x72xbf16>
      }})",
                              width),
                  cpu);
    Buffer gate = Buffer({n, k}).fill(1), up = Buffer({n, k}).fill(2);
    Buffer gatePanels = pairedPanels(gate, width);
    Buffer upPanels = pairedPanels(up, width);
    for (int64_t m : {1, 6, 20, 33, 50}) {
      Buffer x = Buffer({m, k}).fill(3), y({m, n}, -1, 2);
      kernel.run({narrowed(x), gatePanels, upPanels, y}, 2);
      for (int64_t i = 0; i < m * n; ++i) {
        const float *row = x.data() + i / n * k;
        double g = dot(row, gate.data() + i % n * k, k).first;
        double u = dot(row, up.data() + i % n * k, k).first;
        float got = std::bit_cast<float>(uint32_t(y.data<uint16_t>()[i]) << 16);
        // Half a unit in the last of 8 bits, and little before that.
        ASSERT_NEAR(got, silu(g) * u, std::fabs(silu(g) * u) * 0x1p-8 + 1e-5)
            << cpu << " rows " << m << " at " << i;
      }
    }
  }
}

TEST(Contraction, gated) {
  for (const std::string &cpu : runnableCpus()) {
    int64_t n = 72, k = 40, width = panelOf(cpu) / 2;
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1] {{
      ^bb0(%x: tensor<?x40xf32>, %g: tensor<72x40xf32, #graph.layout<panels, {0}>>, %u: tensor<72x40xf32, #graph.layout<panels, {0}>>):
        %y = graph.gated silu %x, %g, %u : tensor<?x40xf32>, tensor<72x40xf32, #graph.layout<panels, {0}>>, tensor<72x40xf32, #graph.layout<panels, {0}>> -> tensor<?x72xf32>
        launch.return %y : tensor<?x72xf32>
      }})",
                              width),
                  cpu);
    Weight gate(n, k, width, 1), up(n, k, width, 2);
    for (int64_t m : kRows) {
      Buffer x = Buffer({m, k}).fill(3), y({m, n});
      kernel.run({x, gate.packed, up.packed, y}, 2);
      for (int64_t i = 0; i < m * n; ++i) {
        const float *row = x.data() + i / n * k;
        auto [g, gSize] = dot(row, gate.plain.data() + i % n * k, k);
        auto [u, uSize] = dot(row, up.plain.data() + i % n * k, k);
        double expected = silu(g) * u;
        // |d silu/dx| < 1.1
        double error = 1.1 * bound(gSize, k) * std::fabs(u) +
                       std::fabs(silu(g)) * bound(uSize, k);
        ASSERT_NEAR(y.data()[i], expected,
                    error + std::fabs(expected) * 0x1p-21)
            << cpu << " rows " << m << " at " << i;
      }
    }
  }
}

// A layer returned beside its cast, and one only as its cast.
TEST(Contraction, segmentsAreCast) {
  for (const std::string &cpu : tileCpus()) {
    int64_t k = 64, width = panelOf(cpu);
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1, -1, -1] {{
      ^bb0(%x: tensor<?x64xbf16>, %q: tensor<75x64xbf16, #graph.layout<panels, {0}>>, %k: tensor<40x64xbf16, #graph.layout<panels, {0}>>):
        %0 = graph.linear %x, %q : tensor<?x64xbf16>, tensor<75x64xbf16, #graph.layout<panels, {0}>> -> tensor<?x75xf32>
        %1 = graph.cast %0 : tensor<?x75xf32> -> tensor<?x75xbf16>
        %2 = graph.linear %x, %k : tensor<?x64xbf16>, tensor<40x64xbf16, #graph.layout<panels, {0}>> -> tensor<?x40xf32>
        %3 = graph.cast %2 : tensor<?x40xf32> -> tensor<?x40xbf16>
        launch.return %0, %1, %3 : tensor<?x75xf32>, tensor<?x75xbf16>, tensor<?x40xbf16>
      }})",
                              width),
                  cpu);
    Buffer q = Buffer({75, k}).fill(1), key = Buffer({40, k}).fill(2);
    Buffer queries = pairedPanels(q, width), keys = pairedPanels(key, width);
    for (int64_t m : {1, 5, 33}) {
      Buffer x = Buffer({m, k}).fill(9), y({m, 75}), rounded({m, 75}, -1, 2);
      Buffer other({m, 40}, -1, 2);
      kernel.run({narrowed(x), queries, keys, y, rounded, other}, 2);
      auto bf16 = [](float value) { // to nearest even; no NaN here
        uint32_t bits = std::bit_cast<uint32_t>(value);
        return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
      };
      for (int64_t i = 0; i < m * 75; ++i)
        ASSERT_EQ(rounded.data<uint16_t>()[i], bf16(y.data()[i]))
            << cpu << " rows " << m << " at " << i;
      for (int64_t i = 0; i < m * 40; ++i) {
        double sum =
            dot(x.data() + i / 40 * k, key.data() + i % 40 * k, k).first;
        float got =
            std::bit_cast<float>(uint32_t(other.data<uint16_t>()[i]) << 16);
        ASSERT_NEAR(got, sum, std::fabs(sum) * 0x1p-8 + 1e-5)
            << cpu << " rows " << m << " at " << i;
      }
    }
  }
}

TEST(Contraction, segmentsShareTheInput) {
  for (const std::string &cpu : runnableCpus()) {
    int64_t k = 24, width = panelOf(cpu);
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1, -1, -1] {{
      ^bb0(%x: tensor<?x24xf32>, %q: tensor<96x24xf32, #graph.layout<panels, {0}>>, %k: tensor<32x24xf32, #graph.layout<panels, {0}>>, %v: tensor<40x24xf32, #graph.layout<panels, {0}>>):
        %0 = graph.linear %x, %q : tensor<?x24xf32>, tensor<96x24xf32, #graph.layout<panels, {0}>> -> tensor<?x96xf32>
        %1 = graph.linear %x, %k : tensor<?x24xf32>, tensor<32x24xf32, #graph.layout<panels, {0}>> -> tensor<?x32xf32>
        %2 = graph.linear %x, %v : tensor<?x24xf32>, tensor<40x24xf32, #graph.layout<panels, {0}>> -> tensor<?x40xf32>
        %3 = graph.neg %2 : tensor<?x40xf32>
        launch.return %0, %1, %3 : tensor<?x96xf32>, tensor<?x32xf32>, tensor<?x40xf32>
      }})",
                              width),
                  cpu);
    Weight weights[] = {
        {96, k, width, 1}, {32, k, width, 2}, {40, k, width, 3}};
    for (int64_t m : {1, 5, 33})
      for (int threads : {1, 2, 7}) {
        Buffer x = Buffer({m, k}).fill(9);
        Buffer y[] = {{{m, 96}}, {{m, 32}}, {{m, 40}}};
        kernel.run({x, weights[0].packed, weights[1].packed, weights[2].packed,
                    y[0], y[1], y[2]},
                   threads);
        for (int s = 0; s < 3; ++s)
          for (int64_t i = 0, n = y[s].dims[1]; i < m * n; ++i) {
            auto [sum, size] = dot(x.data() + i / n * k,
                                   weights[s].plain.data() + i % n * k, k);
            ASSERT_NEAR(y[s].data()[i], s == 2 ? -sum : sum, bound(size, k))
                << cpu << " segment " << s << " rows " << m << " at " << i;
          }
      }
  }
}

TEST(Contraction, matmulOfActivations) {
  for (const std::string &cpu : runnableCpus())
    for (bool transposed : {false, true}) {
      int64_t width = panelOf(cpu);
      std::string rhs =
          transposed
              ? fmt::format("tensor<?x?x?xf32, #graph.layout<panels, {}>>",
                            width)
              : "tensor<?x?x?xf32>";
      Kernel kernel(fmt::format(R"(
        launch.kernel @k on "cpu" family "contraction" ties [-1] {{
        ^bb0(%a: tensor<?x?x?xf32>, %b: {0}):
          %y = graph.matmul %a, %b {1} : tensor<?x?x?xf32>, {0} -> tensor<?x?x?xf32>
          launch.return %y : tensor<?x?x?xf32>
        }})",
                                rhs, transposed ? "transpose_b" : ""),
                    cpu);
      for (int64_t batch : {1, 3})
        for (auto [m, n, k] : {Shape{1, 1, 1},
                               {9, 40, 33},
                               {17, 64, 0},
                               {8, 31, 5},
                               {2, 0, 4}}) {
          Buffer a = Buffer({batch, m, k}).fill(1), y({batch, m, n});
          Buffer plain = Buffer({batch, k, n}).fill(2);
          Buffer b = plain;
          if (transposed) {
            int64_t padded = (n + width - 1) / width * width;
            b = Buffer({batch, n, k}, batch * padded * k);
            std::fill_n(b.data(), b.count, 0.f);
            for (int64_t z = 0; z < batch; ++z)
              for (int64_t i = 0; i < n; ++i)
                for (int64_t j = 0; j < k; ++j)
                  b.data()[z * padded * k + (i / width * k + j) * width +
                           i % width] = plain.data()[(z * k + j) * n + i];
          }
          kernel.run({a, b, y}, 2);
          for (int64_t i = 0; i < y.count; ++i) {
            int64_t z = i / (m * n), row = i / n, column = i % n;
            auto [sum, size] = dot(a.data() + row * k,
                                   plain.data() + z * k * n + column, k, n);
            ASSERT_NEAR(y.data()[i], sum, bound(size, k))
                << cpu << " " << batch << "x" << m << "x" << n << "x" << k
                << (transposed ? " transposed" : "") << " at " << i;
          }
        }
    }
}

TEST(Contraction, aCorruptedWeightIsSeen) {
  std::string cpu = runnableCpus().back();
  int64_t width = panelOf(cpu);
  Kernel kernel(fmt::format(R"(
    launch.kernel @k on "cpu" family "contraction" ties [-1] {{
    ^bb0(%x: tensor<?x8xf32>, %w: tensor<32x8xf32, #graph.layout<panels, {0}>>):
      %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<32x8xf32, #graph.layout<panels, {0}>> -> tensor<?x32xf32>
      launch.return %y : tensor<?x32xf32>
    }})",
                            width),
                cpu);
  Weight w(32, 8, width, 1);
  w.packed.data()[3 * width + 5] += 0x1p-12f; // w[5][3]
  Buffer x = Buffer({3, 8}).fill(2), y({3, 32});
  kernel.run({x, w.packed, y});
  auto [sum, size] = dot(x.data(), w.plain.data() + 5 * 8, 8);
  EXPECT_GT(std::fabs(y.data()[5] - sum), bound(size, 8));
}

/// The basic block with most accumulators: the k loop of a whole tile.
static std::vector<std::string> hottestBlock(const std::string &assembly) {
  std::vector<std::string> best, block;
  auto accumulators = [](const std::vector<std::string> &lines) {
    std::set<std::string> registers;
    for (const std::string &line : lines)
      if (line.find("vfmadd") != std::string::npos)
        registers.insert(line.substr(line.rfind('%')));
    return registers.size();
  };
  std::istringstream stream(assembly);
  for (std::string line; std::getline(stream, line);) {
    bool label =
        !line.empty() && line[0] == '.' && line.find(':') != std::string::npos;
    if (label || line.find("\tj") == 0) {
      if (accumulators(block) > accumulators(best))
        best = block;
      block.clear();
    }
    block.push_back(line);
  }
  return best;
}

TEST(Contraction, innerLoopIsTheTile) {
  // 6 rows of 4 registers on AVX-512, of 2 on AVX2: each weight is loaded once
  // for all rows, each activation once, and nothing spills.
  for (auto [cpu, registers] : {std::pair{"x86-64-v4", 4}, {"x86-64-v3", 2}}) {
    int64_t tile = 6 * registers;
    Kernel kernel(fmt::format(R"(
      launch.kernel @k on "cpu" family "contraction" ties [-1] {{
      ^bb0(%x: tensor<?x1536xf32>, %w: tensor<384x1536xf32, #graph.layout<panels, {0}>>):
        %y = graph.linear %x, %w : tensor<?x1536xf32>, tensor<384x1536xf32, #graph.layout<panels, {0}>> -> tensor<?x384xf32>
        launch.return %y : tensor<?x384xf32>
      }})",
                              panelOf(cpu)),
                  cpu);
    int64_t fma = 0, weights = 0;
    std::string text;
    for (const std::string &line : hottestBlock(kernel.assembly)) {
      text += line + "\n";
      fma += line.find("vfmadd") != std::string::npos;
      weights += line.find("vmovups") != std::string::npos;
      EXPECT_EQ(line.find("rsp"), std::string::npos) << line;
    }
    int64_t unrolled = std::max<int64_t>(fma / tile, 1);
    EXPECT_EQ(fma, tile * unrolled) << text;
    EXPECT_LE(weights, registers * unrolled) << text;
  }
}
