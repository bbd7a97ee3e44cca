//===- FuseGated.cpp - x·sigmoid(x) → silu; act(linear)·linear → gated ----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"

namespace trine::graph {
#define GEN_PASS_DEF_FUSEGATEDPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine::graph;

namespace {
struct SigmoidToSilu : OpRewritePattern<MulOp> {
  SigmoidToSilu(MLIRContext *context, Pass::Statistic &silus)
      : OpRewritePattern(context), silus(silus) {}

  LogicalResult matchAndRewrite(MulOp mul,
                                PatternRewriter &rewriter) const override {
    for (auto [x, other] : {std::pair(mul.getLhs(), mul.getRhs()),
                            std::pair(mul.getRhs(), mul.getLhs())}) {
      auto sigmoid = other.getDefiningOp<SigmoidOp>();
      if (!sigmoid || sigmoid.getInput() != x || x.getType() != mul.getType())
        continue;
      rewriter.replaceOpWithNewOp<SiluOp>(mul, mul.getType(), x);
      ++silus;
      return success();
    }
    return rewriter.notifyMatchFailure(mul, "not a value times its sigmoid");
  }

  Pass::Statistic &silus;
};

std::optional<Activation> activationOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, std::optional<Activation>>(op)
      .Case<SiluOp>([](auto) { return Activation::Silu; })
      .Case<GeluOp>([](auto) { return Activation::Gelu; })
      .Case<GeluTanhOp>([](auto) { return Activation::GeluTanh; })
      .Case<ReluOp>([](auto) { return Activation::Relu; })
      .Default(std::nullopt);
}

/// A layer that gating may swallow.
LinearOp plainLinear(Value value) {
  auto linear = value.getDefiningOp<LinearOp>();
  return linear && !linear.getBias() && linear->hasOneUse() ? linear
                                                            : LinearOp();
}

struct LinearsToGated : OpRewritePattern<MulOp> {
  LinearsToGated(MLIRContext *context, Pass::Statistic &gates)
      : OpRewritePattern(context), gates(gates) {}

  LogicalResult matchAndRewrite(MulOp mul,
                                PatternRewriter &rewriter) const override {
    for (auto [activated, other] : {std::pair(mul.getLhs(), mul.getRhs()),
                                    std::pair(mul.getRhs(), mul.getLhs())}) {
      Operation *op = activated.getDefiningOp();
      std::optional<Activation> activation;
      if (op && op->hasOneUse())
        activation = activationOf(op);
      if (!activation)
        continue;
      LinearOp gate = plainLinear(op->getOperand(0)), up = plainLinear(other);
      if (!gate || !up || gate.getInput() != up.getInput() ||
          gate.getType() != up.getType() || gate.getType() != mul.getType() ||
          gate.getWeight().getType() != up.getWeight().getType())
        continue;
      rewriter.replaceOpWithNewOp<GatedOp>(mul, mul.getType(), gate.getInput(),
                                           gate.getWeight(), up.getWeight(),
                                           *activation);
      ++gates;
      return success();
    }
    return rewriter.notifyMatchFailure(
        mul, "not an activated layer times a layer of the same input");
  }

  Pass::Statistic &gates;
};

struct FuseGated : trine::graph::impl::FuseGatedPassBase<FuseGated> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SigmoidToSilu>(&getContext(), silus);
    patterns.add<LinearsToGated>(&getContext(), gates);
    if (failed(applyFusions(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
