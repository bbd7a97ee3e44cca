//===- PoolTest.cpp - threads that run together ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Runtime/Pool.h"

#include <chrono>
#include <ctime>
#include <gtest/gtest.h>
#include <immintrin.h>
#include <numeric>

using namespace trine;

TEST(PoolTest, EveryThreadRunsOnce) {
  for (int threads : {1, 2, 3, 9}) {
    Pool pool(threads);
    for (int i = 0; i < 50; ++i) {
      std::vector<int> calls(size_t(threads), 0);
      pool.run([&](int thread) { ++calls[size_t(thread)]; });
      EXPECT_EQ(calls, std::vector<int>(size_t(threads), 1));
    }
  }
}

// Without the barrier a thread would read its neighbour's old value.
TEST(PoolTest, BarrierOrdersSteps) {
  for (int threads : {2, 3, 8}) {
    Pool pool(threads);
    std::vector<int> now(size_t(threads), 0), next(size_t(threads), 0);
    std::iota(now.begin(), now.end(), 0);
    constexpr int steps = 500;
    pool.run([&](int thread) {
      size_t self = size_t(thread), other = size_t(thread + 1) % now.size();
      for (int step = 0; step < steps; ++step) {
        next[self] = now[other];
        pool.barrier();
        now[self] = next[self];
        pool.barrier();
      }
    });
    for (int thread = 0; thread < threads; ++thread)
      EXPECT_EQ(now[size_t(thread)], (thread + steps) % threads);
  }
}

TEST(PoolTest, KernelsSeeDefaultRounding) {
  Pool pool(2);
  unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040); // flush to zero, denormals are zero
  unsigned seen[2] = {};
  pool.run([&](int thread) { seen[thread] = _mm_getcsr() & 0xffc0; });
  EXPECT_EQ(_mm_getcsr() & 0xffc0, (before | 0x8040) & 0xffc0);
  _mm_setcsr(before);
  EXPECT_EQ(seen[0], 0x1f80u);
  EXPECT_EQ(seen[1], 0x1f80u);
}

static double cpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

TEST(PoolTest, IdlePoolSleeps) {
  Pool pool(4);
  pool.run([](int) {});
  double before = cpuSeconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LT(cpuSeconds() - before, 0.02);
}

// A slow thread puts the others to sleep at the barrier, not for ever.
TEST(PoolTest, WakesSleepersAtTheBarrier) {
  Pool pool(3);
  for (int round = 0; round < 5; ++round)
    pool.run([&](int thread) {
      if (thread == round % 3)
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      pool.barrier();
    });
}

TEST(PoolTest, DefaultThreads) {
  EXPECT_GE(defaultThreads(), 1);
  EXPECT_LE(defaultThreads(), int(std::thread::hardware_concurrency()));
}
