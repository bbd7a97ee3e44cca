//===- PointEvaluator.cpp - values of a kernel at a position --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

graph::SymbolicShape cpu::shapeOf(Value value, launch::KernelOp kernel,
                                  ArrayRef<graph::SymbolicShape> operands) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return operands[argument.getArgNumber()];
  Operation *op = value.getDefiningOp();
  SmallVector<graph::SymbolicShape> inputs, results;
  for (Value operand : op->getOperands())
    inputs.push_back(shapeOf(operand, kernel, operands));
  unsigned unused = 0;
  auto inference = dyn_cast<graph::ShapeInference>(op);
  if (!inference || failed(inference.inferShapes(
                        inputs, results, [&] { return op->emitOpError(); })))
    return graph::symbolicShape(cast<RankedTensorType>(value.getType()),
                                unused);
  return results[cast<OpResult>(value).getResultNumber()];
}

/// Does a dimension of `size` repeat along one of `spaceSize`?
static bool repeats(int64_t size, int64_t spaceSize) {
  return size == 1 && spaceSize != 1;
}

static bool isSingle(RankedTensorType type) {
  return type.hasStaticShape() && type.getNumElements() == 1;
}

bool PointEvaluator::isFlat(KernelEmitter &emitter, const Tensor &space) {
  Block &block = emitter.kernel.getBlock();
  auto fits = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return isSingle(type) || type.getShape() == space.type.getShape();
  };
  return llvm::all_of(block.getArguments(), fits) &&
         llvm::all_of(block.getOps<graph::ConstantOp>(),
                      [&](auto op) { return fits(op); });
}

Tensor cpu::tableOf(KernelEmitter &emitter, graph::ConstantOp op) {
  auto type = cast<RankedTensorType>(op.getType());
  SmallVector<float> words; // 32 bits, whatever they are
  auto elements = cast<DenseElementsAttr>(op.getValue());
  Type element = type.getElementType();
  if (element.isInteger(32)) {
    for (APInt value : elements.getValues<APInt>())
      words.push_back(llvm::bit_cast<float>(int32_t(value.getSExtValue())));
  } else {
    for (APFloat value : elements.getValues<APFloat>()) {
      bool exact;
      value.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven,
                    &exact);
      words.push_back(value.convertToFloat());
    }
    element = emitter.b.getF32Type();
  }
  Tensor tensor;
  tensor.pointer = emitter.table(words);
  tensor.type = type.clone(element);
  for (int64_t size : type.getShape())
    tensor.dims.push_back(emitter.index(size));
  return tensor;
}

PointEvaluator::PointEvaluator(KernelEmitter &emitter, const Tensor &space,
                               bool flat)
    : emitter(emitter), space(space), flat(flat) {
  Block &block = emitter.kernel.getBlock();
  for (BlockArgument argument : block.getArguments())
    if (cast<RankedTensorType>(argument.getType()).getRank() <=
        space.type.getRank())
      memory[argument] = emitter.operand(argument);
  for (auto constant : block.getOps<graph::ConstantOp>())
    memory[constant] = tableOf(emitter, constant);
}

PointEvaluator::Address PointEvaluator::addressOf(const Tensor &tensor,
                                                  Value row) {
  ArrayRef<int64_t> shape = tensor.type.getShape();
  ArrayRef<int64_t> spaceShape = space.type.getShape();
  Value zero = emitter.index(0);
  if (isSingle(tensor.type) && !isSingle(space.type))
    return {zero, true};
  if (flat || shape.empty())
    return {zero, false};
  int64_t missing = int64_t(spaceShape.size() - shape.size());
  bool repeated = repeats(shape.back(), spaceShape.back());
  Value columns = tensor.dims.back();
  bool broadcast = missing > 0;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    broadcast |= repeats(shape[i], spaceShape[missing + i]);
  if (!broadcast)
    return {emitter.mul(row, columns), repeated};
  // The row's coordinates, innermost first.
  Value offset = zero, stride = columns, rest = row;
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i) {
    Value size = space.dims[missing + i];
    if (!repeats(shape[i], spaceShape[missing + i]))
      offset =
          emitter.add(offset, emitter.mul(emitter.rem(rest, size), stride));
    rest = emitter.div(rest, size);
    stride = emitter.mul(stride, tensor.dims[i]);
  }
  return {offset, repeated};
}

void PointEvaluator::enterRow(Value row) {
  this->row = row;
  addresses.clear();
  for (auto &[value, tensor] : memory)
    addresses[value] = addressOf(tensor, row);
}

Value PointEvaluator::load(Value value, const Tensor &tensor, Point &point) {
  Address address = addresses.lookup(value);
  Type element = tensor.element();
  if (address.repeated)
    return emitter.broadcast(emitter.loadScalar(
        emitter.at(tensor.pointer, element, address.offset), element));
  Value offset = emitter.add(address.offset, point.column);
  return emitter.load(emitter.at(tensor.pointer, element, offset), element,
                      point.mask);
}

Value PointEvaluator::evaluate(Value value, Point &point) {
  if (Value known = point.known.lookup(value))
    return known;
  if (auto found = memory.find(value); found != memory.end())
    return point.known[value] = load(value, found->second, point);
  Operation *op = value.getDefiningOp();
  if (!op || !isElementwise(op)) {
    emitter.kernel.emitError()
        << "expected an elementwise operation or an argument of the result's "
           "rank in a fused cpu kernel, got "
        << value;
    return {};
  }
  SmallVector<Value> operands;
  for (Value operand : op->getOperands()) {
    Value vector = evaluate(operand, point);
    if (!vector)
      return {};
    operands.push_back(vector);
  }
  Value result = emitElementwise(emitter.b, op, operands);
  if (!result) {
    op->emitOpError("has no cpu implementation");
    return {};
  }
  return point.known[value] =
             emitter.round(result, getElementTypeOrSelf(value.getType()));
}

LogicalResult PointEvaluator::store(Point &point,
                                    function_ref<bool(Value)> wanted) {
  SmallVector<std::pair<const Tensor *, Value>> stores;
  for (auto [index, value] : llvm::enumerate(
           emitter.kernel.getBlock().getTerminator()->getOperands())) {
    if (!wanted(value))
      continue;
    const Tensor &result = emitter.result(index);
    if (result.type.getShape() != space.type.getShape())
      return emitter.kernel.emitError()
             << "expected results of one shape in a fused cpu kernel, got "
             << result.type << " and " << space.type;
    Value vector = evaluate(value, point);
    if (!vector)
      return failure();
    stores.push_back({&result, vector});
  }
  Value offset = point.column;
  if (!flat)
    offset = emitter.add(emitter.mul(row, emitter.columns(space)), offset);
  for (auto [result, vector] : stores)
    emitter.store(vector,
                  emitter.at(result->pointer, result->element(), offset),
                  result->element(), point.mask);
  return success();
}
