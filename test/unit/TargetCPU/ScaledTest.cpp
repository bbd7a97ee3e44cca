//===- ScaledTest.cpp - products of small floats against a scalar model ---===//
// Orders that promise bits are compared bit for bit on every CPU, `free` by its
// bound. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ScaledModel.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <random>

using namespace trine;
using namespace trine::test;

namespace {

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

std::string blockOf(int64_t columns) { return fmt::format("[1, {}]", columns); }

/// Types and arguments of a kernel; `rest` are the operations, with X, W and S
/// for the input, a weight and its scales as scaled_matmul writes them.
std::string types(const Case &c, int64_t n, int64_t width) {
  std::string text =
      fmt::format("!x = tensor<?x{0}x{1}>\n!xs = tensor<?x{2}x{3}>\n"
                  "!w = tensor<{4}x{0}x{5}, #graph.layout<panels, {6}>>\n"
                  "!s = tensor<{4}x{7}x{3}, #graph.layout<panels, {6}>>\n",
                  c.k, c.input, c.blocks(c.inputColumns), c.scales, n, c.codes,
                  width, c.blocks(c.columns));
  return text;
}

std::string inputText(const Case &c) {
  return c.coded() ? "%x scales %xs " + blockOf(c.inputColumns) : "%x";
}
std::string inputTypes(const Case &c) {
  return c.coded() ? "!x scales !xs" : "!x";
}
std::string arguments(const Case &c) {
  return c.coded() ? "%x: !x, %xs: !xs" : "%x: !x";
}
std::string orderText(const Case &c) {
  return c.order == "free" ? "" : " order " + c.order;
}

Kernel matmul(const Case &c, int64_t n, int64_t width, const std::string &cpu) {
  return Kernel(fmt::format(R"({}
        launch.kernel @k on "cpu" family "contraction" ties [-1] {{
        ^bb0({}, %w: !w, %s: !s):
          %y = fp8.scaled_matmul {}, %w scales %s {} group {}{} : {}, !w, !s -> tensor<?x{}xf32>
          launch.return %y : tensor<?x{}xf32>
        }})",
                            types(c, n, width), arguments(c), inputText(c),
                            blockOf(c.columns), c.group, orderText(c),
                            inputTypes(c), n, n),
                cpu);
}

std::vector<Buffer> operandsOf(const Case &c, const Side &x, int64_t m) {
  std::vector<Buffer> buffers = {inputBuffer(c, x, m)};
  if (c.coded())
    buffers.push_back(scaleBuffer(c, x, m));
  return buffers;
}

/// x times the weights (codes and scales, in panels of W), into `y`.
void run(const Kernel &kernel, const Case &c, const Side &x, int64_t m,
         std::initializer_list<const Side *> weights, int64_t width, Buffer y,
         int threads = 2) {
  std::vector<Buffer> buffers = operandsOf(c, x, m);
  for (const Side *w : weights) {
    int64_t n = int64_t(w->codes.size()) / c.k;
    buffers.push_back(panels(w->codes, n, width, 4));
    buffers.push_back(scaleBuffer(c, *w, n, width));
  }
  buffers.push_back(std::move(y));
  kernel.run(buffers, threads);
}

/// As the target asks for them: tiles take four registers.
int64_t widthOf(const std::string &cpu) {
  return cpu == "x86-64-v3" ? 16 : cpu == "sapphirerapids" ? 64 : 32;
}

/// Every way to decode and to multiply: without byte lookups and with them,
/// without dot products and with them, and tiles.
std::vector<std::string> codeCpus() {
  std::vector<std::string> cpus = tileCpus();
  bool looksUp = __builtin_cpu_supports("avx512vbmi");
  if (looksUp && cpus.back() == "cooperlake")
    cpus.push_back("znver4");
  if (looksUp)
    cpus.push_back("icelake-server");
  if (cpus.size() == 5) // two others do all it does
    std::erase(cpus, "x86-64-v4");
  return cpus;
}

bool hasDots(const std::string &cpu) {
  return !cpu.starts_with("x86-64") && cpu != "icelake-server";
}

std::string nameOf(const Case &c, const std::string &cpu, int64_t m) {
  return fmt::format("{} {}x{} {} {} k {} group {}, {} rows", cpu, c.input,
                     c.codes, c.scales, c.order, c.k, c.group, m);
}

bool sameBits(float x, float y) {
  return (std::isnan(x) && std::isnan(y)) ||
         (x == y && std::signbit(x) == std::signbit(y));
}

