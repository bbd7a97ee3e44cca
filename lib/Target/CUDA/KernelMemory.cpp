//===- KernelMemory.cpp - loads, stores, conversions, warps ---------------===//
// The part of KernelEmitter about values in registers and memory.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelEmitter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Floats narrower than f32 compute in f32.
static bool isNarrow(Type element) {
  return isa<FloatType>(element) && element.getIntOrFloatBitWidth() < 32;
}

static VectorType vectorOf(Type element, int64_t width) {
  return VectorType::get({width}, element);
}

static int64_t widthOf(Value vector) {
  return cast<VectorType>(vector.getType()).getNumElements();
}

//===----------------------------------------------------------------------===//
// Vectors
//===----------------------------------------------------------------------===//

Value KernelEmitter::real(double value) {
  return arith::ConstantOp::create(b, b.getF32FloatAttr(float(value)));
}

Value KernelEmitter::splat(double value, int64_t width) {
  return arith::ConstantOp::create(
      b, DenseElementsAttr::get(vectorOf(b.getF32Type(), width), float(value)));
}

Value KernelEmitter::broadcast(Value scalar, int64_t width) {
  return vector::BroadcastOp::create(b, vectorOf(scalar.getType(), width),
                                     scalar);
}

Value KernelEmitter::element(Value vector, int64_t index) {
  return vector::ExtractOp::create(b, vector, index);
}

Value KernelEmitter::collect(ValueRange scalars) {
  return vector::FromElementsOp::create(
      b, vectorOf(scalars[0].getType(), int64_t(scalars.size())), scalars);
}

Value KernelEmitter::narrowed(Value vector, Type element) {
  if (element.isBF16())
    use(Instruction::ConvertBf16);
  Value narrow =
      arith::TruncFOp::create(b, vectorOf(element, widthOf(vector)), vector);
  return arith::BitcastOp::create(b, vectorOf(b.getI16Type(), widthOf(vector)),
                                  narrow);
}

Value KernelEmitter::widened(Value bits, Type element) {
  VectorType f32 = vectorOf(b.getF32Type(), widthOf(bits));
  if (!element.isBF16())
    return arith::ExtFOp::create(
        b, f32,
        Value(arith::BitcastOp::create(b, vectorOf(element, widthOf(bits)),
                                       bits)));
  VectorType words = vectorOf(b.getI32Type(), widthOf(bits));
  Value shift =
      arith::ConstantOp::create(b, DenseElementsAttr::get(words, int32_t(16)));
  return arith::BitcastOp::create(
      b, f32,
      Value(arith::ShLIOp::create(
          b, Value(arith::ExtUIOp::create(b, words, bits)), shift)));
}

