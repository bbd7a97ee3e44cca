//===- KernelABI.h - how the runtime calls a compiled CPU kernel -*- C++
//-*-===//
// Shared by lib/Target/CPU (emits it) and lib/Runtime (calls it).
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>

namespace trine {

/// A kernel of the package's shared object, called once on every thread of the
/// pool with the same `arguments`.
///
/// `arguments` holds, for each operand and then each result of the
/// launch.kernel in order: the address of its data, then its logical dimensions
/// (`rank` values), all as 64-bit integers. Tensors without a layout are
/// row-major and contiguous; the others are stored as their layout says. A tied
/// result has its operand's address. Addresses are 64-byte aligned; every
/// buffer ends with at least 64 readable and writable bytes beyond its last
/// element. Any dimension may be 0. `scratch` is private to the thread and
/// 64-byte aligned.
///
/// The kernel splits its work by `thread` of `threads`. No element's arithmetic
/// may depend on the split: results are the same for any number of threads.
using KernelFunction = void (*)(const int64_t *arguments, int64_t thread,
                                int64_t threads, void *scratch);

/// Version of this interface, recorded in the package.
constexpr int kKernelAbiVersion = 1;

} // namespace trine
