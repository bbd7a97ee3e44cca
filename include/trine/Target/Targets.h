//===- Targets.h - the targets a module is compiled for ---------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Target/Target.h"

namespace trine {

/// All targets by device name. The module's attributes configure them, so that
/// a saved phase re-enters with the same choices:
///   launch.cpu      "native" (default), "x86-64-v3", an LLVM CPU, ...
///   launch.arch     GPUs, "sm_80" (default), "sm_80,sm_90", ...
///   launch.targets  devices in order of preference (default ["cpu"])
///   launch.place    ["PATTERN=DEVICE", ...], see launch-place
class TargetSet {
public:
  /// Emits an error at the module and fails for an unknown CPU or device.
  static llvm::FailureOr<TargetSet> of(mlir::ModuleOp module);

  const Target *find(llvm::StringRef device) const;
  /// Where an operation goes unless it is placed elsewhere.
  const Target &preferred() const { return *find(order.front()); }
  llvm::ArrayRef<std::unique_ptr<Target>> all() const { return targets; }

private:
  std::vector<std::unique_ptr<Target>> targets;
  std::vector<std::string> order;
};

} // namespace trine