void compare(const Case &c, const std::string &cpu, int64_t n, bool extreme) {
  int64_t width = widthOf(cpu);
  Side w = randomCodes(c, c.codes, n, c.columns, 3, extreme);
  Kernel kernel = matmul(c, n, width, cpu);
  for (int64_t m : {1, 3, 29}) {
    Side x = inputOf(c, m, extreme);
    Buffer y({m, n}), again({m, n});
    run(kernel, c, x, m, {&w}, width, y);
    run(kernel, c, x, m, {&w}, width, again, 3);
    ASSERT_EQ(0, std::memcmp(y.data(), again.data(), size_t(m * n) * 4))
        << nameOf(c, cpu, m) << ": threads change bits";
    for (int64_t i = 0; i < m * n; ++i) {
      Sum sum = product(c, x, i / n, w, i % n);
      if (c.order == "free")
        ASSERT_NEAR(y.data()[i], sum.value, sum.bound + 1e-37)
            << nameOf(c, cpu, m) << " at " << i;
      else
        ASSERT_TRUE(sameBits(y.data()[i], sum.bits))
            << nameOf(c, cpu, m) << " at " << i << ": expected " << sum.bits
            << ", got " << y.data()[i];
    }
  }
}

} // namespace

// Sums of every order, kind of input, scale and length of groups.
TEST(Scaled, orders) {
  const char *e4m3 = "f8E4M3FN", *e5m2 = "f8E5M2";
  const Case cases[] = {
      {e4m3, "f32", "f32", "chain", 640, 128, 128},
      {e5m2, "f16", "i8", "chain", 96, 0, 0},
      {e4m3, e5m2, "i8", "chain", 256, 128, 128},
      {e4m3, e4m3, "i8", "pairs", 640, 128, 256},
      {e4m3, e4m3, "f32", "hopper", 320, 128, 128},
      {e5m2, e4m3, "i8", "hopper", 102, 0, 0},
      {e4m3, "bf16", "f32", "free", 640, 128, 128},
      {e4m3, e4m3, "f32", "free", 512, 32, 128, 32},
      {e4m3, e4m3, "i8", "free", 2304, 0, 0, 0},
      {e4m3, e4m3, "f32", "free", 6400, 128, 128}, // slices of groups
  };
  for (const std::string &cpu : codeCpus())
    for (const Case &c : cases)
      compare(c, cpu, 64, false);
}

// Panels, groups and words that are not full.
TEST(Scaled, ragged) {
  const Case cases[] = {
      {"f8E4M3FN", "f32", "i8", "chain", 604, 128, 128},
      {"f8E4M3FN", "bf16", "f32", "pairs", 577, 128, 128},
      {"f8E4M3FN", "f8E4M3FN", "f32", "free", 131, 0, 0, 0},
  };
  for (const std::string &cpu : codeCpus())
    for (const Case &c : cases)
      compare(c, cpu, 75, false);
}

// Subnormal products, sums, scales and results.
TEST(Scaled, subnormals) {
  const Case cases[] = {
      {"f8E4M3FN", "bf16", "i8", "chain", 48, 16, 16},
      {"f8E5M2", "bf16", "f32", "pairs", 48, 16, 16},
  };
  for (const std::string &cpu : codeCpus())
    for (const Case &c : cases)
      compare(c, cpu, 32, true);
}

// All 256 codes of a weight, and of an input, stand for what they do.
TEST(Scaled, codes) {
  constexpr int64_t n = 256, k = 16;
  for (const std::string &cpu : codeCpus())
    for (const char *element : {"f8E4M3FN", "f8E5M2"})
      for (const char *input : {"f32", "bf16", "codes"}) {
        if (hasDots(cpu) && input == std::string("f32"))
          continue; // the others' way
        Case c{element, input, "f32", "free", k, 0, 0, 0};
        if (c.input == "codes")
          c.input = element;
        const Float8 &format = formatOf(element);
        uint8_t one = format.encode(1);
        // -0 and the zeros beside it are 0.
        auto sumOf = [](float x) { return 0.75f * x + 0.0f; };
        Side w, x;
        for (int64_t i = 0; i < n * k; ++i) // code i in row i, column i % 11
          w.codes.push_back(i % k == i / k % 11 ? uint8_t(i / k) : 0);
        w.scales.assign(n, 0.75f);
        w.perRow = x.perRow = 1;
        Kernel kernel = matmul(c, n, widthOf(cpu), cpu);
        for (int64_t m : {1, 20}) {
          x.values.assign(size_t(m * k), 1);
          x.codes.assign(size_t(m * k), one);
          x.scales.assign(size_t(m), 1);
          Buffer y({m, n});
          run(kernel, c, x, m, {&w}, widthOf(cpu), y);
          for (int64_t i = 0; i < m * n; ++i)
            ASSERT_TRUE(
                sameBits(y.data()[i], sumOf(format.decode(uint8_t(i % n)))))
                << nameOf(c, cpu, m) << ", code " << i % n << ": got "
                << y.data()[i];
        }
        if (!c.coded())
          continue;
        // The input's codes: row i has code i alone.
        x.codes.assign(size_t(n * k), 0);
        for (int64_t i = 0; i < n; ++i)
          x.codes[size_t(i * k + i % 11)] = uint8_t(i);
        x.scales.assign(n, 1);
        w.codes.assign(size_t(n * k), one);
        Buffer y({n, n});
        run(kernel, c, x, n, {&w}, widthOf(cpu), y);
        for (int64_t i = 0; i < n * n; ++i)
          ASSERT_TRUE(
              sameBits(y.data()[i], sumOf(format.decode(uint8_t(i / n)))))
              << nameOf(c, cpu, n) << ", input code " << i / n;
      }
}

