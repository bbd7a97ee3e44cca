//===- FuseBias.cpp - linear + vector → linear with bias ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"

namespace trine::graph {
#define GEN_PASS_DEF_FUSEBIASPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine::graph;

namespace {
struct AddOfLinear : OpRewritePattern<AddOp> {
  AddOfLinear(MLIRContext *context, Pass::Statistic &biases)
      : OpRewritePattern(context), biases(biases) {}

  LogicalResult matchAndRewrite(AddOp add,
                                PatternRewriter &rewriter) const override {
    auto linear = add.getLhs().getDefiningOp<LinearOp>();
    Value vector = add.getRhs();
    if (!linear) {
      linear = add.getRhs().getDefiningOp<LinearOp>();
      vector = add.getLhs();
    }
    if (!linear || linear.getBias() || !linear->hasOneUse())
      return rewriter.notifyMatchFailure(
          add, "no linear layer without bias and other uses");
    auto type = cast<RankedTensorType>(vector.getType());
    if (type.getRank() != 1 ||
        type.getDimSize(0) != linear.getType().getShape().back() ||
        type.isDynamicDim(0) || linear.getType() != add.getType())
      return rewriter.notifyMatchFailure(add, "not a vector over the outputs");
    // The vector may be defined after the layer: the sum's place sees both.
    rewriter.replaceOpWithNewOp<LinearOp>(add, add.getType(), linear.getInput(),
                                          linear.getWeight(), vector);
    ++biases;
    return success();
  }

  Pass::Statistic &biases;
};

struct FuseBias : trine::graph::impl::FuseBiasPassBase<FuseBias> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<AddOfLinear>(&getContext(), biases);
    if (failed(applyFusions(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
