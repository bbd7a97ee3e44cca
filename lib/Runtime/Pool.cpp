//===- Pool.cpp - threads that run one program together -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Pool.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <immintrin.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

using namespace trine;
using Clock = std::chrono::steady_clock;

static void futex(std::atomic<uint32_t> &word, int operation, uint32_t value) {
  static_assert(sizeof(word) == sizeof(uint32_t));
  syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, nullptr,
          nullptr, 0);
}

void Pool::Signal::wait(uint32_t old) {
  auto spin = [&](int rounds) {
    for (int i = 0; i < rounds; ++i) {
      if (value.load(std::memory_order_acquire) != old)
        return true;
      _mm_pause();
    }
    return false;
  };
  // The clock is not read at first: it costs as much as a whole barrier.
  if (spin(64))
    return;
  // Spinning is worse than useless when the other thread waits for this very
  // CPU: the patience shrinks where it was in vain and grows where it paid.
  int limit = patience.load(std::memory_order_relaxed);
  for (auto end = Clock::now() + std::chrono::microseconds(limit);
       Clock::now() < end;)
    if (spin(16)) {
      patience.store(std::min(limit * 2, kMostSpin), std::memory_order_relaxed);
      return;
    }
  patience.store(std::max(limit / 2, kLeastSpin), std::memory_order_relaxed);
  sleepers.fetch_add(1);
  while (value.load() == old)
    futex(value, FUTEX_WAIT, old);
  sleepers.fetch_sub(1);
}

void Pool::Signal::change() {
  // Sequentially consistent: either a sleeper sees the new value or we see it.
  value.fetch_add(1);
  if (sleepers.load() != 0)
    futex(value, FUTEX_WAKE, INT32_MAX);
}

Pool::Pool(int threads) : missing(threads), count(threads) {
  // The application's signals go to its own threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  try {
    for (int thread = 1; thread < count; ++thread)
      workers.emplace_back([this, thread] { work(thread); });
  } catch (const std::system_error &error) {
    pthread_sigmask(SIG_SETMASK, &old, nullptr);
    stopping = true;
    entered.change();
    for (std::thread &worker : workers)
      worker.join();
    throw Error(ExitCode::Environment, "",
                fmt::format("cannot start {} threads: {}; ask for fewer",
                            threads, error.what()));
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

Pool::~Pool() {
  stopping = true;
  entered.change();
  for (std::thread &worker : workers)
    worker.join();
}

void Pool::work(int thread) {
  for (uint32_t seen = 0;; ++seen) {
    entered.wait(seen);
    if (stopping)
      return;
    function(context, thread);
    barrier();
  }
}

void Pool::start(Function body, void *argument) {
  // Kernels see the same rounding and denormals on every thread, whatever the
  // application has set on its own.
  unsigned control = _mm_getcsr();
  _mm_setcsr(0x1f80);
  function = body;
  context = argument;
  if (count > 1)
    entered.change();
  body(argument, 0);
  barrier();
  _mm_setcsr(control);
}

void Pool::barrier() {
  if (count == 1)
    return;
  uint32_t phase = left.value.load(std::memory_order_relaxed);
  if (missing.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    missing.store(count, std::memory_order_relaxed);
    left.change();
    return;
  }
  left.wait(phase);
}
