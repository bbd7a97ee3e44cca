//===- CodedProducts.cpp - few rows times stored codes --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedProducts.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Elements of x that are quantized together.
static constexpr int64_t kInt8Block = 32;

CodedProduct::CodedProduct(KernelEmitter &emitter, const CodePanel &form,
                           int64_t k, Type element, bool int8)
    : e(emitter), form(form), k(k), element(element), int8(int8),
      path(CodedPath::Float),
      multiplied(int8 ? Type(e.b.getF32Type()) : element) {
  if (int8 && e.machine.dotsBytes) {
    path = CodedPath::Bytes;
    multiplied = e.b.getI8Type();
  } else if (!int8 && element.isBF16() && e.machine.dotsBf16) {
    path = CodedPath::Dot;
  }
}

//===----------------------------------------------------------------------===//
// Preparation: Σx of each sub-block, then, for int8, the scales and codes
//===----------------------------------------------------------------------===//

/// The parts of a row's preparation, in bytes: after the sums the scales, the
/// values s·c as f32, the codes c as bytes.
static int64_t scalesAt(const CodePanel &form, int64_t k) {
  return k / form.format.block * 4;
}
static int64_t valuesAt(const CodePanel &form, int64_t k) {
  return scalesAt(form, k) + k / kInt8Block * 4;
}
static int64_t codesAt(const CodePanel &form, int64_t k) {
  return valuesAt(form, k) + k * 4;
}

int64_t CodedProduct::preparedBytes(const CodePanel &form, int64_t k,
                                    bool int8) {
  return llvm::alignTo(int8 ? codesAt(form, k) + k : scalesAt(form, k), 64);
}

void CodedProduct::prepare(Value x, Value prepared) {
  Type f32 = e.b.getF32Type(), from = element;
  if (int8) {
    x = quantize(x, prepared);
    from = f32;
  }
  int64_t block = form.format.block;
  e.loop(e.index(0), e.index(k / block), 1, [&](Value i) {
    auto add = [&](Value a, Value b) -> Value {
      return arith::AddFOp::create(e.b, a, b);
    };
    Value sum;
    for (int64_t j = 0; j < block; j += e.lanes()) {
      Value part = e.load(e.at(x, from, e.add(e.mul(i, block), j)), from);
      sum = sum ? add(sum, part) : part;
    }
    sum = vector::ReductionOp::create(e.b, vector::CombiningKind::ADD, sum);
    e.storeScalar(sum, e.at(prepared, f32, i), f32);
  });
}

/// Writes scales, values and codes; returns where the values are.
Value CodedProduct::quantize(Value x, Value prepared) {
  Type f32 = e.b.getF32Type(), i8 = e.b.getI8Type();
  Value scales = e.at(prepared, i8, e.index(scalesAt(form, k)));
  Value values = e.at(prepared, i8, e.index(valuesAt(form, k)));
  Value codes = e.at(prepared, i8, e.index(codesAt(form, k)));
  MathEmitter math(e.b, e.b.getLoc());
  e.loop(e.index(0), e.index(k / kInt8Block), 1, [&](Value i) {
    Value first = e.mul(i, kInt8Block);
    auto max = [&](Value a, Value b) { return math.fastMax(a, b); };
    Vectors parts;
    Value most;
    for (int64_t j = 0; j < kInt8Block; j += e.lanes()) {
      parts.push_back(e.load(e.at(x, element, e.add(first, j)), element));
      Value size = math::AbsFOp::create(e.b, parts.back());
      most = most ? max(size, most) : size;
    }
    most = e.reduce(most, max);
    auto scalar = [&](float value) -> Value {
      return arith::ConstantOp::create(e.b, e.b.getF32FloatAttr(value));
    };
    Value scale = arith::MulFOp::create(e.b, most, scalar(1.0f / 127));
    Value none =
        arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, scale, scalar(0));
    Value inverse = arith::SelectOp::create(
        e.b, none, scalar(0), arith::DivFOp::create(e.b, scalar(1), scale));
    e.storeScalar(scale, e.at(scales, f32, i), f32);
    for (auto [n, part] : llvm::enumerate(parts)) {
      Value code = math::RoundEvenOp::create(
          e.b, arith::MulFOp::create(e.b, part, e.broadcast(inverse)));
      Value value = arith::MulFOp::create(e.b, code, e.broadcast(scale));
      Value at = e.add(first, n * e.lanes());
      e.store(value, e.at(values, f32, at), f32);
      if (path == CodedPath::Bytes)
        LLVM::StoreOp::create(e.b, inWordOrder(code), e.at(codes, i8, at), 1);
    }
  });
  return values;
}

