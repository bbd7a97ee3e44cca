//===- KernelHarness.h - compile and call one CPU kernel --------*- C++ -*-===//
// The text of a launch.kernel -> machine code -> numbers, for tests.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/KernelABI.h"
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace trine::test {

/// A tensor in memory as the kernel ABI wants it: 64-byte aligned, 64 bytes
/// beyond the end, then (nearly) an inaccessible page, so that reading or
/// writing too far is a crash.
class Buffer {
public:
  /// `stored` elements when a layout pads; by default the product of `dims`.
  Buffer(std::vector<int64_t> dims, int64_t stored = -1, int64_t bytes = 4);

  template <typename T = float> T *data() const {
    return static_cast<T *>(address);
  }
  template <typename T = float> std::span<T> elements() const {
    return {data<T>(), size_t(count)};
  }
  /// Deterministic values in [-1, 1).
  Buffer &fill(uint32_t seed);

  std::vector<int64_t> dims;
  int64_t count;

private:
  void *address;
  std::shared_ptr<void> pages;
};

class Kernel {
public:
  /// `text`: a module with kernel @k alone (and an alias line or two). Aborts
  /// with the diagnostics when it does not compile. `cpu` as --cpu.
  Kernel(const std::string &text, const std::string &cpu);

  /// Calls the kernel on `threads` threads at once: operands, then results.
  /// Both scratches have the bytes that the target says.
  void run(std::vector<Buffer> buffers, int threads = 1) const;
  /// The same on the caller's thread alone, to be called again and again.
  std::function<void()> bind(std::vector<Buffer> buffers) const;

  std::string assembly;

private:
  /// Scratch bytes of a thread, and of all together.
  std::pair<int64_t, int64_t>
  scratchBytes(const std::vector<Buffer> &buffers) const;
  KernelFunction function;
  struct State;
  std::shared_ptr<State> state;
};

/// "x86-64-v3" and, where this machine can run it, "x86-64-v4".
std::vector<std::string> runnableCpus();
/// Those, and one with dot products of bf16 (Cooper Lake is x86-64-v4 with
/// them).
std::vector<std::string> bf16Cpus();

/// Those, and one with AMX, which a process must ask for.
std::vector<std::string> tileCpus();

/// The upper half of an f32, which is a bf16; `x` keeps what it stands for.
uint16_t truncated(float &x);
/// The values of `plain` as bf16, which it is rounded to.
Buffer narrowed(Buffer &plain);

/// Runs on one thread and on three, which must agree to the bit; `y` is the
/// kernel's last operand.
void runTwice(const Kernel &kernel, std::vector<Buffer> operands, Buffer &y);

} // namespace trine::test
