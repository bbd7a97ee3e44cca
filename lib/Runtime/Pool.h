//===- Pool.h - threads that run one program together -----------*- C++ -*-===//
// SPMD: one entry for a whole run, a barrier between dependent steps.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace trine {

/// CPUs this process may use: its affinity mask and its cgroup's quota.
int defaultThreads();

/// Waits by spinning for up to 50 µs, then by sleeping: an idle pool costs
/// nothing.
class Pool {
public:
  /// Throws Environment when the threads cannot be made.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool &) = delete;
  Pool &operator=(const Pool &) = delete;

  int threads() const { return count; }

  /// Calls body(thread) on every thread, the caller being thread 0; returns
  /// when all are done. One caller at a time; `body` must not throw.
  template <typename Body> void run(Body &&body) {
    start(
        [](void *context, int thread) {
          (*static_cast<std::remove_reference_t<Body> *>(context))(thread);
        },
        &body);
  }

  /// Within run(): returns once every thread has called it.
  void barrier();

private:
  static constexpr int kLeastSpin = 5, kMostSpin = 50;
  using Function = void (*)(void *context, int thread);
  void start(Function function, void *context);
  void work(int thread);

  /// A counter that threads wait to see change.
  struct alignas(128) Signal {
    std::atomic<uint32_t> value{0}, sleepers{0};
    std::atomic<int> patience{kMostSpin}; ///< µs to spin before sleeping
    void wait(uint32_t old);
    void change();
  };

  Signal entered, left; // a run begins; a barrier opens
  alignas(128) std::atomic<int> missing;
  alignas(128) Function function = nullptr;
  void *context = nullptr;
  int count;
  bool stopping = false;
  std::vector<std::thread> workers;
};

} // namespace trine
