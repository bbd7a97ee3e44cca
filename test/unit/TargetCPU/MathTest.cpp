//===- MathTest.cpp - elementary functions against float64 libm -----------===//
// Every exponent of both signs with sampled significands, and the exceptional
// values; the bounds are those Math.h states.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"
#include <bit>
#include <cmath>
#include <numbers>

using namespace trine::test;

namespace {
struct Function {
  const char *op;
  double (*exact)(double);
  double bound;    ///< ulp
  bool ofArgument; ///< ulp of |x| instead of the result
};
} // namespace

static const Function kFunctions[] = {
    {"exp", std::exp, 2, false},
    {"erf", std::erf, 4, false},
    {"tanh", std::tanh, 4, false},
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, 4, false},
    {"silu", [](double x) { return x / (1 + std::exp(-x)); }, 4, false},
    {"sqrt", std::sqrt, 0.5, false},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 2, false},
    {"relu", [](double x) { return std::isnan(x) || x > 0 ? x : 0; }, 0, false},
    {"neg", [](double x) { return -x; }, 0, false},
    {"abs", [](double x) { return std::fabs(x); }, 0, false},
    {"gelu",
     [](double x) { return x / 2 * std::erfc(-x / std::numbers::sqrt2); }, 4,
     true},
    {"gelu_tanh",
     [](double x) {
       double inner = x + 0.044715 * x * x * x;
       return x / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * inner));
     },
     4, true},
};

/// Distance of neighbouring floats near x.
static double ulpOf(double x) {
  if (std::fabs(x) < 0x1p-126)
    return 0x1p-149;
  return std::ldexp(1, std::ilogb(x) - 23);
}

/// Error in ulp; infinite where an exceptional value is missed.
static double errorOf(const Function &f, float x, float y) {
  double exact = f.exact(x);
  if (std::isnan(exact))
    return std::isnan(y) ? 0 : INFINITY;
  if (y == float(exact))
    return 0;
  if (std::isinf(y) || std::isinf(float(exact))) // may round either way there
    return std::fabs(exact) > 0x1.fffff8p127 && std::fabs(y) > 0x1.fffff0p127
               ? 0
               : INFINITY;
  return std::fabs(y - exact) / ulpOf(f.ofArgument ? x : exact);
}

static Buffer arguments() {
  constexpr int64_t kSignificands = 511; // odd: other lanes, a ragged end
  Buffer x({512 * kSignificands});
  uint32_t state = 1;
  for (int64_t i = 0; i < x.count; ++i) {
    state = state * 1664525 + 1013904223;
    uint32_t significand = i % kSignificands ? state >> 9 : 0;
    x.data()[i] =
        std::bit_cast<float>(uint32_t(i / kSignificands) << 23 | significand);
  }
  return x;
}

static std::string kernelOf(const std::string &op) {
  return "launch.kernel @k on \"cpu\" family \"elementwise\" ties [-1] {\n"
         "^bb0(%x: tensor<?xf32>):\n  %y = graph." +
         op + " %x : tensor<?xf32>\n  launch.return %y : tensor<?xf32>\n}";
}

TEST(Math, boundsOverAllExponents) {
  Buffer x = arguments();
  for (const std::string &cpu : runnableCpus())
    for (const Function &f : kFunctions) {
      Buffer y(x.dims);
      Kernel(kernelOf(f.op), cpu).run({x, y}, 2);
      for (int64_t i = 0; i < x.count; ++i)
        ASSERT_LE(errorOf(f, x.data()[i], y.data()[i]), f.bound)
            << f.op << "(" << x.data()[i] << ") = " << y.data()[i] << ", not "
            << f.exact(x.data()[i]) << ", on " << cpu;
    }
}

// The measure itself: one ulp more than a bound is found.
TEST(Math, measureSeesAnUlp) {
  const Function &exp = kFunctions[0];
  float y = std::exp(1.0);
  for (int i = 0; i < 3; ++i)
    y = std::nextafter(y, 10.f);
  EXPECT_GT(errorOf(exp, 1, y), exp.bound);
  EXPECT_EQ(errorOf(exp, INFINITY, 1), INFINITY);
  EXPECT_EQ(errorOf(exp, NAN, 1), INFINITY);
  EXPECT_GT(errorOf(exp, -104, 0x1p-149), 0);
}

TEST(Math, noLibraryCalls) {
  for (const Function &f : kFunctions)
    EXPECT_EQ(Kernel(kernelOf(f.op), "x86-64-v3").assembly.find("call"),
              std::string::npos)
        << f.op;
}
