//===- Calibrate.cpp - what this machine can do at best -------------------===//
// Loops of known work, so that speeds can be given as a share of the machine's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Runtime/Calibrate.h"
#include "CpuFeatures.h"
#include "Memory.h"
#include "Pool.h"

#include <chrono>
#include <immintrin.h>

using namespace trine;
using Clock = std::chrono::steady_clock;

namespace {

/// More accumulators than the latency times the throughput of any CPU's FMA.
constexpr int kAccumulators = 24;
constexpr int64_t kIterations = 1 << 16;
/// Cycles until a fused multiply-add can be used: Intel since Skylake, AMD
/// since Zen 3.
constexpr double kLatency = 4;
constexpr int64_t kTileIterations = 1 << 13;

/// Keeps a result alive without a store. Not a function: only the users have
/// the registers.
#define TRINE_KEEP(constraint, value) asm volatile("" : : constraint(value))

#define TRINE_FMA_LOOP(Vector, set, step)                                      \
  Vector a[kAccumulators], x = set;                                            \
  for (Vector &one : a)                                                        \
    one = set;                                                                 \
  for (int64_t i = 0; i < kIterations; ++i) {                                  \
    _Pragma("unroll") for (Vector &one : a) one = step;                        \
    asm volatile("" : "+v"(x));                                                \
  }                                                                            \
  for (const Vector &one : a)                                                  \
  TRINE_KEEP("v", one)

__attribute__((target("avx512f"))) void fma512() {
  TRINE_FMA_LOOP(__m512, _mm512_set1_ps(0.5f), _mm512_fmadd_ps(x, x, one));
}

__attribute__((target("avx2,fma"))) void fma256() {
  // 16 registers: fewer accumulators stay in them.
  __m256 a[12], x = _mm256_set1_ps(0.5f);
  for (__m256 &one : a)
    one = x;
  for (int64_t i = 0; i < kIterations * 2; ++i) {
    _Pragma("unroll") for (__m256 &one : a) one = _mm256_fmadd_ps(x, x, one);
    asm volatile("" : "+x"(x));
  }
  for (const __m256 &one : a)
    TRINE_KEEP("x", one);
}

__attribute__((target("avx512f,avx512bf16"))) void dot512() {
  TRINE_FMA_LOOP(__m512, _mm512_set1_ps(0.5f),
                 _mm512_dpbf16_ps(one, __m512bh(x), __m512bh(x)));
}

__attribute__((target("avx512f,avx512vnni"))) void dotBytes512() {
  TRINE_FMA_LOOP(__m512i, _mm512_set1_epi32(1), _mm512_dpbusd_epi32(one, x, x));
}

/// Products of 16 x 32 and 32 x 16 bf16 onto tiles 0-5.
__attribute__((target("amx-tile,amx-bf16"))) void dotTiles() {
  alignas(64) uint8_t shape[64] = {1}; // palette 1; bytes of a row, then rows
  for (int tile = 0; tile < 8; ++tile) {
    shape[16 + 2 * tile] = 64;
    shape[48 + tile] = 16;
  }
  _tile_loadconfig(shape);
  for (int64_t i = 0; i < kTileIterations; ++i) {
    _tile_dpbf16ps(0, 6, 7);
    _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7);
    _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7);
    _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
}

/// Each waits for the one before.
__attribute__((target("avx512f"))) void chain512() {
  __m512 x = _mm512_set1_ps(0.5f), sum = x;
  for (int64_t i = 0; i < kIterations; ++i) {
    sum = _mm512_fmadd_ps(x, x, sum);
    asm volatile("" : "+v"(sum), "+v"(x));
  }
}

__attribute__((target("avx2,fma"))) void chain256() {
  __m256 x = _mm256_set1_ps(0.5f), sum = x;
  for (int64_t i = 0; i < kIterations; ++i) {
    sum = _mm256_fmadd_ps(x, x, sum);
    asm volatile("" : "+x"(sum), "+x"(x));
  }
}

