//===- CodedBlock.cpp - stored codes and scales in registers --------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

std::optional<CodePanel> cpu::codePanelOf(Type type) {
  graph::LayoutAttr layout = graph::layoutOf(type);
  if (!layout || !layout.getFormat())
    return std::nullopt;
  return CodePanel{*blockFormat(layout.getFormat().getValue()),
                   layout.getWidth()};
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

Value CodedBlock::at(Value pointer, Value bytes) {
  return e.at(pointer, e.b.getI8Type(), bytes);
}

/// Register `r` of f16 numbers, as f32.
Value CodedBlock::halves(Value address, int64_t r) {
  Type f16 = e.b.getF16Type();
  return e.load(e.at(address, f16, e.index(r * e.lanes())), f16);
}

/// Register `r` of bytes, as f32; signed where there are no minima.
Value CodedBlock::bytes(Value address, int64_t r) {
  Type i8 = e.b.getI8Type();
  Value bytes = LLVM::LoadOp::create(e.b, VectorType::get({e.lanes()}, i8),
                                     e.at(address, i8, e.index(r * e.lanes())),
                                     /*alignment=*/1);
  VectorType f32 = e.vectorOf(e.b.getF32Type());
  if (!form.format.hasMin)
    return arith::SIToFPOp::create(e.b, f32, bytes);
  return arith::UIToFPOp::create(e.b, f32, bytes);
}

void CodedBlock::enter(Value address) {
  block = address;
  e.prefetchStream(block, form.codeOffset());
  d.clear();
  m.clear();
  for (int64_t r = 0; r < registers(); ++r) {
    d.push_back(halves(block, r));
    if (form.format.hasMin)
      m.push_back(halves(at(block, e.index(form.minOffset())), r));
  }
}

void CodedBlock::enterSub(Value index) {
  scales = d;
  mins = m;
  if (form.format.hasScales) {
    Value row = e.mul(index, form.width);
    for (int64_t r = 0; r < registers(); ++r) {
      Value s = bytes(at(block, e.add(row, form.scaleOffset())), r);
      scales[r] = arith::MulFOp::create(e.b, d[r], s);
      if (!form.format.hasMin)
        continue;
      Value n = bytes(at(block, e.add(row, form.scaleMinOffset())), r);
      mins[r] = arith::NegFOp::create(e.b, arith::MulFOp::create(e.b, m[r], n));
    }
  }
  sub = at(block, e.add(e.mul(index, form.subBytes()), form.codeOffset()));
  high.clear();
  if (form.highBits())
    for (int64_t r = 0; r < registers(); ++r)
      high.push_back(codes(sub, r * e.lanes()));
}

Value CodedBlock::offset(int64_t r, double bias) {
  Value zero = e.splat(-double(form.format.zero) - bias);
  if (!form.format.hasMin)
    return arith::MulFOp::create(e.b, scales[r], zero);
  if (form.format.zero + bias == 0)
    return mins[r];
  return math::FmaOp::create(e.b, scales[r], zero, mins[r]);
}

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// A register of words, from word `index` on.
Value CodedBlock::codes(Value words, int64_t index) {
  Type i32 = e.b.getI32Type();
  Value address = e.at(words, i32, e.index(index));
  e.prefetchStream(address, e.lanes() * 4);
  return e.load(address, i32);
}

void CodedBlock::enterWord(int64_t index) {
  word = index;
  low.clear();
  Value words = at(sub, e.index(form.lowOffset()));
  for (int64_t r = 0; r < registers(); ++r)
    low.push_back(codes(words, index * form.width + r * e.lanes()));
}

Value CodedBlock::rotate(Value bits, int64_t right) {
  right = (right % 32 + 32) % 32;
  if (right == 0)
    return bits;
  return LLVM::FshrOp::create(e.b, bits.getType(), bits, bits,
                              e.splatInt(int32_t(right)));
}

Value CodedBlock::keep(Value bits, uint32_t mask) {
  return arith::AndIOp::create(e.b, bits, e.splatInt(int32_t(mask)));
}

/// One register holds the f32 of every 4-bit code.
bool CodedBlock::usesTable() const {
  return form.format.bits == 4 && e.lanes() == 16;
}

double CodedBlock::floatBias() const {
  return usesTable() ? -double(form.format.zero) : 0;
}

Value CodedBlock::floatCode(int64_t j, int64_t r) {
  VectorType f32 = e.vectorOf(e.b.getF32Type());
  if (form.whole()) {
    // The byte on top, then down with its sign.
    Value top = rotate(low[r], form.lowBit(j) + 8);
    Value code = arith::ShRSIOp::create(e.b, top, e.splatInt(24));
    return arith::SIToFPOp::create(e.b, f32, code);
  }
  // A field that ends inside the word is shifted: rotations cost AVX2 three.
  int64_t bit = form.lowBit(j);
  Value code = low[r];
  if (bit + 4 > 32)
    code = rotate(code, bit);
  else if (bit)
    code = arith::ShRUIOp::create(e.b, code, e.splatInt(int32_t(bit)));
  if (usesTable()) {
    auto values = llvm::map_to_vector(
        llvm::seq(16), [&](int i) { return float(i - form.format.zero); });
    Value table = arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(f32, ArrayRef<float>(values)));
    return e.intrinsic("avx512.permvar.sf.512", f32, {table, code});
  }
  code = keep(code, 15);
  if (form.highBits()) {
    int64_t from = form.highBit(word * form.group() + j) - 4;
    Value bits = high[r];
    if (from > 0)
      bits = arith::ShRUIOp::create(e.b, bits, e.splatInt(int32_t(from)));
    else if (from < 0)
      bits = arith::ShLIOp::create(e.b, bits, e.splatInt(int32_t(-from)));
    bits = keep(bits, ((1u << form.highBits()) - 1) << 4);
    code = arith::OrIOp::create(e.b, code, bits);
  }
  return arith::SIToFPOp::create(e.b, f32, code);
}

