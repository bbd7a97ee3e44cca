//===- Float8Bits.cpp - codes of small floats as integers -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/Float8Bits.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using arith::CmpIPredicate;

const Float8 &trine::float8Of(Type element) {
  return *findFloat8(isa<Float8E5M2Type>(element) ? "e5m2" : "e4m3fn");
}

Value trine::constantLike(ImplicitLocOpBuilder &b, Value like, int32_t number) {
  TypedAttr attr = b.getI32IntegerAttr(number);
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    attr =
        DenseElementsAttr::get(vector.clone(b.getI32Type()), Attribute(attr));
  return arith::ConstantOp::create(b, attr);
}

static Type floatLike(ImplicitLocOpBuilder &b, Value value) {
  auto vector = dyn_cast<VectorType>(value.getType());
  return vector ? Type(vector.clone(b.getF32Type())) : b.getF32Type();
}

static Value floats(ImplicitLocOpBuilder &b, Value bits) {
  return arith::BitcastOp::create(b, floatLike(b, bits), bits);
}

static Value bitsOf(ImplicitLocOpBuilder &b, Value x) {
  auto vector = dyn_cast<VectorType>(x.getType());
  Type i32 = b.getI32Type();
  return arith::BitcastOp::create(b, vector ? Type(vector.clone(i32)) : i32, x);
}

/// Exponent and fraction where an f32 has them, times the difference of the
/// biases, which is a power of two.
Value trine::decodeFloat8(ImplicitLocOpBuilder &b, Value words,
                          const Float8 &format, int64_t byte) {
  auto constant = [&](uint32_t n) {
    return constantLike(b, words, int32_t(n));
  };
  int place = 23 - format.fraction; // of a code's lowest bit
  Value top = words;
  if (byte < 3)
    top = arith::ShLIOp::create(b, top, constant(uint32_t(24 - 8 * byte)));
  Value placed = arith::AndIOp::create(
      b, arith::ShRSIOp::create(b, top, constant(uint32_t(24 - place))),
      constant(0x80000000u | 0x7fu << place));
  Value factor = floats(b, constant(llvm::bit_cast<uint32_t>(
                               std::ldexp(1.0f, 127 - format.bias))));
  Value value = arith::MulFOp::create(b, floats(b, placed), factor);
  // NaN, and what lies beyond the largest value.
  Value last = constant(uint32_t(format.overflow) << place);
  Value special = arith::CmpIOp::create(
      b, CmpIPredicate::eq, arith::AndIOp::create(b, placed, last), last);
  Value beyond =
      arith::OrIOp::create(b, bitsOf(b, value), constant(0x7f800000));
  return arith::SelectOp::create(b, special, floats(b, beyond), value);
}

/// Rounds in integers; below the least normal code by an addition.
Value trine::encodeFloat8(ImplicitLocOpBuilder &b, Value x,
                          const Float8 &format, bool saturate) {
  Value bits = bitsOf(b, x);
  auto constant = [&](int32_t n) { return constantLike(b, bits, n); };
  auto add = [&](Value x, int32_t y) -> Value {
    return arith::AddIOp::create(b, x, constant(y));
  };
  auto shift = [&](Value x, int32_t y) -> Value {
    return arith::ShRUIOp::create(b, x, constant(y));
  };
  auto when = [&](CmpIPredicate is, Value x, int32_t y, Value then,
                  Value other) -> Value {
    Value which = arith::CmpIOp::create(b, is, x, constant(y));
    return arith::SelectOp::create(b, which, then, other);
  };
  int32_t drop = 23 - format.fraction, infinity = 0x7f800000;
  int32_t least = (128 - format.bias) << 23, base = least + (drop << 23);
  Value size = arith::AndIOp::create(b, bits, constant(0x7fffffff));
  Value sum =
      arith::AddFOp::create(b, floats(b, size), floats(b, constant(base)));
  Value tiny = add(bitsOf(b, sum), -base);
  Value odd = arith::AndIOp::create(b, shift(size, drop), constant(1));
  Value rounded =
      add(arith::AddIOp::create(b, size, odd), (1 << (drop - 1)) - 1);
  Value code =
      add(shift(rounded, drop), -((127 - format.bias) << format.fraction));
  code = when(CmpIPredicate::slt, size, least, tiny, code);
  code = when(CmpIPredicate::sgt, code, format.largest,
              constant(saturate ? format.largest : format.overflow), code);
  code = when(CmpIPredicate::sgt, size, infinity, constant(format.nan), code);
  Value sign = arith::AndIOp::create(b, shift(bits, 24), constant(0x80));
  return arith::OrIOp::create(b, code, sign);
}
