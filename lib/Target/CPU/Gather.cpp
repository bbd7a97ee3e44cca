//===- Gather.cpp - rows of a table ---------------------------------------===//
// Reads the row-major table, or the panels of elements or stored codes that a
// linear layer multiplies by.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CodedProducts.h"
#include "Elementwise.h"
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// A lane of panels as an f32 vector: elements `width` apart, bf16 in pairs.
static Value loadStrided(KernelEmitter &e, Value pointer, Type element,
                         int64_t width, Value mask) {
  auto &b = e.b;
  bool paired = element.isBF16();
  Type word = paired ? Type(b.getI32Type()) : element;
  SmallVector<int64_t> offsets;
  SmallVector<int32_t> shifts;
  for (int64_t lane = 0; lane < e.lanes(); ++lane) {
    offsets.push_back((paired ? lane / 2 : lane) * width);
    shifts.push_back(lane % 2 * 16);
  }
  auto constant = [&](Type type, auto &numbers) -> Value {
    return arith::ConstantOp::create(
        b, DenseElementsAttr::get(e.vectorOf(type), ArrayRef(numbers)));
  };
  Type pointers = VectorType::get({e.lanes()}, pointer.getType());
  Value addresses =
      LLVM::GEPOp::create(b, pointers, word, pointer,
                          ValueRange{constant(b.getI64Type(), offsets)});
  if (!mask)
    mask = e.mask(e.index(e.lanes()));
  VectorType type = e.vectorOf(word);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value vector = LLVM::masked_gather::create(b, type, addresses, mask, zero,
                                             word.getIntOrFloatBitWidth() / 8);
  if (element.isF32())
    return vector;
  VectorType f32 = e.vectorOf(b.getF32Type());
  if (!paired)
    return arith::ExtFOp::create(b, f32, vector);
  vector = arith::ShRUIOp::create(b, vector, constant(b.getI32Type(), shifts));
  vector = arith::ShLIOp::create(b, vector, e.splatInt(16));
  return arith::BitcastOp::create(b, f32, vector);
}

/// The row an index names; an index outside the table names the nearest.
static Value tableRow(KernelEmitter &e, const Tensor &table,
                      const Tensor &indices, Value position) {
  Value word = e.loadScalar(e.at(indices.pointer, indices.element(), position),
                            indices.element());
  Value row = arith::ExtSIOp::create(e.b, e.b.getI64Type(), word);
  Value last = e.sub(table.dims[0], e.index(1));
  return e.max(e.min(row, last), e.index(0));
}

namespace {
/// Decodes one lane of a panel, a word's elements at a time.
class LaneDecoder {
public:
  LaneDecoder(KernelEmitter &emitter, const CodePanel &form)
      : e(emitter), form(form) {}

  /// The k values of `lane` to f32 at `out`.
  void emit(Value panel, Value lane, int64_t k, Value out) {
    const BlockFormat &format = form.format;
    e.loop(e.index(0), e.index(k / format.super), 1, [&](Value b) {
      Value block = at(panel, e.mul(b, form.blockBytes()));
      Value d = number(block, lane, e.b.getF16Type());
      Value m;
      if (format.hasMin)
        m = number(at(block, e.index(form.minOffset())), lane,
                   e.b.getF16Type());
      e.loop(e.index(0), e.index(format.subBlocks()), 1, [&](Value sub) {
        Value k = e.add(e.mul(b, format.super), e.mul(sub, format.block));
        emitSub(block, lane, sub, d, m, e.at(out, e.b.getF32Type(), k));
      });
    });
  }

private:
  Value at(Value pointer, Value bytes) {
    return e.at(pointer, e.b.getI8Type(), bytes);
  }
  Value number(Value array, Value index, Type type) {
    return e.loadScalar(e.at(array, type, index), type);
  }
  /// A byte of the scales, as f32.
  Value scale(Value block, int64_t offset, Value sub, Value lane) {
    Value position = e.add(e.mul(sub, form.width), lane);
    Value byte = number(at(block, e.index(offset)), position, e.b.getI8Type());
    if (form.format.hasMin)
      return arith::UIToFPOp::create(e.b, e.b.getF32Type(), byte);
    return arith::SIToFPOp::create(e.b, e.b.getF32Type(), byte);
  }
  VectorType vectorOf(Type element) {
    return VectorType::get({form.group()}, element);
  }
  /// A constant of each element of a word.
  Value constants(function_ref<int64_t(int64_t)> value) {
    auto numbers = llvm::map_to_vector(
        llvm::seq(form.group()), [&](int64_t j) { return int32_t(value(j)); });
    return arith::ConstantOp::create(
        e.b, DenseElementsAttr::get(vectorOf(e.b.getI32Type()),
                                    ArrayRef<int32_t>(numbers)));
  }
  Value spread(Value scalar) {
    return vector::BroadcastOp::create(e.b, vectorOf(scalar.getType()), scalar);
  }
  Value codes(Value low, Value high, int64_t word);
  void emitSub(Value block, Value lane, Value sub, Value d, Value m, Value out);

  KernelEmitter &e;
  CodePanel form;
};
} // namespace

