//===- GraphOps_Storage.cpp - parameters and sequence state ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult ParameterOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (!type.hasStaticShape() || llvm::is_contained(type.getShape(), 0)) // G2
    return emitOpError() << "expected a static type without empty dimensions, "
                            "got "
                         << type;
  if (getStorage().empty())
    return emitOpError("expected the name of a storage format");
  if (getSources().empty())
    return emitOpError("expected at least one source tensor");
  for (StringRef source : getSources().getAsValueRange<StringAttr>())
    if (source.empty())
      return emitOpError("expected source tensors with a name");
  if (auto rows = getRows()) { // G2
    if (getQuantized() || getRepeat())
      return emitOpError("expected 'rows' without 'quantized' and 'repeat'");
    if (rows->size() != 3 || (*rows)[0] < 0 || (*rows)[1] < 1 ||
        (*rows)[0] > (*rows)[2] - (*rows)[1])
      return emitOpError() << "expected 'rows' [first, count, every] with the "
                              "count within every, got ["
                           << *rows << "]";
  }
  return success();
}

/// G3: the user's type is the declaration's (`state` and `cache` may differ in
/// what is dynamic).
template <typename DeclarationOp>
static LogicalResult verifyUse(Operation *op, FlatSymbolRefAttr symbol,
                               Type used, SymbolTableCollection &tables,
                               StringRef what) {
  auto declaration = tables.lookupNearestSymbolFrom<DeclarationOp>(op, symbol);
  if (!declaration)
    return op->emitOpError() << "'" << symbol.getValue() << "' is not a "
                             << what << " of this module";
  if (declaration.getType() == used)
    return success();
  InFlightDiagnostic error = op->emitOpError()
                             << "expected the " << what << "'s type "
                             << declaration.getType() << ", got " << used;
  error.attachNote(declaration.getLoc()) << "declared here";
  return error;
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyUse<ParameterOp>(*this, getParameterAttr(), getType(), tables,
                                "parameter");
}

LogicalResult ConstantOp::verify() {
  if (!isa<DenseElementsAttr>(getValue())) // G13: weights are parameters
    return emitOpError("expected dense elements");
  return success();
}

OpFoldResult ConstantOp::fold(FoldAdaptor) { return getValue(); }

LogicalResult StateOp::verify() {
  auto type = cast<RankedTensorType>(getType());
  if (type.getRank() < 2 || !type.isDynamicDim(0) ||
      type.getNumDynamicDims() != 1 ||
      llvm::is_contained(type.getShape(), 0)) // G4
    return emitOpError() << "expected a type [?, capacity, ...] with all but "
                            "the batch static and not 0, got "
                         << type;
  return success();
}

LogicalResult CacheOp::verifySymbolUses(SymbolTableCollection &tables) {
  return verifyUse<StateOp>(*this, getStateAttr(), getType(), tables, "state");
}

LogicalResult CacheOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                   SmallVectorImpl<SymbolicShape> &results,
                                   ErrorEmitter emitError) {
  if (operands[0].empty())
    return emitError() << "expected 'like' of rank 1 or more, got rank 0";
  SymbolicShape shape = {operands[0][0]};
  for (int64_t dim : cast<RankedTensorType>(getType()).getShape().drop_front())
    shape.push_back(getAffineConstantExpr(dim, getContext()));
  results.push_back(shape);
  return success();
}

LogicalResult AppendOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  const SymbolicShape &state = operands[0], &values = operands[1];
  if (state.size() < 2)
    return emitError() << "expected state of rank 2 or more, got rank "
                       << state.size();
  if (failed(expectRank(values, state.size(), "values", emitError)) ||
      failed(expectVector(operands[2], values[0], "past", emitError)))
    return failure();
  for (size_t i = 0; i < state.size(); ++i)
    if (i != 1 && failed(expectDim(values, i, state[i], "values", emitError)))
      return failure();
  auto capacity = dyn_cast<AffineConstantExpr>(state[1]);
  auto length = dyn_cast<AffineConstantExpr>(values[1]);
  if (capacity && length && length.getValue() > capacity.getValue())
    return emitError() << "expected at most the state's " << capacity.getValue()
                       << " positions, got " << length.getValue();
  results.push_back(state);
  return success();
}

LogicalResult LengthOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (operands[0].empty())
    return emitError() << "expected 'like' of rank 1 or more, got rank 0";
  results.push_back({operands[0][0]});
  return success();
}

LogicalResult PositionsOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  if (operands[0].size() < 2)
    return emitError() << "expected 'like' of rank 2 or more, got rank "
                       << operands[0].size();
  if (getPast() &&
      failed(expectVector(operands[1], operands[0][0], "past", emitError)))
    return failure();
  results.push_back({operands[0][0], operands[0][1]});
  return success();
}
