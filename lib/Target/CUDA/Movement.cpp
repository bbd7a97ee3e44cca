//===- Movement.cpp - copies in another order -----------------------------===//
// Every element of the result is read from where it was: reshape, transpose,
// slice, concat, last_token, relayout and constants; positions are computed,
// and an append writes where its values belong. Part of Trine, under Apache-2.0
// WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Elements of every tensor that move together: columns of all stay multiples.
static int64_t widthOf(ArrayRef<int64_t> columns, Type element) {
  int64_t width = 16 / (element.getIntOrFloatBitWidth() / 8);
  for (int64_t size : columns)
    while (ShapedType::isDynamic(size) ? width > 1 : size % width != 0)
      width /= 2;
  return width;
}

/// Elements as integers of their size, `width` of them.
static Value loadRaw(KernelEmitter &e, const Tensor &tensor, Value offset,
                     int64_t width) {
  Type raw = e.b.getIntegerType(tensor.element().getIntOrFloatBitWidth());
  unsigned bytes = raw.getIntOrFloatBitWidth() / 8 * unsigned(width);
  Type moved = bytes < 4 ? Type(e.b.getIntegerType(bytes * 8))
               : bytes == 4
                   ? Type(e.b.getI32Type())
                   : Type(VectorType::get({bytes / 4}, e.b.getI32Type()));
  return LLVM::LoadOp::create(e.b, moved, e.at(tensor.pointer, raw, offset),
                              bytes);
}

static void storeRaw(KernelEmitter &e, const Tensor &tensor, Value offset,
                     int64_t width, Value value) {
  Type raw = e.b.getIntegerType(tensor.element().getIntOrFloatBitWidth());
  LLVM::StoreOp::create(e.b, value, e.at(tensor.pointer, raw, offset),
                        raw.getIntOrFloatBitWidth() / 8 * unsigned(width));
}

/// Copies from what `source` says of a point (a tensor and an offset in it).
static LogicalResult copyPoints(KernelEmitter &e, const Tensor &result,
                                int64_t width,
                                function_ref<Value(Point &)> load) {
  return overPoints(e, result, width, /*flat=*/false, [&](Point &point) {
    Value offset = point.column;
    if (point.row)
      offset = e.add(e.mul(point.row, e.columns(result)), offset);
    storeRaw(e, result, offset, width, load(point));
    return success();
  });
}

/// The coordinates of a point's first element.
static SmallVector<Value> coordinates(KernelEmitter &e, const Tensor &space,
                                      const Point &point) {
  SmallVector<Value> result(space.rank());
  if (result.empty())
    return result;
  result.back() = point.column;
  Value rest = point.row;
  for (unsigned i = space.rank() - 1; i-- > 0;) {
    result[i] = i ? e.rem(rest, space.dims[i]) : rest;
    rest = e.div(rest, space.dims[i]);
  }
  return result;
}

static Value offsetOf(KernelEmitter &e, const Tensor &tensor,
                      ArrayRef<Value> place) {
  Value offset = e.index(0);
  for (auto [size, at] : llvm::zip_equal(tensor.dims, place))
    offset = e.add(e.mul(offset, size), at);
  return offset;
}

static int64_t lastOf(const Tensor &tensor) {
  return tensor.rank() ? tensor.type.getShape().back() : 1;
}

static LogicalResult emitFlat(KernelEmitter &e, Value from) {
  const Tensor &input = e.operand(from), &result = e.result(0);
  int64_t width = widthOf({lastOf(result), lastOf(input)}, result.element());
  return copyPoints(e, result, width, [&](Point &point) {
    Value offset = point.column;
    if (point.row)
      offset = e.add(e.mul(point.row, e.columns(result)), offset);
    return loadRaw(e, input, offset, width);
  });
}

static LogicalResult emitTranspose(KernelEmitter &e, graph::TransposeOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  ArrayRef<int64_t> permutation = op.getPermutation();
  bool keepsRows =
      !permutation.empty() && permutation.back() == int64_t(input.rank()) - 1;
  int64_t width = keepsRows ? widthOf(lastOf(result), result.element()) : 1;
  return copyPoints(e, result, width, [&](Point &point) {
    SmallVector<Value> place(input.rank());
    for (auto [i, at] : llvm::enumerate(coordinates(e, result, point)))
      place[size_t(permutation[i])] = at;
    return loadRaw(e, input, offsetOf(e, input, place), width);
  });
}

static LogicalResult emitSlice(KernelEmitter &e, graph::SliceOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  unsigned axis = unsigned(op.getAxis());
  SmallVector<int64_t> sizes = {lastOf(result), lastOf(input)};
  if (axis + 1 == input.rank())
    sizes.push_back(int64_t(op.getStart()));
  int64_t width = widthOf(sizes, result.element());
  return copyPoints(e, result, width, [&](Point &point) {
    SmallVector<Value> place = coordinates(e, result, point);
    place[axis] = e.add(place[axis], int64_t(op.getStart()));
    return loadRaw(e, input, offsetOf(e, input, place), width);
  });
}

