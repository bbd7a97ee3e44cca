//===- LowerToNVVM.cpp - scf, vector, arith, math -> llvm, nvvm -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Passes.h"
#include "lib/Target/Lowering.h"

using namespace mlir;
using namespace trine;

namespace trine::cuda {
#define GEN_PASS_DEF_LOWERTONVVMPASS
#include "lib/Target/CUDA/CUDAPasses.h.inc"
} // namespace trine::cuda

namespace {
struct LowerToNVVM : cuda::impl::LowerToNVVMPassBase<LowerToNVVM> {
  void runOnOperation() override {
    auto kernel = SymbolTable::lookupNearestSymbolFrom<launch::KernelOp>(
        getOperation()->getParentOp(), getOperation().getKernelAttr());
    if (!kernel || kernel.getDevice() != "cuda")
      return;
    if (failed(lowerToLLVM(getOperation(), [](LLVMConversionTarget &target) {
          target.addLegalDialect<NVVM::NVVMDialect>();
          target.addLegalOp<launch::CodeOp>();
        })))
      signalPassFailure();
  }
};
} // namespace
