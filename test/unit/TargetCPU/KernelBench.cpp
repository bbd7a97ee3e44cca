//===- KernelBench.cpp - kernels against the machine's ceilings -----------===//
// One thread's rate of the contraction and attention kernels as a part of a
// loop of the multiply-adds they are made of, or of a weight stream's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelBench.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "trine/Runtime/Calibrate.h"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <sstream>

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

/// 14 chains of one instruction on registers of a CPU's width.
#define LOOP(NAME, TARGET, INSTRUCTION, LANES)                                 \
  __attribute__((target(TARGET))) static void NAME(int64_t count) {            \
    typedef float Vector __attribute__((vector_size(LANES * 4)));              \
    Vector x = {}, s[14] = {};                                                 \
    for (int64_t i = 0; i < count; ++i) {                                      \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < 14; ++c) asm(     \
          INSTRUCTION " %1, %1, %0" : "+v"(s[c]) : "v"(x));                    \
    }                                                                          \
    for (Vector &last : s)                                                     \
      asm volatile("" ::"v"(last));                                            \
  }
LOOP(fma256, "avx2,fma", "vfmadd231ps", 8)
LOOP(fma512, "avx512f", "vfmadd231ps", 16)
LOOP(dot512, "avx512f", "vdpbf16ps", 16)

namespace {

/// A CPU and a precision to measure.
struct Setting {
  std::string cpu, compute;
  std::vector<int64_t> widths; ///< of panels
  void (*loop)(int64_t); ///< null: AMX tiles, as the runtime measures them
  int64_t flopsOfInstruction;

  double peak(int rounds) const { ///< GFLOP/s
    if (!loop)
      return trine::calibrate(1).tileGflops;
    constexpr int64_t kCount = 100000;
    double seconds = best([&] { loop(kCount); }, rounds);
    return 1e-9 * 14 * double(flopsOfInstruction * kCount) / seconds;
  }
};

bool asJson = false;
nlohmann::json rows = nlohmann::json::array();

} // namespace

static void report(const Setting &setting, const std::string &kernel,
                   const std::string &shape, int64_t width, const char *unit,
                   double rate, double peak) {
  rows.push_back({{"kernel", kernel},
                  {"shape", shape},
                  {"cpu", setting.cpu},
                  {"compute", setting.compute},
                  {"panel", width},
                  {unit, rate},
                  {"peak", peak},
                  {"share", rate / peak}});
  if (!asJson)
    fmt::print("{} {} {} {} panel {}: {:.1f} {}, {:.1f} % of {:.1f}\n",
               setting.cpu, setting.compute, kernel, shape, width, rate, unit,
               100 * rate / peak, peak);
}

/// A linear layer of m rows beside its ceiling, in turn; a single row reads its
/// weights from memory.
static void linear(const Setting &setting, int64_t width, int64_t m, int64_t n,
                   int64_t k) {
  Kernel kernel(fmt::format(R"(
    launch.kernel @k on "cpu" family "contraction" ties [-1] {{
    ^bb0(%x: tensor<?x{1}x{3}>, %w: tensor<{0}x{1}x{3}, #graph.layout<panels, {2}>>):
      %y = graph.linear %x, %w : tensor<?x{1}x{3}>, tensor<{0}x{1}x{3}, #graph.layout<panels, {2}>> -> tensor<?x{0}xf32>
      launch.return %y : tensor<?x{0}xf32>
    }})",
                            n, k, width, setting.compute),
                setting.cpu);
  Buffer x = Buffer({m, k}).fill(1), w = Buffer({n, k}).fill(2), y({m, n});
  bool narrow = setting.compute == "bf16";
  auto call = narrow ? kernel.bind({narrowed(x), narrowed(w), y})
                     : kernel.bind({x, w, y});
  double seconds = 1e9, peak = 0;
  if (m == 1)
    peak = trine::calibrate(1).streamGbs;
  for (int round = 0; round < 6; ++round) {
    if (m > 1 && (setting.loop || round == 0))
      peak = std::max(peak, setting.peak(5));
    seconds = std::min(seconds, best(call, m == 1 ? 2 : 8));
  }
  std::string shape = fmt::format("{}x{}x{}", m, n, k);
  if (m == 1)
    report(setting, "gemv", shape, width, "gbs",
           (narrow ? 2e-9 : 4e-9) * double(n * k) / seconds, peak);
  else
    report(setting, "gemm", shape, width, "gflops",
           2e-9 * double(m * n * k) / seconds, peak);
}

