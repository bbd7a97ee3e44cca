//===- Annotate.cpp - a recipe's rules on the layers they match -----------===//
// In: layers. Out: the same with fp8.weight, fp8.input, fp8.order, fp8.group.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Recipe.h"
#include "dialects/fp8/Transforms/Passes.h"
#include "trine/Support/Error.h"
#include "trine/Support/File.h"
#include "llvm/ADT/StringSet.h"

namespace trine::fp8 {
#define GEN_PASS_DEF_ANNOTATEPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;
using namespace trine::fp8;

/// The codes a weight is decoded from, if it is.
static DequantizeOp storedCodes(Value weight) {
  return weight.getDefiningOp<DequantizeOp>();
}

namespace {
struct Annotate : fp8::impl::AnnotatePassBase<Annotate> {
  using AnnotatePassBase::AnnotatePassBase;

  void runOnOperation() override {
    try {
      asked = schemeFound = false;
      first = {};
      std::optional<Recipe> given = readRecipe();
      if (!given)
        return;
      getOperation().walk([&](Operation *op) {
        if (!weightsOf(op).empty() && failed(annotate(op, *given)))
          signalPassFailure();
      });
      if (failed(checkRules(*given)) || failed(checkNodes()))
        signalPassFailure();
    } catch (const Error &error) {
      getOperation().emitError() << error.what();
      signalPassFailure();
    }
  }

  std::optional<Recipe> readRecipe() {
    if (StringRef text = presetRecipe(recipe); !text.empty())
      return parseRecipe(&getContext(), text, recipe);
    if (!recipe.empty())
      return parseRecipe(&getContext(), readText(std::string(recipe)), recipe);
    if (auto text = getOperation()->getAttrOfType<StringAttr>("fp8.recipe"))
      return parseRecipe(&getContext(), text.getValue(), "recipe");
    return std::nullopt;
  }

  LogicalResult annotate(Operation *layer, const Recipe &recipe) {
    StringRef node = graph::nodeName(layer->getLoc());
    if (first.empty())
      first = node;
    const Recipe::Rule *rule = recipe.find(node);
    schemeFound |= rule && !rule->keep;
    if (!rule || rule->keep) {
      ++kept;
      return success();
    }
    for (OpOperand &weight : weightsOf(layer))
      if (failed(checkWeight(layer, weight.get(), *rule, recipe)))
        return failure();
    bool experts = isa<graph::ExpertGatedOp, graph::ExpertLinearOp>(layer);
    if (experts && recipe.order != Order::Free)
      return layer->emitOpError("multiplies with the experts chosen, in order "
                                "free alone, the recipe asks for ")
             << stringifyOrder(recipe.order)
             << "; let a rule keep this layer, or leave out the order";
    Builder b(&getContext());
    if (rule->weight.scheme)
      layer->setAttr("fp8.weight", rule->weight.scheme);
    if (rule->input.scheme)
      layer->setAttr("fp8.input", rule->input.scheme);
    if (rule->input.isStatic && failed(setScale(layer, node, *rule)))
      return failure();
    if (recipe.order != Order::Free)
      layer->setAttr("fp8.order", OrderAttr::get(&getContext(), recipe.order));
    if (recipe.group)
      layer->setAttr("fp8.group", b.getI64IntegerAttr(*recipe.group));
    ++layers;
    return success();
  }

  /// A recipe that means to quantize does.
  LogicalResult checkRules(const Recipe &recipe) {
    if (schemeFound || first.empty() ||
        llvm::all_of(recipe.rules, [](auto &rule) { return rule.keep; }))
      return success();
    return getOperation().emitError()
           << "no rule of the recipe with a scheme matches a layer, such as '"
           << first << "'; correct what it matches";
  }

  /// A calibration of other layers is of another model.
  LogicalResult checkNodes() {
    auto given =
        getOperation()->getAttrOfType<DictionaryAttr>("fp8.calibration");
    llvm::StringSet<> nodes;
    getOperation().walk(
        [&](Operation *op) { nodes.insert(graph::nodeName(op->getLoc())); });
    for (NamedAttribute node :
         given ? given : DictionaryAttr::get(&getContext()))
      if (!nodes.contains(node.getName()))
        return getOperation().emitError()
               << "the calibration has a node '" << node.getName().getValue()
               << "', which the model has not; calibrate this model";
    return success();
  }

  /// The scale of a static input, from the calibration.
  LogicalResult setScale(Operation *layer, StringRef node,
                         const Recipe::Rule &rule) {
    auto given =
        getOperation()->getAttrOfType<DictionaryAttr>("fp8.calibration");
    if (!given) {
      if (!std::exchange(asked, true))
        layer->emitOpError("takes a static scale of its input; give a "
                           "calibration (trine calibrate)");
      return failure();
    }
    auto amax = given.getAs<FloatAttr>(node);
    if (amax && amax.getValue().convertToFloat() == 0)
      return layer->emitOpError(
          "has seen nothing but zeros in the calibration; "
          "calibrate on text that reaches this layer, or "
          "let a rule keep it");
    if (!amax)
      return layer->emitOpError("takes a static scale of its input, and the "
                                "calibration has no node '")
             << node << "'; calibrate this model";
    float scale =
        quantizerOf(rule.input.scheme).scale(amax.getValue().convertToFloat());
    layer->setAttr("fp8.scale", Builder(&getContext()).getF32FloatAttr(scale));
    return success();
  }

  bool asked = false; ///< for a calibration: once is enough
  bool schemeFound = false;
  StringRef first; ///< layer's name

  static LogicalResult checkWeight(Operation *layer, Value weight,
                                   const Recipe::Rule &rule,
                                   const Recipe &recipe) {
    DequantizeOp stored = storedCodes(weight);
    SchemeAttr scheme = rule.weight.scheme;
    using Requantize = Recipe::Requantize;
    bool same = stored && scheme && stored.getBlock() == scheme.getBlock();
    if (!stored || !scheme || recipe.requantize == Requantize::Allow ||
        (holds(stored, scheme) &&
         (same || recipe.requantize == Requantize::LosslessOnly)))
      return success();
    return layer->emitOpError("has a weight stored as ")
           << stored.getCodes().getType().getElementType() << " in blocks of ["
           << stored.getBlock() << "] with scales of "
           << stored.getScales().getType().getElementType()
           << ", the recipe asks for " << scheme
           << "; keep the stored codes (leave out the weight's scheme) or "
              "let the recipe say 'requantize: allow'";
  }
};
} // namespace
