//===- FuseAttention.cpp - matmul, softmax, matmul → attention ------------===//
// In: heads before tokens, [B, H, S, D]. Out: graph.attention on [B, S, H, D]
// between transposes, which cancel against those of the graph.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"

namespace trine::graph {
#define GEN_PASS_DEF_FUSEATTENTIONPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine::graph;

namespace {
DenseElementsAttr constantOf(Value value) {
  auto constant = value.getDefiningOp<ConstantOp>();
  return constant ? dyn_cast<DenseElementsAttr>(constant.getValue())
                  : DenseElementsAttr();
}

template <typename OpT> OpT onlyUsedHere(Value value) {
  auto op = value.getDefiningOp<OpT>();
  return op && op->hasOneUse() ? op : OpT();
}

/// 0 on and below the diagonal, so far below zero above it that the softmax
/// of a finite logit is 0 there; [.., S, S] with leading dimensions of 1.
bool isCausalMask(Value value) {
  DenseElementsAttr mask = constantOf(value);
  if (!mask || mask.getType().getRank() < 2)
    return false;
  ArrayRef<int64_t> shape = mask.getType().getShape();
  int64_t size = shape.back();
  if (shape[shape.size() - 2] != size || mask.getNumElements() != size * size)
    return false;
  return llvm::all_of(llvm::enumerate(mask.getValues<APFloat>()),
                      [&](const auto &element) {
                        int64_t row = int64_t(element.index()) / size;
                        int64_t column = int64_t(element.index()) % size;
                        double number = element.value().convertToDouble();
                        return column <= row ? number == 0 : number <= -1e30;
                      });
}

/// Takes a multiplication or division by one constant off `logits`.
double takeScale(Value &logits) {
  auto splat = [](Value value) -> std::optional<double> {
    DenseElementsAttr constant = constantOf(value);
    if (!constant || !constant.isSplat())
      return std::nullopt;
    return constant.getSplatValue<APFloat>().convertToDouble();
  };
  Value product;
  std::optional<double> scale;
  if (auto mul = onlyUsedHere<MulOp>(logits)) {
    product = mul.getLhs();
    scale = splat(mul.getRhs());
    if (!scale) {
      product = mul.getRhs();
      scale = splat(mul.getLhs());
    }
  } else if (auto div = onlyUsedHere<DivOp>(logits)) {
    product = div.getLhs();
    if ((scale = splat(div.getRhs())))
      scale = 1 / *scale;
  }
  if (!scale || !std::isfinite(*scale) || product.getType() != logits.getType())
    return 1;
  logits = product;
  return *scale;
}

struct SoftmaxToAttention : OpRewritePattern<MatmulOp> {
  SoftmaxToAttention(MLIRContext *context, Pass::Statistic &attentions)
      : OpRewritePattern(context), attentions(attentions) {}

  LogicalResult matchAndRewrite(MatmulOp output,
                                PatternRewriter &rewriter) const override {
    auto softmax = onlyUsedHere<SoftmaxOp>(output.getLhs());
    if (!softmax || output.getTransposeB() || output.getType().getRank() != 4)
      return rewriter.notifyMatchFailure(output, "no softmax as the left side");
    Value logits = softmax.getInput();
    bool causal = false;
    if (auto add = onlyUsedHere<AddOp>(logits);
        add && add.getLhs().getType() == add.getType() &&
        isCausalMask(add.getRhs())) {
      causal = true;
      logits = add.getLhs();
    }
    double scale = takeScale(logits);
    auto product = onlyUsedHere<MatmulOp>(logits);
    if (!product)
      return rewriter.notifyMatchFailure(
          output, "no product of query and key behind the softmax");
    auto query = cast<RankedTensorType>(product.getLhs().getType());
    if (query.isDynamicDim(1) || query.isDynamicDim(3) ||
        output.getType().isDynamicDim(3))
      return rewriter.notifyMatchFailure(output, "dynamic heads or head size");

    Location loc = output.getLoc();
    Type element = output.getType().getElementType();
    auto transposed = [&](Value value, ArrayRef<int64_t> permutation) {
      return build<TransposeOp>(rewriter, loc, element, value,
                                rewriter.getDenseI64ArrayAttr(permutation));
    };
    Value attention = build<AttentionOp>(
        rewriter, loc, element, transposed(product.getLhs(), {0, 2, 1, 3}),
        product.getTransposeB() ? transposed(product.getRhs(), {0, 2, 1, 3})
                                : transposed(product.getRhs(), {0, 3, 1, 2}),
        transposed(output.getRhs(), {0, 2, 1, 3}), Value(), Value(),
        causal ? rewriter.getUnitAttr() : UnitAttr(),
        rewriter.getF64FloatAttr(scale), FloatAttr(), IntegerAttr());
    rewriter.replaceOpWithNewOp<TransposeOp>(
        output, output.getType(), attention,
        rewriter.getDenseI64ArrayAttr({0, 2, 1, 3}));
    ++attentions;
    return success();
  }

  Pass::Statistic &attentions;
};

struct FuseAttention
    : trine::graph::impl::FuseAttentionPassBase<FuseAttention> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<SoftmaxToAttention>(&getContext(), attentions);
    if (failed(applyFusions(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
