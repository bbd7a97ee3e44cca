//===- Assemble.h - launch.code -> one shared object ------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Machine.h"
#include "trine/Target/Target.h"

namespace trine::cpu {

/// Compiles the lowered code of every CPU kernel of `module`, in parallel, and
/// links it into one ELF shared object that exports the kernels and needs no
/// other library. The bytes depend on the module and the machine only.
llvm::FailureOr<DeviceImage> assemble(mlir::ModuleOp module,
                                      const MachineModel &machine,
                                      const AssembleOptions &options);

} // namespace trine::cpu
