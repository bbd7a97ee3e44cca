//===- GraphOps_Movement.cpp - gather and shape operations ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult GatherOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (failed(expectRank(operands[0], 2, "table", emitError)))
    return failure();
  SymbolicShape result = operands[1];
  result.push_back(operands[0][1]);
  results.push_back(result);
  return success();
}

LogicalResult LastTokenOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  if (failed(expectRank(operands[0], 3, "input", emitError)))
    return failure();
  if (getLengths() &&
      failed(expectVector(operands[1], operands[0][0], "lengths", emitError)))
    return failure();
  results.push_back({operands[0][0], operands[0][2]});
  return success();
}

//===----------------------------------------------------------------------===//
// reshape
//===----------------------------------------------------------------------===//

LogicalResult ReshapeOp::verify() {
  if (getInput().getType().getElementType() != getType().getElementType())
    return emitOpError("expected input and result of one element type");
  if (llvm::count(getShape(), -1) > 1)
    return emitOpError("expected -1 at most once in 'shape'");
  for (int64_t dim : getShape())
    if (dim < -1)
      return emitOpError() << "expected sizes of -1 or more, got " << dim;
  return success();
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  // Row-major reshapes to the same type move nothing.
  if (getInput().getType() == getType() && getType().getNumDynamicDims() <= 1)
    return getInput();
  return {};
}

/// The product of all dimensions, and of those given as numbers or copies, must
/// agree; what remains is the dimension marked -1. Copied dimensions cancel, so
/// a symbolic input leaves a symbolic rest only where dimensions are merged.
LogicalResult ReshapeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                     SmallVectorImpl<SymbolicShape> &results,
                                     ErrorEmitter emitError) {
  const SymbolicShape &input = operands[0];
  MLIRContext *context = getContext();
  SymbolicShape result;
  llvm::SmallBitVector copied(input.size());
  int64_t known = 1, rest = -1;
  for (auto [index, size] : llvm::enumerate(getShape())) {
    if (size == 0) {
      if (index >= input.size())
        return emitError() << "shape copies dimension " << index
                           << " of an input of rank " << input.size();
      copied.set(index);
      result.push_back(input[index]);
    } else {
      if (size == -1)
        rest = int64_t(index);
      else if (llvm::MulOverflow(known, size, known))
        return emitError() << "shape is too large";
      result.push_back(getAffineConstantExpr(size, context));
    }
  }
  // Dimensions of the input that no copy accounts for: constants and symbols.
  int64_t constant = 1;
  AffineExpr symbols = getAffineConstantExpr(1, context);
  for (auto [index, dim] : llvm::enumerate(input)) {
    if (copied.test(index))
      continue;
    if (auto size = dyn_cast<AffineConstantExpr>(dim)) {
      if (llvm::MulOverflow(constant, size.getValue(), constant))
        return emitError() << "input is too large";
    } else {
      symbols = symbols * dim;
    }
  }
  bool symbolic = !isa<AffineConstantExpr>(symbols);
  if (rest < 0) {
    if (!symbolic && constant != known)
      return emitError() << "expected " << constant
                         << " elements besides copied dimensions, got "
                         << known;
  } else if (constant % known == 0) {
    result[rest] = symbols * (constant / known);
  } else if (symbolic) {
    result[rest] = (symbols * constant).floorDiv(known);
  } else {
    return emitError() << "expected " << constant << " elements to divide by "
                       << known;
  }
  results.push_back(result);
  return success();
}

//===----------------------------------------------------------------------===//
// transpose, slice, concat, relayout
//===----------------------------------------------------------------------===//

LogicalResult TransposeOp::verify() {
  SmallVector<int64_t> sorted(getPermutation());
  llvm::sort(sorted);
  for (auto [index, value] : llvm::enumerate(sorted))
    if (int64_t(index) != value)
      return emitOpError("expected 'permutation' to name each dimension once");
  return success();
}

OpFoldResult TransposeOp::fold(FoldAdaptor) {
  for (auto [index, value] : llvm::enumerate(getPermutation()))
    if (int64_t(index) != value)
      return {};
  return getInput();
}

LogicalResult TransposeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  if (failed(
          expectRank(operands[0], getPermutation().size(), "input", emitError)))
    return failure();
  SymbolicShape result;
  for (int64_t source : getPermutation()) {
    if (source < 0 || source >= int64_t(operands[0].size()))
      return emitError() << "permutation names dimension " << source
                         << " of an input of rank " << operands[0].size();
    result.push_back(operands[0][source]);
  }
  results.push_back(result);
  return success();
}

LogicalResult SliceOp::verify() {
  auto type = getInput().getType();
  int64_t axis = int64_t(getAxis()), start = int64_t(getStart()),
          size = int64_t(getSize());
  if (axis < 0 || axis >= type.getRank() || type.isDynamicDim(axis))
    return emitOpError() << "expected a static axis of the input, got " << axis;
  int64_t extent = type.getDimSize(axis);
  if (start < 0 || size < 0 || start > extent || size > extent - start)
    return emitOpError() << "expected a slice within " << extent
                         << " elements, got start " << start << " size "
                         << size;
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput())
                                           : OpFoldResult();
}

LogicalResult SliceOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                   SmallVectorImpl<SymbolicShape> &results,
                                   ErrorEmitter emitError) {
  SymbolicShape result = operands[0];
  if (getAxis() >= result.size())
    return emitError() << "expected an axis below " << result.size() << ", got "
                       << getAxis();
  result[getAxis()] = getAffineConstantExpr(int64_t(getSize()), getContext());
  results.push_back(result);
  return success();
}

LogicalResult ConcatOp::verify() {
  if (getInputs().empty())
    return emitOpError("expected at least one input");
  return success();
}

LogicalResult ConcatOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (operands.empty() || getAxis() >= operands[0].size())
    return emitError() << "expected inputs with a dimension " << getAxis();
  SymbolicShape result = operands[0];
  for (const SymbolicShape &next : operands.drop_front()) {
    if (failed(expectRank(next, result.size(), "inputs", emitError)))
      return failure();
    for (size_t i = 0; i < result.size(); ++i) {
      if (i == getAxis()) {
        result[i] = result[i] + next[i];
        continue;
      }
      if (failed(expectDim(next, i, result[i], "inputs", emitError)))
        return failure();
      result[i] = *unify(result[i], next[i]);
    }
  }
  results.push_back(result);
  return success();
}

LogicalResult RelayoutOp::verify() {
  if (getInput().getType().getElementType() != getType().getElementType())
    return emitOpError("expected input and result of one element type");
  return success();
}

LogicalResult RelayoutOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results,
                                      ErrorEmitter) {
  results.push_back(operands[0]);
  return success();
}
