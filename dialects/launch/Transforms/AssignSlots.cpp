//===- AssignSlots.cpp - arena slots by linear scan -----------------------===//
// In: host programs. Out: the same with `slots` on every launch and copy.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace trine::launch {
#define GEN_PASS_DEF_ASSIGNSLOTSPASS
#include "dialects/launch/LaunchPasses.h.inc"
} // namespace trine::launch

using namespace mlir;
using namespace trine::launch;

namespace {
struct Slot {
  Type lastType;
  StringRef device;
  bool free = false;
};

/// The scan over one entry.
class Scan {
public:
  Scan(Block &block, SymbolTableCollection &tables) : tables(tables) {
    for (Operation &op : block)
      for (Value operand : op.getOperands())
        lastUse[storageOf(operand, tables)] = &op;
  }

  void visit(Operation &op) {
    if (!isa<CallOp, CopyOp>(op))
      return release(op);
    SmallVector<int64_t> assigned;
    for (OpResult result : op.getResults()) {
      bool owns = storageOf(result, tables) == result;
      assigned.push_back(owns ? take(result) : -1);
    }
    op.setAttr("slots", DenseI64ArrayAttr::get(op.getContext(), assigned));
    // Operands die only now: a kernel's result never overlaps what it reads.
    release(op);
  }

  size_t size() const { return slots.size(); }

private:
  int64_t take(OpResult result) {
    StringRef device = deviceOf(result, tables);
    int64_t best = -1;
    for (auto [index, slot] : llvm::enumerate(slots)) {
      if (!slot.free || slot.device != device)
        continue;
      if (slot.lastType == result.getType()) {
        best = int64_t(index);
        break;
      }
      if (best < 0)
        best = int64_t(index);
    }
    if (best < 0) {
      best = int64_t(slots.size());
      slots.push_back({});
    }
    slots[best] = {result.getType(), device, /*free=*/false};
    slotOf[result] = best;
    // A result nobody reads still needs storage, during its own launch.
    lastUse.try_emplace(result, result.getOwner());
    return best;
  }

  void release(Operation &op) {
    if (op.hasTrait<OpTrait::IsTerminator>())
      return;
    for (auto values :
         {ValueRange(op.getOperands()), ValueRange(op.getResults())})
      for (Value value : values) {
        Value owner = storageOf(value, tables);
        auto slot = slotOf.find(owner);
        if (slot != slotOf.end() && lastUse[owner] == &op)
          slots[slot->second].free = true;
      }
  }

  SymbolTableCollection &tables;
  llvm::DenseMap<Value, Operation *> lastUse;
  llvm::DenseMap<Value, int64_t> slotOf;
  SmallVector<Slot> slots;
};

struct AssignSlots : trine::launch::impl::AssignSlotsPassBase<AssignSlots> {
  void runOnOperation() override {
    SymbolTableCollection tables;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody()) {
        Scan scan(block, tables);
        for (Operation &op : block)
          scan.visit(op);
        slots += unsigned(scan.size());
      }
  }
};
} // namespace
