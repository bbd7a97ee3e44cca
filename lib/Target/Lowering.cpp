//===- Lowering.cpp - to LLVM and through its back ends -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Lowering.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Transforms/DialectConversion.h"
#include "llvm/IR/LegacyPassManager.h"

using namespace mlir;
using namespace trine;

static LogicalResult lowerControl(Operation *op) {
  RewritePatternSet patterns(op->getContext());
  populateSCFToControlFlowConversionPatterns(patterns);
  ConversionTarget target(*op->getContext());
  target.addIllegalDialect<scf::SCFDialect>();
  target.markUnknownOpDynamicallyLegal([](Operation *) { return true; });
  return applyPartialConversion(op, target, std::move(patterns));
}

LogicalResult
trine::lowerToLLVM(Operation *op,
                   function_ref<void(LLVMConversionTarget &)> legal) {
  if (failed(lowerControl(op)))
    return failure();
  LLVMTypeConverter converter(op->getContext());
  RewritePatternSet patterns(op->getContext());
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*op->getContext());
  legal(target);
  return applyFullConversion(op, target, std::move(patterns));
}

std::string trine::emitFile(llvm::Module &module, llvm::TargetMachine &target,
                            llvm::CodeGenFileType type) {
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (target.addPassesToEmitFile(passes, stream, nullptr, type))
    llvm_unreachable("back ends emit objects and assembly");
  passes.run(module);
  return std::string(bytes.data(), bytes.size());
}
