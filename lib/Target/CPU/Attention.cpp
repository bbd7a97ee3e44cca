//===- Attention.cpp - attention in blocks of rows and parts of keys ------===//
// A unit is (batch, key/value head, block of rows). Where a head's rows are one
// block, the units are parts of its keys instead, whose sums meet in the shared
// scratch: a long context is work for all threads though its rows are few.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "Tiles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Parts are smaller than chunks to be more.
static constexpr int64_t kPartKeys = 128;
/// Most blocks of a unit, and units a thread should have at least.
static constexpr int64_t kUnitBlocks = 16, kUnits = 8;

/// Rows of a block, and the most rows of a head whose keys go in parts; fewer
/// where a head is known to have fewer. Only blocks on tiles have more.
static std::pair<int64_t, int64_t> rowsOf(graph::AttentionOp op,
                                          const MachineModel &machine) {
  ArrayRef<int64_t> sizes = op.getQuery().getType().getShape();
  int64_t heads = op.getKey().getType().getShape()[2];
  int64_t rows = Tiles::kRows;
  if (!ShapedType::isDynamicShape(sizes.drop_front()) &&
      !ShapedType::isDynamic(heads))
    rows = std::clamp<int64_t>(sizes[1] * sizes[2] / heads, 1, rows);
  int64_t few = std::min(rows, machine.keyRows);
  return {rows > few && fitsTiles(op, machine) ? Tiles::kRows : few, few};
}

AttentionEmitter::AttentionEmitter(KernelEmitter &emitter,
                                   graph::AttentionOp op)
    : e(emitter), op(op), math(e.b, e.b.getLoc()), q(e.operand(op.getQuery())),
      k(e.operand(op.getKey())), v(e.operand(op.getValue())), out(e.result(0)),
      coded(isFloat8(k.element())),
      keyElement(coded ? e.b.getBF16Type() : k.element()),
      valueElement(coded ? e.b.getBF16Type() : v.element()),
      dots(q.element().isBF16() && keyElement.isBF16() && e.machine.dotsBf16),
      operand(dots ? q.element() : e.b.getF32Type()),
      keyPairs(keyElement.isBF16()),
      valuePairs(keyPairs && (dots || graph::layoutOf(v.type))),
      width(graph::layoutOf(k.type).getWidth()), vectors(width / e.lanes()) {
  e.flushes = dots;
  groups = k.dims[2];
  perGroup = e.div(q.dims[2], groups);
  pairs = e.mul(q.dims[0], groups);
  rows = e.mul(q.dims[1], perGroup);
  querySize = roundUp(q.dims[3]);
  // A line more than the chunk: rows of a power of two share cache sets.
  logitsSize = e.index(kChunkKeys + 16);
  sumsAt = roundUp(v.dims[3]);
  shiftAt = e.add(sumsAt, e.lanes());
  stateSize = e.add(shiftAt, e.lanes());
  std::tie(block, few) = rowsOf(op, e.machine);
  tiled = block > few;
  queries = f32At(e.scratch, e.index(tiled ? Tiles::kLine / 4 : 0));
  logits = f32At(queries, e.mul(querySize, block * kUnitBlocks));
  states = f32At(logits, e.mul(logitsSize, block));
  values = f32At(states, e.mul(stateSize, block * kUnitBlocks));
  decoded = f32At(values, e.mul(sumsAt, kChunkKeys));
}

void AttentionEmitter::emit() {
  split = e.less(rows, e.index(few + 1));
  if (tiled)
    Tiles(e).configure(e.scratch, e.index(Tiles::kRows));
  chunkKeys = e.select(split, e.index(kPartKeys), e.index(kChunkKeys));
  // Units of several blocks copy the values less often, as long as there are
  // some for every thread.
  Value blocks = e.ceilDiv(rows, block), one = e.index(1);
  Value share = e.ceilDiv(e.mul(blocks, pairs), e.mul(e.threads, kUnits));
  Value units =
      e.ceilDiv(blocks, e.max(e.min(share, e.index(kUnitBlocks)), one));
  unitRows = e.mul(e.ceilDiv(blocks, e.max(units, one)), block);
  Value parts = e.select(split, e.mul(units, countParts()), units);
  // Round robin from the last rows on: causal rows cost more the later they
  // are.
  Value all = e.mul(parts, pairs);
  Value count = e.ceilDiv(e.sub(all, e.thread), e.threads);
  e.loop(e.index(0), count, 1, [&](Value i) {
    Value unit = e.add(e.mul(i, e.threads), e.thread);
    Value part = e.sub(e.sub(parts, one), e.div(unit, pairs));
    emitUnit(part, e.rem(unit, pairs));
  });
  if (tiled)
    Tiles(e).release();
  e.when(split, [&] { emitParts(); });
}

