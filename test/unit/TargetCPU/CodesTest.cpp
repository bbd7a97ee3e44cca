//===- CodesTest.cpp - quantizing kernels against BlockQuantizer ----------===//
// Bit for bit, NaN, infinity, zeros and subnormals included.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "trine/Support/BlockScales.h"
#include "trine/Support/Float.h"
#include "gtest/gtest.h"
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

using namespace trine;
using namespace trine::test;

namespace {

/// Rows whose blocks lie far apart in size; every kind of special number, and
/// the largest magnitudes where rules change their minds.
std::vector<float> hardValues(int64_t rows, int64_t columns, int64_t block) {
  std::mt19937 random(5);
  std::vector<float> values;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t first = 0; first < columns; first += block) {
      int64_t count = std::min(block, columns - first);
      int exponent = int(random() % 60) - 30;
      size_t start = values.size();
      for (int64_t i = 0; i < count; ++i)
        values.push_back(std::ldexp(float(int32_t(random())) * 0x1p-31f,
                                    exponent - int(random() % 12)));
      auto put = [&](float value) {
        values[start + random() % size_t(count)] = value;
      };
      switch (random() % 12) {
      case 0:
        std::fill(values.begin() + std::ptrdiff_t(start), values.end(), -0.0f);
        break;
      case 1:
        put(std::bit_cast<float>(0xffc12345u));
        break;
      case 2:
        put(-INFINITY);
        break;
      case 3: // all subnormal
        for (size_t i = start; i < values.size(); ++i)
          values[i] = std::bit_cast<float>(uint32_t(random() % 9000));
        break;
      case 4:
        put(3e38f);
        break;
      default: // 1.0, 1.75, 1.9375: edges of the rules, and an ulp around
        float edge = random() % 3 == 0 ? 1 : random() % 2 ? 1.75f : 1.9375f;
        uint32_t bits = std::bit_cast<uint32_t>(std::ldexp(edge, exponent + 1));
        put(std::bit_cast<float>(bits + uint32_t(random() % 3) - 1));
      }
    }
  return values;
}

struct Scheme {
  std::string codes, scales, rule;
  int64_t columns;
  std::string rest; ///< attributes behind the rule
  std::string element = "f32";
};

BlockQuantizer quantizerOf(const Scheme &s) {
  BlockQuantizer q;
  q.format = findFloat8(s.codes == "f8E5M2" ? "e5m2" : "e4m3fn");
  q.scaleType = s.scales == "f32" ? ScaleType::F32 : ScaleType::Ue8m0;
  q.rule = *parseScaleRule(s.rule);
  q.blockColumns = s.columns;
  auto has = [&](const char *word) {
    return s.rest.find(word) != std::string::npos;
  };
  q.amaxFloor = has("amax_floor") ? 1e-4f : 0;
  q.scaleRcp = has("scale_rcp");
  q.elementRcp = has("element_rcp");
  q.saturate = !has("overflow");
  return q;
}

/// The values in an element type, and what they are then.
Buffer stored(std::vector<float> &values, std::vector<int64_t> dims,
              const std::string &element) {
  Buffer buffer(std::move(dims), -1, element == "f32" ? 4 : 2);
  for (size_t i = 0; i < values.size(); ++i) {
    float &x = values[i];
    if (element == "f32") {
      buffer.data()[i] = x;
      continue;
    }
    uint16_t narrow = element == "bf16" ? f32ToBf16(x) : f32ToF16(x);
    buffer.data<uint16_t>()[i] = narrow;
    x = element == "bf16" ? bf16ToF32(narrow) : f16ToF32(narrow);
  }
  return buffer;
}

} // namespace

