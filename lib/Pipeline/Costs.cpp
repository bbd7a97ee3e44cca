//===- Costs.cpp - operations and bytes of a launch -----------------------===//
// A launch and the shapes in its kernel's body -> polynomials for the profiler.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Costs.h"
#include "Types.h"
#include "dialects/fp8/Fp8.h"

using namespace mlir;
using namespace trine;

namespace {

class Coster {
public:
  Coster(launch::CallOp call, launch::KernelOp kernel,
         const EntryShapes &shapes, AffineExpr past,
         llvm::function_ref<int64_t(llvm::StringRef)> parameterBytes)
      : call(call), kernel(kernel), shapes(shapes), past(past),
        parameterBytes(parameterBytes) {}

  LaunchCost cost() {
    LaunchCost total{number(0), number(0)};
    for (Operation &op : kernel.getBlock().without_terminator()) {
      total.flops = total.flops + flops(&op);
      total.bytes = total.bytes + partlyTouched(&op);
    }
    for (BlockArgument argument : kernel.getBlock().getArguments())
      if (!partial.contains(argument))
        total.bytes =
            total.bytes + stored(call.getOperand(argument.getArgNumber()));
    for (auto [result, tie] :
         llvm::zip_equal(call.getResults(), kernel.getTies()))
      if (tie < 0)
        total.bytes = total.bytes + stored(result);
    return total;
  }

private:
  AffineExpr number(int64_t value) const {
    return getAffineConstantExpr(value, past.getContext());
  }
  AffineExpr product(ArrayRef<AffineExpr> shape) const {
    AffineExpr count = number(1);
    for (AffineExpr dim : shape)
      count = count * dim;
    return count;
  }
  AffineExpr elements(Value value) const { return product(shapes[value]); }
  AffineExpr bytes(Value value) const {
    return elements(value) * dtypeBytes(dtypeOf(value.getType()));
  }

  /// Of an operand or result of the launch, its layout's padding included.
  AffineExpr stored(Value value) const {
    if (auto weight = value.getDefiningOp<graph::WeightOp>())
      return number(parameterBytes(weight.getParameter()));
    return storedBytes(shapes[value], cast<RankedTensorType>(value.getType()));
  }

  /// The kernel's argument a value is, or is the updated state of.
  static BlockArgument argumentOf(Value value) {
    while (auto append = value.getDefiningOp<graph::AppendOp>())
      value = append.getState();
    return dyn_cast<BlockArgument>(value);
  }

  AffineExpr attentionFlops(graph::AttentionOp op) const;
  AffineExpr flops(Operation *op) const;
  AffineExpr partlyTouched(Operation *op);
  AffineExpr chosenExperts(Value indices, ValueRange weights);

  launch::CallOp call;
  launch::KernelOp kernel;
  const EntryShapes &shapes;
  AffineExpr past;
  llvm::function_ref<int64_t(llvm::StringRef)> parameterBytes;
  llvm::SmallDenseSet<Value> partial; ///< arguments not read as a whole
};

} // namespace

AffineExpr Coster::attentionFlops(graph::AttentionOp op) const {
  const graph::SymbolicShape &query = shapes[op.getQuery()];
  AffineExpr tokens = query[1], keys = shapes[op.getKey()][1];
  // Twice the pairs of a query and a key it attends.
  AffineExpr pairs = op.getCausal() ? tokens * (tokens + 1) : tokens * keys * 2;
  if (op.getPast())
    pairs = op.getCausal() ? tokens * past * 2 + tokens * (tokens + 1)
                           : tokens * (past + tokens) * 2;
  return query[0] * query[2] * (query[3] + shapes[op.getValue()][3]) * pairs;
}

AffineExpr Coster::flops(Operation *op) const {
  return llvm::TypeSwitch<Operation *, AffineExpr>(op)
      .Case<graph::LinearOp>([&](auto linear) {
        return elements(linear) * shapes[linear.getInput()].back() * 2;
      })
      .Case<graph::GatedOp>([&](auto gated) {
        return elements(gated) * shapes[gated.getInput()].back() * 4;
      })
      .Case<graph::MatmulOp>([&](auto matmul) {
        return elements(matmul) * shapes[matmul.getLhs()].back() * 2;
      })
      .Case<graph::ExpertGatedOp, fp8::ScaledExpertGatedOp>([&](auto gated) {
        return elements(gated) * shapes[gated.getInput()].back() * 4;
      })
      .Case<graph::GroupedLinearOp>([&](auto linear) {
        return elements(linear) * shapes[linear.getInput()].back() * 2;
      })
      .Case<graph::ExpertLinearOp, fp8::ScaledExpertLinearOp>([&](auto linear) {
        return elements(linear.getInput()) * shapes[linear].back() * 2;
      })
      .Case<graph::AttentionOp>([&](auto op) { return attentionFlops(op); })
      .Case<graph::AppendOp, graph::CastOp, graph::ConcatOp, graph::GatherOp,
            graph::LastTokenOp, graph::PositionsOp, graph::RelayoutOp,
            graph::ReshapeOp, graph::SliceOp, graph::TransposeOp>(
          [&](auto) { return number(0); })
      .Default([&](Operation *other) {
        return other->getNumResults() ? elements(other->getResult(0))
                                      : number(0);
      });
}

