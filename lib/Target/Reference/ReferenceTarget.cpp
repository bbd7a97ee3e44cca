//===- ReferenceTarget.cpp - kernels for the interpreter ------------------===//
// launch.kernel on "reference" → the text of a module that holds them.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Target/Target.h"

using namespace mlir;
using namespace trine;

static std::string print(Operation *op) {
  std::string text;
  llvm::raw_string_ostream(text) << *op << "\n";
  return text;
}

namespace {
class ReferenceTarget : public Target {
public:
  StringRef name() const override { return "reference"; }

  std::string whyUnsupported(Operation *op) const override {
    return graph::isGraphOp(op)
               ? ""
               : "the reference interprets graph operations only";
  }

  std::optional<graph::LayoutAttr> requiredLayout(OpOperand &) const override {
    return graph::LayoutAttr(); // row-major
  }

  AffineExpr scratchBytes(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape>) const override {
    return getAffineConstantExpr(0, kernel.getContext());
  }

  FailureOr<DeviceImage>
  assemble(ModuleOp module, const AssembleOptions &options) const override {
    DeviceImage image;
    OwningOpRef<ModuleOp> code = ModuleOp::create(module.getLoc());
    OpBuilder builder = OpBuilder::atBlockBegin(code->getBody());
    for (auto kernel : module.getOps<launch::KernelOp>()) {
      if (kernel.getDevice() != name())
        continue;
      std::string text = print(builder.clone(*kernel));
      image.kernels.push_back(
          {kernel.getSymName().str(), options.keepAssembly ? text : "", text});
    }
    image.code = print(*code);
    return image;
  }
};
} // namespace

std::unique_ptr<Target> trine::createReferenceTarget() {
  return std::make_unique<ReferenceTarget>();
}