/// Four lines, one page ahead into the L2 and shortly before their use: reads
/// more than the hardware's prefetcher alone does, or as much.
inline void prefetch(const uint8_t *data) {
  auto *lines = reinterpret_cast<const char *>(data);
  for (int64_t j = 0; j < 256; j += 64) {
    _mm_prefetch(lines + j + 4096, _MM_HINT_T1);
    _mm_prefetch(lines + j + 1024, _MM_HINT_T0);
  }
}

__attribute__((target("avx512f"))) void read512(const uint8_t *data,
                                                int64_t bytes) {
  __m512i sum[4] = {};
  for (int64_t i = 0; i < bytes; i += 256) {
    prefetch(data + i);
    for (int64_t j = 0; j < 4; ++j)
      sum[j] = _mm512_xor_si512(sum[j], _mm512_load_si512(data + i + 64 * j));
  }
  for (const __m512i &one : sum)
    TRINE_KEEP("v", one);
}

__attribute__((target("avx2"))) void read256(const uint8_t *data,
                                             int64_t bytes) {
  __m256i sum[8] = {};
  for (int64_t i = 0; i < bytes; i += 256) {
    prefetch(data + i);
    for (int64_t j = 0; j < 8; ++j)
      sum[j] = _mm256_xor_si256(
          sum[j], _mm256_load_si256(
                      reinterpret_cast<const __m256i *>(data + i + 32 * j)));
  }
  for (const __m256i &one : sum)
    TRINE_KEEP("x", one);
}

#undef TRINE_FMA_LOOP
#undef TRINE_KEEP

/// Seconds of the fastest of a few runs on all threads.
template <typename Body> double best(Pool &pool, Body body) {
  double seconds = 1e30;
  for (int i = 0; i < 8; ++i) {
    auto start = Clock::now();
    pool.run(body);
    std::chrono::duration<double> elapsed = Clock::now() - start;
    seconds = std::min(seconds, elapsed.count());
  }
  return seconds;
}

} // namespace

Calibration trine::calibrate(int threads) {
  Pool pool(threads > 0 ? threads : defaultThreads());
  bool wide = hasCpuFeature("avx512f");
  Calibration result;
  // Operations a loop: a multiply and an add for each lane.
  double lanes = wide ? 16.0 * kAccumulators : 8.0 * 12 * 2;
  double operations = 2 * lanes * double(kIterations) * pool.threads();
  if (wide || (hasCpuFeature("avx2") && hasCpuFeature("fma"))) {
    double loop = best(pool, [&](int) { wide ? fma512() : fma256(); });
    double chain = best(pool, [&](int) { wide ? chain512() : chain256(); });
    double each = double(kIterations) * (wide ? kAccumulators : 12 * 2);
    result.f32Gflops = operations / loop / 1e9;
    result.clockGhz = kLatency * double(kIterations) / chain / 1e9;
    result.fmaPerCycle = each / loop / 1e9 / result.clockGhz;
  }
  if (wide && hasCpuFeature("avx512bf16"))
    result.bf16Gflops =
        2 * operations / best(pool, [&](int) { dot512(); }) / 1e9;
  if (hasCpuFeature("amx-tile") && hasCpuFeature("amx-bf16"))
    result.tileGflops = 6 * 2.0 * 16 * 16 * 32 * double(kTileIterations) *
                        pool.threads() / best(pool, [&](int) { dotTiles(); }) /
                        1e9;
  if (wide && hasCpuFeature("avx512vnni"))
    result.int8Gops =
        4 * operations / best(pool, [&](int) { dotBytes512(); }) / 1e9;
  if (!hasCpuFeature("avx2"))
    return result;

  // Larger than the caches; whole pages for each thread.
  int64_t part = ((int64_t(256) << 20) / pool.threads()) & ~int64_t(4095);
  Pages memory(uint64_t(part) * uint64_t(pool.threads()) + 4096,
               Pages::Kind::Huge, "calibration");
  pool.run([&](int thread) {
    for (int64_t i = 0; i < part; i += 4096)
      memory.data()[part * thread + i] = 1;
  });
  double seconds = best(pool, [&](int thread) {
    const uint8_t *data = memory.data() + part * thread;
    wide ? read512(data, part) : read256(data, part);
  });
  result.streamGbs = double(part) * pool.threads() / seconds / 1e9;
  return result;
}
