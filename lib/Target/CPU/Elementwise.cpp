//===- Elementwise.cpp - the elementwise family ---------------------------===//
// One pass over the elements; the fused operations of a register at a time.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

Value cpu::emitElementwise(KernelEmitter &emitter, Operation *op,
                           ValueRange operands) {
  auto &b = emitter.b;
  if (isa<graph::AddOp>(op))
    return arith::AddFOp::create(b, operands[0], operands[1]);
  if (isa<graph::MulOp>(op))
    return arith::MulFOp::create(b, operands[0], operands[1]);
  if (isa<graph::NegOp>(op))
    return arith::NegFOp::create(b, operands[0]);
  return {};
}

static LogicalResult emit(KernelEmitter &emitter) {
  Operation *root = rootOf(emitter.kernel);
  const Tensor &shape = emitter.result(0);
  auto [from, to] = emitter.share(emitter.rows(shape));
  LogicalResult status = success();
  emitter.loop(from, to, 1, [&](Value row) {
    emitter.columnLoop(emitter.columns(shape), [&](Value column, Value mask) {
      Position position{row, column, emitter.columns(shape), mask};
      DenseMap<Value, Value> values;
      for (Value operand : root->getOperands()) {
        const Tensor &tensor = emitter.operand(operand);
        Value offset = emitter.add(emitter.mul(row, position.columns), column);
        values[operand] =
            emitter.load(emitter.at(tensor.pointer, tensor.element(), offset),
                         tensor.element(), mask);
      }
      SmallVector<std::function<void()>> stores;
      if (failed(emitEpilogue(emitter, values, position, stores)))
        status = failure();
      for (auto &store : stores)
        store();
    });
  });
  return status;
}

const Family cpu::elementwiseFamily = {
    "elementwise",
    [](Operation *root) { return isa<graph::Elementwise>(root); }, emit,
    fitsEpilogue};
