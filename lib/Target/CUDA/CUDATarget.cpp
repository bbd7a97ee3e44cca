//===- CUDATarget.cpp - NVIDIA's GPUs as a target -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "Family.h"
#include "Passes.h"
#include "trine/Target/Target.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace trine;
using namespace trine::graph;

/// Elements that every family reads and writes.
static bool isKnown(Type type) {
  Type element = getElementTypeOrSelf(type);
  return element.isF32() || element.isBF16() || element.isF16() ||
         element.isInteger(32);
}

namespace {
class CUDATarget : public Target {
public:
  CUDATarget(StringRef arch, SmallVector<const cuda::ChipSpec *> chips)
      : arch(arch), chips(std::move(chips)) {}

  StringRef name() const override { return "cuda"; }

  std::string whyUnsupported(Operation *op) const override {
    const cuda::Family *family = cuda::findFamily(op);
    if (!family)
      return "there are no kernels for " + op->getName().getStringRef().str();
    for (Type type :
         llvm::concat<const Type>(SmallVector<Type>(op->getOperandTypes()),
                                  SmallVector<Type>(op->getResultTypes())))
      if (!isKnown(type))
        return llvm::formatv("elements of {0} are not supported",
                             getElementTypeOrSelf(type))
            .str();
    return family->whyNot ? family->whyNot(op) : "";
  }

  std::optional<LayoutAttr> requiredLayout(OpOperand &) const override {
    return LayoutAttr(); // row-major
  }

  bool canFuse(Operation *root, Operation *consumer) const override {
    const cuda::Family *family = cuda::findFamily(root);
    return family && family->canFuse && family->canFuse(root, consumer);
  }

  // What a kernel needs is device memory, which its code says.
  AffineExpr scratchBytes(launch::KernelOp kernel,
                          ArrayRef<SymbolicShape>) const override {
    return getAffineConstantExpr(0, kernel.getContext());
  }

  void addPasses(OpPassManager &passes) const override {
    addCUDAPasses(passes, arch);
  }

  FailureOr<DeviceImage>
  assemble(ModuleOp module, const AssembleOptions &options) const override {
    return cuda::assemble(module, chips, options);
  }

private:
  std::string arch;
  SmallVector<const cuda::ChipSpec *> chips;
};
} // namespace

std::unique_ptr<Target> trine::createCUDATarget(StringRef arch,
                                                std::string &error) {
  auto chips = cuda::parseChips(arch, error);
  if (chips.empty())
    return nullptr;
  return std::make_unique<CUDATarget>(arch, std::move(chips));
}

void trine::addCUDAPasses(OpPassManager &passes, StringRef arch) {
  passes.addPass(cuda::createEmitKernelsPass({arch.str()}));
  passes.addNestedPass<launch::CodeOp>(cuda::createLowerToNVVMPass());
}

void trine::registerCUDAPasses() { cuda::registerCUDAPasses(); }
