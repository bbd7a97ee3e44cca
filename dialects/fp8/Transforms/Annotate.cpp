//===- Annotate.cpp - a recipe's rules on the layers they match -----------===//
// In: layers. Out: the same with fp8.weight, fp8.input, fp8.order, fp8.group.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Recipe.h"
#include "dialects/fp8/Transforms/Passes.h"
#include "trine/Support/Error.h"
#include "trine/Support/File.h"

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

/// Codes in such blocks are what the scheme asks for: nothing is rounded again.
static bool agrees(DequantizeOp stored, SchemeAttr scheme) {
  return stored.getCodes().getType().getElementType() == scheme.getCodes() &&
         stored.getBlock() == scheme.getBlock();
}

namespace {
struct Annotate : fp8::impl::AnnotatePassBase<Annotate> {
  using AnnotatePassBase::AnnotatePassBase;

  void runOnOperation() override {
    try {
      std::optional<Recipe> given = readRecipe();
      if (!given)
        return;
      getOperation().walk([&](Operation *op) {
        if (isa<graph::LinearOp, graph::GatedOp>(op) &&
            failed(annotate(op, *given)))
          signalPassFailure();
      });
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
    const Recipe::Rule *rule = recipe.find(node);
    if (!rule || rule->keep) {
      ++kept;
      return success();
    }
    for (Value weight :
         layer->getOperands().slice(1, isa<graph::GatedOp>(layer) ? 2 : 1))
      if (failed(checkWeight(layer, weight, *rule, recipe)))
        return failure();
    Builder b(&getContext());
    if (rule->weight.scheme)
      layer->setAttr("fp8.weight", rule->weight.scheme);
    if (rule->input.scheme)
      layer->setAttr("fp8.input", rule->input.scheme);
    if (rule->input.isStatic)
      return layer->emitOpError("takes a static scale of its input; give a "
                                "calibration");
    if (recipe.order != Order::Free)
      layer->setAttr("fp8.order", OrderAttr::get(&getContext(), recipe.order));
    if (recipe.group)
      layer->setAttr("fp8.group", b.getI64IntegerAttr(*recipe.group));
    ++layers;
    return success();
  }

  static LogicalResult checkWeight(Operation *layer, Value weight,
                                   const Recipe::Rule &rule,
                                   const Recipe &recipe) {
    DequantizeOp stored = storedCodes(weight);
    SchemeAttr scheme = rule.weight.scheme;
    if (!stored || !scheme || agrees(stored, scheme) ||
        recipe.requantize == Recipe::Requantize::Allow)
      return success();
    return layer->emitOpError("has a weight stored as ")
           << stored.getCodes().getType().getElementType() << " in blocks of ["
           << stored.getBlock() << "], the recipe asks for " << scheme
           << "; keep the stored codes (leave out the weight's scheme) or "
              "let the recipe say 'requantize: allow'";
  }
};
} // namespace
