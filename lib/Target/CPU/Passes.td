//===- Passes.td - passes of the CPU target -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_TARGET_CPU_PASSES_TD
#define TRINE_TARGET_CPU_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitKernelsPass : Pass<"cpu-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Give each kernel of the CPU its code";
  let description = [{
    For every `launch.kernel` on "cpu", the file of its family emits a
    `launch.code` with one function of the kernel's name over scf, arith,
    register-wide vectors and loads and stores of `!llvm.ptr`. The function is
    called once on each thread (see trine/Runtime/KernelABI.h).

    ```mlir
    launch.code @k {
      func.func @k(%arguments: !llvm.ptr, %team: !llvm.ptr)
    }
    ```
  }];
  let options = [Option<"cpu", "cpu", "std::string", "",
      "native, x86-64-v3, x86-64-v4 or an LLVM CPU name; empty: the module's launch.cpu, or native">];
  let statistics = [Statistic<"emitted", "kernels", "kernels emitted">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerToLLVMPass : Pass<"cpu-lower-to-llvm", "::trine::launch::CodeOp"> {
  let summary = "Lower a kernel's code to the llvm dialect, and nothing else";
  let description = [{
    scf becomes branches, then everything becomes the llvm dialect. Also the
    gate of the target phase: whatever is left is an error.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

#endif
