//===- VerifyCode.cpp - gate after the target phase -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

namespace trine::launch {
#define GEN_PASS_DEF_VERIFYCODEPASS
#include "dialects/launch/LaunchPasses.h.inc"
} // namespace trine::launch

using namespace mlir;
using namespace trine::launch;

namespace {
struct VerifyCode : trine::launch::impl::VerifyCodePassBase<VerifyCode> {
  void runOnOperation() override {
    llvm::StringMap<CodeOp> codes;
    bool failed = false;
    for (auto code : getOperation().getOps<CodeOp>()) {
      if (!codes.try_emplace(code.getKernel(), code).second) { // L8
        code.emitOpError("is the kernel's second code");
        failed = true;
      }
      code.walk<WalkOrder::PreOrder>([&](Operation *op) {
        if (op == code ||
            isa<LLVM::LLVMDialect, NVVM::NVVMDialect>(op->getDialect()))
          return WalkResult::advance();
        op->emitOpError("is not of the llvm dialect");
        failed = true;
        return WalkResult::interrupt();
      });
    }
    for (auto kernel : getOperation().getOps<KernelOp>())
      if (kernel.getDevice() == kHost && !codes.count(kernel.getSymName())) {
        kernel.emitOpError("has no code");
        failed = true;
      }
    if (failed)
      signalPassFailure();
  }
};
} // namespace
