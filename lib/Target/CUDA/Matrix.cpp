//===- Matrix.cpp - matrix instructions and their tiles -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Matrix.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

std::array<Value, 4> MatrixEmitter::load(Value address, bool transposed) {
  e.use(Instruction::LoadMatrix);
  Type i32 = b.getI32Type();
  auto type = LLVM::LLVMStructType::getLiteral(b.getContext(),
                                               SmallVector<Type>(4, i32));
  Value loaded = NVVM::LdMatrixOp::create(
      b, type, address, 4,
      transposed ? NVVM::MMALayout::col : NVVM::MMALayout::row,
      NVVM::LdStMatrixShapeAttr::get(b.getContext(), 8, 8),
      NVVM::LdStMatrixEltType::B16);
  std::array<Value, 4> parts;
  for (int64_t i = 0; i < 4; ++i)
    parts[size_t(i)] = LLVM::ExtractValueOp::create(b, loaded, i);
  return parts;
}

void MatrixEmitter::multiply(ArrayRef<Value> left, ArrayRef<Value> right,
                             MutableArrayRef<Value> sums, Type element) {
  bool isBf16 = element.isBF16();
  e.use(isBf16 ? Instruction::MmaBf16 : Instruction::MmaF16);
  auto typed = [&](ArrayRef<Value> registers) {
    return llvm::map_to_vector(registers, [&](Value word) -> Value {
      return isBf16 ? word
                    : LLVM::BitcastOp::create(b, VectorType::get({2}, element),
                                              word);
    });
  };
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(4, b.getF32Type()));
  NVVM::MMATypes kind = isBf16 ? NVVM::MMATypes::bf16 : NVVM::MMATypes::f16;
  Value product = NVVM::MmaOp::create(
      b, type, typed(left), typed(right), ValueRange(sums),
      ArrayRef<int64_t>{16, 8, 16}, std::nullopt, std::nullopt,
      std::array<NVVM::MMATypes, 2>{kind, kind},
      std::array<NVVM::MMALayout, 2>{NVVM::MMALayout::row,
                                     NVVM::MMALayout::col});
  for (int64_t i = 0; i < 4; ++i)
    sums[size_t(i)] = LLVM::ExtractValueOp::create(b, product, i);
}

Value MatrixEmitter::pack(Value low, Value high, Type element) {
  return LLVM::BitcastOp::create(b, b.getI32Type(),
                                 e.narrowed(e.collect({low, high}), element));
}

void MatrixEmitter::copy(Value shared, Value global, Value condition) {
  e.use(Instruction::CopyAsync);
  Value size =
      condition ? e.select(condition, e.number(16), e.number(0)) : Value();
  NVVM::CpAsyncOp::create(b, shared, global, 16,
                          NVVM::LoadCacheModifierKind::CG, size);
}

void MatrixEmitter::commit() { NVVM::CpAsyncCommitGroupOp::create(b); }

void MatrixEmitter::wait(int64_t pending) {
  NVVM::CpAsyncWaitGroupOp::create(b, uint32_t(pending));
}

Value cuda::swizzled(KernelEmitter &e, Value row, Value piece, int64_t bytes) {
  // A line of all banks is 128 bytes: two rows of 64, or a part of a longer
  // one.
  Value turn =
      bytes == 64 ? e.bitAnd(e.shiftRight(row, 1), 3) : e.bitAnd(row, 7);
  return e.add(e.mul(row, bytes), e.shiftLeft(e.bitXor(piece, turn), 4));
}
