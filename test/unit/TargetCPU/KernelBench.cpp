//===- KernelBench.cpp - kernels against the machine's ceilings -----------===//
// Prints one thread's rate of the contraction kernels as a part
// of an FMA loop's, and of a weight stream's; thread time, best of many rounds.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelBench.h"
#include "fmt/format.h"
#include <algorithm>
#include <cstdio>
#include <ctime>

using namespace trine::test;

static double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

double trine::test::best(const std::function<void()> &call, int rounds) {
  double least = 1e9;
  for (int i = 0; i < rounds; ++i) {
    double start = now();
    call();
    least = std::min(least, now() - start);
  }
  return least;
}

/// 14 chains of fused multiply-adds on registers of a CPU's width.
#define FMA_LOOP(NAME, TARGET, LANES)                                          \
  __attribute__((target(TARGET))) static void NAME(int64_t count) {            \
    typedef float Vector __attribute__((vector_size(LANES * 4)));              \
    Vector x = {}, s[14] = {};                                                 \
    for (int64_t i = 0; i < count; ++i) {                                      \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < 14; ++c) asm(     \
          "vfmadd231ps %1, %1, %0" : "+v"(s[c]) : "v"(x));                     \
    }                                                                          \
    for (Vector &last : s)                                                     \
      asm volatile("" ::"v"(last));                                            \
  }
FMA_LOOP(fma512, "avx512f", 16)
FMA_LOOP(fma256, "avx2,fma", 8)

static double peakOf(bool wide) {
  int64_t count = 200000;
  double seconds = best([&] { wide ? fma512(count) : fma256(count); });
  return 2e-9 * 14 * (wide ? 16 : 8) * double(count) / seconds;
}

static void linear(const std::string &cpu, int64_t width, double peak,
                   int64_t m, int64_t n, int64_t k) {
  Kernel kernel(fmt::format(R"(
    launch.kernel @k on "cpu" family "contraction" ties [-1] {{
    ^bb0(%x: tensor<?x{1}xf32>, %w: tensor<{0}x{1}xf32, #graph.layout<panels, {2}>>):
      %y = graph.linear %x, %w : tensor<?x{1}xf32>, tensor<{0}x{1}xf32, #graph.layout<panels, {2}>> -> tensor<?x{0}xf32>
      launch.return %y : tensor<?x{0}xf32>
    }})",
                            n, k, width),
                cpu);
  Buffer x = Buffer({m, k}).fill(1), w = Buffer({n, k}).fill(2), y({m, n});
  double seconds = best(kernel.bind({x, w, y}));
  if (m == 1)
    printf("%s linear %ldx%ldx%ld %.1f GB/s of weights\n", cpu.c_str(), m, n, k,
           4e-9 * double(n * k) / seconds);
  else
    printf("%s linear %ldx%ldx%ld %.1f GFLOP/s, %.1f %% of FMA\n", cpu.c_str(),
           m, n, k, 2e-9 * double(m * n * k) / seconds,
           2e-7 * double(m * n * k) / seconds / peak);
}

int main() {
  for (const std::string &cpu : runnableCpus()) {
    bool wide = cpu == "x86-64-v4";
    double peak = peakOf(wide);
    printf("%s FMA loop %.1f GFLOP/s\n", cpu.c_str(), peak);
    for (auto [m, n, k] : {std::tuple{128, 384, 384},
                           {128, 1536, 384},
                           {128, 384, 1536},
                           {512, 2048, 2048},
                           {128, 576, 576},
                           {1, 49152, 576}})
      linear(cpu, wide ? 64 : 16, peak, m, n, k);
    benchAttention(cpu, wide ? 32 : 16, peak);
  }
  Buffer stream = Buffer({1 << 25}).fill(1);
  const long *words = stream.data<long>();
  long sum = 0;
  double seconds = best([&] {
    long lanes[16] = {};
    for (int64_t i = 0; i < (1 << 24); i += 16)
      for (int c = 0; c < 16; ++c)
        lanes[c] += words[i + c];
    for (long x : lanes)
      sum += x;
  });
  printf("stream %.1f GB/s (%ld)\n", 0.134217728 / seconds, sum & 1);
}