// Small whole numbers and powers of two: no sum rounds, all ways agree.
TEST(Scaled, exact) {
  constexpr int64_t n = 64, k = 608;
  for (const std::string &cpu : codeCpus())
    for (const char *order : {"free", "chain", "pairs"})
      for (const char *input : {"bf16", "f8E4M3FN"})
        for (int64_t group : {32, 0}) {
          bool chain = order == std::string("chain");
          if (order != std::string("free") &&
              (!group || chain != (input == std::string("bf16"))))
            continue;
          Case c{"f8E4M3FN", input, "i8", order, k, group, group, group};
          const Float8 &format = formatOf(c.codes);
          std::mt19937 random(11);
          auto whole = [&](int64_t rows) {
            Side side;
            for (int64_t i = 0; i < rows * k; ++i) {
              side.values.push_back(float(int(random() % 9) - 4));
              side.codes.push_back(format.encode(side.values.back()));
            }
            side.perRow = c.blocks(group);
            for (int64_t i = 0; i < rows * side.perRow; ++i) {
              side.bytes.push_back(uint8_t(126 + random() % 3));
              side.scales.push_back(ue8m0ToF32(side.bytes.back()));
            }
            return side;
          };
          Side w = whole(n);
          int64_t width = widthOf(cpu);
          Kernel kernel = matmul(c, n, width, cpu);
          for (int64_t m : {2, 40}) {
            Side x = whole(m);
            Buffer y({m, n});
            run(kernel, c, x, m, {&w}, width, y);
            for (int64_t i = 0; i < m * n; ++i)
              ASSERT_EQ(y.data()[i], product(c, x, i / n, w, i % n).value)
                  << nameOf(c, cpu, m) << " at " << i;
          }
        }
}

// A gated layer: two products, the activation, one multiplication; and codes of
// its results, as from results in memory.
TEST(Scaled, gated) {
  constexpr int64_t n = 48;
  const Case cases[] = {
      {"f8E4M3FN", "f8E4M3FN", "f32", "chain", 256, 128, 128},
      {"f8E4M3FN", "bf16", "i8", "free", 256, 64, 64},
  };
  for (const std::string &cpu : codeCpus()) {
    const Case &c = cases[hasDots(cpu)];
    int64_t width = widthOf(cpu) / 2;
    Side g = randomCodes(c, c.codes, n, c.columns, 3, false);
    Side u = randomCodes(c, c.codes, n, c.columns, 4, false);
    auto kernelOf = [&](const char *ties, const char *more,
                        const std::string &results) {
      return Kernel(fmt::format(R"({}
            launch.kernel @k on "cpu" family "contraction" ties [{}] {{
            ^bb0({}, %g: !w, %gs: !s, %u: !w, %us: !s):
              %y = fp8.scaled_gated relu {}, %g scales %gs, %u scales %us {} group {}{} : {}, !w, !s, !w, !s -> tensor<?x48xf32>
              {}
              launch.return {}
            }})",
                                types(c, n, width), ties, arguments(c),
                                inputText(c), blockOf(c.columns), c.group,
                                orderText(c), inputTypes(c), more, results),
                    cpu);
    };
    Kernel kernel = kernelOf("-1", "", "%y : tensor<?x48xf32>");
    Kernel quantizing = kernelOf(
        "-1, -1",
        "%q, %qs = fp8.quantize %y as <f8E4M3FN, f32, [1, 32], amax> : "
        "tensor<?x48xf32> -> tensor<?x48xf8E4M3FN>, tensor<?x2xf32>",
        "%q, %qs : tensor<?x48xf8E4M3FN>, tensor<?x2xf32>");
    for (int64_t m : {1, 21}) {
      Side x = inputOf(c, m, false);
      Buffer y({m, n});
      run(kernel, c, x, m, {&g, &u}, width, y);
      Buffer codes({m, n}, -1, 1), scales({m, 2});
      std::vector<Buffer> buffers = operandsOf(c, x, m);
      for (const Side *side : {&g, &u}) {
        buffers.push_back(panels(side->codes, n, width, 4));
        buffers.push_back(scaleBuffer(c, *side, n, width));
      }
      buffers.insert(buffers.end(), {codes, scales});
      quantizing.run(buffers, 3);
      std::vector<uint8_t> wantCodes(size_t(m * n));
      std::vector<float> wantScales(size_t(m * 2));
      BlockQuantizer{.blockRows = 1, .blockColumns = 32}.quantize(
          y.data(), m, n, wantCodes.data(), wantScales.data());
      EXPECT_EQ(0, std::memcmp(codes.data<char>(), wantCodes.data(),
                               wantCodes.size()))
          << nameOf(c, cpu, m);
      EXPECT_EQ(0, std::memcmp(scales.data(), wantScales.data(),
                               4 * wantScales.size()))
          << nameOf(c, cpu, m);
      for (int64_t i = 0; i < m * n; ++i) {
        Sum gate = product(c, x, i / n, g, i % n);
        Sum up = product(c, x, i / n, u, i % n);
        if (c.order == "chain")
          ASSERT_TRUE(
              sameBits(y.data()[i], std::max(gate.bits, 0.0f) * up.bits))
              << nameOf(c, cpu, m) << " at " << i;
        else
          ASSERT_NEAR(y.data()[i], std::max(gate.value, 0.0) * up.value,
                      gate.bound * std::fabs(up.value) +
                          up.bound * std::fabs(gate.value) +
                          gate.bound * up.bound)
              << nameOf(c, cpu, m) << " at " << i;
      }
    }
  }
}

