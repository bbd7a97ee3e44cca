//===- Gather.cpp - rows of a table ---------------------------------------===//
// Reads the row-major table, or the panels that a linear layer multiplies by.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Elements `stride` apart, as an f32 vector.
static Value loadStrided(KernelEmitter &e, Value pointer, Type element,
                         int64_t stride, Value mask) {
  auto &b = e.b;
  SmallVector<int64_t> offsets;
  for (int64_t lane = 0; lane < e.lanes(); ++lane)
    offsets.push_back(lane * stride);
  Value lanes = arith::ConstantOp::create(
      b, DenseElementsAttr::get(e.vectorOf(b.getI64Type()),
                                ArrayRef<int64_t>(offsets)));
  Type pointers = VectorType::get({e.lanes()}, pointer.getType());
  Value addresses =
      LLVM::GEPOp::create(b, pointers, element, pointer, ValueRange{lanes});
  if (!mask)
    mask = e.mask(e.index(e.lanes()));
  VectorType type = e.vectorOf(element);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value vector = LLVM::masked_gather::create(
      b, type, addresses, mask, zero, element.getIntOrFloatBitWidth() / 8);
  if (element.isF32())
    return vector;
  return arith::ExtFOp::create(b, e.vectorOf(b.getF32Type()), vector);
}

/// The row an index names; an index outside the table names the nearest.
static Value tableRow(KernelEmitter &e, const Tensor &table,
                      const Tensor &indices, Value position) {
  Value word = e.loadScalar(e.at(indices.pointer, indices.element(), position),
                            indices.element());
  Value row = arith::ExtSIOp::create(e.b, e.b.getI64Type(), word);
  Value last = e.sub(table.dims[0], e.index(1));
  return e.max(e.min(row, last), e.index(0));
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::GatherOp>(rootOf(e.kernel));
  const Tensor &table = e.operand(op.getTable());
  const Tensor &indices = e.operand(op.getIndices());
  if (!table.pointer || !indices.pointer)
    return op.emitOpError("expected arguments as operands in a cpu kernel");
  graph::LayoutAttr layout = graph::layoutOf(table.type);
  int64_t width = layout ? layout.getWidth() : 1;
  const Tensor &space = e.result(0);
  PointEvaluator points(e, space);
  Value columns = e.columns(table);
  Type element = table.element();
  LogicalResult status = success();
  auto [from, to] = e.share(e.product(indices, 0, indices.rank()));
  e.loop(from, to, 1, [&](Value position) {
    points.enterRow(position);
    // [V/W][H][W]: a row-major table is the same with panels of one.
    Value row = tableRow(e, table, indices, position);
    Value panel = e.mul(e.div(row, e.index(width)), e.mul(columns, width));
    Value first = e.add(panel, e.rem(row, e.index(width)));
    e.columnLoop(columns, [&](Value column, Value mask) {
      Value pointer =
          e.at(table.pointer, element, e.add(first, e.mul(column, width)));
      Value vector = layout ? loadStrided(e, pointer, element, width, mask)
                            : e.load(pointer, element, mask);
      PointEvaluator::Point point{column, mask};
      point.known[op.getResult()] =
          e.round(vector, getElementTypeOrSelf(op.getType()));
      status = points.store(point);
    });
  });
  return status;
}

static bool heads(Operation *root) { return isa<graph::GatherOp>(root); }

const Family cpu::gatherFamily = {"gather", heads, emit, fusesPointwise};
