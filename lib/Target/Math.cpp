//===- Math.cpp - float32 functions as vector arithmetic ------------------===//
// Coefficients are printed by tools/dev/fit-polynomials.py; error bounds are
// checked by test/unit/TargetCPU/MathTest.cpp.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <numbers>

using namespace mlir;
using namespace trine;

// e^r = 1 + r + r²·p(r) on |r| <= ln2/2, 2^r = 1 + r·p(r) on |r| <= 1/2,
// erf(x) = x·p(x²)/q(x²) on |x| <= 3.92.
static constexpr float kExp[] = {0.49999997f, 0.166665435f, 0.0416672006f,
                                 0.00836651865f, 0.00138825213f};
static constexpr float kExp2[] = {0.693147182f,   0.240226477f,
                                  0.0555033237f,  0.00961843692f,
                                  0.00133988739f, 0.00015353362f};
// 2^r on 0 <= r < 1.
static constexpr float kExp2Fraction[] = {0.693147063f,  0.240229309f,
                                          0.0554852821f, 0.00967545155f,
                                          0.0012467847f, 0.000216129149f};
// The same to 1e-4, for bf16.
static constexpr float kExp2Coarse[] = {0.693282902f, 0.242210954f,
                                        0.0550089292f};
static constexpr float kExp2FractionCoarse[] = {0.695116758f, 0.227644995f,
                                                0.0770670399f};
static constexpr float kErf[] = {2.23303866f,     0.376808047f,
                                 0.104388282f,    0.00745197292f,
                                 0.000563774025f, 4.05708943e-06f};
static constexpr float kErfDenominator[] = {1.97897899f,    0.993595958f,
                                            0.225818545f,   0.029623555f,
                                            0.00230060727f, 7.53826534e-05f};

// erf(x) = 1 - e^p(x) on 1 <= x <= 3.92.
static constexpr float kErfc[] = {-0.00267171953f, -1.11743844f,
                                  -0.65448904f,    -0.088634111f,
                                  0.014778099f,    -0.00115041924f};
// sin(π/2·x) = x·p(x²), cos(π/2·x) = 1 + x²·q(x²) on |x| <= 1/2.
static constexpr float kSin[] = {1.57079637f, -0.64596349f, 0.079680033f,
                                 -0.00460166018f};
static constexpr float kCos[] = {-1.23370051f, 0.253669232f, -0.0208601654f,
                                 0.000903766544f};

// ln2 in two parts; the first has trailing zeros, so that n times it is exact.
static constexpr double kLn2High = 0.693359375;
static constexpr double kLn2Low = std::numbers::ln2 - kLn2High;
// 1.5·2^23: adding it rounds to an integer, which the low bits then hold.
static constexpr double kRound = 12582912;

static Type withElement(Type like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like))
    return vector.clone(element);
  return element;
}

Value MathEmitter::splat(Value like, double value) {
  TypedAttr attr = FloatAttr::get(builder.getF32Type(), value);
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    attr = DenseElementsAttr::get(vector, Attribute(attr));
  return arith::ConstantOp::create(builder, loc, attr);
}

Value MathEmitter::splatInt(Value like, uint32_t value) {
  TypedAttr attr = builder.getI32IntegerAttr(static_cast<int32_t>(value));
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    attr = DenseElementsAttr::get(vector.clone(builder.getI32Type()),
                                  Attribute(attr));
  return arith::ConstantOp::create(builder, loc, attr);
}

Value MathEmitter::add(Value a, Value b) {
  return arith::AddFOp::create(builder, loc, a, b);
}
Value MathEmitter::sub(Value a, Value b) {
  return arith::SubFOp::create(builder, loc, a, b);
}
Value MathEmitter::mul(Value a, Value b) {
  return arith::MulFOp::create(builder, loc, a, b);
}
Value MathEmitter::div(Value a, Value b) {
  return arith::DivFOp::create(builder, loc, a, b);
}
Value MathEmitter::fma(Value a, Value b, Value c) {
  return math::FmaOp::create(builder, loc, a, b, c);
}

Value MathEmitter::polynomial(Value x, ArrayRef<float> coefficients) {
  Value sum = splat(x, coefficients.back());
  for (float c : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, splat(x, c));
  return sum;
}

Value MathEmitter::fastMax(Value a, Value b) {
  Value greater =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OGT, a, b);
  return arith::SelectOp::create(builder, loc, greater, a, b);
}

Value MathEmitter::fastMin(Value a, Value b) {
  Value less =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, a, b);
  return arith::SelectOp::create(builder, loc, less, a, b);
}

/// `best`, but `a` where a is NaN: with it, best of a and b is NaN when one is.
static Value keepNaN(OpBuilder &builder, Location loc, Value a, Value best) {
  Value nan =
      arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, a, a);
  return arith::SelectOp::create(builder, loc, nan, a, best);
}

Value MathEmitter::maximum(Value a, Value b) {
  return keepNaN(builder, loc, a, fastMax(a, b));
}

Value MathEmitter::minimum(Value a, Value b) {
  return keepNaN(builder, loc, a, fastMin(a, b));
}

