//===- EmitKernels.cpp - launch.kernel -> launch.code ---------------------===//
// Chooses the family of each CPU kernel and runs its emitter.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "Passes.h"

using namespace mlir;
using namespace trine;

namespace trine::cpu {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "lib/Target/CPU/CPUPasses.h.inc"
} // namespace trine::cpu

static const cpu::Family *const kFamilies[] = {
    &cpu::contractionFamily, &cpu::attentionFamily, &cpu::elementwiseFamily,
    &cpu::rowsFamily,        &cpu::gatherFamily,    &cpu::ropeFamily,
    &cpu::codesFamily,       &cpu::routeFamily,     &cpu::expertsFamily,
    &cpu::relayoutFamily,    &cpu::appendFamily,    &cpu::movementFamily};

Operation *cpu::rootOf(launch::KernelOp kernel) {
  for (Operation &op : kernel.getBlock())
    if (!isa<graph::ConstantOp>(op))
      return &op;
  return nullptr;
}

const cpu::Family *cpu::findFamily(Operation *root) {
  for (const Family *family : kFamilies)
    if (family->heads(root))
      return family;
  return nullptr;
}

namespace {
struct EmitKernels : cpu::impl::EmitKernelsPassBase<EmitKernels> {
  using EmitKernelsPassBase::EmitKernelsPassBase;

  void runOnOperation() override {
    std::string error, name = cpu;
    if (auto chosen = getOperation()->getAttrOfType<StringAttr>("launch.cpu");
        chosen && name.empty())
      name = chosen.str();
    auto machine =
        cpu::MachineModel::get(name.empty() ? "native" : name, error);
    if (!machine) {
      getOperation().emitError() << error;
      return signalPassFailure();
    }
    for (auto kernel :
         llvm::to_vector(getOperation().getOps<launch::KernelOp>())) {
      if (kernel.getDevice() != "cpu")
        continue;
      Operation *root = cpu::rootOf(kernel);
      const cpu::Family *family = cpu::findFamily(root);
      if (!family || family->name != kernel.getFamily()) {
        kernel.emitError() << "expected a " << kernel.getFamily()
                           << " kernel, got the root " << root->getName();
        return signalPassFailure();
      }
      cpu::KernelEmitter emitter(kernel, *machine);
      if (failed(family->emit(emitter)))
        return signalPassFailure();
      ++emitted;
    }
  }
};
} // namespace
