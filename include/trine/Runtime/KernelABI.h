//===- KernelABI.h - how the runtime calls a CPU kernel ---------*- C++ -*-===//
// Shared by lib/Target/CPU (emits it) and lib/Runtime (calls it).
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace trine {

/// The threads that run a kernel together, as one of them sees it.
struct KernelTeam {
  int64_t thread, threads; ///< this one's number, and how many there are
  /// Private to the thread, and one that all of them have; 64-byte aligned, of
  /// the bytes the kernel's step asks for. What they hold at first is
  /// undefined.
  void *scratch, *shared;
  /// Returns once every thread of the team has called it with its own team;
  /// what was written before is seen by all after. Every thread calls it
  /// equally often.
  void (*barrier)(const KernelTeam *team);
};

/// A kernel of the package's shared object, called once on every thread of the
/// pool with the same `arguments`. No thread enters the next kernel before all
/// have left this one.
///
/// `arguments` holds, for each operand and then each result of the
/// launch.kernel in order: the address of its data, then its logical dimensions
/// (`rank` values), all as 64-bit integers. Tensors without a layout are
/// row-major and contiguous; the others are stored as their layout says. A tied
/// result has its operand's address. Addresses are 64-byte aligned; every
/// buffer ends with at least 64 readable and writable bytes beyond its last
/// element. Any dimension may be 0.
///
/// The kernel splits its work by `thread` of `threads`. No element's arithmetic
/// may depend on the split: results are the same for any number of threads.
using KernelFunction = void (*)(const int64_t *arguments,
                                const KernelTeam *team);

/// Version of this interface, recorded in the package.
constexpr int kKernelAbiVersion = 2;

} // namespace trine
