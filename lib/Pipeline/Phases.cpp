//===- Phases.cpp - the one list of phases --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Pipeline/Phases.h"
#include "dialects/fp8/Transforms/Passes.h"
#include "dialects/graph/Transforms/Passes.h"
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Target/Target.h"

using namespace mlir;
using namespace trine;

static void buildImport(OpPassManager &passes) {
  passes.addPass(graph::createGraphVerifyPass());
}

static void buildGraph(OpPassManager &passes) {
  graph::buildGraphPhase(passes);
  passes.addPass(graph::createGraphVerifyPass());
}

static void buildQuantize(OpPassManager &passes) {
  fp8::buildQuantizePasses(passes);
  passes.addPass(graph::createSetPrecisionPass());
  passes.addPass(graph::createGraphVerifyPass());
}

static void buildKernels(OpPassManager &passes) {
  passes.addPass(fp8::createPackScalesPass());
  passes.addPass(fp8::createFoldWeightsPass());
  passes.addPass(graph::createDropUnusedPass());
  passes.addPass(createPlaceOpsPass());
  passes.addPass(createAssignLayoutsPass());
  passes.addPass(createConvertGraphToLaunchPass());
  passes.addPass(launch::createInsertCopiesPass());
  passes.addPass(launch::createAssignSlotsPass());
  passes.addPass(launch::createVerifyLaunchPass());
}

static void buildTarget(OpPassManager &passes) {
  addCPUPasses(passes);
  addCUDAPasses(passes);
  passes.addPass(fp8::createFp8VerifyPass());
  passes.addPass(launch::createVerifyCodePass());
}

static void buildPackage(OpPassManager &) {}

static const Phase list[] = {
    {"import", "the model as graph operations, weights by reference",
     buildImport},
    {"graph", "canonical graph, fused operations recognised", buildGraph},
    {"quantize", "codes and scales, operands and states in the types asked for",
     buildQuantize},
    {"kernels", "fused regions as kernels, each on a device", buildKernels},
    {"target", "kernels lowered to their device's code", buildTarget},
    {"package", "code assembled, weights packed, one file", buildPackage},
};

ArrayRef<Phase> trine::phases() { return list; }

std::optional<size_t> trine::findPhase(StringRef name) {
  for (auto [index, phase] : llvm::enumerate(list))
    if (phase.name == name)
      return index;
  return std::nullopt;
}

LogicalResult trine::runPhases(ModuleOp module, size_t first, size_t last,
                               PhaseObserver observer) {
  for (const Phase &phase : phases().slice(first, last - first + 1)) {
    PassManager passes(module.getContext());
    phase.build(passes);
    if (failed(passes.run(module)) || failed(observer(phase, module)))
      return failure();
  }
  return success();
}

void trine::registerPhasePipelines() {
  for (const Phase &phase : list)
    PassPipelineRegistration<>(("trine-phase-" + phase.name).str(),
                               phase.summary, phase.build);
}
