//===- AttentionTiles.cpp - a block of rows on AMX tiles ------------------===//
// 16 rows of bf16 queries, or exponentials, times 32 keys, or columns of the
// values: two tiles of sums. Keys of panels and pairs of values are tiles as
// they lie. Logits are scaled, and most never masked, where they are next read.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "Tiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Columns of a product, and tiles they take. 64 are no faster.
static constexpr int64_t kColumns = 32, kColumnTiles = 2;

bool cpu::fitsTiles(graph::AttentionOp op, const MachineModel &machine) {
  RankedTensorType q = op.getQuery().getType(), k = op.getKey().getType(),
                   v = op.getValue().getType();
  auto isBf16 = [](RankedTensorType type) { // or decoded to it
    return type.getElementType().isBF16() || isFloat8(type.getElementType());
  };
  auto fits = [](int64_t size, int64_t unit) {
    return !ShapedType::isDynamic(size) && size % unit == 0;
  };
  return machine.tilesBf16 && machine.dotsBf16 && q.getElementType().isBF16() &&
         isBf16(k) && isBf16(v) && scaleOf(op) > 0 &&
         fits(q.getShape().back(), Tiles::kDepth) &&
         fits(v.getShape().back(), kColumns) && graph::layoutOf(k) &&
         graph::layoutOf(k).getWidth() == kColumns;
}

/// 16 rows of inputs times tiles of weights, for `steps` of 32 k; in bytes.
struct AttentionEmitter::TileProduct {
  Value inputs, inputStride;
  /// The first of the tiles of 16 columns each.
  function_ref<Value(Value step)> weights;
  Value weightStride, steps;
  Value sums, sumStride;
  Value fresh; ///< i1: do sums begin at 0? Null: they do.
};

static Value byteAt(KernelEmitter &e, Value pointer, Value offset) {
  return e.at(pointer, e.b.getI8Type(), offset);
}

void AttentionEmitter::multiplyTiles(const TileProduct &product) {
  Tiles tiles(e);
  auto eachSum = [&](function_ref<void(int64_t, Value)> body) {
    for (int64_t column = 0; column < kColumnTiles; ++column)
      body(column, byteAt(e, product.sums, e.index(column * Tiles::kLine)));
  };
  auto zero = [&] { eachSum([&](int64_t sum, Value) { tiles.zero(sum); }); };
  auto load = [&] {
    eachSum(
        [&](int64_t sum, Value at) { tiles.load(sum, at, product.sumStride); });
  };
  product.fresh ? e.when(product.fresh, zero, load) : zero();
  e.loop(e.index(0), product.steps, 1, [&](Value step) {
    tiles.load(Tiles::kInputs,
               byteAt(e, product.inputs, e.mul(step, Tiles::kLine)),
               product.inputStride);
    Value weights = product.weights(step);
    for (int64_t column = 0; column < kColumnTiles; ++column) {
      int64_t weight = Tiles::kWeights + column;
      tiles.load(weight, byteAt(e, weights, e.index(column * Tiles::kLine)),
                 product.weightStride);
      tiles.multiply(column, Tiles::kInputs, weight);
    }
  });
  eachSum(
      [&](int64_t sum, Value at) { tiles.store(sum, at, product.sumStride); });
}

/// The chunk's last values with zeros from its limit on, for a tile reads 32:
/// the copied ones where they are, a copy of those that lie by heads.
void AttentionEmitter::padValues() {
  Type i32 = e.b.getI32Type();
  bool byHeads = bool(graph::layoutOf(v.type));
  Value limit = chunk.limit, two = e.index(2), depth = e.index(Tiles::kDepth);
  Value first = e.mul(e.div(limit, depth), depth);
  Value last = e.div(e.sub(limit, e.index(1)), two);
  auto pad = [&](Value pair) {
    Value key = e.add(first, e.mul(pair, two));
    Value kept =
        e.select(e.less(key, limit), e.splatInt(0xffff), e.splatInt(0));
    kept = e.select(e.less(e.add(key, 1), limit), e.splatInt(-1), kept);
    Value copied = e.div(e.sub(key, firstCopied()), two);
    Value write = f32At(values, e.mul(byHeads ? pair : copied, sumsAt));
    Value read =
        byHeads ? valuesOf(e.mul(e.min(e.div(key, two), last), two)) : write;
    e.columnLoop(v.dims[3], [&](Value column, Value) {
      Value words = e.load(e.at(read, i32, column), i32);
      e.store(arith::AndIOp::create(e.b, words, kept), e.at(write, i32, column),
              i32);
    });
  };
  e.when(e.less(first, limit),
         [&] { e.loop(e.index(0), e.index(Tiles::kDepth / 2), 1, pad); });
}

