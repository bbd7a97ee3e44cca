//===- Target.h - what the compiler asks of a target ------------*- C++ -*-===//
// One small interface; a chip's name appears only behind it.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "mlir/Pass/PassManager.h"

#include <map>

namespace trine {

/// Code of all of a target's kernels, ready for the package.
struct DeviceImage {
  std::string code; ///< section code.<target>
  struct KernelFile {
    std::string name, assembly, object;
    std::map<std::string, std::string> binaries = {}; ///< by suffix
  };
  std::vector<KernelFile> kernels;   ///< assembly only when asked for
  std::vector<std::string> features; ///< what the machine must have
};

struct AssembleOptions {
  unsigned jobs = 1;
  bool keepAssembly = false; ///< --emit=asm
};

class Target {
public:
  virtual ~Target() = default;

  /// The device's name in `launch.kernel`, e.g. "cpu".
  virtual llvm::StringRef name() const = 0;

  /// Why `op` cannot run here ("" if it can): placement falls back to the CPU.
  virtual std::string whyUnsupported(mlir::Operation *op) const = 0;

  /// The layout a use must have: nullopt = any, null attribute = row-major.
  /// Asked for the operands of a graph op and, with the operand an append's
  /// values, of the state they go to.
  virtual std::optional<graph::LayoutAttr>
  requiredLayout(mlir::OpOperand &use) const = 0;

  /// May `consumer` join the kernel that `root` heads (an epilogue)? The fusion
  /// pass checks legality (single use, same token shape); this is about profit.
  virtual bool canFuse(mlir::Operation *root, mlir::Operation *consumer) const {
    return false;
  }

  /// Bytes of scratch a thread of this kernel needs, over the kernel operands'
  /// symbolic shapes.
  virtual mlir::AffineExpr
  scratchBytes(launch::KernelOp kernel,
               llvm::ArrayRef<graph::SymbolicShape> operands) const = 0;

  /// Likewise, bytes that the kernel's threads have in common.
  virtual mlir::AffineExpr
  sharedScratchBytes(launch::KernelOp kernel,
                     llvm::ArrayRef<graph::SymbolicShape> operands) const {
    return mlir::getAffineConstantExpr(0, kernel.getContext());
  }

  /// Passes over the module that give each of this target's kernels its
  /// launch.code, fully lowered.
  virtual void addPasses(mlir::OpPassManager &passes) const {}

  /// The target's section of the package from the lowered module. Errors are
  /// emitted.
  virtual llvm::FailureOr<DeviceImage>
  assemble(mlir::ModuleOp module, const AssembleOptions &options) const = 0;
};

/// cpu: "native", "x86-64-v3", "x86-64-v4" or an LLVM CPU name. Null and an
/// error in `error` when it has no AVX2.
std::unique_ptr<Target> createCPUTarget(llvm::StringRef cpu,
                                        std::string &error);

/// cpu-emit-kernels, cpu-lower-to-llvm.
void addCPUPasses(mlir::OpPassManager &passes, llvm::StringRef cpu = "");
void registerCPUPasses();

/// arch: "sm_80,sm_90", PTX for the least, machine code for each where ptxas
/// is. Null and an error in `error` for an unknown one.
std::unique_ptr<Target> createCUDATarget(llvm::StringRef arch,
                                         std::string &error);

/// cuda-emit-kernels, cuda-lower-to-nvvm.
void addCUDAPasses(mlir::OpPassManager &passes, llvm::StringRef arch = "");
void registerCUDAPasses();

/// Runs every graph operation by lib/Reference; its code is the kernels' text.
std::unique_ptr<Target> createReferenceTarget();

} // namespace trine
