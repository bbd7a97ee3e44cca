//===- Codes.cpp - values to codes of small floats, and back --------------===//
// A block of a row at a time, bit for bit as trine/Support/BlockScales.h:
// magnitudes are compared as integers, where infinity and NaN are the largest.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Codes.h"
#include "Family.h"
#include "ScaledProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static constexpr int32_t kMagnitude = 0x7fffffff, kInfinity = 0x7f800000;

//===----------------------------------------------------------------------===//
// Scales and codes in registers
//===----------------------------------------------------------------------===//

Value CodeEncoder::compare(arith::CmpIPredicate predicate, Value x, int32_t y) {
  return arith::CmpIOp::create(e.b, predicate, x, e.splatInt(y));
}

Value CodeEncoder::floats(Value bits) {
  return arith::BitcastOp::create(e.b, e.vectorOf(e.b.getF32Type()), bits);
}

Value CodeEncoder::bits(Value floats) {
  return arith::BitcastOp::create(e.b, e.vectorOf(e.b.getI32Type()), floats);
}

Value CodeEncoder::larger(Value most, Value x) {
  Value size = arith::AndIOp::create(e.b, bits(x), e.splatInt(kMagnitude));
  return arith::MaxSIOp::create(e.b, most, size);
}

/// Fractions of amax, in 2^-23, from which on a power-of-two scale is one more.
static int32_t threshold(const BlockQuantizer &q) {
  int32_t one = 1 << 23;
  switch (q.rule) {
  case ScaleRule::Rceil: // all formats' largest is 1.75 · 2^emax
    return int32_t(std::ldexp(q.format->max, 23 - q.format->emax)) - one + 1;
  case ScaleRule::Even:
    return one - (1 << (22 - q.format->fraction));
  case ScaleRule::Ceil:
    return 1;
  case ScaleRule::CtEven:
    return one / 4 * 3;
  case ScaleRule::Neuron:
    return 0;
  default:
    return one;
  }
}

/// UE8M0 of the scale of a block; 255 where it is not finite.
Value CodeEncoder::powerOf(Value amax) {
  auto &b = e.b;
  // A subnormal number has its exponent after a multiplication.
  Value small = compare(arith::CmpIPredicate::slt, amax, 0x00800000);
  Value grown = arith::MulFOp::create(b, floats(amax), e.splat(0x1p24));
  Value normal = e.select(small, bits(grown), amax);
  Value exponent = arith::ShRUIOp::create(b, normal, e.splatInt(23));
  exponent = arith::SubIOp::create(
      b, exponent, e.select(small, e.splatInt(24), e.splatInt(0)));
  Value fraction = arith::AndIOp::create(b, normal, e.splatInt(0x7fffff));
  Value more =
      e.select(compare(arith::CmpIPredicate::sge, fraction, threshold(q)),
               e.splatInt(1 - q.format->emax), e.splatInt(-q.format->emax));
  Value byte = arith::AddIOp::create(b, exponent, more);
  byte = arith::MinSIOp::create(b, byte, e.splatInt(254));
  byte = arith::MaxSIOp::create(b, byte, e.splatInt(0));
  Value finite = compare(arith::CmpIPredicate::slt, amax, kInfinity);
  return e.select(finite, byte, e.splatInt(255));
}

CodeEncoder::Scale CodeEncoder::scaleOf(Value amax) {
  auto &b = e.b;
  Value finite = compare(arith::CmpIPredicate::slt, amax, kInfinity);
  int32_t floor = llvm::bit_cast<int32_t>(q.amaxFloor);
  amax = arith::MaxSIOp::create(b, amax, e.splatInt(floor));
  if (isPowerOfTwo(q.rule))
    return ofByte(powerOf(amax));
  Value scale =
      q.scaleRcp
          ? Value(arith::MulFOp::create(b, floats(amax),
                                        e.splat(1 / q.format->max)))
          : arith::DivFOp::create(b, floats(amax), e.splat(q.format->max));
  Value nan = e.splat(std::numeric_limits<double>::quiet_NaN());
  return ofFloat(e.select(finite, scale, nan));
}

