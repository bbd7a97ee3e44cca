//===- SetPrecision.cpp - types of weights, operands and states -----------===//
// In: f32 values. Out: parameters typed as they are stored, casts before
// contractions and attention, typed states; from three module attributes.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Transforms/Passes.h"
#include "trine/Formats/Blocks.h"

namespace trine::graph {
#define GEN_PASS_DEF_SETPRECISIONPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine;
using namespace trine::graph;

static RankedTensorType retyped(Type type, Type element) {
  return cast<RankedTensorType>(type).clone(element);
}

static bool isLayer(Operation *op) {
  return isa<LinearOp, GatedOp, ExpertGatedOp, ExpertLinearOp, GroupedLinearOp>(
      op);
}

/// A layer whose result only chooses experts stays in f32: a choice is no
/// rounding error.
static bool isRouter(Operation *op) {
  return isa<LinearOp>(op) && !op->use_empty() &&
         llvm::all_of(op->getUsers(), llvm::IsaPred<RouteOp>);
}

/// The weights a layer multiplies by.
static MutableArrayRef<OpOperand> weightsOf(Operation *layer) {
  unsigned first = isa<ExpertLinearOp>(layer)  ? 3
                   : isa<ExpertGatedOp>(layer) ? 2
                                               : 1;
  bool gated = isa<GatedOp, ExpertGatedOp>(layer);
  return layer->getOpOperands().slice(first, gated ? 2 : 1);
}

namespace {
struct SetPrecision : trine::graph::impl::SetPrecisionPassBase<SetPrecision> {
  void runOnOperation() override {
    f32 = Float32Type::get(&getContext());
    bf16 = BFloat16Type::get(&getContext());
    compute = choice("graph.compute", "f32");
    weights = choice("graph.weights", "keep");
    StringRef kv = choice("graph.kv", compute == "bf16" ? "bf16" : "f32");
    typeParameters();
    if (kv == "bf16")
      typeStates(bf16);
    if (kv == "fp8")
      typeStates(Float8E4M3FNType::get(&getContext()));
    if (compute == "int8")
      quantizeInputs();
    if (compute == "bf16")
      castOperands();
    foldCasts();
  }

  StringRef choice(StringRef name, StringRef fallback) {
    auto given = getOperation()->getAttrOfType<StringAttr>(name);
    return given ? given.getValue() : fallback;
  }

  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  void typeParameters() {
    llvm::StringMap<SmallVector<WeightOp>> readers;
    getOperation().walk(
        [&](WeightOp op) { readers[op.getParameter()].push_back(op); });
    for (auto parameter : llvm::to_vector(getOperation().getOps<ParameterOp>()))
      typeParameter(parameter, readers[parameter.getSymName()]);
  }

  void typeParameter(ParameterOp parameter, ArrayRef<WeightOp> readers) {
    bool layers = false, tables = false, rounded = false;
    for (WeightOp reader : readers)
      for (OpOperand &use : reader->getUses()) {
        bool table = isa<GatherOp>(use.getOwner());
        if (!table && !(isLayer(use.getOwner()) && isWeight(use)))
          return; // norms, biases: small, and read as f32
        (table ? tables : layers) = true;
        rounded |= !table && !isRouter(use.getOwner());
      }
    Type element = getElementTypeOrSelf(parameter.getType());
    if (!element.isF32() || !(layers || tables))
      return;
    if (weights == "keep" && blockFormat(parameter.getStorage())) {
      parameter.setKept(true);
      ++kept;
      return;
    }
    Type stored = storedType(parameter);
    // Operands of a product round to bf16; a table alone keeps its values.
    Type wanted =
        rounded && compute == "bf16" && weights != "f32" ? bf16 : stored;
    if (tables && wanted != stored) {
      split(parameter, readers);
      return;
    }
    retype(parameter, readers, wanted);
  }

  static bool isWeight(OpOperand &use) {
    return llvm::any_of(weightsOf(use.getOwner()),
                        [&](OpOperand &weight) { return &weight == &use; });
  }

  /// As --weights says.
  Type storedType(ParameterOp parameter) {
    StringRef name = weights == "keep" ? parameter.getStorage() : weights;
    if (name == "bf16")
      return bf16;
    return name == "f16" ? Float16Type::get(&getContext()) : f32;
  }

  static void retype(ParameterOp parameter, ArrayRef<WeightOp> readers,
                     Type element) {
    parameter.setType(retyped(parameter.getType(), element));
    for (WeightOp reader : readers)
      reader.getResult().setType(retyped(reader.getType(), element));
  }

