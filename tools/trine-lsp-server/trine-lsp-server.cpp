//===- trine-lsp-server.cpp - language server for Trine's IR --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "trine/Pipeline/Registration.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  trine::registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
