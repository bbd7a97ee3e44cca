//===- Materialize.cpp - annotated operands through codes -----------------===//
// In: annotated layers. Out: layers of dequantize(quantize(operand)).
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Transforms/Passes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

namespace trine::fp8 {
#define GEN_PASS_DEF_MATERIALIZEPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;
using namespace trine::fp8;

/// The type of the scales of such codes.
static RankedTensorType scalesType(RankedTensorType codes, SchemeAttr scheme) {
  unsigned symbols = 0;
  auto shape = llvm::map_to_vector(
      scaleShape(graph::symbolicShape(codes, symbols), scheme.getBlock()),
      graph::staticSize);
  return RankedTensorType::get(shape, scheme.getScales());
}

MutableArrayRef<OpOperand> fp8::weightsOf(Operation *op) {
  auto slice = [&](unsigned first, unsigned count) {
    return op->getOpOperands().slice(first, count);
  };
  return llvm::TypeSwitch<Operation *, MutableArrayRef<OpOperand>>(op)
      .Case([&](graph::LinearOp) { return slice(1, 1); })
      .Case([&](graph::GatedOp) { return slice(1, 2); })
      .Case([&](graph::ExpertGatedOp) { return slice(2, 2); })
      .Case([&](graph::ExpertLinearOp) { return slice(3, 1); })
      .Default([](Operation *) { return MutableArrayRef<OpOperand>(); });
}

bool fp8::holds(DequantizeOp stored, SchemeAttr scheme) {
  bool bytes = stored.getScales().getType().getElementType().isInteger(8);
  return stored.getCodes().getType().getElementType() == scheme.getCodes() &&
         (bytes || scheme.getScales().isF32()) &&
         llvm::all_of(llvm::zip_equal(stored.getBlock(), scheme.getBlock()),
                      [](auto sizes) {
                        auto [has, asked] = sizes;
                        return has == asked || has == 0 ||
                               (asked && has % asked == 0);
                      });
}

std::pair<Value, Value> fp8::quantize(OpBuilder &builder, Location loc, Value x,
                                      SchemeAttr scheme) {
  auto codes = RankedTensorType::get(
      cast<RankedTensorType>(x.getType()).getShape(), scheme.getCodes());
  auto op = QuantizeOp::create(builder, loc, codes, scalesType(codes, scheme),
                               x, scheme);
  return {op.getCodes(), op.getScales()};
}

namespace {
struct Materialize : fp8::impl::MaterializePassBase<Materialize> {
  void runOnOperation() override {
    done.clear();
    getOperation().walk([&](Operation *op) {
      if (auto scheme = op->getAttrOfType<SchemeAttr>("fp8.weight")) {
        for (OpOperand &weight : weightsOf(op))
          round(weight, scheme);
        op->removeAttr("fp8.weight");
      }
      if (auto scheme = op->getAttrOfType<SchemeAttr>("fp8.input")) {
        auto scale = op->getAttrOfType<FloatAttr>("fp8.scale");
        round(op->getOpOperand(0), scheme, scale);
        op->removeAttr("fp8.input");
        op->removeAttr("fp8.scale");
      }
    });
  }

  void round(OpOperand &operand, SchemeAttr scheme, FloatAttr scale = {}) {
    Value x = operand.get();
    Value &made =
        done[{x, ArrayAttr::get(&getContext(),
                                {scheme, scale ? Attribute(scale) : scheme})}];
    if (!made)
      made = rounded(x, scheme, scale);
    if (made != x)
      ++quantized;
    operand.set(made);
  }

  Value rounded(Value x, SchemeAttr scheme, FloatAttr scale) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(x);
    auto [codes, scales] = scale ? encoded(builder, x, scheme, scale)
                                 : codesOf(builder, x, scheme);
    if (!codes)
      return x;
    return DequantizeOp::create(builder, x.getLoc(), x.getType(), codes, scales,
                                scheme.getBlock());
  }

  /// Codes by one scale, which a calibration chose.
  static std::pair<Value, Value> encoded(OpBuilder &builder, Value x,
                                         SchemeAttr scheme, FloatAttr scale) {
    auto shape = cast<RankedTensorType>(x.getType()).getShape();
    auto codes = RankedTensorType::get(shape, scheme.getCodes());
    auto scales = graph::ConstantOp::create(
        builder, x.getLoc(),
        DenseElementsAttr::get(RankedTensorType::get({1}, builder.getF32Type()),
                               scale.getValue()));
    return {EncodeOp::create(builder, x.getLoc(), codes, x, scales,
                             scheme.getBlock(), scheme.getElementRcp()),
            scales};
  }

  /// Null where x is decoded from codes that hold what the scheme asks for.
  /// Other stored codes are rounded again: annotate has checked the consent.
  std::pair<Value, Value> codesOf(OpBuilder &builder, Value x,
                                  SchemeAttr scheme) {
    auto stored = x.getDefiningOp<DequantizeOp>();
    if (!stored)
      return quantize(builder, x.getLoc(), x, scheme);
    if (holds(stored, scheme))
      return {};
    auto type = stored.getCodes().getType();
    auto codes = RankedTensorType::get(type.getShape(), scheme.getCodes());
    auto op = RequantizeOp::create(
        builder, x.getLoc(), codes, scalesType(codes, scheme),
        stored.getCodes(), stored.getScales(), stored.getBlock(), scheme,
        /*allow_lossy=*/true);
    return {op.getResult(), op.getNewScales()};
  }

  llvm::DenseMap<std::pair<Value, Attribute>, Value> done;
};
} // namespace
