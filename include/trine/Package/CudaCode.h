//===- CudaCode.h - the section code.cuda -----------------------*- C++ -*-===//
// Kernels of a package as PTX and cubins, with how they are launched. Written
// by lib/Target/CUDA, read by the device plug-in; no LLVM, no CUDA. Part of
// Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/File.h"

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace trine {

/// times · ⌈Π dims / per⌉. `dims` are indices into the dimensions of the
/// kernel's operands and then its results, one after another.
struct CudaExtent {
  int64_t times = 1, per = 1;
  std::vector<uint32_t> dims = {};

  /// Throws BadInput where it overflows.
  int64_t evaluate(std::span<const int64_t> dimensions) const;
};

/// One launch of an entry of the kernel's module.
///
/// Parameters: for each operand and then each result its address (u64); the
/// scratch's (u64) where the kernel has any; then its `sizes` (i32). A tied
/// result has its operand's address. Tensors are row-major; addresses are
/// 256-byte aligned and nothing beyond a tensor's end may be touched. Any
/// dimension may be 0: a launch with an empty grid does not happen.
///
/// It happens only where `guard` is from `least` to `most`: a kernel has code
/// for few rows and for many. Whoever launches it all the same is slow, not
/// wrong.
struct CudaLaunch {
  std::string entry;
  std::array<CudaExtent, 3> grid = {};
  uint32_t threads = 0; ///< of a block, in x
  uint32_t shared = 0;  ///< dynamic bytes of a block
  CudaExtent guard = {};
  int64_t least = 0, most = INT64_MAX;

  /// Blocks along an axis. Throws BadInput where there are more than a grid
  /// has.
  uint32_t blocks(size_t axis, std::span<const int64_t> dimensions) const;
};

/// A launch.kernel: launches one after another, each seeing what those before
/// wrote.
struct CudaKernel {
  std::string name, ptx;
  std::vector<CudaLaunch> launches = {};
  /// Dimensions that are parameters, the dynamic ones, as in CudaExtent::dims.
  std::vector<uint32_t> sizes = {};
  /// "sm_80" → ELF, where the compiler had ptxas.
  std::map<std::string, std::string> cubins = {};
  CudaExtent scratch{.times = 0}; ///< bytes that its launches share

  /// Throws BadInput where it refers to more dimensions than these.
  void check(size_t dimensions) const;
};

struct CudaCode {
  std::string arch; ///< the least that runs the PTX: "sm_80"
  std::vector<CudaKernel> kernels = {};

  std::string serialize() const;
  /// Throws BadInput naming `where` when it is damaged or of another version.
  static CudaCode parse(Bytes bytes, const std::string &where);
};

} // namespace trine
