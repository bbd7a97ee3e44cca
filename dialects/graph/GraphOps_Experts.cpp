//===- GraphOps_Experts.cpp - mixtures of experts -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult RouteOp::verify() {
  int64_t experts = getLogits().getType().getShape().back();
  int64_t groups = getGroups().value_or(1), limit = getLimit().value_or(1);
  auto element = getElementTypeOrSelf(getLogits().getType());
  if (getElementTypeOrSelf(getWeights().getType()) != element ||
      (getBias() && getElementTypeOrSelf(getBias().getType()) != element)) // G8
    return emitOpError("expected a bias and weights of ") << element;
  if (ShapedType::isDynamic(experts) || int64_t(getTop()) > experts) // G25
    return emitOpError() << "expected a static number of experts, " << getTop()
                         << " or more, got " << experts;
  if (getGroups().has_value() != getLimit().has_value())
    return emitOpError("expected 'groups' and 'limit' together");
  if (experts % groups != 0 || (groups > 1 && experts / groups < 2)) // G25
    return emitOpError() << "expected groups of two experts or more, got "
                         << experts << " experts in " << groups << " groups";
  if (limit > groups || int64_t(getTop()) > experts / groups * limit) // G25
    return emitOpError() << "expected " << getTop() << " experts in " << limit
                         << " of " << groups << " groups of "
                         << experts / groups;
  return success();
}

LogicalResult RouteOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                   SmallVectorImpl<SymbolicShape> &results,
                                   ErrorEmitter emitError) {
  if (operands[0].empty())
    return emitError() << "expected logits of rank 1 or more, got rank 0";
  if (getBias() &&
      failed(expectVector(operands[1], operands[0].back(), "bias", emitError)))
    return failure();
  SymbolicShape chosen = operands[0];
  chosen.back() = getAffineConstantExpr(int64_t(getTop()), getContext());
  results.append({chosen, chosen});
  return success();
}

/// `shape` is `prefix` without its last dimensions, and as many more of its
/// own.
static LogicalResult expectPrefix(const SymbolicShape &shape,
                                  ArrayRef<AffineExpr> prefix, size_t more,
                                  StringRef operand, ErrorEmitter emitError) {
  if (failed(expectRank(shape, prefix.size() + more, operand, emitError)))
    return failure();
  for (auto [i, dim] : llvm::enumerate(prefix))
    if (failed(expectDim(shape, i, dim, operand, emitError)))
      return failure();
  return success();
}

/// weight [E, N, K] with the given K.
static LogicalResult expectExperts(const SymbolicShape &weight, AffineExpr k,
                                   StringRef operand, ErrorEmitter emitError) {
  if (failed(expectRank(weight, 3, operand, emitError)))
    return failure();
  return expectDim(weight, 2, k, operand, emitError);
}

LogicalResult
trine::graph::inferExpertGated(ArrayRef<SymbolicShape> operands,
                               SmallVectorImpl<SymbolicShape> &results,
                               ErrorEmitter emitError) {
  const SymbolicShape &x = operands[0], &indices = operands[1],
                      &gate = operands[2], &up = operands[3];
  if (x.empty())
    return emitError() << "expected input of rank 1 or more, got rank 0";
  if (failed(expectPrefix(indices, ArrayRef(x).drop_back(), 1, "indices",
                          emitError)) ||
      failed(expectExperts(gate, x.back(), "gate", emitError)) ||
      failed(expectExperts(up, x.back(), "up", emitError)) ||
      failed(expectDim(up, 0, gate[0], "up", emitError)) ||
      failed(expectDim(up, 1, gate[1], "up", emitError)))
    return failure();
  SymbolicShape result = indices;
  for (size_t i = 0; i + 1 < x.size(); ++i)
    result[i] = *unify(result[i], x[i]);
  result.push_back(gate[1]);
  results.push_back(result);
  return success();
}

LogicalResult
trine::graph::inferExpertLinear(ArrayRef<SymbolicShape> operands,
                                SmallVectorImpl<SymbolicShape> &results,
                                ErrorEmitter emitError) {
  const SymbolicShape &x = operands[0], &weight = operands[3];
  if (x.size() < 2)
    return emitError() << "expected input of rank 2 or more, got rank "
                       << x.size();
  ArrayRef<AffineExpr> chosen = ArrayRef(x).drop_back();
  if (failed(expectPrefix(operands[1], chosen, 0, "indices", emitError)) ||
      failed(expectPrefix(operands[2], chosen, 0, "weights", emitError)) ||
      failed(expectExperts(weight, x.back(), "weight", emitError)))
    return failure();
  SymbolicShape result(chosen.drop_back());
  result.push_back(weight[1]);
  results.push_back(result);
  return success();
}

LogicalResult
GroupedLinearOp::inferShapes(ArrayRef<SymbolicShape> operands,
                             SmallVectorImpl<SymbolicShape> &results,
                             ErrorEmitter emitError) {
  const SymbolicShape &x = operands[0], &weight = operands[1];
  if (x.size() < 2)
    return emitError() << "expected input of rank 2 or more, got rank "
                       << x.size();
  if (failed(expectRank(weight, 3, "weight", emitError)) ||
      failed(expectDim(weight, 0, x[x.size() - 2], "weight", emitError)) ||
      failed(expectDim(weight, getTransposed() ? 1 : 2, x.back(), "weight",
                       emitError)))
    return failure();
  SymbolicShape result = x;
  result.back() = weight[getTransposed() ? 2 : 1];
  results.push_back(result);
  return success();
}

LogicalResult
ExpertGatedOp::inferShapes(ArrayRef<SymbolicShape> operands,
                           SmallVectorImpl<SymbolicShape> &results,
                           ErrorEmitter emitError) {
  return inferExpertGated(operands, results, emitError);
}

LogicalResult
ExpertLinearOp::inferShapes(ArrayRef<SymbolicShape> operands,
                            SmallVectorImpl<SymbolicShape> &results,
                            ErrorEmitter emitError) {
  return inferExpertLinear(operands, results, emitError);
}

LogicalResult ExpertGatedOp::verify() {
  if (getGate().getType().isDynamicDim(0)) // G25
    return emitOpError("expected a static number of experts");
  return expectNarrower(*this, {getInput(), getGate(), getUp()});
}

LogicalResult ExpertLinearOp::verify() {
  RankedTensorType type = getWeight().getType();
  if (type.isDynamicDim(0) || getInput().getType().isDynamicDim(
                                  getInput().getType().getRank() - 2)) // G25
    return emitOpError("expected static numbers of experts and of those "
                       "chosen");
  return expectNarrower(*this, {getInput(), getWeights(), getWeight()});
}

LogicalResult GroupedLinearOp::verify() {
  if (getWeight().getType().isDynamicDim(0)) // G25
    return emitOpError("expected a static number of groups");
  return expectNarrower(*this, getOperands());
}