Value MathEmitter::relu(Value x) { return fastMax(splat(x, 0), x); }

Value MathEmitter::clamp(Value x, double low, double high) {
  // NaN comes through: x is the second operand.
  return fastMin(splat(x, high), fastMax(splat(x, low), x));
}

Value MathEmitter::floatBits(Value integers) {
  Type type = withElement(integers.getType(), builder.getF32Type());
  return arith::BitcastOp::create(builder, loc, type, integers);
}

Value MathEmitter::shiftLeft(Value integers, uint32_t bits) {
  return arith::ShLIOp::create(builder, loc, integers,
                               splatInt(integers, bits));
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

MathEmitter::Power MathEmitter::reduceExp(Value x, unsigned bias) {
  Value magic = splat(x, kRound + bias);
  Value rounded = fma(x, splat(x, std::numbers::log2e), magic);
  Value n = sub(rounded, magic);
  Value r = fma(n, splat(x, -kLn2High), x);
  r = fma(n, splat(x, -kLn2Low), r);
  Value fraction = fma(mul(r, r), polynomial(r, kExp), r);
  Type bits = withElement(x.getType(), builder.getI32Type());
  return {fraction, arith::BitcastOp::create(builder, loc, bits, rounded)};
}

MathEmitter::Power MathEmitter::reduceExp2(Value x, unsigned bias,
                                           ArrayRef<float> coefficients) {
  Value magic = splat(x, kRound + bias);
  Value rounded = add(x, magic);
  Value r = sub(x, sub(rounded, magic));
  Type bits = withElement(x.getType(), builder.getI32Type());
  return {mul(r, polynomial(r, coefficients)),
          arith::BitcastOp::create(builder, loc, bits, rounded)};
}

// 2^n may be subnormal or too large although the product with it is not, so it
// is applied as two normal powers; only the second product rounds. With a bias
// of twice an exponent's, the low bits m = n + 254 give both: floor(m/2) and
// the rest are the powers' biased exponents.
static constexpr unsigned kTwoScales = 2 * 127;

Value MathEmitter::scaled(Power power, Value factor) {
  Value half = arith::AndIOp::create(builder, loc, shiftLeft(power.bits, 22),
                                     splatInt(power.bits, 0x7f800000));
  Value rest =
      arith::SubIOp::create(builder, loc, shiftLeft(power.bits, 23), half);
  Value significand = add(power.fraction, splat(power.fraction, 1));
  Value second = floatBits(rest);
  if (factor)
    second = mul(second, factor);
  return mul(mul(significand, floatBits(half)), second);
}

Value MathEmitter::exp(Value x) {
  return scaled(reduceExp(clamp(x, -104, 89), kTwoScales), Value());
}

Value MathEmitter::exp2(Value x) {
  return scaled(reduceExp2(clamp(x, -151, 129), kTwoScales, kExp2), Value());
}

Value MathEmitter::scaledNonPositive(Power power) {
  Value scale = floatBits(shiftLeft(power.bits, 23));
  return fma(power.fraction, scale, scale);
}

Value MathEmitter::expNonPositive(Value x) {
  // n = -127 has the bits of 0.
  Value low = fastMax(splat(x, -127 * std::numbers::ln2), x);
  return scaledNonPositive(reduceExp(low, 127));
}

Value MathEmitter::avx512(StringRef name, ValueRange operands) {
  Type type = operands.front().getType();
  auto constant = [&](Type type, int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, type, value);
  };
  SmallVector<Value> all = llvm::to_vector(operands);
  all.push_back(splat(all[0], 0)); // of lanes left out: none
  all.push_back(constant(builder.getIntegerType(16), -1));
  all.push_back(constant(builder.getI32Type(), 4)); // MXCSR's rounding
  return LLVM::CallIntrinsicOp::create(
             builder, loc, type,
             builder.getStringAttr("llvm.x86.avx512.mask." + name + ".ps.512"),
             all)
      .getResult(0);
}

Value MathEmitter::exp2NonPositive(Value x, bool coarse) {
  if (auto type = dyn_cast<VectorType>(x.getType());
      type && type.getNumElements() == 16) {
    constexpr int64_t kDown = 9; // x - floor(x), no exception
    Value mode = LLVM::ConstantOp::create(builder, loc, builder.getI32Type(),
                                          builder.getI32IntegerAttr(kDown));
    Value r = avx512("reduce", {x, mode});
    ArrayRef<float> coefficients = kExp2Fraction;
    if (coarse)
      coefficients = kExp2FractionCoarse;
    Value power = fma(r, polynomial(r, coefficients), splat(r, 1));
    return avx512("scalef", {power, x}); // by 2^floor(x)
  }
  ArrayRef<float> coefficients = kExp2;
  if (coarse)
    coefficients = kExp2Coarse;
  return scaledNonPositive(
      reduceExp2(fastMax(splat(x, -127), x), 127, coefficients));
}