  /// A tied table whose layer computes narrower gets an image for each.
  void split(ParameterOp parameter, ArrayRef<WeightOp> readers) {
    OpBuilder builder(parameter);
    builder.setInsertionPointAfter(parameter);
    auto table = cast<ParameterOp>(builder.clone(*parameter));
    table.setSymName((parameter.getSymName() + ".table").str());
    SmallVector<WeightOp> tables;
    for (WeightOp reader : readers) {
      builder.setInsertionPointAfter(reader);
      auto copy = cast<WeightOp>(builder.clone(*reader));
      copy.setParameter(table.getSymName());
      reader.getResult().replaceUsesWithIf(
          copy, [](OpOperand &use) { return isa<GatherOp>(use.getOwner()); });
      tables.push_back(copy);
    }
    retype(table, tables, storedType(parameter));
    retype(parameter, readers, bf16);
  }

  //===--------------------------------------------------------------------===//
  // Operands
  //===--------------------------------------------------------------------===//

  void castOperands() {
    getOperation().walk([&](NarrowOperands op) {
      if (isRouter(op))
        return;
      for (OpOperand *operand : op.getNarrowOperands())
        castOperand(*operand);
    });
  }

  void castOperand(OpOperand &operand) {
    if (getElementTypeOrSelf(operand.get().getType()).isF32() &&
        !operand.get().getDefiningOp<WeightOp>() &&
        !operand.get().getDefiningOp<AppendOp>())
      operand.set(narrow(operand.get(), bf16));
  }

  /// The value as bf16 or f8, made where it is computed.
  Value narrow(Value value, Type element) {
    if (Value known = narrowed.lookup({value, element}))
      return known;
    Value made = makeNarrow(value, element); // may narrow others, too
    return narrowed[{value, element}] = made;
  }

  Value makeNarrow(Value value, Type element) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    Type type = retyped(value.getType(), element);
    Operation *producer = value.getDefiningOp();
    if (auto reshape = dyn_cast_or_null<ReshapeOp>(producer)) {
      // Before the view, where the producer's epilogue can take it.
      Value source = narrow(reshape.getInput(), element);
      replaced.push_back(reshape);
      return ReshapeOp::create(builder, value.getLoc(), type, source,
                               reshape.getShapeAttr());
    }
    if (auto rope = dyn_cast_or_null<RopeOp>(producer);
        rope && value.hasOneUse() && element.isBF16()) {
      rope.getResult().setType(cast<RankedTensorType>(type));
      return value;
    }
    auto cast = CastOp::create(builder, value.getLoc(), type, value);
    made.push_back(cast);
    return cast;
  }

  /// Attention that only a cast reads rounds its result itself; so do kernels
  /// of other producers, with the cast in their epilogue.
  void foldCasts() {
    for (ReshapeOp reshape : llvm::reverse(replaced))
      if (reshape->use_empty())
        reshape->erase();
    for (CastOp cast : made) {
      auto producer = cast.getInput().getDefiningOp<AttentionOp>();
      if (!producer || !producer->hasOneUse()) {
        ++casts;
        continue;
      }
      producer.getResult().setType(cast.getType());
      cast.getResult().replaceAllUsesWith(producer.getResult());
      cast->erase();
    }
  }

  //===--------------------------------------------------------------------===//
  // States and int8
  //===--------------------------------------------------------------------===//

  void typeStates(Type element) {
    for (auto state : getOperation().getOps<StateOp>())
      if (getElementTypeOrSelf(state.getType()).isF32())
        state.setType(retyped(state.getType(), element));
    getOperation().walk([&](AppendOp append) {
      auto cache = append.getState().getDefiningOp<CacheOp>();
      if (!cache || !getElementTypeOrSelf(cache.getType()).isF32())
        return;
      cache.getResult().setType(retyped(cache.getType(), element));
      append.getResult().setType(retyped(append.getType(), element));
      append.getValuesMutable().set(narrow(append.getValues(), element));
    });
  }

  void quantizeInputs() {
    getOperation().walk([&](Operation *op) {
      if (isa<LinearOp, GatedOp>(op) &&
          llvm::all_of(weightsOf(op), [&](OpOperand &weight) {
            auto reader = weight.get().getDefiningOp<WeightOp>();
            auto parameter =
                reader ? SymbolTable::lookupNearestSymbolFrom<ParameterOp>(
                             op, reader.getParameterAttr())
                       : ParameterOp();
            return parameter && parameter.getKept();
          }))
        op->setAttr("int8", UnitAttr::get(&getContext()));
    });
  }

  Type f32, bf16;
  StringRef compute, weights;
  llvm::DenseMap<std::pair<Value, Type>, Value> narrowed;
  SmallVector<CastOp> made;
  SmallVector<ReshapeOp> replaced; ///< by one of bf16, inputs before users
};
} // namespace
