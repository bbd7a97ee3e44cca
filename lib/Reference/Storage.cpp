//===- Storage.cpp - constants, positions, appending to state -------------===//
// `weight`, `cache` and `length` need the session and are the interpreter's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"

#include <cstring>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

static void append(graph::AppendOp op, Operands operands, Tensor &result) {
  const Tensor &state = operands[0], &values = operands[1], &past = operands[2];
  int64_t capacity = state.dim(1), tokens = values.dim(1);
  int64_t width = state.elementsBelow(2) * dtypeBytes(state.dtype);
  for (int64_t row = 0; row < values.dim(0); ++row) {
    int64_t first = past.ints()[row];
    if (first < 0 || first + tokens > capacity)
      throw fault(op,
                  "row {}: expected {} + {} positions within the "
                  "capacity of {}",
                  row, first, tokens, capacity);
  }
  result.bytes = state.bytes;
  for (int64_t row = 0; row < values.dim(0); ++row)
    std::memcpy(
        result.bytes.get() + (row * capacity + past.ints()[row]) * width,
        values.bytes.get() + row * tokens * width, size_t(tokens * width));
}

static void positions(graph::PositionsOp op, Operands operands,
                      Tensor &result) {
  int64_t tokens = result.dim(1);
  for (int64_t i = 0; i < result.elements(); ++i)
    result.ints()[i] = int32_t(
        i % tokens + (op.getPast() ? operands[1].ints()[i / tokens] : 0));
}

bool reference::evaluateStorage(Operation *op, Operands operands,
                                Tensor &result) {
  if (auto node = dyn_cast<graph::AppendOp>(op))
    return append(node, operands, result), true;
  if (auto node = dyn_cast<graph::PositionsOp>(op))
    return positions(node, operands, result), true;
  return false;
}
