//===- GraphOps_Movement.cpp - gather and shape operations ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"

using namespace mlir;
using namespace trine::graph;

LogicalResult GatherOp::verify() { return expectNarrower(*this, getTable()); }

LogicalResult GatherOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (failed(expectRank(operands[0], 2, "table", emitError)))
    return failure();
  auto rows = dyn_cast<AffineConstantExpr>(operands[0][0]);
  if (rows && rows.getValue() == 0) // no row an index could be clamped to
    return emitError() << "expected a table of at least one row";
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
  if (llvm::count(getShape(), -1) > 1)
    return emitOpError("expected -1 at most once in 'shape'");
  return success();
}

/// `outer` in terms of the input of the reshape by `inner` that gives it
/// `middle`; nothing when no such shape can be written.
static std::optional<SmallVector<int64_t>>
composeShapes(ArrayRef<int64_t> input, ArrayRef<int64_t> inner,
              ArrayRef<int64_t> middle, ArrayRef<int64_t> outer) {
  SmallVector<int64_t> shape(outer);
  for (auto [index, size] : llvm::enumerate(shape)) {
    if (size != 0)
      continue;
    if (middle[index] == 0) // cannot be written as a number
      return std::nullopt;
    size = ShapedType::isDynamic(middle[index]) ? inner[index] : middle[index];
  }
  if (llvm::count(shape, -1) > 1)
    return std::nullopt;
  // G11; the type in the middle may have known more than the input's.
  for (auto [index, size] : llvm::enumerate(input))
    if (ShapedType::isDynamic(size) && !llvm::is_contained(shape, -1) &&
        (index >= shape.size() || shape[index] != 0))
      return std::nullopt;
  return shape;
}

OpFoldResult ReshapeOp::fold(FoldAdaptor) {
  // The same type, with at most one dynamic dimension that is not copied
  // (it is what remains), names the same elements.
  if (getInput().getType() == getType()) {
    int64_t free = 0;
    for (auto [index, size] : llvm::enumerate(getShape()))
      free += getType().isDynamicDim(index) && size != 0;
    if (free <= 1)
      return getInput();
  }
  auto inner = getInput().getDefiningOp<ReshapeOp>();
  if (!inner)
    return {};
  auto shape =
      composeShapes(inner.getInput().getType().getShape(), inner.getShape(),
                    inner.getType().getShape(), getShape());
  if (!shape)
    return {};
  setShape(*shape);
  setOperand(inner.getInput());
  return getResult();
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
    if (size < -1)
      return emitError() << "expected sizes of -1 or more, got " << size;
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
    if (symbolic) // G11
      return emitError()
             << "expected -1 in 'shape' to take the input's dynamic "
                "dimensions";
    if (constant != known)
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
  if (getInput().getType() == getType() &&
      llvm::equal(getPermutation(), llvm::seq<int64_t>(0, getType().getRank())))
    return getInput();
  auto inner = getInput().getDefiningOp<TransposeOp>();
  if (!inner)
    return {};
  SmallVector<int64_t> permutation;
  for (int64_t index : getPermutation())
    permutation.push_back(inner.getPermutation()[index]);
  setPermutation(permutation);
  setOperand(inner.getInput());
  return getResult();
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
  if (type.isDynamicDim(axis))
    return emitOpError() << "expected a static axis of the input, got " << axis;
  int64_t extent = type.getDimSize(axis);
  if (start > extent || size > extent - start)
    return emitOpError() << "expected a slice within " << extent
                         << " elements, got start " << start << " size "
                         << size;
  return success();
}

OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  if (auto inner = getInput().getDefiningOp<SliceOp>();
      inner && inner.getAxis() == getAxis()) {
    setStart(getStart() + inner.getStart());
    setOperand(inner.getInput());
    return getResult();
  }
  auto concat = getInput().getDefiningOp<ConcatOp>();
  if (!concat || concat.getAxis() != getAxis())
    return {};
  int64_t start = int64_t(getStart());
  for (Value part : concat.getInputs()) {
    int64_t size = cast<RankedTensorType>(part.getType()).getDimSize(getAxis());
    if (ShapedType::isDynamic(size))
      return {};
    if (start < size) {
      if (start + int64_t(getSize()) > size)
        return {};
      setStart(start);
      setOperand(part);
      return getResult();
    }
    start -= size;
  }
  return {};
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

OpFoldResult ConcatOp::fold(FoldAdaptor) {
  if (getInputs().size() == 1 && getInputs()[0].getType() == getType())
    return getInputs()[0];
  return {};
}

LogicalResult ConcatOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                    SmallVectorImpl<SymbolicShape> &results,
                                    ErrorEmitter emitError) {
  if (getAxis() >= operands[0].size())
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

OpFoldResult RelayoutOp::fold(FoldAdaptor) {
  if (getInput().getType() == getType())
    return getInput();
  auto inner = getInput().getDefiningOp<RelayoutOp>();
  if (!inner)
    return {};
  setOperand(inner.getInput());
  return getResult();
}

LogicalResult RelayoutOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                      SmallVectorImpl<SymbolicShape> &results,
                                      ErrorEmitter) {
  results.push_back(operands[0]);
  return success();
}
