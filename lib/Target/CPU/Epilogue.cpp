//===- Epilogue.cpp - fused elementwise operations in registers -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Codes.h"
#include "Elementwise.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static Type elementOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType();
}

/// The vector of an argument of the kernel at `position`.
static Value loadAt(KernelEmitter &emitter, const Tensor &tensor,
                    const Position &position) {
  if (tensor.type.hasStaticShape() && tensor.type.getNumElements() == 1)
    return emitter.broadcast(
        emitter.loadScalar(tensor.pointer, tensor.element()));
  Value offset = position.column;
  if (tensor.rank() > 1)
    offset = emitter.add(emitter.mul(position.row, position.columns), offset);
  return emitter.load(emitter.at(tensor.pointer, tensor.element(), offset),
                      tensor.element(), position.mask);
}

static void storeAt(KernelEmitter &emitter, Value pointer, Type element,
                    Value vector, const Position &position,
                    SmallVectorImpl<std::function<void()>> &stores) {
  Value address =
      emitter.at(pointer, element,
                 emitter.add(emitter.mul(position.row, position.columns),
                             position.column));
  stores.push_back([&emitter, element, vector, address, position] {
    emitter.store(vector, address, element, position.mask);
  });
}

LogicalResult cpu::emitEpilogue(KernelEmitter &emitter,
                                DenseMap<Value, Value> values,
                                const Position &position,
                                SmallVectorImpl<std::function<void()>> &stores,
                                Value staged) {
  DenseMap<Value, Value> loaded;
  auto read = [&](Value operand) -> Value {
    if (Value vector = values.lookup(operand))
      return emitter.round(vector, elementOf(operand));
    const Tensor &tensor = emitter.operand(operand);
    Value &vector = loaded[operand];
    if (!vector && tensor.pointer)
      vector = loadAt(emitter, tensor, position);
    return vector;
  };
  // A value follows from the root when one of its operands does.
  for (Operation &op : emitter.kernel.getBlock().without_terminator()) {
    if (op.getNumResults() != 1 || values.contains(op.getResult(0)) ||
        llvm::none_of(op.getOperands(),
                      [&](Value v) { return values.contains(v); }))
      continue;
    Value result;
    if (isElementwise(&op)) {
      SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), read);
      if (!llvm::all_of(operands, [](Value operand) { return !!operand; }))
        return op.emitOpError("expected operands that follow from the "
                              "kernel's root or are its arguments");
      result = emitElementwise(emitter.b, &op, operands);
    }
    if (!result)
      return op.emitOpError("cannot be part of a fused cpu kernel");
    values[op.getResult(0)] = result;
  }
  for (auto [index, returned] : llvm::enumerate(
           emitter.kernel.getBlock().getTerminator()->getOperands()))
    if (Value vector = values.lookup(returned);
        vector && !emitter.operand(returned).pointer) {
      const Tensor &result = emitter.result(index);
      storeAt(emitter, result.pointer, result.element(), vector, position,
              stores);
    }
  if (auto quantize = quantizeOf(emitter.kernel))
    storeAt(emitter, staged, emitter.b.getF32Type(), read(quantize.getInput()),
            position, stores);
  return success();
}

bool cpu::fitsEpilogue(Operation *root, Operation *consumer) {
  if (!isElementwise(consumer))
    return false;
  auto shape = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getShape();
  };
  int64_t columns = shape(root->getResult(0)).back();
  ArrayRef<int64_t> result = shape(consumer->getResult(0));
  return llvm::all_of(consumer->getOperands(), [&](Value operand) {
    auto type = cast<RankedTensorType>(operand.getType());
    bool vector = type.getRank() == 1 && type.getDimSize(0) == columns &&
                  result.back() == columns;
    bool single = type.hasStaticShape() && type.getNumElements() == 1;
    return type.getShape() == result || vector || single;
  });
}
