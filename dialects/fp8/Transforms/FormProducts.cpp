//===- FormProducts.cpp - layers of dequantized operands → products -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Transforms/Passes.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/ADT/TypeSwitch.h"

#include <numeric>

namespace trine::fp8 {
#define GEN_PASS_DEF_FORMPRODUCTSPASS
#define GEN_PASS_DEF_PACKSCALESPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;
using namespace trine::fp8;

namespace {
/// What a product's input is: codes with scales, or a value.
struct Input {
  Value value, scales;
  DenseI64ArrayAttr block;
};

struct FormProducts : fp8::impl::FormProductsPassBase<FormProducts> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      if (auto linear = dyn_cast<graph::LinearOp>(op))
        form(linear);
      else if (auto gated = dyn_cast<graph::GatedOp>(op))
        form(gated);
      else if (auto experts = dyn_cast<graph::ExpertGatedOp>(op))
        form(experts);
      else if (auto experts = dyn_cast<graph::ExpertLinearOp>(op))
        form(experts);
    });
    getOperation().walk([](DequantizeOp op) {
      if (op->use_empty())
        op.erase();
    });
  }

  static Input inputOf(Value x) {
    auto codes = x.getDefiningOp<DequantizeOp>();
    bool rows = codes && (codes.getBlock()[0] == 1 ||
                          codes.getCodes().getType().getRank() == 1 ||
                          isOneScale(codes.getScales().getType().getShape()));
    if (!rows)
      return {x, {}, {}};
    return {codes.getCodes(), codes.getScales(), codes.getBlockAttr()};
  }

  /// The finest block along K, or what the recipe says (F5 refuses what lies in
  /// no block); 0 where that is all.
  static int64_t groupOf(Operation *layer, int64_t k, ArrayRef<int64_t> weight,
                         const Input &input) {
    auto columns = [&](int64_t size) { return size && size < k ? size : k; };
    int64_t group = columns(weight[1]);
    if (input.block)
      group = std::gcd(group, columns(input.block[1]));
    if (auto given = layer->getAttrOfType<IntegerAttr>("fp8.group"))
      group = columns(given.getInt());
    return group == k ? 0 : group;
  }

  Order orderOf(Operation *layer) {
    auto order = layer->getAttrOfType<OrderAttr>("fp8.order");
    return order ? order.getValue() : Order::Free;
  }

  void form(graph::LinearOp op) {
    auto weight = op.getWeight().getDefiningOp<DequantizeOp>();
    if (!weight)
      return;
    Input x = inputOf(op.getInput());
    int64_t k = weight.getCodes().getType().getShape().back();
    int64_t group = groupOf(op, k, weight.getBlock(), x);
    OpBuilder builder(op);
    auto product = ScaledMatmulOp::create(
        builder, op.getLoc(), op.getType(), x.value, x.scales,
        weight.getCodes(), weight.getScales(), op.getBias(), x.block,
        weight.getBlockAttr(), orderOf(op), group);
    op.replaceAllUsesWith(product.getResult());
    op.erase();
    ++products;
  }

  void form(graph::GatedOp op) {
    auto gate = op.getGate().getDefiningOp<DequantizeOp>();
    auto up = op.getUp().getDefiningOp<DequantizeOp>();
    if (!gate || !up || gate.getBlock() != up.getBlock())
      return;
    Input x = inputOf(op.getInput());
    int64_t k = gate.getCodes().getType().getShape().back();
    int64_t group = groupOf(op, k, gate.getBlock(), x);
    OpBuilder builder(op);
    auto product = ScaledGatedOp::create(
        builder, op.getLoc(), op.getType(), x.value, x.scales, gate.getCodes(),
        gate.getScales(), up.getCodes(), up.getScales(), x.block,
        gate.getBlockAttr(), orderOf(op), group, op.getActivation());
    op.replaceAllUsesWith(product.getResult());
    op.erase();
    ++products;
  }

  void form(graph::ExpertGatedOp op) {
    auto gate = op.getGate().getDefiningOp<DequantizeOp>();
    auto up = op.getUp().getDefiningOp<DequantizeOp>();
    if (!gate || !up || gate.getBlock() != up.getBlock())
      return;
    int64_t k = gate.getCodes().getType().getShape().back();
    OpBuilder builder(op);
    auto product = ScaledExpertGatedOp::create(
        builder, op.getLoc(), op.getType(), op.getInput(), op.getIndices(),
        gate.getCodes(), gate.getScales(), up.getCodes(), up.getScales(),
        gate.getBlockAttr(), groupOf(op, k, gate.getBlock(), {}),
        op.getActivation());
    op.replaceAllUsesWith(product.getResult());
    op.erase();
    ++products;
  }

  void form(graph::ExpertLinearOp op) {
    auto weight = op.getWeight().getDefiningOp<DequantizeOp>();
    if (!weight)
      return;
    int64_t k = weight.getCodes().getType().getShape().back();
    OpBuilder builder(op);
    auto product = ScaledExpertLinearOp::create(
        builder, op.getLoc(), op.getType(), op.getInput(), op.getIndices(),
        op.getWeights(), weight.getCodes(), weight.getScales(),
        weight.getBlockAttr(), groupOf(op, k, weight.getBlock(), {}));
    op.replaceAllUsesWith(product.getResult());
    op.erase();
    ++products;
  }
};

struct PackScales : fp8::impl::PackScalesPassBase<PackScales> {
  void runOnOperation() override {
    getOperation().walk([&](Operation *op) {
      llvm::TypeSwitch<Operation *>(op)
          .Case<ScaledMatmulOp, ScaledExpertLinearOp>([](auto product) {
            expand(product, product.getWeightMutable(),
                   product.getWeightScalesMutable());
            setBlock(product);
          })
          .Case<ScaledGatedOp, ScaledExpertGatedOp>([](auto product) {
            expand(product, product.getGateMutable(),
                   product.getGateScalesMutable());
            expand(product, product.getUpMutable(),
                   product.getUpScalesMutable());
            setBlock(product);
          });
    });
  }

  template <typename OpT>
  static void expand(OpT op, OpOperand &codes, OpOperand &scales) {
    ArrayRef<int64_t> from = op.getWeightBlock();
    if (from[0] == 1)
      return;
    SmallVector<int64_t> to = {1, from[1]};
    auto type = cast<RankedTensorType>(scales.get().getType());
    SmallVector<int64_t> shape(
        cast<RankedTensorType>(codes.get().getType()).getShape());
    shape.back() = type.getShape().back();
    auto result = type.clone(shape);
    OpBuilder builder(op);
    scales.set(ConvertScalesOp::create(builder, op.getLoc(), result,
                                       scales.get(), codes.get(), from, to));
  }

  template <typename OpT> static void setBlock(OpT op) {
    op.setWeightBlock({1, op.getWeightBlock()[1]});
  }
};
} // namespace

void fp8::buildQuantizePasses(OpPassManager &passes) {
  passes.addPass(createObservePass());
  passes.addPass(createAnnotatePass());
  passes.addPass(createMaterializePass());
  passes.addPass(createComparePass());
  passes.addPass(createFoldWeightsPass());
  passes.addPass(createFormProductsPass());
  passes.addPass(createCSEPass());
}
