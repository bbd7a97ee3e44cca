//===- GraphVerify.cpp - gate after the import, graph, quantize phases ----===//
// In: any module. Out: the same, or one error for each broken rule G20 to G24.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"
#include "dialects/graph/Transforms/Passes.h"
#include "llvm/ADT/StringSet.h"

namespace trine::graph {
#define GEN_PASS_DEF_GRAPHVERIFYPASS
#include "dialects/graph/GraphPasses.h.inc"
} // namespace trine::graph

using namespace mlir;
using namespace trine::graph;

/// What the runtime's interface can describe (TRINE_MAX_RANK).
static constexpr int64_t kMaxRank = 8;

namespace {
struct GraphVerify : trine::graph::impl::GraphVerifyPassBase<GraphVerify> {
  void runOnOperation() override {
    for (Operation &op : *getOperation().getBody()) {
      if (auto function = dyn_cast<func::FuncOp>(op))
        verifyEntry(function);
      else if (auto parameter = dyn_cast<ParameterOp>(op))
        verifyPlain(&op, parameter.getType());
      else if (auto state = dyn_cast<StateOp>(op))
        verifyPlain(&op, state.getType());
      else // G20
        fail(&op)
            << "expected only parameters, states and functions in a graph "
               "module";
    }
    auto functions = getOperation().getOps<func::FuncOp>();
    if (functions.empty()) // G20
      fail(getOperation())
          << "expected a function: each public one is an entry";
  }

  InFlightDiagnostic fail(Operation *op) {
    signalPassFailure();
    return op->emitOpError();
  }

  void verifyEntry(func::FuncOp entry) {
    if (entry.isExternal() || !entry.getBody().hasOneBlock()) { // G20
      fail(entry) << "expected a body of one block";
      return;
    }
    verifySignature(entry);
    llvm::SmallPtrSet<Attribute, 16> states;
    for (Operation &op : entry.getBody().front()) {
      bool isGraph = isGraphOp(&op) && !isa<ParameterOp, StateOp>(op);
      if (!isGraph && !isa<func::ReturnOp>(op)) { // G20
        fail(&op) << "is not a graph operation";
        continue;
      }
      for (Type type : op.getResultTypes())
        verifyPlain(&op, type);
      if (auto cache = dyn_cast<CacheOp>(op)) {
        if (!states.insert(cache.getStateAttr()).second) // G22
          fail(cache) << "expected one read of state '" << cache.getState()
                      << "' in an entry";
        verifyState(cache);
      }
      if (auto append = dyn_cast<AppendOp>(op))
        verifyAppend(append);
    }
  }

  void verifyPlain(Operation *op, Type type) {
    if (layoutOf(type)) // G24
      fail(op) << "expected no layout before the kernels phase, got " << type;
  }

  void verifySignature(func::FuncOp entry) {
    llvm::StringSet<> inputs, outputs;
    for (auto [index, type] : llvm::enumerate(entry.getArgumentTypes())) {
      verifyNamed(entry, type, entry.getArgAttr(index, "graph.name"), "arg",
                  index, inputs);
      verifyDims(entry, type, entry.getArgAttr(index, "graph.dims"), index);
      Attribute limit = entry.getArgAttr(index, "graph.index_limit");
      auto number = dyn_cast_or_null<IntegerAttr>(limit);
      if (limit && (!number || !number.getType().isInteger(64) ||
                    number.getInt() < 1)) // G21
        fail(entry) << "expected a positive i64 as graph.index_limit of arg"
                    << index << ", got " << limit;
    }
    for (auto [index, type] : llvm::enumerate(entry.getResultTypes()))
      verifyNamed(entry, type, entry.getResultAttr(index, "graph.name"),
                  "result", index, outputs);
  }

  void verifyNamed(func::FuncOp entry, Type type, Attribute name,
                   StringRef stem, size_t index, llvm::StringSet<> &taken) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || tensor.getEncoding() ||
        !(tensor.getElementType().isF32() || tensor.getElementType().isF16() ||
          tensor.getElementType().isBF16() ||
          tensor.getElementType().isSignlessInteger(32))) { // G21
      fail(entry) << "expected " << stem << index
                  << " to be a row-major tensor of f32, f16, bf16 or i32, got "
                  << type;
      return;
    }
    if (tensor.getRank() > kMaxRank ||
        failed(verifyElementCount(entry, type))) {
      fail(entry) << "expected " << stem << index << " of rank at most "
                  << kMaxRank << ", got " << type; // G21
      return;
    }
    auto given = dyn_cast_or_null<StringAttr>(name);
    if (name && (!given || given.empty())) {
      fail(entry) << "expected a name for " << stem << index << ", got "
                  << name;
      return;
    }
    std::string chosen =
        given ? given.str() : (stem + llvm::Twine(index)).str();
    if (!taken.insert(chosen).second)
      fail(entry) << "expected names of their own, got '" << chosen
                  << "' twice";
  }

  /// Arguments share a dynamic dimension by its name.
  void verifyDims(func::FuncOp entry, Type type, Attribute given,
                  size_t index) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!given || !tensor)
      return;
    auto names = dyn_cast<ArrayAttr>(given);
    if (!names || names.size() != size_t(tensor.getNumDynamicDims()) ||
        !llvm::all_of(names, [](Attribute name) {
          auto text = dyn_cast<StringAttr>(name);
          return text && !text.empty();
        })) // G21
      fail(entry) << "expected a name for each of the "
                  << tensor.getNumDynamicDims() << " dynamic dimensions of arg"
                  << index << ", got " << given;
  }

  void verifyState(CacheOp cache) {
    for (OpOperand &use : cache->getUses()) {
      auto append = dyn_cast<AppendOp>(use.getOwner());
      if (!append || use.get() != append.getState() || !cache->hasOneUse()) {
        InFlightDiagnostic error = fail(cache) // G22
                                   << "expected one append as the only use";
        error.attachNote(use.getOwner()->getLoc()) << "used here";
        return;
      }
    }
  }

  void verifyAppend(AppendOp append) {
    if (!append.getState().getDefiningOp<CacheOp>()) // G22
      fail(append) << "expected a state that graph.cache reads";
    if (!append.getPast().getDefiningOp<LengthOp>()) // G23
      fail(append) << "expected to start at graph.length";
    for (OpOperand &use : append->getUses()) {
      auto attention = dyn_cast<AttentionOp>(use.getOwner());
      if (!attention) { // G22
        InFlightDiagnostic error =
            fail(append) << "expected only attention to use the state";
        error.attachNote(use.getOwner()->getLoc()) << "used here";
      } else if (attention.getPast() != append.getPast()) { // G23
        fail(attention) << "expected 'past' to be where the state was appended";
      }
    }
  }
};
} // namespace