/// The operand that has the point, by a chain of comparisons.
static Value loadConcat(KernelEmitter &e, graph::ConcatOp op,
                        SmallVector<Value> place, int64_t width,
                        size_t operand) {
  const Tensor &input = e.operand(op.getInputs()[operand]);
  unsigned axis = unsigned(op.getAxis());
  auto here = [&]() -> SmallVector<Value> {
    return {loadRaw(e, input, offsetOf(e, input, place), width)};
  };
  if (operand + 1 == op.getInputs().size())
    return here()[0];
  Value inside = e.less(place[axis], input.dims[axis]);
  return e.choose(inside, here, [&]() -> SmallVector<Value> {
    SmallVector<Value> next = place;
    next[axis] = e.sub(place[axis], input.dims[axis]);
    return {loadConcat(e, op, next, width, operand + 1)};
  })[0];
}

static LogicalResult emitConcat(KernelEmitter &e, graph::ConcatOp op) {
  const Tensor &result = e.result(0);
  SmallVector<int64_t> sizes = {lastOf(result)};
  for (Value input : op.getInputs())
    sizes.push_back(lastOf(e.operand(input)));
  int64_t width = widthOf(sizes, result.element());
  return copyPoints(e, result, width, [&](Point &point) {
    return loadConcat(e, op, coordinates(e, result, point), width, 0);
  });
}

static LogicalResult emitLastToken(KernelEmitter &e, graph::LastTokenOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  int64_t width = widthOf(lastOf(result), result.element());
  LogicalResult status = success();
  return overPoints(e, result, width, /*flat=*/false, [&](Point &point) {
    Value tokens = input.dims[1];
    Value last = e.sub(tokens, 1), token = last;
    if (op.getLengths()) {
      Value length = e.loadIndex(e.operand(op.getLengths()), point.row);
      token = e.max(e.min(e.sub(length, 1), last), e.index(0));
    }
    Value from =
        e.mul(e.add(e.mul(point.row, tokens), token), e.columns(input));
    // No token: nothing to read.
    e.when(e.less(e.index(0), tokens), [&] {
      Value to = e.add(e.mul(point.row, e.columns(result)), point.column);
      storeRaw(e, result, to, width,
               loadRaw(e, input, e.add(from, point.column), width));
    });
    return status;
  });
}

static LogicalResult emitPositions(KernelEmitter &e, graph::PositionsOp op) {
  return copyPoints(e, e.result(0), 1, [&](Point &point) {
    Value position = point.column;
    if (op.getPast())
      position =
          e.add(position, e.loadIndex(e.operand(op.getPast()), point.row));
    return e.narrow(position);
  });
}

/// One thread for a few of the values; the state is the result's storage.
static LogicalResult emitAppend(KernelEmitter &e, graph::AppendOp op) {
  const Tensor &values = e.operand(op.getValues()), &state = e.result(0);
  const Tensor &past = e.operand(op.getPast());
  int64_t width = widthOf(lastOf(values), values.element());
  return overPoints(e, values, width, /*flat=*/false, [&](Point &point) {
    SmallVector<Value> place = coordinates(e, values, point);
    Value from = offsetOf(e, values, place);
    place[1] = e.add(place[1], e.loadIndex(past, place[0]));
    e.when(e.less(place[1], state.dims[1]), [&] {
      storeRaw(e, state, offsetOf(e, state, place), width,
               loadRaw(e, values, from, width));
    });
    return success();
  });
}

LogicalResult cuda::expectAlone(KernelEmitter &e, Operation *root) {
  Block &block = e.kernel.getBlock();
  bool alone =
      llvm::all_of(root->getOperands(),
                   [&](Value value) { return bool(e.operand(value).type); }) &&
      llvm::equal(block.getTerminator()->getOperands(), root->getResults());
  return alone ? success()
               : root->emitOpError("expected to be alone in its cuda kernel");
}

/// A kernel of constants only: a launch for each.
static LogicalResult emitConstants(KernelEmitter &e) {
  for (auto [index, value] :
       llvm::enumerate(e.kernel.getBlock().getTerminator()->getOperands())) {
    const Tensor &result = e.result(unsigned(index));
    if (!value.getDefiningOp<graph::ConstantOp>())
      return e.kernel.emitError("expected an operation in a cuda kernel");
    if (failed(overPoints(e, result, 1, /*flat=*/true, [&](Point &point) {
          PointEvaluator points(e, result);
          return points.store(point,
                              [&](Value wanted) { return wanted == value; });
        })))
      return failure();
  }
  return success();
}

static LogicalResult emit(KernelEmitter &e) {
  Operation *root = rootOf(e.kernel);
  if (!root || isa<launch::ReturnOp>(root))
    return emitConstants(e);
  if (failed(expectAlone(e, root)))
    return failure();
  return llvm::TypeSwitch<Operation *, LogicalResult>(root)
      .Case<graph::ReshapeOp, graph::RelayoutOp>(
          [&](auto op) { return emitFlat(e, op.getInput()); })
      .Case([&](graph::TransposeOp op) { return emitTranspose(e, op); })
      .Case([&](graph::SliceOp op) { return emitSlice(e, op); })
      .Case([&](graph::ConcatOp op) { return emitConcat(e, op); })
      .Case([&](graph::LastTokenOp op) { return emitLastToken(e, op); })
      .Case([&](graph::PositionsOp op) { return emitPositions(e, op); })
      .Case([&](graph::AppendOp op) { return emitAppend(e, op); });
}

static bool heads(Operation *root) {
  return isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp,
             graph::ConcatOp, graph::LastTokenOp, graph::PositionsOp,
             graph::AppendOp, launch::ReturnOp>(root);
}

const Family cuda::movementFamily = {"movement", heads, emit};
