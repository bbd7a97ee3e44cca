//===- PointEvaluator.cpp - values of a kernel at a position --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "PointEvaluator.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Does a dimension of `size` repeat along one of `spaceSize`?
static bool repeats(int64_t size, int64_t spaceSize) {
  return size == 1 && spaceSize != 1;
}

static bool isSingle(RankedTensorType type) {
  return type.hasStaticShape() && type.getNumElements() == 1;
}

/// A constant's elements in memory, as f32 or i32.
static Tensor tableOf(KernelEmitter &e, graph::ConstantOp op) {
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
    element = e.b.getF32Type();
  }
  Tensor tensor;
  tensor.pointer = e.table(words);
  tensor.type = type.clone(element);
  for (int64_t size : type.getShape())
    tensor.dims.push_back(e.index(size));
  return tensor;
}

PointEvaluator::PointEvaluator(KernelEmitter &e, const Tensor &space)
    : e(e), space(space) {
  Block &block = e.kernel.getBlock();
  for (BlockArgument argument : block.getArguments())
    if (cast<RankedTensorType>(argument.getType()).getRank() <=
        space.type.getRank())
      memory[argument] = e.operand(argument);
  for (auto constant : block.getOps<graph::ConstantOp>())
    memory[constant] = tableOf(e, constant);
}

bool PointEvaluator::isFlat(launch::KernelOp kernel, const Tensor &space) {
  auto fits = [&](Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return isSingle(type) || type.getShape() == space.type.getShape();
  };
  Block &block = kernel.getBlock();
  return llvm::all_of(block.getArguments(), fits) &&
         llvm::all_of(block.getOps<graph::ConstantOp>(),
                      [&](auto op) { return fits(op); });
}

int64_t PointEvaluator::width(launch::KernelOp kernel, const Tensor &space) {
  if (space.rank() == 0 || space.type.isDynamicDim(space.rank() - 1))
    return 1;
  // Elements of 4 bytes: 4 are what one access moves.
  bool words = llvm::any_of(kernel.getResultTypes(), [](Type type) {
    return getElementTypeOrSelf(type).getIntOrFloatBitWidth() == 32;
  });
  int64_t columns = space.type.getShape().back(), width = words ? 4 : 8;
  while (columns % width)
    width /= 2;
  return width;
}

PointEvaluator::Address PointEvaluator::addressOf(const Tensor &tensor,
                                                  const Point &point) {
  ArrayRef<int64_t> shape = tensor.type.getShape();
  ArrayRef<int64_t> spaceShape = space.type.getShape();
  Value zero = e.index(0);
  if (isSingle(tensor.type) && !isSingle(space.type))
    return {zero, true};
  if (!point.row || shape.empty())
    return {zero, false};
  int64_t missing = int64_t(spaceShape.size() - shape.size());
  bool repeated = repeats(shape.back(), spaceShape.back());
  Value columns = tensor.dims.back();
  bool broadcast = missing > 0;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    broadcast |= repeats(shape[i], spaceShape[missing + int64_t(i)]);
  if (!broadcast)
    return {e.mul(point.row, columns), repeated};
  // The row's coordinates, innermost first.
  Value offset = zero, stride = columns, rest = point.row;
  for (int64_t i = int64_t(shape.size()) - 2; i >= 0; --i) {
    Value size = space.dims[size_t(missing + i)];
    if (!repeats(shape[size_t(i)], spaceShape[size_t(missing + i)]))
      offset = e.add(offset, e.mul(e.rem(rest, size), stride));
    rest = e.div(rest, size);
    stride = e.mul(stride, tensor.dims[size_t(i)]);
  }
  return {offset, repeated};
}

Value PointEvaluator::load(const Tensor &tensor, const Point &point) {
  Address address = addressOf(tensor, point);
  Type element = tensor.element();
  if (address.repeated)
    return e.broadcast(
        e.element(e.load(e.at(tensor.pointer, element, address.offset), element,
                         1, point.condition),
                  0),
        point.width);
  Value offset = e.add(address.offset, point.column);
  return e.load(e.at(tensor.pointer, element, offset), element, point.width,
                point.condition);
}

Value PointEvaluator::evaluate(Value value, Point &point) {
  if (Value known = point.known.lookup(value))
    return known;
  if (auto found = memory.find(value); found != memory.end())
    return point.known[value] = load(found->second, point);
  Operation *op = value.getDefiningOp();
  if (!op || !isElementwise(op)) {
    e.kernel.emitError()
        << "expected an elementwise operation or an argument of the result's "
           "rank in a fused cuda kernel, got "
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
  Value result = emitElementwise(e.b, op, operands);
  if (!result) {
    op->emitOpError("has no cuda implementation");
    return {};
  }
  return point.known[value] =
             e.round(result, getElementTypeOrSelf(value.getType()));
}

LogicalResult PointEvaluator::store(Point &point,
                                    function_ref<bool(Value)> wanted) {
  SmallVector<std::pair<const Tensor *, Value>> stores;
  for (auto [index, value] :
       llvm::enumerate(e.kernel.getBlock().getTerminator()->getOperands())) {
    if (!wanted(value))
      continue;
    const Tensor &result = e.result(unsigned(index));
    if (result.type.getShape() != space.type.getShape())
      return e.kernel.emitError()
             << "expected results of one shape in a fused cuda kernel, got "
             << result.type << " and " << space.type;
    Value vector = evaluate(value, point);
    if (!vector)
      return failure();
    stores.push_back({&result, vector});
  }
  Value offset = point.column;
  if (point.row)
    offset = e.add(e.mul(point.row, e.columns(space)), offset);
  for (auto [result, vector] : stores)
    e.store(vector, e.at(result->pointer, result->element(), offset),
            result->element(), point.condition);
  return success();
}
