//===- LowerToNVVM.cpp - scf, vector, arith, math -> llvm, nvvm -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Passes.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Transforms/DialectConversion.h"

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
    if (failed(lowerControl()) || failed(lowerRest()))
      signalPassFailure();
  }

  LogicalResult lowerControl() {
    RewritePatternSet patterns(&getContext());
    populateSCFToControlFlowConversionPatterns(patterns);
    ConversionTarget target(getContext());
    target.addIllegalDialect<scf::SCFDialect>();
    target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
    return applyPartialConversion(getOperation(), target, std::move(patterns));
  }

  LogicalResult lowerRest() {
    LLVMTypeConverter converter(&getContext());
    RewritePatternSet patterns(&getContext());
    arith::populateArithToLLVMConversionPatterns(converter, patterns);
    cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
    populateMathToLLVMConversionPatterns(converter, patterns);
    populateVectorToLLVMConversionPatterns(converter, patterns);
    ub::populateUBToLLVMConversionPatterns(converter, patterns);
    LLVMConversionTarget target(getContext());
    target.addLegalDialect<NVVM::NVVMDialect>();
    target.addLegalOp<launch::CodeOp>();
    return applyFullConversion(getOperation(), target, std::move(patterns));
  }
};
} // namespace
