//===- Plan.h - an entry's steps for one set of sizes -----------*- C++ -*-===//
// Addresses, arguments and shapes of everything, so that a call only copies its
// inputs and runs. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Program.h"

namespace trine {

/// Where a session keeps what plans point to. It only grows; when the arena or
/// a device's buffer moves, the plans that point there are void.
struct Workspace {
  Pages arena;
  Pages scratch; ///< of all threads, `scratchStride` bytes apart
  uint64_t scratchStride = 0;
  Pages shared; ///< scratch that the threads have in common
  /// By storage (slots, then inputs of an entry) and device.
  std::map<std::pair<size_t, Device *>, DeviceBuffer> buffers;
  Pages stateMemory; ///< of all states in this process's memory
  std::vector<void *> states;
  std::vector<DeviceBuffer> deviceStates; ///< the others
  Pages past;                             ///< i32, the rows' lengths
  int64_t batch = 0;
  uint64_t generation = 0; ///< counts moves

  /// All states of the program for `batch` rows.
  Workspace(Program &program, int64_t batch);

  /// Grow what is too small. Plans made before are void, also on failure.
  void reserve(uint64_t arenaBytes, uint64_t scratchBytes, uint64_t sharedBytes,
               int threads);
  void *buffer(size_t storage, Device &device, uint64_t bytes);
};

struct PlanValue {
  void *data = nullptr;
  std::vector<int64_t> shape;
  int64_t bytes = 0; ///< in use, layout padding included
};

struct PlanStep {
  const Step *step = nullptr;
  KernelFunction function = nullptr; ///< null: the first thread does it
  const int64_t *arguments = nullptr;
  /// Device steps: where they run, and their tensors, operands first.
  Device *device = nullptr, *source = nullptr;
  std::vector<trine_device_tensor> tensors;
  size_t bytes = 0; ///< of a copy
};

struct Plan {
  const Entry *entry = nullptr;
  std::vector<int64_t> symbols;
  uint64_t generation = 0;
  std::vector<PlanValue> values;
  std::vector<PlanStep> steps;
  std::vector<int64_t> arguments; ///< of all kernels

  /// Throws BadInput when a size does not fit its storage, Environment when
  /// there is not enough memory.
  Plan(Program &program, const Entry &entry, std::vector<int64_t> symbols,
       Workspace &workspace);

private:
  void measure(const Program &program);
  void placeParameters(Program &program);
  void placeWork(const Program &program, Workspace &workspace);
  void placeRest(const Program &program, const Workspace &workspace);
  void arrange(const Program &program);
};

} // namespace trine
