//===- Targets.cpp --------------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Target/Targets.h"

using namespace mlir;
using namespace trine;

FailureOr<TargetSet> TargetSet::of(ModuleOp module) {
  TargetSet set;
  auto cpu = module->getAttrOfType<StringAttr>("launch.cpu");
  std::string error;
  std::unique_ptr<Target> host =
      createCPUTarget(cpu ? cpu.getValue() : "native", error);
  if (!host)
    return module.emitError() << error;
  set.targets.push_back(std::move(host));
  auto arch = module->getAttrOfType<StringAttr>("launch.arch");
  std::unique_ptr<Target> gpu =
      createCUDATarget(arch ? arch.getValue() : "sm_80", error);
  if (!gpu)
    return module.emitError() << error;
  set.targets.push_back(std::move(gpu));
  set.targets.push_back(createReferenceTarget());
  if (auto order = module->getAttrOfType<ArrayAttr>("launch.targets"))
    for (auto name : order.getAsRange<StringAttr>())
      set.order.push_back(name.str());
  if (set.order.empty())
    set.order = {"cpu"};
  for (const std::string &name : set.order)
    if (!set.find(name))
      return module.emitError() << "unknown target '" << name << "'";
  return set;
}

const Target *TargetSet::find(StringRef device) const {
  for (const std::unique_ptr<Target> &target : targets)
    if (target->name() == device)
      return target.get();
  return nullptr;
}
