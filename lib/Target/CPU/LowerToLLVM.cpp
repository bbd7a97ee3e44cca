//===- LowerToLLVM.cpp - scf, vector, arith, math -> llvm -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Passes.h"
#include "lib/Target/Lowering.h"

using namespace mlir;
using namespace trine;

namespace trine::cpu {
#define GEN_PASS_DEF_LOWERTOLLVMPASS
#include "lib/Target/CPU/CPUPasses.h.inc"
} // namespace trine::cpu

namespace {
struct LowerToLLVM : cpu::impl::LowerToLLVMPassBase<LowerToLLVM> {
  void runOnOperation() override {
    if (failed(lowerToLLVM(getOperation(), [](LLVMConversionTarget &target) {
          target.addLegalOp<launch::CodeOp>();
        })))
      signalPassFailure();
  }
};
} // namespace