CodeEncoder::Scale CodeEncoder::ofByte(Value byte) {
  Value opposite = arith::SubIOp::create(e.b, e.splatInt(254), byte);
  return {ue8m0Values(e, byte), ue8m0Values(e, opposite), byte};
}

CodeEncoder::Scale CodeEncoder::ofFloat(Value scale) {
  Value factor;
  if (q.elementRcp)
    factor = arith::DivFOp::create(e.b, e.splat(1), scale);
  return {scale, factor, {}};
}

Value CodeEncoder::code(Value x, const Scale &scale) {
  auto &b = e.b;
  using arith::CmpFPredicate;
  Value scaled = scale.factor ? Value(arith::MulFOp::create(b, x, scale.factor))
                              : arith::DivFOp::create(b, x, scale.value);
  Value zero = arith::CmpFOp::create(b, CmpFPredicate::OEQ, x, e.splat(0));
  Value code =
      encodeFloat8(e.b, e.select(zero, x, scaled), *q.format, q.saturate);
  Value nan =
      arith::CmpFOp::create(b, CmpFPredicate::UNO, scale.value, scale.value);
  return e.select(nan, e.splatInt(q.format->nan), code);
}

void CodeEncoder::store(Value codes, Value address, Value mask) {
  Type i8 = e.b.getI8Type();
  Value bytes = vector::BitCastOp::create(
      e.b, VectorType::get({4 * e.lanes()}, i8), codes);
  auto lowest = llvm::map_to_vector(llvm::seq(e.lanes()),
                                    [](int64_t i) { return 4 * i; });
  bytes = vector::ShuffleOp::create(e.b, bytes, bytes, lowest);
  e.store(bytes, address, i8, mask);
}

void CodeEncoder::storeScale(const Scale &scale, Value address) {
  Value lane = vector::ExtractOp::create(
      e.b, q.scaleType == ScaleType::F32 ? scale.value : scale.byte, 0);
  if (q.scaleType == ScaleType::Ue8m0)
    lane = arith::TruncIOp::create(e.b, e.b.getI8Type(), lane);
  e.storeScalar(lane, address, lane.getType());
}

//===----------------------------------------------------------------------===//
// The operations
//===----------------------------------------------------------------------===//

namespace {
/// The blocks of a tensor's rows.
struct Blocks {
  Blocks(KernelEmitter &e, const Tensor &tensor, ArrayRef<int64_t> block)
      : e(e), columns(e.columns(tensor)),
        wide(block[1] ? e.index(block[1]) : e.max(columns, e.index(1))),
        perRow(e.ceilDiv(columns, wide)), height(block[0]), rows(e.index(1)) {
    if (tensor.rank() > 1)
      rows = tensor.dims[tensor.rank() - 2];
  }

  /// body(row, number among the row's, first element, elements) of the blocks
  /// of this thread's share.
  void each(const Tensor &tensor,
            function_ref<void(Value, Value, Value, Value)> body) {
    auto [from, to] = e.share(e.mul(e.rows(tensor), perRow));
    e.loop(from, to, 1, [&](Value unit) {
      Value row = e.div(unit, perRow), block = e.rem(unit, perRow);
      Value column = e.mul(block, wide), count = wide;
      if (!matchPattern(e.rem(columns, wide), m_Zero()))
        count = e.min(wide, e.sub(columns, column));
      body(row, block, e.add(e.mul(row, columns), column), count);
    });
  }

  /// The same of all blocks of a row; elements are counted from its first.
  void ofRow(function_ref<void(Value, Value, Value)> body) {
    e.loop(e.index(0), perRow, 1, [&](Value block) {
      Value column = e.mul(block, wide), count = wide;
      if (!matchPattern(e.rem(columns, wide), m_Zero()))
        count = e.min(wide, e.sub(columns, column));
      body(block, column, count);
    });
  }

  /// Where the scale of a block of a row is.
  Value scaleOf(const Tensor &scales, Value row, Value block) {
    if (scales.type.hasStaticShape() && scales.type.getNumElements() == 1)
      return e.index(0);
    if (height == 1)
      return e.add(e.mul(row, perRow), block);
    Value tall = height ? e.index(height) : e.max(rows, e.index(1));
    Value matrix = e.div(row, rows), inside = e.div(e.rem(row, rows), tall);
    Value above = e.add(e.mul(matrix, e.ceilDiv(rows, tall)), inside);
    return e.add(e.mul(above, perRow), block);
  }

