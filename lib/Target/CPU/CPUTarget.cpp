//===- CPUTarget.cpp - the CPU as a target --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "Codes.h"
#include "Family.h"
#include "Passes.h"
#include "ScaledProducts.h"
#include "trine/Formats/Blocks.h"
#include "trine/Target/Target.h"

using namespace mlir;
using namespace trine;
using namespace trine::graph;

namespace {

class CPUTarget : public Target {
public:
  CPUTarget(StringRef cpu, cpu::MachineModel machine)
      : cpu(cpu), machine(std::move(machine)) {}

  StringRef name() const override { return "cpu"; }
  std::string whyUnsupported(Operation *op) const override {
    if (auto form = cpu::scaledFormOf(op, machine))
      return cpu::whyUnsupported(op, *form);
    return cpu::whyNoCodes(op);
  }

  std::optional<LayoutAttr> requiredLayout(OpOperand &use) const override;

  bool canFuse(Operation *root, Operation *consumer) const override {
    const cpu::Family *family = cpu::findFamily(root);
    return family && family->canFuse && family->canFuse(root, consumer);
  }

  AffineExpr scratchBytes(launch::KernelOp kernel,
                          ArrayRef<SymbolicShape> operands) const override {
    return bytes(kernel, operands, &cpu::Family::scratch);
  }

  AffineExpr
  sharedScratchBytes(launch::KernelOp kernel,
                     ArrayRef<SymbolicShape> operands) const override {
    return bytes(kernel, operands, &cpu::Family::sharedScratch);
  }

  void addPasses(OpPassManager &passes) const override {
    addCPUPasses(passes, cpu);
  }

  FailureOr<DeviceImage>
  assemble(ModuleOp module, const AssembleOptions &options) const override {
    return cpu::assemble(module, machine, options);
  }

private:
  AffineExpr bytes(launch::KernelOp kernel, ArrayRef<SymbolicShape> operands,
                   cpu::Family::ScratchBytes cpu::Family::*which) const {
    const cpu::Family *family = cpu::findFamily(cpu::rootOf(kernel));
    if (!family || !(family->*which))
      return getAffineConstantExpr(0, kernel.getContext());
    return (family->*which)(kernel, operands, machine);
  }

  std::string cpu;
  cpu::MachineModel machine;
};

} // namespace

/// The stored format of a weight whose codes stay packed, or null.
static StringAttr keptFormat(Value value) {
  auto weight = value.getDefiningOp<WeightOp>();
  auto parameter = weight ? SymbolTable::lookupNearestSymbolFrom<ParameterOp>(
                                weight, weight.getParameterAttr())
                          : ParameterOp();
  if (!parameter || !parameter.getKept())
    return {};
  auto type = cast<RankedTensorType>(parameter.getType());
  const BlockFormat *format = blockFormat(parameter.getStorage());
  bool fits = format && type.getRank() == 2 && type.getElementType().isF32() &&
              type.getDimSize(1) % format->super == 0;
  return fits ? parameter.getStorageAttr() : StringAttr();
}

static bool computesBf16(Operation *op) {
  auto compute = op->getParentOfType<ModuleOp>()->getAttrOfType<StringAttr>(
      "graph.compute");
  return compute && compute.getValue() == "bf16";
}

/// Codes of a product of small floats, and their scales.
static bool isScaledWeight(OpOperand &use) {
  auto isOne = [&](auto &...operands) { return ((&use == &operands) || ...); };
  if (auto op = dyn_cast<fp8::ScaledMatmulOp>(use.getOwner()))
    return isOne(op.getWeightMutable(), op.getWeightScalesMutable());
  if (auto op = dyn_cast<fp8::ScaledGatedOp>(use.getOwner()))
    return isOne(op.getGateMutable(), op.getGateScalesMutable(),
                 op.getUpMutable(), op.getUpScalesMutable());
  if (auto op = dyn_cast<fp8::ScaledExpertLinearOp>(use.getOwner()))
    return isOne(op.getWeightMutable(), op.getWeightScalesMutable());
  if (auto op = dyn_cast<fp8::ScaledExpertGatedOp>(use.getOwner()))
    return isOne(op.getGateMutable(), op.getGateScalesMutable(),
                 op.getUpMutable(), op.getUpScalesMutable());
  return false;
}