Value MathEmitter::powerOfTwo(Value x) {
  Value bits = add(fastMax(splat(x, -127), x), splat(x, kRound + 127));
  Type integers = withElement(x.getType(), builder.getI32Type());
  return floatBits(
      shiftLeft(arith::BitcastOp::create(builder, loc, integers, bits), 23));
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value MathEmitter::overOnePlusExp(Value numerator, Value x) {
  // Both sides of the fraction are scaled down where e^-x would overflow.
  Value far = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT, x,
                                    splat(x, -64));
  Value scale = arith::SelectOp::create(builder, loc, far, splat(x, 0x1p-64),
                                        splat(x, 1));
  Value negated = clamp(arith::NegFOp::create(builder, loc, x), -104, 150);
  Value power = scaled(reduceExp(negated, kTwoScales), scale);
  return div(mul(numerator, scale), add(power, scale));
}

Value MathEmitter::sigmoid(Value x) { return overOnePlusExp(splat(x, 1), x); }

Value MathEmitter::silu(Value x) { return overOnePlusExp(x, x); }

Value MathEmitter::tanh(Value x) {
  // (e^2|x| - 1) / (e^2|x| + 1); tanh rounds to 1 from 9.02 on.
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  magnitude = fastMin(splat(x, 9.1), magnitude);
  Power power = reduceExp(add(magnitude, magnitude), 127);
  Value scale = floatBits(shiftLeft(power.bits, 23));
  Value minusOne = fma(power.fraction, scale, sub(scale, splat(x, 1)));
  Value result = div(minusOne, add(minusOne, splat(x, 2)));
  return math::CopySignOp::create(builder, loc, result, x);
}

Value MathEmitter::erfRatio(Value x) {
  Value near = clamp(x, -3.92, 3.92);
  Value square = mul(near, near);
  Value ratio = div(mul(near, polynomial(square, kErf)),
                    polynomial(square, kErfDenominator));
  return clamp(ratio, -1, 1); // rounding must not lead beyond
}

Value MathEmitter::erf(Value x) {
  // The ratio's rounding errors reach 6 ulp where erf nears 1.
  Value magnitude = math::AbsFOp::create(builder, loc, x);
  Value far = fastMin(splat(x, 3.92), magnitude);
  Value tail = sub(splat(x, 1), expNonPositive(polynomial(far, kErfc)));
  tail = math::CopySignOp::create(builder, loc, tail, x);
  Value small = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::OLT,
                                      magnitude, splat(x, 1));
  return arith::SelectOp::create(builder, loc, small, erfRatio(x), tail);
}

Value MathEmitter::gelu(Value x) {
  Value half = splat(x, 0.5);
  Value bell = erfRatio(mul(x, splat(x, std::numbers::sqrt2 / 2)));
  return mul(x, fma(bell, half, half));
}

Value MathEmitter::geluTanh(Value x) {
  // x·(a + b·x²), with a = √(2/π) and b = 0.044715·a.
  constexpr double a = 0.79788456080286535588;
  Value inner = fma(mul(x, x), splat(x, 0.044715 * a), splat(x, a));
  Value half = splat(x, 0.5);
  return mul(x, fma(tanh(mul(x, inner)), half, half));
}

Value MathEmitter::sqrt(Value x) {
  return math::SqrtOp::create(builder, loc, x);
}

Value MathEmitter::rsqrt(Value x) { return reciprocal(sqrt(x)); }

Value MathEmitter::reciprocal(Value x) { return div(splat(x, 1), x); }

std::pair<Value, Value> MathEmitter::sinCos(Value quarterTurns) {
  Type floats = withElement(quarterTurns.getType(), builder.getF32Type());
  Type integers = withElement(quarterTurns.getType(), builder.getI32Type());
  Value nearest = math::RoundEvenOp::create(builder, loc, quarterTurns);
  Value x =
      arith::TruncFOp::create(builder, loc, floats, sub(quarterTurns, nearest));
  Value square = mul(x, x);
  Value sine = mul(x, polynomial(square, kSin));
  Value cosine = fma(square, polynomial(square, kCos), splat(x, 1));

  // Quarter turn n of the circle: odd ones swap the two, bit 1 of n is the sign
  // of the sine, bit 1 of n + 1 that of the cosine.
  Value n = arith::FPToSIOp::create(builder, loc, integers, nearest);
  auto bit = [&](Value value, uint32_t mask) {
    return arith::AndIOp::create(builder, loc, value, splatInt(value, mask));
  };
  Value even = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                     bit(n, 1), splatInt(n, 0));
  auto signedBy = [&](Value value, Value quarter) {
    Value bits = arith::BitcastOp::create(builder, loc, integers, value);
    Value sign = shiftLeft(bit(quarter, 2), 30);
    return floatBits(arith::XOrIOp::create(builder, loc, bits, sign));
  };
  Value next = arith::AddIOp::create(builder, loc, n, splatInt(n, 1));
  return {
      signedBy(arith::SelectOp::create(builder, loc, even, sine, cosine), n),
      signedBy(arith::SelectOp::create(builder, loc, even, cosine, sine),
               next)};
}
