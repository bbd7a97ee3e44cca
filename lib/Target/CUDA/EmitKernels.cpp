//===- EmitKernels.cpp - launch.kernel -> launch.code ---------------------===//
// Chooses the family of each CUDA kernel and runs its emitter.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "Passes.h"

using namespace mlir;
using namespace trine;

namespace trine::cuda {
#define GEN_PASS_DEF_EMITKERNELSPASS
#include "lib/Target/CUDA/CUDAPasses.h.inc"
} // namespace trine::cuda

static const cuda::Family *const kFamilies[] = {
    &cuda::contractionFamily, &cuda::attentionFamily, &cuda::elementwiseFamily,
    &cuda::rowsFamily,        &cuda::poolFamily,      &cuda::gatherFamily,
    &cuda::ropeFamily,        &cuda::movementFamily,  &cuda::groupedFamily,
    &cuda::expertsFamily,     &cuda::routeFamily};

Operation *cuda::rootOf(launch::KernelOp kernel) {
  for (Operation &op : kernel.getBlock())
    if (!isa<graph::ConstantOp>(op))
      return &op;
  return nullptr;
}

const cuda::Family *cuda::findFamily(Operation *root) {
  for (const Family *family : kFamilies)
    if (family->heads(root))
      return family;
  return nullptr;
}

namespace {
struct EmitKernels : cuda::impl::EmitKernelsPassBase<EmitKernels> {
  using EmitKernelsPassBase::EmitKernelsPassBase;

  void runOnOperation() override {
    std::string error, list = arch;
    if (auto chosen = getOperation()->getAttrOfType<StringAttr>("launch.arch");
        chosen && list.empty())
      list = chosen.str();
    auto chips = cuda::parseChips(list.empty() ? "sm_80" : list, error);
    if (chips.empty()) {
      getOperation().emitError() << error;
      return signalPassFailure();
    }
    for (auto kernel :
         llvm::to_vector(getOperation().getOps<launch::KernelOp>()))
      if (kernel.getDevice() == "cuda" && failed(emit(kernel, *chips[0])))
        return signalPassFailure();
  }

  LogicalResult emit(launch::KernelOp kernel, const cuda::ChipSpec &chip) {
    Operation *root = cuda::rootOf(kernel);
    const cuda::Family *family = cuda::findFamily(root);
    if (!family || family->name != kernel.getFamily())
      return kernel.emitError() << "expected a " << kernel.getFamily()
                                << " kernel, got the root " << root->getName();
    if (std::string reason = family->whyNot ? family->whyNot(root) : "";
        !reason.empty())
      return root->emitOpError(reason);
    cuda::KernelEmitter emitter(kernel, chip);
    if (failed(family->emit(emitter)) || failed(emitter.finish()))
      return failure();
    ++emitted;
    return success();
  }
};
} // namespace