/// The codes of a word's elements, less the format's zero, as i32.
Value LaneDecoder::codes(Value low, Value high, int64_t word) {
  Value bits = spread(low);
  int64_t top = form.whole() ? 8 : 0;
  Value code = LLVM::FshrOp::create(
      e.b, bits.getType(), bits, bits,
      constants([&](int64_t j) { return (form.lowBit(j) + top) % 32; }));
  if (form.whole())
    return arith::ShRSIOp::create(e.b, code,
                                  constants([](int64_t) { return 24; }));
  code =
      arith::AndIOp::create(e.b, code, constants([](int64_t) { return 15; }));
  if (form.highBits()) {
    Value more =
        arith::ShRUIOp::create(e.b, spread(high), constants([&](int64_t j) {
                                 return form.highBit(word * form.group() + j);
                               }));
    int64_t mask = (1 << form.highBits()) - 1;
    more = arith::AndIOp::create(e.b, more,
                                 constants([&](int64_t) { return mask; }));
    more =
        arith::ShLIOp::create(e.b, more, constants([](int64_t) { return 4; }));
    code = arith::OrIOp::create(e.b, code, more);
  }
  return arith::SubIOp::create(
      e.b, code, constants([&](int64_t) { return form.format.zero; }));
}

void LaneDecoder::emitSub(Value block, Value lane, Value sub, Value d, Value m,
                          Value out) {
  if (form.format.hasScales) {
    d = arith::MulFOp::create(e.b, d,
                              scale(block, form.scaleOffset(), sub, lane));
    if (m)
      m = arith::NegFOp::create(
          e.b, arith::MulFOp::create(
                   e.b, m, scale(block, form.scaleMinOffset(), sub, lane)));
  }
  Type i32 = e.b.getI32Type();
  Value words =
      at(block, e.add(e.mul(sub, form.subBytes()), form.codeOffset()));
  Value high = form.highBits() ? number(words, lane, i32) : Value();
  words = at(words, e.index(form.lowOffset()));
  for (int64_t w = 0; w < form.words(); ++w) {
    Value low = number(words, e.add(lane, w * form.width), i32);
    Value value = arith::SIToFPOp::create(e.b, vectorOf(e.b.getF32Type()),
                                          codes(low, high, w));
    value = m ? Value(math::FmaOp::create(e.b, value, spread(d), spread(m)))
              : Value(arith::MulFOp::create(e.b, value, spread(d)));
    LLVM::StoreOp::create(
        e.b, value, e.at(out, e.b.getF32Type(), e.index(w * form.group())), 4);
  }
}

static LogicalResult emitCoded(KernelEmitter &e, const Tensor &table,
                               const Tensor &indices, const CodePanel &form) {
  int64_t k = table.type.getShape().back();
  int64_t bytes = k / form.format.super * form.blockBytes();
  auto [from, to] = e.share(e.product(indices, 0, indices.rank()));
  e.loop(from, to, 1, [&](Value position) {
    Value row = tableRow(e, table, indices, position);
    Value panel = e.mul(e.div(row, e.index(form.width)), bytes);
    LaneDecoder(e, form).emit(
        e.at(table.pointer, e.b.getI8Type(), panel),
        e.rem(row, e.index(form.width)), k,
        e.at(e.result(0).pointer, e.b.getF32Type(), e.mul(position, k)));
  });
  return success();
}

static LogicalResult emit(KernelEmitter &e) {
  auto op = cast<graph::GatherOp>(rootOf(e.kernel));
  const Tensor &table = e.operand(op.getTable());
  const Tensor &indices = e.operand(op.getIndices());
  if (!table.pointer || !indices.pointer)
    return op.emitOpError("expected arguments as operands in a cpu kernel");
  if (std::optional<CodePanel> form = codePanelOf(table.type))
    return emitCoded(e, table, indices, *form);
  graph::LayoutAttr layout = graph::layoutOf(table.type);
  int64_t width = layout ? layout.getWidth() : 1;
  const Tensor &space = e.result(0);
  PointEvaluator points(e, space);
  Value columns = e.columns(table);
  Type element = table.element();
  LogicalResult status = success();
  auto [from, to] = e.share(e.product(indices, 0, indices.rank()));
  e.loop(from, to, 1, [&](Value position) {
    points.enterRow(position);
    // [V/W][H][W]: a row-major table is the same with panels of one.
    Value row = tableRow(e, table, indices, position);
    // bf16 is [V/W][H/2][W][2]: a lane of words, each for two columns.
    int64_t pair = layout && element.isBF16() ? 2 : 1;
    Value depth = e.mul(e.ceilDiv(columns, pair), pair);
    Value panel = e.mul(e.div(row, e.index(width)), e.mul(depth, width));
    Value first = e.add(panel, e.mul(e.rem(row, e.index(width)), pair));
    e.columnLoop(columns, [&](Value column, Value mask) {
      Value pointer =
          e.at(table.pointer, element, e.add(first, e.mul(column, width)));
      Value vector = layout ? loadStrided(e, pointer, element, width, mask)
                            : e.load(pointer, element, mask);
      PointEvaluator::Point point{column, mask};
      point.known[op.getResult()] =
          e.round(vector, getElementTypeOrSelf(op.getType()));
      status = points.store(point);
    });
  });
  return status;
}

static bool heads(Operation *root) { return isa<graph::GatherOp>(root); }

/// Codes are decoded to memory as they are.
static bool canFuse(Operation *root, Operation *consumer) {
  return !codePanelOf(root->getOperand(0).getType()) &&
         fusesPointwise(root, consumer);
}

const Family cpu::gatherFamily = {"gather", heads, emit, canFuse};