  KernelEmitter &e;
  Value columns, wide, perRow;
  int64_t height;
  Value rows;
};
} // namespace

/// The largest magnitude of `count` values, as bits in every lane.
static Value amaxOf(CodeEncoder &encoder, KernelEmitter &e, Value address,
                    Type element, Value count) {
  Value whole = e.mul(e.div(count, e.index(e.lanes())), e.lanes());
  auto more = [&](Value most, Value column, Value mask) {
    return encoder.larger(
        most, e.load(e.at(address, element, column), element, mask));
  };
  Value most = e.loop(e.index(0), whole, e.lanes(), e.splatInt(0),
                      [&](Value column, ValueRange most) -> SmallVector<Value> {
                        return {more(most[0], column, {})};
                      })[0];
  Value rest = e.sub(count, whole);
  if (!matchPattern(rest, m_Zero()))
    most = more(most, whole, e.mask(rest));
  return e.broadcast(e.reduce(most, [&](Value x, Value y) -> Value {
    return arith::MaxSIOp::create(e.b, x, y);
  }));
}

namespace {
/// The results of an fp8.quantize, a block at a time.
struct Quantized {
  Quantized(KernelEmitter &e, fp8::QuantizeOp op)
      : e(e), codes(*e.resultsOf(op.getCodes()).front()),
        scales(*e.resultsOf(op.getScales()).front()),
        encoder(e, fp8::quantizerOf(op.getScheme())),
        blocks(e, codes, {1, op.getScheme().getBlock()[1]}) {}

  /// `count` values of `element` from `from` on, number `first` of all.
  void emit(Value row, Value block, Value first, Value count, Value from,
            Type element) {
    Value to = e.at(codes.pointer, e.b.getI8Type(), first);
    auto scale = encoder.scaleOf(amaxOf(encoder, e, from, element, count));
    encoder.storeScale(scale, e.at(scales.pointer, scales.element(),
                                   blocks.scaleOf(scales, row, block)));
    e.columnLoop(count, [&](Value column, Value mask) {
      Value value = e.load(e.at(from, element, column), element, mask);
      encoder.store(encoder.code(value, scale),
                    e.at(to, e.b.getI8Type(), column), mask);
    });
  }

  KernelEmitter &e;
  const Tensor &codes, &scales;
  CodeEncoder encoder;
  Blocks blocks;
};
} // namespace

void cpu::emitQuantize(KernelEmitter &e, fp8::QuantizeOp op, Value values,
                       Type element) {
  Quantized quantized(e, op);
  quantized.blocks.each(quantized.codes,
                        [&](Value row, Value block, Value first, Value count) {
                          quantized.emit(row, block, first, count,
                                         e.at(values, element, first), element);
                        });
}

void cpu::emitQuantizeRow(KernelEmitter &e, fp8::QuantizeOp op, Value row,
                          Value values, Type element) {
  Quantized quantized(e, op);
  Value start = e.mul(row, quantized.blocks.columns);
  quantized.blocks.ofRow([&](Value block, Value column, Value count) {
    quantized.emit(row, block, e.add(start, column), count,
                   e.at(values, element, column), element);
  });
}

static void emitEncode(KernelEmitter &e, fp8::EncodeOp op) {
  const Tensor &x = e.operand(op.getInput()), &codes = e.result(0);
  const Tensor &scales = e.operand(op.getScales());
  BlockQuantizer q =
      fp8::decoderOf(op.getBlock(), codes.element(), scales.element());
  q.elementRcp = op.getElementRcp();
  CodeEncoder encoder(e, q);
  Blocks blocks(e, x, op.getBlock());
  Type i8 = e.b.getI8Type();
  blocks.each(x, [&](Value row, Value block, Value first, Value count) {
    Value at = e.at(scales.pointer, scales.element(),
                    blocks.scaleOf(scales, row, block));
    auto scale = encoder.ofFloat(loadScale(e, at, scales.element()));
    e.columnLoop(count, [&](Value column, Value mask) {
      Value offset = e.add(first, column);
      Value value =
          e.load(e.at(x.pointer, x.element(), offset), x.element(), mask);
      encoder.store(encoder.code(value, scale), e.at(codes.pointer, i8, offset),
                    mask);
    });
  });
}

