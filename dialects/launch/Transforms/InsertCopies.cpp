//===- InsertCopies.cpp - values go where they are used -------------------===//
// In: launches whose operands may be on another device. Out: explicit copies.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace trine::launch {
#define GEN_PASS_DEF_INSERTCOPIESPASS
#include "dialects/launch/LaunchPasses.h.inc"
} // namespace trine::launch

using namespace mlir;
using namespace trine::launch;

namespace {
struct InsertCopies : trine::launch::impl::InsertCopiesPassBase<InsertCopies> {
  void runOnOperation() override {
    SymbolTableCollection tables;
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        runOnBlock(block, tables);
  }

  void runOnBlock(Block &block, SymbolTableCollection &tables) {
    copiesOf.clear();
    for (Operation &op : llvm::make_early_inc_range(block)) {
      StringRef device;
      if (auto call = dyn_cast<CallOp>(op))
        device =
            tables.lookupNearestSymbolFrom<KernelOp>(call, call.getKernelAttr())
                .getDevice();
      else if (isa<func::ReturnOp>(op))
        device = kHost;
      else
        continue;
      for (OpOperand &operand : op.getOpOperands())
        if (deviceOf(operand.get(), tables) != device)
          operand.set(copyTo(operand.get(), device, &op));
    }
  }

  Value copyTo(Value value, StringRef device, Operation *user) {
    Value &copy = copiesOf[{value, device}];
    if (!copy) {
      OpBuilder builder(user);
      copy = CopyOp::create(builder, user->getLoc(), value.getType(), value,
                            builder.getStringAttr(device), DenseI64ArrayAttr());
      ++copies;
    }
    return copy;
  }

  llvm::DenseMap<std::pair<Value, StringRef>, Value> copiesOf;
};
} // namespace