std::optional<LayoutAttr> CPUTarget::requiredLayout(OpOperand &use) const {
  Operation *op = use.getOwner();
  unsigned operand = use.getOperandNumber();
  StringAttr format = keptFormat(use.get());
  // Codes cost registers to decode: narrower panels, shared more evenly; but
  // AMX tiles, which many rows of bf16 go to, want theirs.
  int64_t width = machine.panel, gated = machine.gatedPanel;
  auto scaled = cpu::scaledFormOf(op, machine);
  bool tiles = machine.tilesBf16 && computesBf16(op);
  if (scaled)
    tiles = cpu::fitsTiles(*scaled, machine) && !cpu::ofExperts(op);
  if ((format || scaled) && !tiles) {
    width = 2 * machine.lanes;
    gated = machine.lanes;
  }
  auto layout = [&](LayoutKind kind, int64_t width) {
    return LayoutAttr::get(op->getContext(), kind, width, format);
  };
  if (isScaledWeight(use))
    return layout(
        LayoutKind::Panels,
        isa<fp8::ScaledGatedOp, fp8::ScaledExpertGatedOp>(op) ? gated : width);
  if (isa<LinearOp>(op) && operand == 1)
    return layout(LayoutKind::Panels, width);
  if (isa<GatedOp>(op) && (operand == 1 || operand == 2))
    return layout(LayoutKind::Panels, gated);
  if (isa<ExpertLinearOp>(op) && operand == 3)
    return layout(LayoutKind::Panels, width);
  if (isa<ExpertGatedOp>(op) && (operand == 2 || operand == 3))
    return layout(LayoutKind::Panels, gated);
  if (auto grouped = dyn_cast<GroupedLinearOp>(op); grouped && operand == 1)
    return grouped.getTransposed() ? LayoutAttr()
                                   : layout(LayoutKind::Panels, width);
  if (auto matmul = dyn_cast<MatmulOp>(op); matmul && operand == 1)
    // A plain [K, N] is read in place: its rows are panels of stride N.
    return matmul.getTransposeB() ? layout(LayoutKind::Panels, machine.panel)
                                  : LayoutAttr();
  if (isa<AttentionOp>(op) && operand == 1)
    return layout(LayoutKind::HeadPanels, machine.keyPanel);
  if (isa<AttentionOp>(op) && operand == 2) {
    // Both orders of the value are read in place; state is kept by heads, and
    // codes are decoded from there.
    bool byHeads = use.get().getDefiningOp<AppendOp>() ||
                   isFloat8(getElementTypeOrSelf(use.get().getType()));
    return byHeads ? layout(LayoutKind::Heads, 1) : LayoutAttr();
  }
  if (isa<GatherOp>(op) && operand == 0 && format)
    return layout(LayoutKind::Panels, width);
  if (isa<GatherOp, RelayoutOp>(op) && operand == 0)
    return std::nullopt;
  if (isa<AppendOp>(op) && operand == 0)
    return std::nullopt; // the state's, whatever its readers chose
  return LayoutAttr();
}

std::unique_ptr<Target> trine::createCPUTarget(StringRef cpu,
                                               std::string &error) {
  auto machine = cpu::MachineModel::get(cpu, error);
  if (!machine)
    return nullptr;
  return std::make_unique<CPUTarget>(cpu, std::move(*machine));
}

void trine::addCPUPasses(OpPassManager &passes, StringRef cpu) {
  passes.addPass(cpu::createEmitKernelsPass({cpu.str()}));
  passes.addNestedPass<launch::CodeOp>(cpu::createLowerToLLVMPass());
}

void trine::registerCPUPasses() { cpu::registerCPUPasses(); }