static void emitDequantize(KernelEmitter &e, fp8::DequantizeOp op) {
  const Tensor &codes = e.operand(op.getCodes()), &result = e.result(0);
  const Tensor &scales = e.operand(op.getScales());
  CodeDecoder decoder(e, codes.element());
  Blocks blocks(e, codes, op.getBlock());
  blocks.each(codes, [&](Value row, Value block, Value first, Value count) {
    Value at = e.at(scales.pointer, scales.element(),
                    blocks.scaleOf(scales, row, block));
    Value scale = loadScale(e, at, scales.element());
    e.columnLoop(count, [&](Value column, Value mask) {
      Value offset = e.add(first, column);
      Value value = arith::MulFOp::create(
          e.b, decoder.load(e.at(codes.pointer, e.b.getI8Type(), offset)),
          scale);
      e.store(value, e.at(result.pointer, result.element(), offset),
              result.element(), mask);
    });
  });
}

static void emitObserve(KernelEmitter &e, fp8::ObserveOp op) {
  const Tensor &x = e.operand(op.getInput()), &result = e.result(0);
  CodeEncoder encoder(e, BlockQuantizer());
  e.when(e.equal(e.thread, e.index(0)), [&] {
    Value most =
        amaxOf(encoder, e, x.pointer, x.element(), e.product(x, 0, x.rank()));
    Value lane = vector::ExtractOp::create(e.b, encoder.floats(most), 0);
    e.storeScalar(lane, result.pointer, result.element());
  });
}

//===----------------------------------------------------------------------===//
// The family
//===----------------------------------------------------------------------===//

static bool heads(Operation *op) {
  return isa<fp8::QuantizeOp, fp8::EncodeOp, fp8::DequantizeOp, fp8::ObserveOp>(
      op);
}

std::string cpu::whyNoCodes(Operation *op) {
  if (isa<fp8::ConvertScalesOp, fp8::RequantizeOp>(op))
    return "no kernel changes scales at run time";
  if (isa<fp8::CompareOp, fp8::CensusOp>(op))
    return "no kernel measures for reports";
  if (auto quantize = dyn_cast<fp8::QuantizeOp>(op))
    if (quantize.getInput().getType().getRank() > 1 &&
        quantize.getScheme().getBlock()[0] != 1)
      return "no kernel quantizes blocks of several rows";
  if (auto dequantize = dyn_cast<fp8::DequantizeOp>(op))
    if (!getElementTypeOrSelf(dequantize.getResult()).isF32() &&
        getElementTypeOrSelf(dequantize.getScales()).isF32())
      return "no kernel rounds a product with an f32 scale once to less than "
             "f32";
  return "";
}

fp8::QuantizeOp cpu::quantizeOf(launch::KernelOp kernel) {
  auto found = kernel.getBlock().getOps<fp8::QuantizeOp>();
  return found.empty() ? fp8::QuantizeOp() : *found.begin();
}

bool cpu::quantizes(Operation *root, Operation *consumer) {
  auto quantize = dyn_cast<fp8::QuantizeOp>(consumer);
  return quantize && whyNoCodes(consumer).empty() &&
         quantize.getInput().getType().getShape() ==
             cast<RankedTensorType>(root->getResult(0).getType()).getShape();
}

static LogicalResult emit(KernelEmitter &emitter) {
  Operation *root = rootOf(emitter.kernel);
  if (failed(expectAlone(emitter, root)))
    return failure();
  if (std::string reason = whyNoCodes(root); !reason.empty())
    return root->emitOpError() << reason;
  llvm::TypeSwitch<Operation *>(root)
      .Case([&](fp8::QuantizeOp op) {
        const Tensor &x = emitter.operand(op.getInput());
        emitQuantize(emitter, op, x.pointer, x.element());
      })
      .Case([&](fp8::EncodeOp op) { emitEncode(emitter, op); })
      .Case([&](fp8::DequantizeOp op) { emitDequantize(emitter, op); })
      .Case([&](fp8::ObserveOp op) { emitObserve(emitter, op); });
  return success();
}

const Family cpu::codesFamily = {"codes", heads, emit};
