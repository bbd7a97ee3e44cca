//===- AssignLayouts.cpp - the layouts devices ask for --------------------===//
// In: placed operations. Out: encodings on parameters and states, relayouts.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Graph.h"
#include "trine/Conversion/GraphToLaunch.h"
#include "trine/Target/Targets.h"

namespace trine {
#define GEN_PASS_DEF_ASSIGNLAYOUTSPASS
#include "lib/Conversion/GraphToLaunch/GraphToLaunchPasses.h.inc"
} // namespace trine

using namespace mlir;
using namespace trine;
using graph::LayoutAttr;

static RankedTensorType withLayout(Type type, LayoutAttr layout) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(tensor.getShape(), tensor.getElementType(),
                               layout);
}

static std::string suffix(LayoutAttr layout) {
  if (!layout)
    return ".rows";
  return ("." + stringifyLayoutKind(layout.getKind()) +
          llvm::Twine(layout.getWidth()) +
          (layout.getFormat() ? "." + layout.getFormat().str() : ""))
      .str();
}

namespace {
struct AssignLayouts : trine::impl::AssignLayoutsPassBase<AssignLayouts> {
  void runOnOperation() override {
    auto set = TargetSet::of(getOperation());
    if (failed(set))
      return signalPassFailure();
    targets = &*set;
    if (failed(assignStates()))
      return signalPassFailure();
    assignParameters();
    getOperation().walk([&](Operation *op) {
      if (op->hasAttr("launch.device"))
        for (OpOperand &operand : op->getOpOperands())
          convert(operand);
    });
  }

  std::optional<LayoutAttr> required(OpOperand &use) {
    auto device = use.getOwner()->getAttrOfType<StringAttr>("launch.device");
    return device ? targets->find(device)->requiredLayout(use) : std::nullopt;
  }

  LogicalResult assignStates() {
    llvm::StringMap<std::pair<LayoutAttr, Operation *>> layouts;
    SmallVector<graph::AppendOp> appends;
    getOperation().walk([&](graph::AppendOp op) { appends.push_back(op); });
    for (graph::AppendOp append : appends) {
      auto cache = append.getState().getDefiningOp<graph::CacheOp>();
      if (!cache)
        continue;
      for (OpOperand &use : append->getUses()) {
        std::optional<LayoutAttr> layout = required(use);
        if (!layout)
          continue;
        auto [entry, isNew] = layouts.try_emplace(
            cache.getState(), std::make_pair(*layout, use.getOwner()));
        if (!isNew && entry->second.first != *layout) {
          InFlightDiagnostic error =
              use.getOwner()->emitOpError()
              << "needs state '" << cache.getState()
              << "' in another layout than an earlier use; place both on one "
                 "device";
          error.attachNote(entry->second.second->getLoc()) << "earlier use";
          return error;
        }
      }
    }
    for (auto state : getOperation().getOps<graph::StateOp>())
      if (auto found = layouts.find(state.getSymName()); found != layouts.end())
        state.setType(withLayout(state.getType(), found->second.first));
    for (graph::AppendOp append : appends) {
      auto cache = append.getState().getDefiningOp<graph::CacheOp>();
      auto found = cache ? layouts.find(cache.getState()) : layouts.end();
      if (found == layouts.end())
        continue;
      Type type = withLayout(cache.getType(), found->second.first);
      cache.getResult().setType(cast<RankedTensorType>(type));
      append.getResult().setType(cast<RankedTensorType>(type));
    }
    return success();
  }

  void assignParameters() {
    llvm::StringMap<SmallVector<graph::WeightOp>> weights;
    getOperation().walk(
        [&](graph::WeightOp op) { weights[op.getParameter()].push_back(op); });
    for (auto parameter : llvm::make_early_inc_range(
             getOperation().getOps<graph::ParameterOp>())) {
      // Packed layouts first: whoever takes any layout shares that image. The
      // first is the parameter's own.
      SmallVector<LayoutAttr> layouts;
      for (graph::WeightOp weight : weights[parameter.getSymName()])
        for (OpOperand &use : weight->getUses())
          if (auto layout = required(use))
            if (!llvm::is_contained(layouts, *layout))
              layouts.insert(*layout ? layouts.begin() : layouts.end(),
                             *layout);
      if (layouts.empty())
        continue;
      SmallVector<StringAttr> names = declare(parameter, layouts);
      for (graph::WeightOp weight : weights[parameter.getSymName()])
        retarget(weight, layouts, names);
    }
  }

  /// One parameter for each layout; the first keeps the name.
  SmallVector<StringAttr> declare(graph::ParameterOp parameter,
                                  ArrayRef<LayoutAttr> layouts) {
    SmallVector<StringAttr> names = {parameter.getSymNameAttr()};
    OpBuilder builder(parameter);
    builder.setInsertionPointAfter(parameter);
    for (LayoutAttr layout : layouts.drop_front()) {
      auto copy = cast<graph::ParameterOp>(builder.clone(*parameter));
      copy.setSymName((parameter.getSymName() + suffix(layout)).str());
      copy.setType(withLayout(parameter.getType(), layout));
      names.push_back(copy.getSymNameAttr());
    }
    parameter.setType(withLayout(parameter.getType(), layouts[0]));
    return names;
  }

  void retarget(graph::WeightOp weight, ArrayRef<LayoutAttr> layouts,
                ArrayRef<StringAttr> names) {
    SmallVector<graph::WeightOp> variants = {weight};
    OpBuilder builder(weight);
    builder.setInsertionPointAfter(weight);
    for (size_t i = 1; i < layouts.size(); ++i) {
      auto variant = cast<graph::WeightOp>(builder.clone(*weight));
      variant.setParameter(names[i]);
      variant.getResult().setType(withLayout(weight.getType(), layouts[i]));
      variants.push_back(variant);
    }
    for (OpOperand &use : llvm::make_early_inc_range(weight->getUses()))
      if (auto layout = required(use)) {
        size_t index = size_t(llvm::find(layouts, *layout) - layouts.begin());
        use.set(variants[index]);
      }
    weight.getResult().setType(withLayout(weight.getType(), layouts[0]));
    for (graph::WeightOp variant : variants)
      if (variant->use_empty())
        variant.erase();
  }

  void convert(OpOperand &operand) {
    std::optional<LayoutAttr> layout = required(operand);
    Value value = operand.get();
    if (!layout || graph::layoutOf(value.getType()) == *layout)
      return;
    Operation *user = operand.getOwner();
    OpBuilder builder(user);
    auto relayout = graph::RelayoutOp::create(
        builder, user->getLoc(), withLayout(value.getType(), *layout), value);
    relayout->setAttr("launch.device", user->getAttr("launch.device"));
    operand.set(relayout);
    ++relayouts;
  }

  const TargetSet *targets = nullptr;
};
} // namespace
