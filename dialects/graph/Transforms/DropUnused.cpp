//===- DropUnused.cpp - remove what no entry reads ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace trine::graph {
#define GEN_PASS_DEF_DROPUNUSEDPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine::graph;

namespace {
struct DropUnused : trine::graph::impl::DropUnusedPassBase<DropUnused> {
  void runOnOperation() override {
    for (auto function :
         llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function.isPrivate())
        function.erase(); // no entry, and graphs have no calls
    // Backwards, so that a user is gone before its operands are asked.
    for (auto function : getOperation().getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
          if (isOpTriviallyDead(&op))
            op.erase();

    llvm::DenseSet<StringAttr> used;
    getOperation().walk([&](Operation *op) {
      if (auto weight = dyn_cast<WeightOp>(op))
        used.insert(weight.getParameterAttr().getAttr());
      if (auto cache = dyn_cast<CacheOp>(op))
        used.insert(cache.getStateAttr().getAttr());
    });
    for (Operation &op :
         llvm::make_early_inc_range(*getOperation().getBody())) {
      if (!isa<ParameterOp, StateOp>(op) ||
          used.contains(SymbolTable::getSymbolName(&op)))
        continue;
      ++(isa<ParameterOp>(op) ? parameters : states);
      op.erase();
    }
  }
};
} // namespace
