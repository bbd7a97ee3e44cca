//===- Elementwise.cpp - kernels of elementwise operations ----------------===//
// A thread computes a few neighbouring elements, as many as one access moves.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kThreads = 256;

LogicalResult cuda::overPoints(KernelEmitter &e, const Tensor &space,
                               int64_t width, bool flat,
                               function_ref<LogicalResult(Point &)> body) {
  LaunchShape shape;
  shape.threads = kThreads;
  shape.grid[0] =
      KernelEmitter::extent(space, 0, space.rank(), kThreads * width);
  e.begin(shape);
  Value unit = e.add(e.mul(e.wide(e.block(0)), kThreads), e.wide(e.thread));
  Value total = e.div(e.product(space, 0, space.rank()), width);
  LogicalResult status = success();
  e.when(e.less(unit, total), [&] {
    Point point{{}, e.mul(unit, width), width};
    if (!flat && space.rank() > 0) {
      Value columns = e.div(e.columns(space), width);
      point.row = e.div(unit, columns);
      point.column = e.mul(e.sub(unit, e.mul(point.row, columns)), width);
    }
    status = body(point);
  });
  return status;
}

static LogicalResult emit(KernelEmitter &e) {
  if (llvm::any_of(e.kernel.getBlock(),
                   [](Operation &op) { return isRowOp(&op); }))
    return rowsFamily.emit(e);
  const Tensor &space = e.result(0);
  return overPoints(e, space, PointEvaluator::width(e.kernel, space),
                    PointEvaluator::isFlat(e.kernel, space), [&](Point &point) {
                      return PointEvaluator(e, space).store(point);
                    });
}

/// Elementwise consumers, and a norm or softmax of the root itself.
static bool canFuse(Operation *root, Operation *consumer) {
  return fusesPointwise(root, consumer) ||
         (isRowOp(consumer) && consumer->getOperand(0) == root->getResult(0));
}

const Family cuda::elementwiseFamily = {"elementwise", isElementwise, emit,
                                        canFuse};
