//===- VerifyLaunch.cpp - gate after the kernels phase --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Graph.h"
#include "dialects/launch/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace trine::launch {
#define GEN_PASS_DEF_VERIFYLAUNCHPASS
#include "dialects/launch/LaunchPasses.h.inc"
} // namespace trine::launch

using namespace mlir;
using namespace trine;
using namespace trine::launch;

namespace {
struct VerifyLaunch : trine::launch::impl::VerifyLaunchPassBase<VerifyLaunch> {
  void runOnOperation() override {
    SymbolTableCollection tables;
    bool failed = false;
    for (Operation &op : *getOperation().getBody()) {
      if (auto kernel = dyn_cast<KernelOp>(op))
        failed |= mlir::failed(verifyKernel(kernel));
      else if (auto function = dyn_cast<func::FuncOp>(op))
        for (Block &block : function.getBody())
          failed |= mlir::failed(verifyEntry(block, tables));
      else if (!isa<graph::ParameterOp, graph::StateOp>(op))
        failed |= mlir::failed(op.emitOpError("is not part of a host program"));
    }
    if (failed)
      signalPassFailure();
  }

  LogicalResult verifyKernel(KernelOp kernel) {
    for (Operation &op : kernel.getBlock().without_terminator())
      if (!graph::isGraphOp(&op)) // L7
        return op.emitOpError("is not a graph operation, in kernel '")
               << kernel.getSymName() << "'";
    return success();
  }

  LogicalResult verifyEntry(Block &block, SymbolTableCollection &tables) {
    llvm::DenseMap<Value, Operation *> lastUse;
    for (Operation &op : block) {
      if (!isa<CallOp, CopyOp, graph::WeightOp, graph::CacheOp, graph::LengthOp,
               graph::ReshapeOp, func::ReturnOp>(op)) // L4
        return op.emitOpError("may not remain in a host program");
      if (failed(verifyDevices(op, tables)))
        return failure();
      for (Value operand : op.getOperands())
        lastUse[storageOf(operand, tables)] = &op;
    }
    return verifySlots(block, lastUse);
  }

  LogicalResult verifyDevices(Operation &op, SymbolTableCollection &tables) {
    StringRef device = kHost;
    if (auto call = dyn_cast<CallOp>(op))
      device =
          tables.lookupNearestSymbolFrom<KernelOp>(call, call.getKernelAttr())
              .getDevice();
    else if (!isa<func::ReturnOp>(op))
      return success();
    for (auto [index, operand] : llvm::enumerate(op.getOperands()))
      if (deviceOf(operand, tables) != device) // L5
        return op.emitOpError()
               << "expected operand " << index << " on '" << device
               << "', got '" << deviceOf(operand, tables) << "'";
    return success();
  }

  /// L6, by replaying the program: a slot is taken until its owner's last use.
  LogicalResult verifySlots(Block &block,
                            llvm::DenseMap<Value, Operation *> &lastUse) {
    SymbolTableCollection tables;
    llvm::DenseMap<int64_t, Value> holder;
    for (Operation &op : block) {
      if (!isa<CallOp, CopyOp>(op))
        continue;
      auto slots = op.getAttrOfType<DenseI64ArrayAttr>("slots");
      if (!slots || slots.size() != op.getNumResults())
        return op.emitOpError("expected a slot for each result");
      for (OpResult result : op.getResults()) {
        if (storageOf(result, tables) != result)
          continue;
        int64_t slot = slots[result.getResultNumber()];
        if (slot < 0)
          return op.emitOpError()
                 << "result " << result.getResultNumber() << " has no slot";
        auto held = holder.find(slot);
        if (held != holder.end()) {
          Operation *last = lastUse.lookup(held->second);
          bool alive = last && !last->isBeforeInBlock(&op);
          if (alive || held->second.getDefiningOp() == &op) {
            InFlightDiagnostic error = op.emitOpError()
                                       << "slot " << slot
                                       << " still holds another value";
            error.attachNote(held->second.getLoc()) << "written here";
            return error;
          }
        }
        holder[slot] = result;
      }
    }
    return success();
  }
};
} // namespace
