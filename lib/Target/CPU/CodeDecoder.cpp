//===- CodeDecoder.cpp - codes of small floats in registers ---------------===//
// Exact for every code: by tables of the two bytes of a bf16 where the CPU
// looks up bytes (VBMI), else by moving exponent and fraction into an f32's.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ScaledProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static constexpr int64_t kBytes = 64; ///< of a register

static Value constantBytes(KernelEmitter &e, ArrayRef<uint8_t> bytes) {
  auto type = VectorType::get({kBytes}, e.b.getI8Type());
  SmallVector<int8_t> values(bytes.begin(), bytes.end());
  return arith::ConstantOp::create(
      e.b, DenseElementsAttr::get(type, ArrayRef<int8_t>(values)));
}

/// Two tables of 128 bytes, one lookup each, and the sign; then the bytes of
/// the bf16 that the codes `order` names become, side by side.
std::array<Value, 2>
CodeDecoder::lookedUp(Value words,
                      function_ref<int64_t(int64_t half, int64_t i)> order) {
  auto type = VectorType::get({kBytes}, e.b.getI8Type());
  Value codes = vector::BitCastOp::create(e.b, type, words);
  auto lookUp = [&](int shift) {
    uint8_t bytes[2 * kBytes];
    for (int code = 0; code < 2 * kBytes; ++code)
      bytes[code] = uint8_t(
          llvm::bit_cast<uint32_t>(format.decode(uint8_t(code))) >> shift);
    Value low = constantBytes(e, ArrayRef(bytes, kBytes));
    Value high = constantBytes(e, ArrayRef(bytes + kBytes, kBytes));
    return e.intrinsic("avx512.vpermi2var.qi.512", type, {low, codes, high});
  };
  Value low = lookUp(16), high = lookUp(24);
  Value signs = arith::AndIOp::create(
      e.b, codes, constantBytes(e, SmallVector<uint8_t>(kBytes, 0x80)));
  high = arith::OrIOp::create(e.b, high, signs);
  std::array<Value, 2> halves;
  for (int64_t half = 0; half < 2; ++half) {
    SmallVector<int64_t> bytes;
    for (int64_t i = 0; i < kBytes / 2; ++i)
      bytes.append({order(half, i), kBytes + order(half, i)});
    halves[size_t(half)] = vector::BitCastOp::create(
        e.b, words.getType(), vector::ShuffleOp::create(e.b, low, high, bytes));
  }
  return halves;
}

/// Of each word codes 0 and 1, then 2 and 3.
static int64_t byPairs(int64_t half, int64_t i) {
  return i / 2 * kCodesOfWord + 2 * half + i % 2;
}

void CodeDecoder::copy(Value from, Value count, Value to) {
  Type i8 = e.b.getI8Type(), i32 = e.b.getI32Type(), bf16 = e.b.getBF16Type();
  if (!e.machine.looksUpBytes)
    return e.loop(e.index(0), count, e.lanes(), [&](Value i) {
      e.store(load(e.at(from, i8, i)), e.at(to, bf16, i), bf16);
    });
  e.loop(e.index(0), count, kBytes, [&](Value i) {
    Value address = e.at(from, i8, i);
    e.prefetchStream(address, kBytes);
    auto inOrder = [](int64_t half, int64_t i) {
      return kBytes / 2 * half + i;
    };
    for (auto [half, words] :
         llvm::enumerate(lookedUp(e.load(address, i32), inOrder)))
      e.store(words, e.at(to, bf16, e.add(i, kBytes / 2 * int64_t(half))), i32);
  });
}

std::array<Value, 2> CodeDecoder::pairs(Value words) {
  if (e.machine.looksUpBytes)
    return lookedUp(words, byPairs);
  std::array<Value, 2> pairs;
  for (int64_t half = 0; half < 2; ++half) {
    auto upper = [&](int64_t element) -> Value {
      return arith::BitcastOp::create(
          e.b, words.getType(), decodeFloat8(e.b, words, format, element));
    };
    Value first = arith::ShRUIOp::create(e.b, upper(2 * half), e.splatInt(16));
    Value second = arith::AndIOp::create(e.b, upper(2 * half + 1),
                                         e.splatInt(int32_t(0xffff0000)));
    pairs[size_t(half)] = arith::OrIOp::create(e.b, first, second);
  }
  return pairs;
}

std::array<Value, 4> CodeDecoder::values(Value words) {
  std::array<Value, 4> values;
  if (!e.machine.looksUpBytes) {
    for (int64_t element = 0; element < 4; ++element)
      values[size_t(element)] = decodeFloat8(e.b, words, format, element);
    return values;
  }
  Type f32 = e.vectorOf(e.b.getF32Type());
  for (auto [half, pair] : llvm::enumerate(lookedUp(words, byPairs))) {
    Value first = arith::ShLIOp::create(e.b, pair, e.splatInt(16));
    Value second =
        arith::AndIOp::create(e.b, pair, e.splatInt(int32_t(0xffff0000)));
    values[2 * half] = arith::BitcastOp::create(e.b, f32, first);
    values[2 * half + 1] = arith::BitcastOp::create(e.b, f32, second);
  }
  return values;
}

Value CodeDecoder::load(Value address) {
  Value bytes = LLVM::LoadOp::create(
      e.b, VectorType::get({e.lanes()}, e.b.getI8Type()), address,
      /*alignment=*/1);
  return decodeFloat8(
      e.b, arith::ExtUIOp::create(e.b, e.vectorOf(e.b.getI32Type()), bytes),
      format);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

/// 0 is 2^-127, a subnormal; 255 is NaN: both have the highest fraction bit.
Value cpu::ue8m0Values(KernelEmitter &e, Value bytes) {
  auto &b = e.b;
  auto is = [&](int32_t byte) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, bytes,
                                 e.splatInt(byte));
  };
  Value edge = arith::OrIOp::create(b, is(0), is(255));
  Value bits =
      arith::OrIOp::create(b, arith::ShLIOp::create(b, bytes, e.splatInt(23)),
                           e.select(edge, e.splatInt(0x400000), e.splatInt(0)));
  return arith::BitcastOp::create(b, e.vectorOf(b.getF32Type()), bits);
}

Value cpu::loadScales(KernelEmitter &e, Value address, Type element) {
  if (element.isF32())
    return e.load(address, element);
  Value bytes = LLVM::LoadOp::create(e.b, VectorType::get({e.lanes()}, element),
                                     address, /*alignment=*/1);
  return ue8m0Values(
      e, arith::ExtUIOp::create(e.b, e.vectorOf(e.b.getI32Type()), bytes));
}

Value cpu::loadScale(KernelEmitter &e, Value address, Type element) {
  if (element.isF32())
    return e.broadcast(e.loadScalar(address, element));
  Value byte = LLVM::LoadOp::create(e.b, element, address, /*alignment=*/1);
  byte = arith::ExtUIOp::create(e.b, e.b.getI32Type(), byte);
  return ue8m0Values(e, e.broadcast(byte));
}
