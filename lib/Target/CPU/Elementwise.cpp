//===- Elementwise.cpp - kernels of elementwise operations ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static LogicalResult emitFlat(KernelEmitter &emitter, const Tensor &space) {
  PointEvaluator points(emitter, space, /*flat=*/true);
  Value total = emitter.product(space, 0, space.rank());
  auto [from, to] = emitter.share(emitter.ceilDiv(total, emitter.lanes()));
  Value first = emitter.mul(from, emitter.lanes());
  Value last = emitter.min(emitter.mul(to, emitter.lanes()), total);
  points.enterRow(emitter.index(0));
  LogicalResult status = success();
  // Without units of work, `last` may lie before `first`.
  Value count = emitter.max(emitter.sub(last, first), emitter.index(0));
  emitter.columnLoop(count, [&](Value column, Value mask) {
    PointEvaluator::Point point{emitter.add(first, column), mask};
    status = points.store(point);
  });
  return status;
}

static LogicalResult emit(KernelEmitter &emitter) {
  if (llvm::any_of(emitter.kernel.getBlock(),
                   [](Operation &op) { return isRowOp(&op); }))
    return rowsFamily.emit(emitter);
  const Tensor &space = emitter.result(0);
  if (PointEvaluator::isFlat(emitter, space))
    return emitFlat(emitter, space);
  PointEvaluator points(emitter, space);
  auto [from, to] = emitter.share(emitter.rows(space));
  LogicalResult status = success();
  emitter.loop(from, to, 1, [&](Value row) {
    points.enterRow(row);
    emitter.columnLoop(emitter.columns(space), [&](Value column, Value mask) {
      PointEvaluator::Point point{column, mask};
      status = points.store(point);
    });
  });
  return status;
}

/// Elementwise consumers, and a norm or softmax of the root itself.
static bool canFuse(Operation *root, Operation *consumer) {
  return fusesPointwise(root, consumer) ||
         (isRowOp(consumer) && !isa<graph::PoolOp>(consumer) &&
          consumer->getOperand(0) == root->getResult(0));
}

const Family cpu::elementwiseFamily = {"elementwise", isElementwise, emit,
                                       canFuse, rowsFamily.scratch};
