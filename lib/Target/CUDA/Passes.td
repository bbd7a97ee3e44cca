//===- Passes.td - passes of the CUDA target ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_TARGET_CUDA_PASSES_TD
#define TRINE_TARGET_CUDA_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitKernelsPass : Pass<"cuda-emit-kernels", "::mlir::ModuleOp"> {
  let summary = "Give each kernel of the GPU its code";
  let description = [{
    For every `launch.kernel` on "cuda", the file of its family emits a
    `launch.code` with one `llvm.func` for each launch, over scf, arith, math,
    vectors of a few elements, nvvm, and loads and stores of `!llvm.ptr<1>`. How
    it is launched stands in its attributes `launch.grid`, `launch.shared` and
    `launch.guard` (see trine/Package/CudaCode.h for the parameters).

    ```mlir
    launch.code @k attributes {launch.ptx = 70} {
      llvm.func @k(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %rows: i32)
        attributes {nvvm.kernel, nvvm.maxntid = array<i32: 256>, launch.shared = 0}
    }
    ```
  }];
  let options = [Option<"arch", "arch", "std::string", "",
      "sm_80, ... the least is compiled for; empty: the module's launch.arch, or sm_80">];
  let statistics = [Statistic<"emitted", "kernels", "kernels emitted">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::math::MathDialect", "::mlir::NVVM::NVVMDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"];
}

def LowerToNVVMPass : Pass<"cuda-lower-to-nvvm", "::trine::launch::CodeOp"> {
  let summary = "Lower a kernel's code to the llvm and nvvm dialects";
  let description = [{
    scf becomes branches, then everything but nvvm becomes the llvm dialect. Code
    of other devices stays as it is.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::cf::ControlFlowDialect"];
}

#endif
