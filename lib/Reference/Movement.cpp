//===- Movement.cpp - gather and shape operations -------------------------===//
// Bytes move, nothing is rounded.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstring>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

/// Copies `count` elements, offsets in elements.
static void copy(const Tensor &from, int64_t source, Tensor &to, int64_t target,
                 int64_t count) {
  int64_t width = dtypeBytes(from.dtype);
  std::memcpy(to.bytes.get() + target * width,
              from.bytes.get() + source * width, size_t(count * width));
}

static void gather(graph::GatherOp op, Operands operands, Tensor &result) {
  const Tensor &table = operands[0], &indices = operands[1];
  int64_t rows = table.dim(0), width = table.dim(1);
  for (int64_t i = 0; i < indices.elements(); ++i) {
    int64_t index = indices.ints()[i];
    if (index < 0 || index >= rows)
      throw fault(op, "index {}: expected a row of 0 to {}, got {}", i,
                  rows - 1, index);
    result.store(i * width, width, table.load(index * width, width).data());
  }
}

static void lastToken(graph::LastTokenOp op, Operands operands,
                      Tensor &result) {
  const Tensor &input = operands[0];
  int64_t tokens = input.dim(1), width = input.dim(2);
  for (int64_t row = 0; row < input.dim(0); ++row) {
    int64_t length = op.getLengths() ? operands[1].ints()[row] : tokens;
    if (length < 1 || length > tokens)
      throw fault(op, "row {}: expected a length of 1 to {}, got {}", row,
                  tokens, length);
    copy(input, (row * tokens + length - 1) * width, result, row * width,
         width);
  }
}

static void transpose(graph::TransposeOp op, Operands operands,
                      Tensor &result) {
  const Tensor &input = operands[0];
  size_t rank = input.shape.size();
  for (int64_t i = 0; i < result.elements(); ++i) {
    int64_t rest = i, source = 0;
    for (size_t d = rank; d-- > 0; rest /= result.shape[d])
      source += rest % result.shape[d] *
                input.elementsBelow(size_t(op.getPermutation()[d]) + 1);
    copy(input, source, result, i, 1);
  }
}

static void slice(graph::SliceOp op, Operands operands, Tensor &result) {
  const Tensor &input = operands[0];
  int64_t below = input.elementsBelow(size_t(op.getAxis()) + 1);
  int64_t period = input.dim(int64_t(op.getAxis())) * below;
  int64_t count = int64_t(op.getSize()) * below, to = 0;
  for (int64_t from = 0; count != 0 && from < input.elements();
       from += period, to += count)
    copy(input, from + int64_t(op.getStart()) * below, result, to, count);
}

static void concat(graph::ConcatOp op, Operands operands, Tensor &result) {
  size_t axis = size_t(op.getAxis());
  int64_t period = result.elementsBelow(axis), offset = 0;
  for (const Tensor &input : operands) {
    int64_t count = input.elementsBelow(axis);
    for (int64_t from = 0, to = offset; from < input.elements();
         from += count, to += period)
      copy(input, from, result, to, count);
    offset += count;
  }
}

bool reference::evaluateMovement(Operation *op, Operands operands,
                                 Tensor &result) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case(
          [&](graph::GatherOp o) { return gather(o, operands, result), true; })
      .Case([&](graph::LastTokenOp o) {
        return lastToken(o, operands, result), true;
      })
      .Case([&](graph::TransposeOp o) {
        return transpose(o, operands, result), true;
      })
      .Case([&](graph::SliceOp o) { return slice(o, operands, result), true; })
      .Case(
          [&](graph::ConcatOp o) { return concat(o, operands, result), true; })
      .Case<graph::ReshapeOp, graph::RelayoutOp>([&](Operation *) {
        result.bytes = operands[0].bytes;
        return true;
      })
      .Default(false);
}