Value KernelEmitter::round(Value vector, Type element) {
  return isNarrow(element) ? widened(narrowed(vector, element), element)
                           : vector;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KernelEmitter::at(Value pointer, Type element, Value offset) {
  return LLVM::GEPOp::create(b, pointer.getType(), element, pointer,
                             ValueRange{offset},
                             LLVM::GEPNoWrapFlags::inbounds);
}

/// What `width` elements are moved as: whole words where they are some.
static VectorType movedAs(OpBuilder &b, Type element, int64_t width) {
  unsigned bits = element.getIntOrFloatBitWidth();
  if (!isNarrow(element))
    return vectorOf(element, width);
  if (bits * width % 32)
    return vectorOf(b.getIntegerType(bits), width);
  return vectorOf(b.getI32Type(), bits * width / 32);
}

/// As scalars where it is one: the llvm dialect's vectors of one are clumsy.
static Type inMemory(VectorType type) {
  return type.getNumElements() == 1 ? type.getElementType() : Type(type);
}

Value KernelEmitter::load(Value pointer, Type element, int64_t width,
                          Value condition) {
  VectorType moved = movedAs(b, element, width);
  unsigned bytes = element.getIntOrFloatBitWidth() / 8 * unsigned(width);
  auto read = [&]() -> SmallVector<Value> {
    Value value = LLVM::LoadOp::create(b, inMemory(moved), pointer, bytes);
    if (moved.getNumElements() == 1)
      value = vector::BroadcastOp::create(b, moved, value);
    return {value};
  };
  Value value = condition ? choose(condition, read,
                                   [&]() -> SmallVector<Value> {
                                     return {arith::ConstantOp::create(
                                         b, b.getZeroAttr(moved))};
                                   })[0]
                          : read()[0];
  if (!isNarrow(element))
    return value;
  VectorType bits =
      vectorOf(b.getIntegerType(element.getIntOrFloatBitWidth()), width);
  if (moved != bits)
    value = vector::BitCastOp::create(b, bits, value);
  return widened(value, element);
}

void KernelEmitter::store(Value vector, Value pointer, Type element,
                          Value condition) {
  int64_t width = widthOf(vector);
  VectorType moved = movedAs(b, element, width);
  unsigned bytes = element.getIntOrFloatBitWidth() / 8 * unsigned(width);
  if (isNarrow(element)) {
    vector = narrowed(vector, element);
    if (moved != vector.getType())
      vector = vector::BitCastOp::create(b, moved, vector);
  }
  if (moved.getNumElements() == 1)
    vector = this->element(vector, 0);
  when(condition, [&] { LLVM::StoreOp::create(b, vector, pointer, bytes); });
}

Value KernelEmitter::loadScalar(Value pointer, Type element) {
  return this->element(load(pointer, element, 1), 0);
}

Value KernelEmitter::loadIndex(const Tensor &tensor, Value offset) {
  Value word = loadScalar(at(tensor.pointer, tensor.element(), offset),
                          tensor.element());
  return arith::ExtSIOp::create(b, b.getI64Type(), word);
}

Value KernelEmitter::table(ArrayRef<float> values) {
  Type f32 = b.getF32Type();
  auto tensor = RankedTensorType::get({int64_t(values.size())}, f32);
  OpBuilder outside = OpBuilder::atBlockBegin(&code.getBody().front());
  auto global = LLVM::GlobalOp::create(
      outside, b.getLoc(), LLVM::LLVMArrayType::get(f32, values.size()),
      /*isConstant=*/true, LLVM::Linkage::Internal,
      (kernel.getSymName() + "_table_" + Twine(tables++)).str(),
      DenseElementsAttr::get(tensor, values), /*alignment=*/16,
      /*addrSpace=*/1);
  return LLVM::AddressOfOp::create(b, global);
}

//===----------------------------------------------------------------------===//
// Warps and blocks
//===----------------------------------------------------------------------===//

void KernelEmitter::barrier() { NVVM::BarrierOp::create(b); }

Value KernelEmitter::shuffleXor(Value x, int64_t mask) {
  Type type = x.getType();
  auto one = [&](Value word) -> Value {
    return NVVM::ShflOp::create(b, word.getType(), number(-1), word,
                                number(mask), number(kWarp - 1),
                                NVVM::ShflKind::bfly, UnitAttr());
  };
  if (type.getIntOrFloatBitWidth() == 32)
    return one(x);
  // A double goes as two words.
  VectorType words = vectorOf(b.getI32Type(), 2);
  Value pair = LLVM::BitcastOp::create(b, words, x);
  pair = collect({one(element(pair, 0)), one(element(pair, 1))});
  return LLVM::BitcastOp::create(b, type, pair);
}

Value KernelEmitter::reduceWarp(Value x, function_ref<Value(Value, Value)> join,
                                int64_t lanes) {
  for (int64_t half = lanes / 2; half; half /= 2)
    x = join(x, shuffleXor(x, half));
  return x;
}

Value KernelEmitter::intrinsic(StringRef name, Type result,
                               ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(
             b, result, b.getStringAttr("llvm.nvvm." + name), operands)
      .getResult(0);
}

Value KernelEmitter::exp2(Value x) {
  return intrinsic("ex2.approx.ftz.f32", x.getType(), x);
}