/// The same of E4M3 codes with an f32 scale for each 128 of a row; `x` is bf16
/// or codes.
static void scaled(const Setting &setting, const std::string &x, int64_t width,
                   int64_t m, int64_t n, int64_t k) {
  bool codes = x == "f8E4M3FN";
  Kernel kernel(
      fmt::format(R"(
    !w = tensor<{0}x{1}xf8E4M3FN, #graph.layout<panels, {2}>>
    !s = tensor<{0}x{3}xf32, #graph.layout<panels, {2}>>
    launch.kernel @k on "cpu" family "contraction" ties [-1] {{
    ^bb0(%x: tensor<?x{1}x{4}>, {5} %w: !w, %s: !s):
      %y = fp8.scaled_matmul %x {6}, %w scales %s [1, 128] group 128 : tensor<?x{1}x{4}> {7}, !w, !s -> tensor<?x{0}xf32>
      launch.return %y : tensor<?x{0}xf32>
    }})",
                  n, k, width, k / 128, x,
                  codes ? fmt::format("%xs: tensor<?x{}xf32>,", k / 128) : "",
                  codes ? "scales %xs [1, 128]" : "",
                  codes ? fmt::format("scales tensor<?x{}xf32>", k / 128) : ""),
      setting.cpu);
  Buffer input({m, k}, -1, codes ? 1 : 2), inputScales({m, k / 128});
  Buffer w({n, k}, -1, 1), scales({n, k / 128}), y({m, n});
  memset(input.data<char>(), 0x38, size_t(m * k * (codes ? 1 : 2)));
  memset(w.data<char>(), 0x38, size_t(n * k));
  scales.fill(1);
  inputScales.fill(2);
  auto call = codes ? kernel.bind({input, inputScales, w, scales, y})
                    : kernel.bind({input, w, scales, y});
  double seconds = 1e9, peak = m == 1 ? trine::calibrate(1).streamGbs : 0;
  for (int round = 0; round < 6; ++round) {
    if (m > 1 && (setting.loop || round == 0))
      peak = std::max(peak, setting.peak(5));
    seconds = std::min(seconds, best(call, m == 1 ? 2 : 8));
  }
  std::string shape =
      fmt::format("{}x{}x{} of codes{}", m, n, k, codes ? " by codes" : "");
  if (m == 1)
    report(setting, "gemv", shape, width, "gbs",
           1e-9 * double(n * k) * (1 + 4.0 / 128) / seconds, peak);
  else
    report(setting, "gemm", shape, width, "gflops",
           2e-9 * double(m * n * k) / seconds, peak);
}

static const char *const kHelp =
    R"(usage: trine-kernel-bench [--json] [--panels=W,..] [--gemm] [--codes]

One thread's rate of CPU kernels beside the machine's, best of many calls.

  --json         one object: rows of {kernel, shape, cpu, compute, panel,
                 gflops or gbs, peak, share}; peak is a loop of the kernel's
                 multiply-adds, or the runtime's read of memory, and share the part of it
  --panels=W,..  widths of packed panels (default: the CPU class's); those that
                 are not one to four registers of a CPU are left out
  --gemm         only products of many rows
  --codes        only codes of small floats, beside one row of bf16
)";

int main(int argc, char **argv) {
  bool gemm = false, codes = false;
  std::vector<int64_t> widths;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--json")
      asJson = true;
    else if (argument == "--gemm")
      gemm = true;
    else if (argument == "--codes")
      codes = true;
    else if (argument.starts_with("--panels=")) {
      std::istringstream list(argument.substr(strlen("--panels=")));
      for (std::string width; std::getline(list, width, ',');)
        widths.push_back(std::stoll(width));
    } else {
      fputs(kHelp, argument == "--help" ? stdout : stderr);
      return argument == "--help" ? 0 : 2;
    }
  }
  std::vector<Setting> settings = {{"x86-64-v3", "f32", {16}, fma256, 16}};
  if (runnableCpus().back() == "x86-64-v4")
    settings.push_back({"x86-64-v4", "f32", {64}, fma512, 32});
  if (bf16Cpus().back() == "cooperlake")
    settings.push_back({"cooperlake", "bf16", {64}, dot512, 64});
  if (tileCpus().back() == "sapphirerapids")
    settings.push_back({"sapphirerapids", "bf16", {64}, nullptr, 0});
  for (const Setting &setting : settings) {
    if (codes && setting.compute == "bf16") {
      linear(setting, setting.widths[0], 1, 49152, 1024);
      for (int64_t width : {32, 64})
        for (const char *x : {"bf16", "f8E4M3FN"})
          for (int64_t m : {1, 128})
            scaled(setting, x, width, m, m == 1 ? 49152 : 1536,
                   m == 1 ? 1024 : 1536);
    }
    if (codes)
      continue;
    int64_t lanes = setting.cpu == "x86-64-v3" ? 8 : 16;
    for (int64_t width : widths.empty() ? setting.widths : widths) {
      if (width % lanes || width > 4 * lanes)
        continue;
      for (auto [m, n, k] : {std::tuple{128, 384, 384},
                             {128, 1536, 384},
                             {128, 384, 1536},
                             {128, 768, 768},
                             {512, 2048, 2048},
                             {1024, 1024, 1024}})
        linear(setting, width, m, n, k);
      if (!gemm)
        linear(setting, width, 1, 49152, 1024);
    }
    if (!gemm && !asJson && setting.compute == "f32")
      benchAttention(setting.cpu, "f32", setting.cpu == "x86-64-v3" ? 16 : 32,
                     setting.peak(30));
  }
  for (const std::string &cpu : tileCpus())
    if (!gemm && !codes && !asJson && !cpu.starts_with("x86"))
      benchAttention(cpu, "bf16", 32, settings[1].peak(30));
  if (asJson)
    fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump(2));
}