TEST(Codes, quantize) {
  const char *e4m3 = "f8E4M3FN", *e5m2 = "f8E5M2";
  const Scheme schemes[] = {
      {e4m3, "i8", "rceil", 128, ""},
      {e4m3, "f32", "rceil", 32, "", "bf16"},
      {e5m2, "i8", "rceil", 32, "", "f16"},
      {e4m3, "i8", "floor", 32, ""},
      {e4m3, "i8", "even", 32, ""},
      {e5m2, "i8", "even", 128, ""},
      {e4m3, "i8", "ceil", 128, ", overflow"},
      {e4m3, "i8", "ct_even", 32, ""},
      {e4m3, "i8", "neuron", 20, ""},
      {e4m3, "f32", "amax", 128, ""},
      {e4m3, "f32", "amax", 128, ", amax_floor = 1.0e-4 : f32, scale_rcp",
       "bf16"},
      {e5m2, "f32", "amax", 0, ", element_rcp"},
      {e5m2, "f32", "amax", 32, ", overflow"},
  };
  constexpr int64_t m = 40, k = 300;
  for (const std::string &cpu : runnableCpus())
    for (const Scheme &s : schemes) {
      BlockQuantizer q = quantizerOf(s);
      int64_t blocks = q.scaleColumns(k);
      Kernel kernel(fmt::format(R"(
            launch.kernel @k on "cpu" family "codes" ties [-1, -1] {{
            ^bb0(%x: tensor<?x{0}x{1}>):
              %q, %s = fp8.quantize %x as <{2}, {3}, [1, {4}], {5}{6}> : tensor<?x{0}x{1}> -> tensor<?x{0}x{2}>, tensor<?x{7}x{3}>
              launch.return %q, %s : tensor<?x{0}x{2}>, tensor<?x{7}x{3}>
            }})",
                                k, s.element, s.codes, s.scales, s.columns,
                                s.rule, s.rest, blocks),
                    cpu);
      std::vector<float> values = hardValues(m, k, s.columns ? s.columns : k);
      Buffer x = stored(values, {m, k}, s.element);
      int64_t scaleBytes = s.scales == "f32" ? 4 : 1;
      Buffer codes({m, k}, -1, 1), scales({m, blocks}, -1, scaleBytes);
      kernel.run({x, codes, scales}, 3);
      std::vector<uint8_t> expected(m * k),
          bytes(size_t(m * blocks * scaleBytes));
      q.quantize(values.data(), m, k, expected.data(), bytes.data());
      for (int64_t i = 0; i < m * blocks; ++i)
        if (s.scales == "i8")
          ASSERT_EQ(scales.data<uint8_t>()[i], bytes[size_t(i)])
              << cpu << " " << s.rule << ", scale " << i;
        else {
          float wanted = reinterpret_cast<const float *>(bytes.data())[i];
          float got = scales.data()[i];
          ASSERT_TRUE(std::isnan(wanted) ? std::isnan(got)
                                         : std::memcmp(&wanted, &got, 4) == 0)
              << cpu << " " << s.rule << ", scale " << i << ": expected "
              << wanted << ", got " << got;
        }
      for (int64_t i = 0; i < m * k; ++i)
        ASSERT_EQ(codes.data<uint8_t>()[i], expected[size_t(i)])
            << cpu << " " << s.codes << " " << s.rule << " " << s.rest << " at "
            << i << ", value " << values[size_t(i)];
    }
}

// Given scales, of rows, of blocks of several rows, and one for all.
TEST(Codes, encodeAndDequantize) {
  struct Case {
    const char *codes, *scales, *result;
    int64_t rows, columns;
    const char *rcp;
  };
  const Case cases[] = {
      {"f8E4M3FN", "f32", "f32", 1, 32, ""},
      {"f8E5M2", "i8", "bf16", 7, 100, ""},
      {"f8E4M3FN", "f32", "f32", 0, 0, " element_rcp"},
  };
  constexpr int64_t m = 23, k = 150;
  for (const std::string &cpu : runnableCpus())
    for (const Case &c : cases) {
      BlockQuantizer q;
      q.format =
          findFloat8(std::string(c.codes) == "f8E5M2" ? "e5m2" : "e4m3fn");
      q.blockRows = c.rows;
      q.blockColumns = c.columns;
      q.elementRcp = *c.rcp;
      bool bytes = std::string(c.scales) == "i8";
      q.scaleType = bytes ? ScaleType::Ue8m0 : ScaleType::F32;
      int64_t tall = q.scaleRows(m), wide = q.scaleColumns(k);
      std::string scaleType =
          fmt::format("tensor<{}x{}x{}>", tall, wide, c.scales);
      if (c.rows == 0)
        scaleType = fmt::format("tensor<1x1x{}>", c.scales);
      std::string block = fmt::format("[{}, {}]", c.rows, c.columns);
      std::string codeType = fmt::format("tensor<{}x{}x{}>", m, k, c.codes);
      Kernel encode(fmt::format(R"(
        launch.kernel @k on "cpu" family "codes" ties [-1] {{
        ^bb0(%x: tensor<{0}x{1}xf32>, %s: {2}):
          %q = fp8.encode %x, %s block {3}{4} : tensor<{0}x{1}xf32>, {2} -> {5}
          launch.return %q : {5}
        }})",
                                m, k, scaleType, block, c.rcp, codeType),
                    cpu);
      Kernel decode(fmt::format(R"(
        launch.kernel @k on "cpu" family "codes" ties [-1] {{
        ^bb0(%q: {0}, %s: {1}):
          %y = fp8.dequantize %q, %s block {2} : {0}, {1} -> tensor<{3}x{4}x{5}>
          launch.return %y : tensor<{3}x{4}x{5}>
        }})",
                                codeType, scaleType, block, m, k, c.result),
                    cpu);
      std::mt19937 random(9);
      Buffer scales({tall, wide}, -1, bytes ? 1 : 4);
      for (int64_t i = 0; i < tall * wide; ++i)
        if (bytes) // NaN and the least among them
          scales.data<uint8_t>()[i] =
              uint8_t(i % 5 == 0 ? random() % 2 * 255 : 110 + random() % 20);
        else
          scales.data()[i] =
              i % 7 == 6 ? NAN : 0x1p-9f * float(1 + random() % 99);
      std::vector<float> values = hardValues(m, k, 30);
      Buffer x = stored(values, {m, k}, "f32"), codes({m, k}, -1, 1);
      encode.run({x, scales, codes}, 2);
      auto scaleAt = [&](int64_t i) {
        int64_t height = c.rows ? c.rows : m, width = c.columns ? c.columns : k;
        int64_t at = i / k / height * wide + i % k / width;
        return bytes ? ue8m0ToF32(scales.data<uint8_t>()[at])
                     : scales.data()[at];
      };
      for (int64_t i = 0; i < m * k; ++i)
        ASSERT_EQ(codes.data<uint8_t>()[i],
                  q.code(values[size_t(i)], scaleAt(i)))
            << cpu << " " << block << " at " << i << ", value "
            << values[size_t(i)] << " by " << scaleAt(i);
      for (int64_t i = 0; i < m * k; ++i)
        codes.data<uint8_t>()[i] = uint8_t(i);
      bool narrow = std::string(c.result) == "bf16";
      Buffer y({m, k}, -1, narrow ? 2 : 4);
      decode.run({codes, scales, y}, 2);
      for (int64_t i = 0; i < m * k; ++i) {
        float wanted = q.format->decode(uint8_t(i)) * scaleAt(i);
        float got = narrow ? bf16ToF32(y.data<uint16_t>()[i]) : y.data()[i];
        if (narrow)
          wanted = bf16ToF32(f32ToBf16(wanted));
        ASSERT_TRUE(std::isnan(wanted) ? std::isnan(got) : wanted == got)
            << cpu << " " << block << " at " << i << ": expected " << wanted
            << ", got " << got;
      }
    }
}

