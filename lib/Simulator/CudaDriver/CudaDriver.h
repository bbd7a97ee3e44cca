//===- CudaDriver.h - devices, streams and modules of the stand-in -*- C++ -*-//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "lib/Runtime/CUDA/DriverApi.h"
#include "trine/Simulator/PTX/Device.h"

#include <deque>
#include <functional>
#include <random>

namespace trine::cuda {

/// TRINE_CUDA_SIM, "seed=3,eager,out-of-memory=2": what a run is to try.
struct Settings {
  uint64_t seed = 0;        ///< of the order of warps; 0: one after another
  bool eager = false;       ///< cp.async lands at once, not as late as may be
  uint64_t outOfMemory = 0; ///< the n-th allocation fails
  uint64_t failLaunch = 0;  ///< the n-th launch fails

  /// Throws Usage naming what it does not know.
  static Settings parse(std::string_view text);
};

/// Handles are addresses of objects that a table owns, so that a stale one is
/// seen.
template <typename T> class Handles {
public:
  T *add(std::unique_ptr<T> object) {
    T *raw = object.get();
    table[raw] = std::move(object);
    return raw;
  }
  /// Null for what is none.
  T *find(const void *handle) {
    auto found = table.find(handle);
    return found == table.end() ? nullptr : found->second.get();
  }
  bool remove(const void *handle) { return table.erase(handle); }
  template <typename Test> void removeIf(Test test) {
    std::erase_if(table,
                  [&](const auto &entry) { return test(*entry.second); });
  }
  auto begin() { return table.begin(); }
  auto end() { return table.end(); }

private:
  std::map<const void *, std::unique_ptr<T>> table;
};

struct Module {
  ptx::Module source;
  ptx::LoadedModule loaded;
};

struct Function {
  const Module *module;
  const ptx::KernelInfo *info;
  const ptx::Program *program;
  uint32_t dynamic = 0; ///< bytes of shared memory that were asked for
};

/// Work waits until somebody must see it done: what a host forgets to wait for
/// is not there.
struct Stream {
  std::deque<std::function<CUresult()>> queue;
};

/// A device and its one context.
struct Gpu {
  explicit Gpu(const ptx::Arch &arch) : device(arch) {}

  ptx::Device device;
  Handles<Module> modules;
  Handles<Function> functions;
  Handles<Stream> streams;
  CUresult broken = kSuccess; ///< since a kernel did wrong: all that follows
};

/// The driver's state. One call at a time.
class CudaDriver {
public:
  CudaDriver();

  CUresult launch(Gpu &gpu, const Function &function,
                  const ptx::LaunchOptions &options,
                  const std::vector<uint8_t> &parameters);
  /// Runs what waits in the stream.
  CUresult drain(Gpu &gpu, Stream &stream);
  /// Of all its streams.
  void drain(Gpu &gpu);
  /// Keeps `what` for cuGetErrorString.
  CUresult fail(CUresult result, std::string what);

  Settings settings;
  std::vector<std::unique_ptr<Gpu>> gpus; ///< one an architecture
  std::map<CUresult, std::string> texts;  ///< what was said last
  uint64_t allocations = 0, launches = 0;
  bool ready = false; ///< cuInit was called
};

} // namespace trine::cuda
