//===- Registration.cpp ---------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Pipeline/Registration.h"
#include "dialects/fp8/Fp8.h"
#include "dialects/fp8/Transforms/Passes.h"
#include "dialects/graph/Graph.h"
#include "dialects/graph/Transforms/Passes.h"
#include "dialects/launch/Launch.h"
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Pipeline/Phases.h"
#include "trine/Reference/Passes.h"
#include "trine/Target/Target.h"

void trine::registerDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry
      .insert<fp8::Fp8Dialect, graph::GraphDialect, launch::LaunchDialect>();
}

void trine::registerPasses() {
  mlir::registerAllPasses();
  graph::registerGraphPasses();
  fp8::registerFp8Passes();
  launch::registerLaunchPasses();
  reference::registerReferencePasses();
  registerCPUPasses();
  registerCUDAPasses();
  registerGraphToLaunchPasses();
  registerPhasePipelines();
}