// Bias, activation, residual and a cast; another layer of the same input.
TEST(Scaled, epilogue) {
  constexpr int64_t n = 48, other = 35;
  for (const std::string &cpu : codeCpus()) {
    Case c{"f8E4M3FN", "f8E4M3FN", "i8", "pairs", 256, 128, 128};
    int64_t width = widthOf(cpu);
    Side w = randomCodes(c, c.codes, n, c.columns, 3, false);
    Side v = randomCodes(c, c.codes, other, c.columns, 4, false);
    Kernel kernel(fmt::format(R"({0}
          !v = tensor<{1}x{2}xf8E4M3FN, #graph.layout<panels, {3}>>
          !vs = tensor<{1}x{4}xi8, #graph.layout<panels, {3}>>
          launch.kernel @k on "cpu" family "contraction" ties [-1, -1] {{
          ^bb0({5}, %w: !w, %s: !s, %b: tensor<{6}xf32>, %r: tensor<?x{6}xf32>, %v: !v, %vs: !vs):
            %0 = fp8.scaled_matmul {7}, %w scales %s [1, 128] bias %b group 128 order pairs : {8}, !w, !s bias tensor<{6}xf32> -> tensor<?x{6}xf32>
            %1 = graph.relu %0 : tensor<?x{6}xf32>
            %2 = graph.add %1, %r : tensor<?x{6}xf32>, tensor<?x{6}xf32> -> tensor<?x{6}xf32>
            %3 = graph.cast %2 : tensor<?x{6}xf32> -> tensor<?x{6}xbf16>
            %4 = fp8.scaled_matmul {7}, %v scales %vs [1, 128] group 128 order pairs : {8}, !v, !vs -> tensor<?x{1}xf32>
            launch.return %3, %4 : tensor<?x{6}xbf16>, tensor<?x{1}xf32>
          }})",
                              types(c, n, width), other, c.k, width,
                              c.blocks(c.columns), arguments(c), n,
                              inputText(c), inputTypes(c)),
                  cpu);
    for (int64_t m : {1, 25}) {
      Side x = inputOf(c, m, false);
      Buffer bias = Buffer({n}).fill(5), residual = Buffer({m, n}).fill(6);
      Buffer y({m, n}, -1, 2), z({m, other});
      std::vector<Buffer> buffers = operandsOf(c, x, m);
      buffers.insert(buffers.end(),
                     {panels(w.codes, n, width, 4), scaleBuffer(c, w, n, width),
                      bias, residual, panels(v.codes, other, width, 4),
                      scaleBuffer(c, v, other, width), y, z});
      kernel.run(buffers, 2);
      for (int64_t i = 0; i < m * n; ++i) {
        float sum = product(c, x, i / n, w, i % n).bits + bias.data()[i % n];
        sum = std::max(sum, 0.0f) + residual.data()[i];
        ASSERT_EQ(y.data<uint16_t>()[i], f32ToBf16(sum))
            << nameOf(c, cpu, m) << " at " << i;
      }
      for (int64_t i = 0; i < m * other; ++i)
        ASSERT_TRUE(
            sameBits(z.data()[i], product(c, x, i / other, v, i % other).bits))
            << nameOf(c, cpu, m) << " at " << i;
    }
  }
}