// Behind a norm, and what follows it, as on its own.
TEST(Codes, quantizeBehindANorm) {
  constexpr int64_t m = 9, k = 150;
  const char *types = R"(
    !x = tensor<?x150xbf16>
    !q = tensor<?x150xf8E4M3FN>
    !s = tensor<?x5xi8>)";
  const char *normed = R"(
      %0 = graph.rms_norm %x, %w epsilon 1.0e-5 : !x, tensor<150xbf16> -> !x
      %1 = graph.relu %0 : !x)";
  const char *quantized = "%q, %s = fp8.quantize %1 as <f8E4M3FN, i8, [1, 32], "
                          "rceil> : !x -> !q, !s";
  auto kernelOf = [&](const std::string &cpu, const char *family,
                      const char *arguments, const std::string &body,
                      const char *results) {
    return Kernel(fmt::format("{}\nlaunch.kernel @k on \"cpu\" family \"{}\" "
                              "ties [-1{}] {{\n^bb0({}):\n{}\n"
                              "launch.return {}\n}}",
                              types, family, strchr(results, ',') ? ", -1" : "",
                              arguments, body, results),
                  cpu);
  };
  for (const std::string &cpu : runnableCpus()) {
    Kernel fused =
        kernelOf(cpu, "rows", "%x: !x, %w: tensor<150xbf16>",
                 std::string(normed) + "\n" + quantized, "%q, %s : !q, !s");
    Kernel norm = kernelOf(cpu, "rows", "%x: !x, %w: tensor<150xbf16>", normed,
                           "%1 : !x");
    Kernel alone =
        kernelOf(cpu, "codes", "%1: !x", quantized, "%q, %s : !q, !s");
    Buffer plain = Buffer({m, k}).fill(3), gains = Buffer({k}).fill(4);
    Buffer x = narrowed(plain), w = narrowed(gains), y({m, k}, -1, 2);
    Buffer codes({m, k}, -1, 1), scales({m, 5}, -1, 1);
    Buffer expected({m, k}, -1, 1), expectedScales({m, 5}, -1, 1);
    norm.run({x, w, y}, 2);
    alone.run({y, expected, expectedScales}, 2);
    fused.run({x, w, codes, scales}, 2);
    EXPECT_EQ(0, std::memcmp(codes.data<char>(), expected.data<char>(), m * k))
        << cpu;
    EXPECT_EQ(
        0, std::memcmp(scales.data<char>(), expectedScales.data<char>(), m * 5))
        << cpu;
  }
}

// The largest magnitude; NaN wherever it stands.
TEST(Codes, observe) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "codes" ties [-1] {
      ^bb0(%x: tensor<?x37xf32>):
        %y = fp8.observe %x : tensor<?x37xf32> -> tensor<1xf32>
        launch.return %y : tensor<1xf32>
      })",
                  cpu);
    for (int64_t m : {0, 1, 9}) {
      Buffer x = Buffer({m, 37}).fill(3), y({1});
      float most = 0;
      for (float value : x.elements())
        most = std::max(most, std::fabs(value));
      kernel.run({x, y}, 2);
      EXPECT_EQ(y.data()[0], most) << cpu << " " << m;
      if (m == 0)
        continue;
      x.data()[m * 37 - 1] = -NAN;
      kernel.run({x, y}, 2);
      EXPECT_TRUE(std::isnan(y.data()[0])) << cpu << " " << m;
    }
  }
}