/// Whole f32 numbers as bytes, in the order that byteCode gives the weights'.
Value CodedProduct::inWordOrder(Value codes) {
  Type i8 = e.b.getI8Type();
  Value words =
      arith::FPToSIOp::create(e.b, e.vectorOf(e.b.getI32Type()), codes);
  Value bytes =
      arith::TruncIOp::create(e.b, VectorType::get({e.lanes()}, i8), words);
  SmallVector<int64_t> order;
  for (int64_t first = 0; first < e.lanes(); first += form.group())
    for (int64_t odd = 0; odd < form.group() / 4; ++odd)
      for (int64_t byte = 0; byte < 4; ++byte)
        for (int64_t j = 0; j < form.group(); ++j)
          if (form.lowBit(j) == (8 * byte + 4 * odd + form.lead()) % 32)
            order.push_back(first + j);
  return vector::ShuffleOp::create(e.b, bytes, bytes, order);
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

/// Accumulators of a sub-block: of row, weight, register. Two chains where few
/// would leave the units waiting; whole codes as bf16 have an upper part.
struct CodedProduct::Sums {
  int64_t chains;
  Vectors lower, upper;
  Value &of(bool isUpper, int64_t sum, int64_t step) {
    return (isUpper ? upper : lower)[sum * chains + step % chains];
  }
};

double CodedProduct::bias(const CodedBlock &block) const {
  if (path == CodedPath::Float)
    return block.floatBias();
  return path == CodedPath::Dot ? block.pairBias() : block.byteBias();
}

/// The products of the blocks' current words. `rows`: x of each row at the
/// word's first element.
void CodedProduct::addWord(MutableArrayRef<CodedBlock> blocks,
                           ArrayRef<Value> rows, Sums &sums) {
  bool dot = path == CodedPath::Dot, bytes = path == CodedPath::Bytes;
  // Elements a step takes, and what their 32 bits are to a dot product.
  int64_t each = bytes ? 4 : dot ? 2 : 1;
  Type type = each > 1 ? e.b.getI32Type() : multiplied;
  VectorType operands = VectorType::get({each * e.lanes()}, multiplied);
  for (int64_t step = 0; step < form.group() / each; ++step) {
    Vectors x;
    for (Value row : rows) {
      x.push_back(
          e.broadcast(e.loadScalar(e.at(row, type, e.index(step)), type)));
      if (each > 1)
        x.back() = vector::BitCastOp::create(e.b, operands, x.back());
    }
    int64_t column = 0, columns = blocks.size() * blocks[0].registers();
    for (CodedBlock &block : blocks)
      for (int64_t r = 0; r < block.registers(); ++r, ++column)
        for (int64_t part = 0; part < (dot && form.whole() ? 2 : 1); ++part) {
          Value code = dot     ? block.pairCode(step, r, part)
                       : bytes ? block.byteCode(step, r)
                               : block.floatCode(step, r);
          for (size_t row = 0; row < rows.size(); ++row) {
            Value &sum = sums.of(part, row * columns + column, step);
            if (each == 1)
              sum = math::FmaOp::create(e.b, code, x[row], sum);
            else
              sum = e.intrinsic(dot ? "avx512bf16.dpbf16ps.512"
                                    : "avx512.vpdpbusd.512",
                                sum.getType(), {sum, code, x[row]});
          }
        }
  }
}

/// Σ code·x of a sub-block as f32. `rows`: x of each row at its first element.
CodedProduct::Vectors CodedProduct::subSums(MutableArrayRef<CodedBlock> blocks,
                                            ArrayRef<Value> rows) {
  bool bytes = path == CodedPath::Bytes;
  bool split = path == CodedPath::Dot && form.whole();
  int64_t count = rows.size() * blocks.size() * blocks[0].registers();
  Sums sums{count <= 4 ? 2 : 1, {}, {}};
  Value zero = bytes ? e.splatInt(0) : e.splat(0);
  sums.lower.assign(count * sums.chains, zero);
  sums.upper.assign(split ? count * sums.chains : 0, zero);
  for (int64_t word = 0; word < form.words(); ++word) {
    for (CodedBlock &block : blocks)
      block.enterWord(word);
    Vectors at;
    for (Value row : rows)
      at.push_back(e.at(row, multiplied, e.index(word * form.group())));
    addWord(blocks, at, sums);
  }
  Vectors totals;
  auto add = [&](Value x, Value y) -> Value {
    if (bytes)
      return arith::AddIOp::create(e.b, x, y);
    return arith::AddFOp::create(e.b, x, y);
  };
  auto chained = [&](Vectors &of, int64_t i) {
    return sums.chains == 1 ? of[i] : add(of[2 * i], of[2 * i + 1]);
  };
  for (int64_t i = 0; i < count; ++i) {
    Value total = chained(sums.lower, i);
    if (split)
      total =
          math::FmaOp::create(e.b, chained(sums.upper, i), e.splat(16), total);
    if (bytes)
      total = arith::SIToFPOp::create(e.b, e.vectorOf(e.b.getF32Type()), total);
    totals.push_back(total);
  }
  return totals;
}

/// totals + the current sub-block's part, which begins at element `first`.
CodedProduct::Vectors CodedProduct::addSub(MutableArrayRef<CodedBlock> blocks,
                                           ArrayRef<Value> x,
                                           ArrayRef<Value> prepared,
                                           Value first,
                                           ArrayRef<Value> totals) {
  Type f32 = e.b.getF32Type();
  Vectors rows, next;
  for (Value row : x)
    rows.push_back(e.at(row, multiplied, first));
  Vectors parts = subSums(blocks, rows);
  const Value *part = parts.begin(), *total = totals.begin();
  for (Value row : prepared) {
    // Number first / block of a list of f32 in the row's preparation.
    auto prepared = [&](int64_t list, int64_t block) {
      Value from = e.at(row, e.b.getI8Type(), e.index(list));
      return e.broadcast(
          e.loadScalar(e.at(from, f32, e.div(first, e.index(block))), f32));
    };
    Value sum = prepared(0, form.format.block), scale;
    if (path == CodedPath::Bytes)
      scale = prepared(scalesAt(form, k), kInt8Block);
    for (CodedBlock &block : blocks)
      for (int64_t r = 0; r < block.registers(); ++r) {
        Value value = *part++;
        if (scale)
          value = arith::MulFOp::create(e.b, value, scale);
        value = math::FmaOp::create(e.b, block.scale(r), value, *total++);
        if (block.hasOffset(bias(block)))
          value = math::FmaOp::create(e.b, block.offset(r, bias(block)), sum,
                                      value);
        next.push_back(value);
      }
  }
  return next;
}

CodedProduct::Vectors CodedProduct::sums(ArrayRef<Value> x,
                                         ArrayRef<Value> prepared,
                                         ArrayRef<Value> panels) {
  std::vector<CodedBlock> blocks(panels.size(), CodedBlock(e, form));
  int64_t count = x.size() * panels.size() * blocks[0].registers();
  Vectors totals(count, e.splat(0));
  Vectors rows(x);
  if (int8)
    for (auto [row, from] : llvm::zip_equal(rows, prepared))
      row = e.at(from, e.b.getI8Type(),
                 e.index(path == CodedPath::Bytes ? codesAt(form, k)
                                                  : valuesAt(form, k)));
  const BlockFormat &format = form.format;
  return e.loop(e.index(0), e.index(k / format.super), 1, totals,
                [&](Value b, ValueRange totals) {
                  for (auto [block, panel] : llvm::zip_equal(blocks, panels))
                    block.enter(e.at(panel, e.b.getI8Type(),
                                     e.mul(b, form.blockBytes())));
                  return e.loop(e.index(0), e.index(format.subBlocks()), 1,
                                totals, [&](Value sub, ValueRange totals) {
                                  for (CodedBlock &block : blocks)
                                    block.enterSub(sub);
                                  Value first = e.add(e.mul(b, format.super),
                                                      e.mul(sub, format.block));
                                  return addSub(blocks, rows, prepared, first,
                                                llvm::to_vector(totals));
                                });
                });
}
