//===- FoldWeights.cpp - codes and scales of parameters are parameters ----===//
// In: quantize and convert_scales of weights. Out: parameters made of the same
// stored tensors.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Transforms/Passes.h"

namespace trine::fp8 {
#define GEN_PASS_DEF_FOLDWEIGHTSPASS
#include "dialects/fp8/Fp8Passes.h.inc"
} // namespace trine::fp8

using namespace mlir;
using namespace trine;
using namespace trine::fp8;

namespace {
struct FoldWeights : fp8::impl::FoldWeightsPassBase<FoldWeights> {
  void runOnOperation() override {
    SymbolTable table(getOperation());
    symbols = &table;
    made.clear();
    getOperation().walk([&](Operation *op) {
      if (auto quantize = dyn_cast<QuantizeOp>(op))
        fold(quantize);
      else if (auto convert = dyn_cast<ConvertScalesOp>(op))
        fold(convert);
    });
  }

  /// The parameter that a value reads.
  graph::ParameterOp parameterOf(Value value) {
    auto weight = value.getDefiningOp<graph::WeightOp>();
    return weight ? symbols->lookup<graph::ParameterOp>(weight.getParameter())
                  : graph::ParameterOp();
  }

  static bool isMatrixASource(graph::ParameterOp parameter) {
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(parameter.getType()).getShape();
    ArrayRef<int64_t> outer =
        shape.drop_back(std::min<size_t>(shape.size(), 2));
    return llvm::product_of(outer) == int64_t(parameter.getSources().size());
  }

  void fold(QuantizeOp op) {
    graph::ParameterOp parameter = parameterOf(op.getInput());
    // Codes of codes, or of scales, are nothing a parameter can say; nor are
    // blocks of matrices that are no source each.
    if (!parameter || parameter.getQuantized() || parameter.getRepeat() ||
        parameter.getRows() || !isMatrixASource(parameter))
      return;
    replace(op, op.getCodes(), parameter, ".codes",
            [&](auto copy) { copy.setQuantizedAttr(op.getScheme()); });
    replace(op, op.getScales(), parameter, ".scales",
            [&](auto copy) { copy.setQuantizedAttr(op.getScheme()); });
    op.erase();
  }

  void fold(ConvertScalesOp op) {
    graph::ParameterOp parameter = parameterOf(op.getScales());
    int64_t rows = op.getFrom()[0];
    bool sameColumns = op.getFrom()[1] == op.getTo()[1];
    bool toRows = op.getTo()[0] == 1 && op.getLike().getType().getRank() > 1;
    if (!parameter || parameter.getRepeat() || !sameColumns ||
        !(toRows || op.getTo()[0] == rows))
      return;
    ArrayRef<int64_t> codes = op.getLike().getType().getShape();
    if (rows == 0)
      rows = codes[codes.size() - 2];
    replace(op, op.getResult(), parameter, toRows ? ".rows" : ".bytes",
            [&](auto copy) {
              if (toRows)
                copy.setRepeat(rows);
            });
    op.erase();
  }

  /// `result` becomes a parameter's value: the parameter's copy, changed.
  template <typename Change>
  void replace(Operation *op, Value result, graph::ParameterOp parameter,
               StringRef suffix, Change change) {
    OpBuilder builder(parameter);
    builder.setInsertionPointAfter(parameter);
    auto copy = cast<graph::ParameterOp>(parameter->clone());
    copy.setType(cast<RankedTensorType>(result.getType()));
    change(copy);
    // Equal copies are one, whoever reads them first.
    copy.setSymName((parameter.getSymName() + suffix).str());
    auto same = llvm::find_if(made, [&](graph::ParameterOp known) {
      return known->getAttrDictionary() == copy->getAttrDictionary();
    });
    StringAttr name = copy.getSymNameAttr();
    if (same != made.end()) {
      copy->erase();
    } else {
      builder.insert(copy);
      name = symbols->insert(copy);
      made.push_back(copy);
      ++folded;
    }
    OpBuilder reader(op);
    result.replaceAllUsesWith(graph::WeightOp::create(
        reader, op->getLoc(), cast<RankedTensorType>(result.getType()), name));
  }

  SymbolTable *symbols = nullptr;
  SmallVector<graph::ParameterOp> made;
};
} // namespace