double CodedBlock::pairBias() const {
  // Of whole codes 16 · (24 + signed upper half) + 16 + lower half.
  return form.whole() ? 400 : double(1 << form.format.bits);
}

/// A bf16 of 7 fraction bits: 2^b with b bits below it is 2^b + code.
Value CodedBlock::pairCode(int64_t p, int64_t r, bool upper) {
  int64_t bits = form.whole() ? 4 : form.format.bits, lead = 7 - bits;
  uint32_t power = uint32_t(127 + bits) << 7;
  Value code = rotate(low[r], form.lowBit(2 * p) - lead + (upper ? 4 : 0));
  code = keep(code, uint32_t(15 << lead) * 0x10001);
  if (form.highBits()) {
    int64_t from = form.highBit(word * form.group() + 2 * p) - (lead + 4);
    uint32_t mask = ((1u << form.highBits()) - 1) << (lead + 4);
    code = arith::OrIOp::create(e.b, code,
                                keep(rotate(high[r], from), mask * 0x10001));
  }
  // The upper half is signed: its top bit counts 8 more, not 8 less.
  uint32_t sign = upper ? 8u << lead : 0;
  code = arith::XOrIOp::create(e.b, code,
                               e.splatInt(int32_t((power ^ sign) * 0x10001)));
  return vector::BitCastOp::create(
      e.b, VectorType::get({2 * e.lanes()}, e.b.getBF16Type()), code);
}

Value CodedBlock::byteCode(int64_t odd, int64_t r) {
  Value code = rotate(low[r], form.lead() + 4 * odd);
  if (form.whole())
    code = arith::XOrIOp::create(e.b, code, e.splatInt(int32_t(0x80808080)));
  else
    code = keep(code, 0x0f0f0f0f);
  for (int64_t half = 0; form.highBits() && half < 2; ++half) {
    // Elements 4·half' + {0, 1} + 2·odd have their bits in the two halves.
    int64_t element = word * form.group() + 4 * half + 2 * odd;
    int64_t from = form.highBit(element) - 4 - 8 * half;
    uint32_t mask = ((1u << form.highBits()) - 1) << (4 + 8 * half);
    code = arith::OrIOp::create(e.b, code,
                                keep(rotate(high[r], from), mask * 0x10001));
  }
  return vector::BitCastOp::create(
      e.b, VectorType::get({4 * e.lanes()}, e.b.getI8Type()), code);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

/// The bf16 of two registers of f32 in pairs, as i32.
static Value pairsOf(KernelEmitter &e, Value first, Value second) {
  auto both = VectorType::get({2 * e.lanes()}, e.b.getBF16Type());
  Value halves =
      e.intrinsic("avx512bf16.cvtne2ps2bf16.512", both, {second, first});
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < e.lanes(); ++lane)
    llvm::append_values(order, lane, e.lanes() + lane);
  Value pairs = vector::ShuffleOp::create(e.b, halves, halves, order);
  return vector::BitCastOp::create(e.b, e.vectorOf(e.b.getI32Type()), pairs);
}

void cpu::emitDecode(KernelEmitter &e, const CodePanel &form, Value panel,
                     Value first, Value count, Value out, Type element) {
  const BlockFormat &format = form.format;
  bool paired = element.isBF16();
  Type word = paired ? Type(e.b.getI32Type()) : Type(e.b.getF32Type());
  Type i8 = e.b.getI8Type();
  Value from = e.mul(e.div(first, e.index(format.super)), form.blockBytes());
  Value blocks = e.div(count, e.index(format.super));
  e.loop(e.index(0), blocks, 1, [&](Value b) {
    CodedBlock block(e, form);
    block.enter(e.at(panel, i8, e.add(from, e.mul(b, form.blockBytes()))));
    e.loop(e.index(0), e.index(format.subBlocks()), 1, [&](Value sub) {
      block.enterSub(sub);
      Value k = e.add(e.mul(b, format.super), e.mul(sub, format.block));
      Value row = e.at(out, element, e.mul(k, form.width));
      for (int64_t w = 0; w < form.words(); ++w) {
        block.enterWord(w);
        for (int64_t j = 0; j < form.group(); j += paired ? 2 : 1)
          for (int64_t r = 0; r < block.registers(); ++r) {
            auto value = [&](int64_t j) -> Value {
              Value code = block.floatCode(j, r);
              if (!block.hasOffset(block.floatBias()))
                return arith::MulFOp::create(e.b, block.scale(r), code);
              return math::FmaOp::create(e.b, block.scale(r), code,
                                         block.offset(r, block.floatBias()));
            };
            int64_t at = (w * form.group() + j) / (paired ? 2 : 1);
            Value address =
                e.at(row, word, e.index(at * form.width + r * e.lanes()));
            e.store(paired ? pairsOf(e, value(j), value(j + 1)) : value(j),
                    address, word);
          }
      }
    });
  });
}