/// Of one token a row, the weights of the experts it chose; of more, all.
AffineExpr Coster::chosenExperts(Value indices, ValueRange weights) {
  AffineExpr sum = number(0);
  bool few = llvm::all_of(ArrayRef(shapes[indices]).drop_front(),
                          llvm::IsaPred<AffineConstantExpr>);
  for (Value weight : weights)
    if (BlockArgument argument = argumentOf(weight); argument && few) {
      partial.insert(argument);
      AffineExpr all = stored(call.getOperand(argument.getArgNumber()));
      sum = sum + all.floorDiv(shapes[weight][0]) * elements(indices);
    }
  return sum;
}

/// Bytes of the arguments of which the operation touches a part.
AffineExpr Coster::partlyTouched(Operation *op) {
  if (auto append = dyn_cast<graph::AppendOp>(op)) {
    if (BlockArgument state = argumentOf(append.getState()))
      partial.insert(state);
    return bytes(append.getValues());
  }
  if (auto attention = dyn_cast<graph::AttentionOp>(op);
      attention && attention.getPast()) {
    AffineExpr sum = number(0);
    for (Value state : {attention.getKey(), attention.getValue()}) {
      BlockArgument argument = argumentOf(state);
      if (!argument)
        continue;
      partial.insert(argument);
      graph::SymbolicShape present = shapes[state];
      present[1] = past + shapes[attention.getQuery()][1];
      sum = sum + product(present) * dtypeBytes(dtypeOf(state.getType()));
    }
    return sum;
  }
  if (auto last = dyn_cast<graph::LastTokenOp>(op))
    if (BlockArgument input = argumentOf(last.getInput())) {
      partial.insert(input);
      return bytes(last);
    }
  if (auto gated = dyn_cast<graph::ExpertGatedOp>(op))
    return chosenExperts(gated.getIndices(), {gated.getGate(), gated.getUp()});
  if (auto linear = dyn_cast<graph::ExpertLinearOp>(op))
    return chosenExperts(linear.getIndices(), linear.getWeight());
  if (auto gated = dyn_cast<fp8::ScaledExpertGatedOp>(op))
    return chosenExperts(gated.getIndices(),
                         {gated.getGate(), gated.getGateScales(), gated.getUp(),
                          gated.getUpScales()});
  if (auto linear = dyn_cast<fp8::ScaledExpertLinearOp>(op))
    return chosenExperts(linear.getIndices(),
                         {linear.getWeight(), linear.getWeightScales()});
  auto gather = dyn_cast<graph::GatherOp>(op);
  BlockArgument table = gather ? argumentOf(gather.getTable()) : nullptr;
  if (!table)
    return number(0);
  partial.insert(table);
  AffineExpr all = stored(call.getOperand(table.getArgNumber()));
  return all.floorDiv(shapes[gather.getTable()][0]) *
         elements(gather.getIndices());
}

LaunchCost
trine::costOf(launch::CallOp call, launch::KernelOp kernel,
              const EntryShapes &shapes, AffineExpr past,
              llvm::function_ref<int64_t(llvm::StringRef)> parameterBytes) {
  return Coster(call, kernel, shapes, past, parameterBytes).cost();
}

std::string trine::computeType(launch::KernelOp kernel) {
  for (Operation &op : kernel.getBlock().without_terminator()) {
    Value input =
        llvm::TypeSwitch<Operation *, Value>(&op)
            .Case<graph::LinearOp, graph::GatedOp, graph::ExpertGatedOp,
                  graph::ExpertLinearOp, graph::GroupedLinearOp,
                  fp8::ScaledExpertGatedOp, fp8::ScaledExpertLinearOp>(
                [](auto op) { return op.getInput(); })
            .Case<graph::MatmulOp>([](auto op) { return op.getLhs(); })
            .Case<graph::AttentionOp>([](auto op) { return op.getQuery(); })
            .Default([](Operation *) { return Value(); });
    if (input)
      return dtypeOf(input.getType());
  }
  return "";
}
