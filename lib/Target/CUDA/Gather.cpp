//===- Gather.cpp - rows of a table ---------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::GatherOp>(rootOf(e.kernel));
  const Tensor &table = e.operand(op.getTable());
  const Tensor &indices = e.operand(op.getIndices());
  if (!table.type || !indices.type)
    return op.emitOpError("expected arguments as operands in a cuda kernel");
  const Tensor &space = e.result(0);
  int64_t width = PointEvaluator::width(e.kernel, space);
  return overPoints(e, space, width, /*flat=*/false, [&](Point &point) {
    // An index outside the table names the nearest row.
    Value last = e.sub(table.dims[0], 1);
    Value row = e.max(e.min(e.loadIndex(indices, point.row), last), e.index(0));
    Value offset = e.add(e.mul(row, e.columns(table)), point.column);
    Value vector = e.load(e.at(table.pointer, table.element(), offset),
                          table.element(), width);
    point.known[op.getResult()] =
        e.round(vector, getElementTypeOrSelf(op.getType()));
    return PointEvaluator(e, space).store(point);
  });
}

const Family cuda::gatherFamily = {
    "gather", [](Operation *op) { return isa<graph::GatherOp>(op); }, emit,
    fusesPointwise};
