//===- trine-reduce.cpp - shrink IR that shows a defect -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "trine/Pipeline/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  trine::registerDialects(registry);
  trine::registerPasses();
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