void AttentionEmitter::emitTileBlock() {
  double scale = scaleOf(op);
  emitTileLogits();
  Value wholeFrom = fromPanel, wholeTo = fromPanel;
  if (!op.getMask())
    std::tie(wholeFrom, wholeTo) =
        wholePanels(keysOf(blockRow),
                    keysOf(e.add(blockRow, e.sub(blockSize, e.index(1)))));
  if (op.getWindow() && !op.getMask())
    maskPanels(fromPanel, wholeFrom);
  maskPanels(wholeTo, toPanel);
  overRows([&](Value row) { emitShift(row, scale); });
  e.when(fresh, [] {}, [&] { overRows([&](Value row) { rescale(row); }); });
  overRows(
      [&](Value row) { emitExponentials(row, op.getSoftcap() ? 1 : scale); });
  emitTileProducts();
}

void AttentionEmitter::emitTileLogits() {
  int64_t depth = q.type.getShape().back(), pair = width * 4;
  e.loop(fromPanel, toPanel, 1, [&](Value panel) {
    Value keys = keysOfPanel(panel);
    Value sums = e.mul(e.sub(panel, fromPanel), width);
    auto weights = [&](Value step) {
      return byteAt(e, keys, e.mul(step, Tiles::kDepth / 2 * pair));
    };
    multiplyTiles({blockQueries, e.mul(querySize, 4), weights, e.index(pair),
                   e.index(depth / Tiles::kDepth), f32At(logits, sums),
                   e.mul(logitsSize, 4), Value()});
  });
}

/// Keys of these panels that a row does not attend have no weight. Where that
/// is the same for all rows, it is mostly none.
void AttentionEmitter::maskPanels(Value from, Value to) {
  bool same = !op.getCausal() && !op.getWindow();
  auto overColumns = [&](function_ref<void(Value)> body) {
    e.loop(e.mul(e.sub(from, fromPanel), width),
           e.mul(e.sub(to, fromPanel), width), e.lanes(), body);
  };
  auto unwanted = [&](const Range &range, Value column) {
    return negated(wanted(range, e.add(e.mul(fromPanel, width), column)));
  };
  auto store = [&](Value row, Value column, Value mask) {
    e.store(e.splat(-kInfinity), f32At(logitsOf(row), column), e.b.getF32Type(),
            mask);
  };
  if (!same)
    return overRows([&](Value row) {
      Range range = keysOf(e.add(blockRow, row));
      overColumns(
          [&](Value column) { store(row, column, unwanted(range, column)); });
    });
  overColumns([&](Value column) {
    Value mask = unwanted(keysOf(blockRow), column);
    Type bits = e.b.getIntegerType(e.lanes());
    Value any = vector::ExtractOp::create(
        e.b, vector::BitCastOp::create(e.b, VectorType::get(1, bits), mask), 0);
    Value none = arith::ConstantOp::create(e.b, e.b.getZeroAttr(bits));
    e.when(arith::CmpIOp::create(e.b, arith::CmpIPredicate::ne, any, none),
           [&] { overRows([&](Value row) { store(row, column, mask); }); });
  });
}

/// The row's sums by what its shift grew, which is rarely something.
void AttentionEmitter::rescale(Value row) {
  Type f32 = e.b.getF32Type();
  Value state = stateOf(row);
  Value factor = e.loadScalar(f32At(state, e.add(shiftAt, 1)), f32);
  Value grew =
      arith::CmpFOp::create(e.b, arith::CmpFPredicate::UNE, factor, scalar(1));
  e.when(grew, [&] {
    e.columnLoop(v.dims[3], [&](Value column, Value) {
      Value at = f32At(state, column);
      e.store(arith::MulFOp::create(e.b, e.load(at, f32), e.broadcast(factor)),
              at, f32);
    });
  });
}

void AttentionEmitter::emitTileProducts() {
  Value firstKey = e.mul(fromPanel, width);
  Value copied = e.sub(firstKey, firstCopied());
  bool byHeads = bool(graph::layoutOf(v.type));
  Value steps = e.sub(toPanel, fromPanel); // a panel is as deep as a tile
  Value pair = e.mul(sumsAt, 4), bytes = e.mul(pair, Tiles::kDepth / 2);
  Value from = byHeads
                   ? valuesOf(firstKey)
                   : f32At(values, e.mul(e.div(copied, e.index(2)), sumsAt));
  e.loop(e.index(0), v.dims[3], kColumns, [&](Value column) {
    auto weights = [&](Value step) {
      Value at = byteAt(e, from, e.mul(step, bytes));
      if (byHeads) {
        Value end = e.add(firstKey, e.mul(e.add(step, 1), Tiles::kDepth));
        at = e.select(e.less(chunk.limit, end), values, at);
      }
      return f32At(at, column);
    };
    multiplyTiles({logits, e.mul(logitsSize, 4), weights, pair, steps,
                   f32At(blockStates, column), e.mul(stateSize, 4), fresh});
  });
}
