//===- Observe.cpp - entries that return what their layers see ------------===//
// In: layers. Out: results beside an entry's own, for calibrations and reports.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/IRMapping.h"

#include <set>

namespace trine::fp8 {
#define GEN_PASS_DEF_OBSERVEPASS
#define GEN_PASS_DEF_COMPAREPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;
using namespace trine::fp8;

/// Whether the module's compile is for this.
static bool isFor(ModuleOp module, StringRef purpose) {
  auto asked = module->getAttrOfType<StringAttr>("fp8.observe");
  return asked && asked.getValue() == purpose;
}

static bool isLayer(Operation *op) {
  return !weightsOf(op).empty() && !graph::nodeName(op->getLoc()).empty();
}

static RankedTensorType figures(MLIRContext *context, int64_t count) {
  return RankedTensorType::get({count}, Float32Type::get(context));
}

/// The function returns `value`, too, as `name`.
static void addResult(func::FuncOp function, Value value, const Twine &name) {
  Operation *end = function.getBody().front().getTerminator();
  Builder b(function.getContext());
  auto attributes =
      b.getDictionaryAttr(b.getNamedAttr("graph.name", b.getStringAttr(name)));
  (void)function.insertResult(function.getNumResults(), value.getType(),
                              attributes);
  end->insertOperands(end->getNumOperands(), value);
}

namespace {
struct Observe : fp8::impl::ObservePassBase<Observe> {
  void runOnOperation() override {
    if (!isFor(getOperation(), "absmax"))
      return;
    for (auto function : getOperation().getOps<func::FuncOp>())
      function.walk([&](Operation *op) {
        if (!isLayer(op))
          return;
        OpBuilder builder(op);
        auto most =
            ObserveOp::create(builder, op->getLoc(), figures(&getContext(), 1),
                              op->getOperand(0));
        addResult(function, most, "observe." + graph::nodeName(op->getLoc()));
        ++observed;
      });
  }
};

/// An operand that goes through codes made here.
struct Rounded {
  Value before, after, codes, scales;
  DenseI64ArrayAttr block;
};
} // namespace

/// None where the operand is not rounded: plain, or a checkpoint's own codes.
static std::optional<Rounded> rounded(Value operand) {
  auto decode = operand.getDefiningOp<DequantizeOp>();
  if (!decode)
    return std::nullopt;
  Rounded made{
      {}, decode, decode.getCodes(), decode.getScales(), decode.getBlockAttr()};
  Operation *op = decode.getCodes().getDefiningOp();
  if (isa_and_present<QuantizeOp, EncodeOp>(op)) {
    made.before = op->getOperand(0);
  } else if (auto again = dyn_cast_or_null<RequantizeOp>(op)) {
    OpBuilder builder(op);
    made.before = DequantizeOp::create(builder, op->getLoc(), operand.getType(),
                                       again.getCodes(), again.getScales(),
                                       again.getBlock());
  } else {
    return std::nullopt;
  }
  return made;
}

/// `value` and what makes it, in another function. Weights need no argument.
static Value copyTo(OpBuilder &builder, Value value, IRMapping &map) {
  if (Value known = map.lookupOrNull(value))
    return known;
  for (Value operand : value.getDefiningOp()->getOperands())
    copyTo(builder, operand, map);
  builder.clone(*value.getDefiningOp(), map);
  return map.lookup(value);
}

namespace {
struct Compare : fp8::impl::ComparePassBase<Compare> {
  void runOnOperation() override {
    if (!isFor(getOperation(), "error"))
      return;
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    if (functions.empty())
      return;
    weights = makeWeights();
    copies.clear();
    done.clear();
    for (func::FuncOp function : functions) {
      SmallVector<Operation *> layers;
      function.walk([&](Operation *op) {
        if (isLayer(op))
          layers.push_back(op);
      });
      for (Operation *layer : layers)
        compare(function, layer);
    }
  }

  /// An entry without inputs: what weights lose depends on no text.
  func::FuncOp makeWeights() {
    OpBuilder builder(&getContext());
    builder.setInsertionPointToEnd(getOperation().getBody());
    auto made =
        func::FuncOp::create(builder, getOperation().getLoc(), "weights",
                             builder.getFunctionType({}, {}));
    builder.setInsertionPointToStart(made.addEntryBlock());
    func::ReturnOp::create(builder, made.getLoc());
    return made;
  }

  void compare(func::FuncOp function, Operation *layer) {
    OpBuilder builder(layer);
    IRMapping plain;
    auto note = [&](OpOperand &operand, StringRef part, bool isWeight) {
      std::optional<Rounded> made = rounded(operand.get());
      if (!made)
        return;
      plain.map(operand.get(), made->before);
      count(function, layer, *made, part, isWeight);
    };
    note(layer->getOpOperand(0), "input", /*isWeight=*/false);
    MutableArrayRef<OpOperand> parts = weightsOf(layer);
    for (auto [index, weight] : llvm::enumerate(parts))
      note(weight,
           parts.size() == 1 ? "weight"
           : index           ? "up"
                             : "gate",
           /*isWeight=*/true);
    if (plain.getValueMap().empty())
      return;
    // What follows reads what the layer was: each is judged alone.
    Operation *baseline = builder.clone(*layer, plain);
    layer->replaceAllUsesWith(baseline);
    builder.setInsertionPointAfter(layer);
    addCompare(function, builder, baseline->getResult(0), layer->getResult(0),
               "output", layer);
    ++compared;
  }

  void count(func::FuncOp function, Operation *layer, Rounded made,
             StringRef part, bool isWeight) {
    OpBuilder builder(layer);
    if (isWeight) {
      function = weights;
      builder.setInsertionPoint(weights.getBody().front().getTerminator());
      // Entries share weights: one has told already.
      if (!done.insert({graph::nodeName(layer->getLoc()), part}).second)
        return;
      for (Value *value :
           {&made.before, &made.after, &made.codes, &made.scales})
        *value = copyTo(builder, *value, copies);
    }
    addCompare(function, builder, made.before, made.after, part, layer);
    auto census = CensusOp::create(builder, layer->getLoc(),
                                   figures(&getContext(), 3 + 256), made.before,
                                   made.codes, made.scales, made.block);
    addResult(function, census,
              "census." + part + "." + graph::nodeName(layer->getLoc()));
  }

  void addCompare(func::FuncOp function, OpBuilder &builder, Value before,
                  Value after, StringRef part, Operation *layer) {
    auto sums = CompareOp::create(builder, layer->getLoc(),
                                  figures(&getContext(), 4), before, after);
    addResult(function, sums,
              "compare." + part + "." + graph::nodeName(layer->getLoc()));
  }

  func::FuncOp weights;
  IRMapping copies;
  std::set<std::pair<StringRef, StringRef>> done;
};
} // namespace