Value AttentionEmitter::scalar(double value) {
  return arith::ConstantOp::create(e.b, e.b.getF32FloatAttr(float(value)));
}

Value AttentionEmitter::rowOffset(Value row, Value columns) {
  Value query = e.add(e.mul(batch, q.dims[1]), e.div(row, perGroup));
  Value queryHead = e.add(e.mul(head, perGroup), e.rem(row, perGroup));
  return e.mul(e.add(e.mul(query, q.dims[2]), queryHead), columns);
}

Value AttentionEmitter::loadIndex(const Tensor &tensor, Value offset) {
  Value word = e.loadScalar(e.at(tensor.pointer, tensor.element(), offset),
                            tensor.element());
  return arith::ExtSIOp::create(e.b, e.b.getI64Type(), word);
}

/// Parts of the row of the batch with the most keys.
Value AttentionEmitter::countParts() {
  Value longest = k.dims[1];
  if (op.getPast()) {
    const Tensor &lengths = e.operand(op.getPast());
    Value most = e.loop(e.index(0), q.dims[0], 1, {e.index(0)},
                        [&](Value row, ValueRange carried) {
                          return SmallVector<Value>{
                              e.max(carried[0], loadIndex(lengths, row))};
                        })[0];
    longest = e.min(e.add(most, q.dims[1]), longest);
  }
  return e.ceilDiv(longest, kPartKeys);
}

void AttentionEmitter::enterPair(Value pair) {
  batch = e.div(pair, groups);
  head = e.rem(pair, groups);
  past = e.index(0);
  total = k.dims[1];
  if (op.getPast()) {
    past = loadIndex(e.operand(op.getPast()), batch);
    total = e.min(e.add(past, q.dims[1]), total);
  }
}

/// What rows of the current head attend. Both bounds grow with the row.
AttentionEmitter::Range AttentionEmitter::keysOf(Value row, Value count) {
  return {keysOf(row).first,
          keysOf(e.add(row, e.sub(count, e.index(1)))).limit};
}

AttentionEmitter::Range AttentionEmitter::keysOf(Value row) {
  Value position = e.add(past, e.div(row, perGroup));
  Range keys = {e.index(0), total};
  if (op.getCausal())
    keys.limit = e.min(total, e.add(position, 1));
  if (op.getWindow())
    keys.first = e.max(e.sub(position, e.index(int64_t(*op.getWindow()) - 1)),
                       e.index(0));
  keys.first = e.min(keys.first, keys.limit);
  return keys;
}

void AttentionEmitter::emitUnit(Value part, Value pair) {
  enterPair(pair);
  Value firstRow = e.select(split, e.index(0), e.mul(part, unitRows));
  Value count = e.select(split, rows, e.min(e.sub(rows, firstRow), unitRows));
  unit = keysOf(firstRow, count);
  Value begin = e.mul(part, chunkKeys);
  unit.first = e.select(split, e.max(unit.first, begin), unit.first);
  unit.limit =
      e.select(split, e.min(unit.limit, e.add(begin, chunkKeys)), unit.limit);
  Value first = e.div(unit.first, chunkKeys);
  Value last = e.max(e.ceilDiv(unit.limit, chunkKeys), e.add(first, 1));
  Value single = e.equal(e.sub(last, first), e.index(1));
  Value shared = e.mul(e.add(e.mul(part, pairs), pair), few);
  e.loop(first, last, 1, [&](Value i) {
    Value begin = e.mul(i, chunkKeys);
    chunk = {e.max(unit.first, begin),
             e.min(unit.limit, e.add(begin, chunkKeys))};
    if (coded)
      decodeChunk();
    if (!graph::layoutOf(v.type))
      copyValues();
    if (tiled)
      e.when(split, [] {}, [&] { padValues(); });
    e.loop(e.index(0), count, block, [&](Value row) {
      // What a block needs for one chunk only stays in the L1.
      Value place = e.select(single, e.index(0), row);
      blockRow = e.add(firstRow, row);
      blockSize = e.min(e.sub(count, row), e.index(block));
      blockQueries = f32At(queries, e.mul(place, querySize));
      blockStates = e.select(split, f32At(e.shared, e.mul(shared, stateSize)),
                             f32At(states, e.mul(place, stateSize)));
      emitBlock();
    });
  });
}

/// Joins the parts of each row.
void AttentionEmitter::emitParts() {
  e.barrier();
  Type f32 = e.b.getF32Type();
  Value apart = e.mul(e.mul(pairs, few), stateSize);
  auto [begin, end] = e.share(e.mul(pairs, rows));
  e.loop(begin, end, 1, [&](Value i) {
    Value pair = e.div(i, rows), row = e.rem(i, rows);
    enterPair(pair);
    Range keys = keysOf(row, e.index(1));
    Value first = e.div(keys.first, chunkKeys);
    Value last = e.ceilDiv(keys.limit, chunkKeys);
    Value state =
        f32At(e.shared, e.mul(e.add(e.mul(pair, few), row), stateSize));
    auto at = [&](Value part, Value offset) {
      return f32At(state, e.add(e.mul(part, apart), offset));
    };
    auto join = [&](Value empty, function_ref<Value(Value, Value)> next) {
      return e.loop(first, last, 1, {empty},
                    [&](Value part, ValueRange carried) {
                      return SmallVector<Value>{next(carried[0], part)};
                    })[0];
    };
    Value highest = join(scalar(kNoShift), [&](Value highest, Value part) {
      return math.fastMax(highest, e.loadScalar(at(part, shiftAt), f32));
    });
    emitRow(row, [&](Value offset) {
      return join(e.splat(0), [&](Value sum, Value part) -> Value {
        Value shift = e.loadScalar(at(part, shiftAt), f32);
        Value weight = e.broadcast(
            math.powerOfTwo(arith::SubFOp::create(e.b, shift, highest)));
        return vector::FMAOp::create(e.b, weight, e.load(at(part, offset), f32),
                                     sum);
      });
    });
  });
}

/// The output of a row, from the sums at an offset of its state.
void AttentionEmitter::emitRow(Value row, function_ref<Value(Value)> sums) {
  Value sum = e.reduce(sums(sumsAt), [&](Value a, Value b) -> Value {
    return arith::AddFOp::create(e.b, a, b);
  });
  // No key at all: nothing is attended, and the output is 0.
  Value zero = scalar(0);
  Value none = arith::CmpFOp::create(e.b, arith::CmpFPredicate::OEQ, sum, zero);
  Value inverse = e.broadcast(
      arith::SelectOp::create(e.b, none, zero, math.reciprocal(sum)));
  Value offset = rowOffset(row, v.dims[3]);
  e.columnLoop(v.dims[3], [&](Value column, Value mask) {
    e.store(arith::MulFOp::create(e.b, sums(column), inverse),
            e.at(out.pointer, out.element(), e.add(offset, column)),
            out.element(), mask);
  });
}

static AffineExpr sizeOf(Value operand, unsigned dim,
                         ArrayRef<graph::SymbolicShape> operands) {
  return operands[cast<BlockArgument>(operand).getArgNumber()][dim];
}

/// AttentionEmitter's stateSize, or a little more.
static AffineExpr stateSizeOf(graph::AttentionOp op,
                              ArrayRef<graph::SymbolicShape> operands,
                              const MachineModel &machine) {
  return sizeOf(op.getValue(), 3, operands) + 3 * machine.lanes;
}

static LogicalResult emit(KernelEmitter &emitter) {
  auto op = cast<graph::AttentionOp>(rootOf(emitter.kernel));
  graph::LayoutAttr key = graph::layoutOf(op.getKey().getType());
  if (!key || key.getKind() != graph::LayoutKind::HeadPanels ||
      key.getWidth() % emitter.lanes())
    return op.emitOpError("expected the key in head panels");
  AttentionEmitter(emitter, op).emit();
  return success();
}

/// A thread's shape of tiles, queries, logits, states and values.
static AffineExpr scratch(launch::KernelOp kernel,
                          ArrayRef<graph::SymbolicShape> operands,
                          const MachineModel &machine) {
  auto op = cast<graph::AttentionOp>(rootOf(kernel));
  AffineExpr row = sizeOf(op.getQuery(), 3, operands) + machine.lanes +
                   stateSizeOf(op, operands, machine);
  AffineExpr column = sizeOf(op.getValue(), 3, operands) + machine.lanes;
  constexpr int64_t kChunkKeys = AttentionEmitter::kChunkKeys;
  int64_t block = rowsOf(op, machine).first;
  AffineExpr bytes = (row * (block * kUnitBlocks) + block * (kChunkKeys + 16) +
                      column * kChunkKeys) *
                         4 +
                     Tiles::kLine;
  if (isFloat8(op.getKey().getType().getElementType()))
    bytes = bytes + (row + column) * (kChunkKeys * 2);
  return bytes;
}

/// The states of the parts of every head's first block.
static AffineExpr sharedScratch(launch::KernelOp kernel,
                                ArrayRef<graph::SymbolicShape> operands,
                                const MachineModel &machine) {
  auto op = cast<graph::AttentionOp>(rootOf(kernel));
  AffineExpr parts = sizeOf(op.getKey(), 1, operands).ceilDiv(kPartKeys);
  return parts * sizeOf(op.getKey(), 0, operands) *
         sizeOf(op.getKey(), 2, operands) * stateSizeOf(op, operands, machine) *
         (rowsOf(op, machine).second * 4);
}

const Family cpu::attentionFamily = {
    "attention", [](Operation *op) { return isa<graph::AttentionOp>(op); },
    emit,        nullptr,
    scratch,     sharedScratch};
