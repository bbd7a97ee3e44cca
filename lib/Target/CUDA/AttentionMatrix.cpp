//===- AttentionMatrix.cpp - attention by mma.sync ------------------------===//
// A row is one query of one of the heads that read the same keys, a warp
// has 16. Keys and values come by cp.async, 64 at a time in two buffers each;
// exponentials wait for no row's maximum: a new one rescales the sums. Warps
// have rows of their own and all keys or, where there are few rows, the same
// rows and a quarter of the keys each; then a second launch joins the parts.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Attention.h"
#include "Matrix.h"
#include "lib/Target/Math.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kWarps = Attention::kWarps, kThreads = kWarps * kWarp,
                         kRows = Attention::kRows;
/// Beyond it a thread's registers do not hold its queries, and tiles are
/// smaller.
static constexpr int64_t kMostDepth = 128;
static constexpr double kLowest = -std::numeric_limits<float>::infinity();

namespace {
class MatrixAttention {
public:
  MatrixAttention(Attention &a, bool split)
      : a(a), e(a.e), b(a.e.b), matrix(a.e), math(b, b.getLoc()), split(split),
        element(a.k.element()), staged(a.depth > kMostDepth),
        tileKeys(staged && !split ? 32 : 64),
        keys(split ? tileKeys / kWarps : tileKeys), keyBytes(a.depth * 2 + 16),
        valueBytes(a.valueDepth * 2 + 16) {}

  void emit(const LaunchShape &shape);

private:
  /// What a thread has of its two rows, 8 apart.
  struct Row {
    Value exists, query, head; ///< i1, i64, i64
    Attention::Range keys;
  };
  Row rowOf(Value number);
  void loadQueries();
  void stageQueries();
  std::array<Value, 4> queryOf(int64_t k);
  void emitTiles(Value first, Value limit);
  void copyTile(const Tensor &tensor, int64_t depth, int64_t bytes,
                Value memory, Value first);
  SmallVector<Value> logits(Value memory);
  SmallVector<Value> masked(Value first, ValueRange logits);
  /// Maxima, sums and sums of values after a tile; takes its logits.
  void addTile(SmallVector<Value> logits, MutableArrayRef<Value> state,
               function_ref<Value()> values);
  void finish(ValueRange state);
  void storePart(ValueRange state, int64_t half);

  Value f32(Value x, function_ref<Value(Value, Value)> join) {
    return e.reduceWarp(x, join, 4); // the lanes of a row
  }
  /// The other where one is NaN: its exponential is NaN all the same.
  Value larger(Value x, Value y) { return arith::MaxNumFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value byte(Value pointer, Value offset) {
    return e.at(pointer, b.getI8Type(), offset);
  }

  Attention &a;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MatrixEmitter matrix;
  MathEmitter math;
  bool split;
  Type element;
  bool staged;            ///< are queries in shared memory?
  int64_t tileKeys, keys; ///< of a tile, and those that a warp has
  int64_t keyBytes,
      valueBytes;       ///< of a row in shared memory: an odd number of 16
  Value group, ownKeys; ///< key head; first key of the warp in a tile
  Row rows[2];
  Attention::Range every; ///< keys that all rows of the block attend
  SmallVector<std::array<Value, 4>> queries;
  Value keyMemory, valueMemory, queryMemory, warpRow;
};
} // namespace

/// Rows of a head are its queries, and of each the heads of its group.
MatrixAttention::Row MatrixAttention::rowOf(Value number) {
  Row row;
  Value count = e.mul(a.q.dims[1], a.perGroup);
  row.exists = e.less(number, count);
  Value known = e.min(number, e.sub(count, 1));
  row.query = e.div(known, a.perGroup);
  row.head = e.add(e.mul(group, a.perGroup), e.rem(known, a.perGroup));
  row.keys = a.keysOf(row.query);
  return row;
}

void MatrixAttention::loadQueries() {
  Value pair = e.wide(e.shiftLeft(e.bitAnd(e.lane, 3), 1));
  Value base[2];
  for (int64_t half = 0; half < 2; ++half)
    base[half] =
        e.at(a.q.pointer, element,
             e.add(a.offset(a.q, rows[half].query, rows[half].head), pair));
  for (int64_t k = 0; k < a.depth / 16; ++k) {
    std::array<Value, 4> fragment;
    for (int64_t i = 0; i < 4; ++i)
      fragment[size_t(i)] = LLVM::LoadOp::create(
          b, b.getI32Type(),
          e.at(base[i % 2], element, e.index(k * 16 + i / 2 * 8)), 4);
    queries.push_back(fragment);
  }
}

/// The warp's 16 rows to shared memory.
void MatrixAttention::stageQueries() {
  int64_t pieces = a.depth / 8;
  e.loop(e.lane, e.number(kRows * pieces), e.number(kWarp), [&](Value at) {
    Value row = e.div(at, pieces), piece = e.rem(at, pieces);
    Row own = rowOf(e.add(warpRow, e.wide(row)));
    Value from =
        e.add(a.offset(a.q, own.query, own.head), e.wide(e.mul(piece, 8)));
    matrix.copy(
        byte(queryMemory, e.add(e.mul(row, keyBytes), e.mul(piece, 16))),
        e.at(a.q.pointer, element, from), {});
  });
}

std::array<Value, 4> MatrixAttention::queryOf(int64_t k) {
  if (!staged)
    return queries[size_t(k)];
  Value at = e.add(e.mul(e.bitAnd(e.lane, 15), keyBytes),
                   e.mul(e.shiftRight(e.lane, 4), 16));
  return matrix.load(byte(queryMemory, e.add(at, k * 32)));
}

void MatrixAttention::copyTile(const Tensor &tensor, int64_t depth,
                               int64_t bytes, Value memory, Value first) {
  int64_t pieces = depth / 8; // of a row
  for (int64_t i = 0; i * kThreads < tileKeys * pieces; ++i) {
    Value at = e.add(e.thread, i * kThreads);
    Value row = e.div(at, pieces), piece = e.rem(at, pieces);
    Value key = e.add(first, e.wide(row));
    Value from = e.add(a.offset(tensor, key, group), e.wide(e.mul(piece, 8)));
    auto copy = [&] {
      matrix.copy(byte(memory, e.add(e.mul(row, bytes), e.mul(piece, 16))),
                  e.at(tensor.pointer, element, from), e.less(key, a.total));
    };
    if ((i + 1) * kThreads <= tileKeys * pieces)
      copy();
    else
      e.when(e.less(at, e.number(tileKeys * pieces)), copy);
  }
  matrix.commit();
}

SmallVector<Value> MatrixAttention::logits(Value memory) {
  Value row = e.add(ownKeys, e.add(e.bitAnd(e.lane, 7),
                                   e.shiftLeft(e.shiftRight(e.lane, 4), 3)));
  Value piece = e.bitAnd(e.shiftRight(e.lane, 3), 1);
  Value from = byte(memory, e.add(e.mul(row, keyBytes), e.mul(piece, 16)));
  SmallVector<Value> sums(size_t(keys / 8 * 4), e.real(0));
  for (int64_t k = 0; k < a.depth / 16; ++k) {
    std::array<Value, 4> query = queryOf(k);
    for (int64_t n = 0; n < keys / 16; ++n) {
      std::array<Value, 4> part =
          matrix.load(byte(from, e.number(n * 16 * keyBytes + k * 32)));
      for (int64_t j = 0; j < 2; ++j)
        matrix.multiply(query, ArrayRef(part).slice(size_t(j) * 2, 2),
                        MutableArrayRef(sums).slice(size_t(n * 2 + j) * 4, 4),
                        element);
    }
  }
  for (Value &sum : sums)
    sum = a.logit(sum);
  return sums;
}

/// Logits 4·n .. 4·n + 3 are of keys 8·n + 2·(lane % 4), + 1 of either row.
SmallVector<Value> MatrixAttention::masked(Value first, ValueRange logits) {
  SmallVector<Value> result;
  Value own = e.add(ownKeys, e.shiftLeft(e.bitAnd(e.lane, 3), 1));
  // Bounds within the tile, as words.
  auto within = [&](Value bound) {
    Value distance = e.sub(bound, first);
    return e.narrow(e.max(e.min(distance, e.index(tileKeys)), e.index(-1)));
  };
  Value limits[2], befores[2];
  for (int64_t half = 0; half < 2; ++half) {
    limits[half] = within(rows[half].keys.limit);
    befores[half] = within(e.sub(rows[half].keys.first, 1));
  }
  for (auto [i, x] : llvm::enumerate(logits)) {
    Value place = e.add(own, int64_t(i) / 4 * 8 + int64_t(i) % 2);
    Value key = e.add(first, e.wide(place));
    Value inside = e.less(place, limits[i % 4 / 2]);
    if (a.op.getWindow())
      inside = e.both(inside, e.less(befores[i % 4 / 2], place));
    if (a.op.getMask()) // the words of both rows are the same
      inside = e.both(
          inside, e.choose(
                      e.less(key, a.total),
                      [&]() -> SmallVector<Value> { return {a.masked(key)}; },
                      [&]() -> SmallVector<Value> {
                        return {e.constant(b.getI1Type(), 0)};
                      })[0]);
    result.push_back(e.select(inside, x, e.real(kLowest)));
  }
  return result;
}

void MatrixAttention::addTile(SmallVector<Value> logits,
                              MutableArrayRef<Value> state,
                              function_ref<Value()> values) {
  for (size_t half = 0; half < 2; ++half) {
    Value &highest = state[half], &sum = state[2 + half];
    Value most = highest;
    for (size_t i = 2 * half; i < logits.size(); i += 4)
      most = larger(logits[i + 1], larger(logits[i], most));
    most = f32(most, [&](Value x, Value y) { return larger(x, y); });
    // All masked so far: an infinite shift would make NaN of them.
    Value nothing = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, most,
                                          e.real(kLowest));
    Value shift = e.select(nothing, e.real(0), most);
    Value scale = e.real(a.factor());
    Value below = arith::NegFOp::create(b, mul(shift, scale));
    auto power = [&](Value x) {
      return e.exp2(math::FmaOp::create(b, x, scale, below));
    };
    Value factor = power(highest);
    highest = most;
    sum = mul(sum, factor);
    for (size_t i = 2 * half; i < logits.size(); i += 4)
      for (Value &x : MutableArrayRef(logits).slice(i, 2)) {
        x = power(x);
        sum = add(sum, x);
      }
    for (size_t i = 4 + 2 * half; i < state.size(); i += 4)
      for (Value &x : state.slice(i, 2))
        x = mul(x, factor);
  }
  Value memory = values();
  Value row = e.add(ownKeys, e.bitAnd(e.lane, 15));
  Value from = byte(memory, e.add(e.mul(row, valueBytes),
                                  e.mul(e.shiftRight(e.lane, 4), 16)));
  for (int64_t k = 0; k < keys / 16; ++k) {
    SmallVector<Value> powers;
    for (size_t i = 0; i < 4; ++i) {
      size_t at = size_t(k) * 8 + i * 2;
      powers.push_back(matrix.pack(logits[at], logits[at + 1], element));
    }
    for (int64_t n = 0; n < a.valueDepth / 16; ++n) {
      std::array<Value, 4> part =
          matrix.load(byte(from, e.number(k * 16 * valueBytes + n * 32)), true);
      for (int64_t j = 0; j < 2; ++j)
        matrix.multiply(powers, ArrayRef(part).slice(size_t(j) * 2, 2),
                        state.slice(size_t(4 + (n * 2 + j) * 4), 4), element);
    }
  }
}

void MatrixAttention::emitTiles(Value first, Value limit) {
  auto half = [&](Value memory, int64_t bytes, Value slot) {
    return byte(memory, e.mul(slot, tileKeys * bytes));
  };
  auto copyKeys = [&](Value from, Value slot) {
    copyTile(a.k, a.depth, keyBytes, half(keyMemory, keyBytes, slot), from);
  };
  auto copyValues = [&](Value from, Value slot) {
    copyTile(a.v, a.valueDepth, valueBytes, half(valueMemory, valueBytes, slot),
             from);
  };
  copyKeys(first, e.number(0));
  copyValues(first, e.number(0));
  SmallVector<Value> state(size_t(4 + a.valueDepth / 8 * 4), e.real(0));
  state[0] = state[1] = e.real(kLowest);
  state.push_back(e.number(0)); // the buffer
  state = e.loop(
      first, limit, e.index(tileKeys), state,
      [&](Value tile, ValueRange carried) {
        SmallVector<Value> next = llvm::to_vector(carried);
        Value slot = next.pop_back_val();
        Value other = e.bitXor(slot, e.number(1));
        Value following = e.add(tile, tileKeys);
        copyKeys(following, other);
        matrix.wait(2); // these keys: values and the next keys may be under way
        e.barrier();
        SmallVector<Value> x = logits(half(keyMemory, keyBytes, slot));
        copyValues(following, other);
        if (a.op.getMask()) {
          x = masked(tile, x);
        } else {
          Value whole = e.both(e.less(e.add(tile, tileKeys - 1), every.limit),
                               e.less(e.sub(every.first, 1), tile));
          x = e.choose(
              whole, [&] { return x; }, [&] { return masked(tile, x); });
        }
        addTile(x, next, [&] {
          matrix.wait(2);
          e.barrier();
          return half(valueMemory, valueBytes, slot);
        });
        next.push_back(other);
        return next;
      });
  state.pop_back();
  matrix.wait(0); // nothing arrives after the block has gone
  finish(state);
}

void MatrixAttention::finish(ValueRange given) {
  SmallVector<Value> state = llvm::to_vector(given);
  Value pair = e.wide(e.shiftLeft(e.bitAnd(e.lane, 3), 1));
  for (size_t half = 0; half < 2; ++half) {
    state[2 + half] =
        f32(state[2 + half], [&](Value x, Value y) { return add(x, y); });
    if (split) {
      storePart(state, int64_t(half));
      continue;
    }
    // No key at all: nothing is attended, and the output is 0.
    Value sum = state[2 + half], zero = e.real(0);
    Value none = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, sum, zero);
    Value inverse = e.select(none, zero, math.reciprocal(sum));
    Value to = e.add(a.offset(a.out, rows[half].query, rows[half].head), pair);
    Type type = a.out.element();
    e.when(rows[half].exists, [&] {
      for (int64_t n = 0; n < a.valueDepth / 8; ++n) {
        size_t at = size_t(4 + n * 4) + 2 * half;
        Value vector =
            e.collect({mul(state[at], inverse), mul(state[at + 1], inverse)});
        e.store(vector, e.at(a.out.pointer, type, e.add(to, n * 8)), type);
      }
    });
  }
}

void MatrixAttention::storePart(ValueRange state, int64_t half) {
  Type type = b.getF32Type();
  Value part = e.wide(e.add(e.mul(e.block(0), kWarps), e.warp));
  Value row = e.wide(e.add(e.shiftRight(e.lane, 2), half * 8));
  Value to = a.part(group, part, row);
  Value pair = e.shiftLeft(e.bitAnd(e.lane, 3), 1);
  for (int64_t n = 0; n < a.valueDepth / 8; ++n)
    e.store(e.collect(state.slice(size_t(4 + n * 4 + 2 * half), 2)),
            e.at(to, type, e.add(pair, n * 8)), type);
  e.when(e.equal(pair, e.number(0)), [&] {
    e.store(e.collect({state[size_t(half)], state[size_t(2 + half)]}),
            e.at(to, type, e.number(a.valueDepth)), type);
  });
}

//===----------------------------------------------------------------------===//
// Launches
//===----------------------------------------------------------------------===//

void MatrixAttention::emit(const LaunchShape &given) {
  LaunchShape shape = given;
  shape.threads = kThreads;
  int64_t blockRows = split ? kRows : kWarps * kRows;
  // Rows of a key head: queries, times all heads, over key heads.
  shape.grid[0] = split
                      ? CudaExtent{.times = a.parts() / kWarps}
                      : KernelEmitter::extent(a.q, 1, 3, blockRows * a.groups);
  shape.grid[1] = {.times = a.groups};
  shape.grid[2] = KernelEmitter::extent(a.q, 0, 1);
  e.begin(shape);
  keyMemory = e.allocateShared(2 * tileKeys * keyBytes);
  valueMemory = e.allocateShared(2 * tileKeys * valueBytes);
  if (staged) {
    int64_t bytes = kRows * keyBytes;
    queryMemory = byte(e.allocateShared(kWarps * bytes), e.mul(e.warp, bytes));
  }
  a.enterBatch(e.wide(e.block(2)));
  group = e.wide(e.block(1));
  Value firstRow = split ? e.index(0) : e.mul(e.wide(e.block(0)), blockRows);
  warpRow = split ? firstRow : e.add(firstRow, e.wide(e.mul(e.warp, kRows)));
  ownKeys = split ? e.mul(e.warp, keys) : e.number(0);
  for (int64_t half = 0; half < 2; ++half)
    rows[half] =
        rowOf(e.add(warpRow, e.wide(e.add(e.shiftRight(e.lane, 2), half * 8))));
  Attention::Range one = rowOf(firstRow).keys,
                   last = rowOf(e.add(firstRow, blockRows - 1)).keys;
  every = {last.first, one.limit};
  Value begin = e.mul(e.div(one.first, tileKeys), tileKeys);
  Value limit = last.limit;
  if (split) {
    Value part = e.mul(e.wide(e.block(0)), Attention::kPartKeys);
    begin = e.max(begin, part);
    limit = e.min(limit, e.add(part, Attention::kPartKeys));
  }
  // Without keys there is nothing to join, but there is an output.
  e.when(split ? e.less(begin, limit) : Value(), [&] {
    if (staged)
      stageQueries();
    else
      loadQueries();
    emitTiles(begin, limit);
  });
}

bool Attention::fitsMatrix() const {
  Type element = q.element();
  // A thread's sums fit its registers, a block's tiles its memory.
  bool fits = depth <= 2 * kMostDepth && valueDepth <= kMostDepth;
  return (element.isBF16() || element.isF16()) && k.element() == element &&
         v.element() == element && depth % 16 == 0 && valueDepth % 16 == 0 &&
         fits;
}

void cuda::emitMatrixAttention(Attention &a) {
  LaunchShape few, many;
  few.guard = many.guard = KernelEmitter::extent(a.q, 1, 2);
  few.most = kRows / a.perGroup;
  // States have a capacity, which the parts are counted by.
  if (!a.k.type.isDynamicDim(1) && few.most > 0) {
    many.least = few.most + 1;
    int64_t bytes = a.groups * a.parts() * kRows * a.stateSize() * 4;
    a.e.setScratch(KernelEmitter::extent(a.q, 0, 1, 1, bytes));
    MatrixAttention(a, /*split=*/true).emit(few);
    emitAttentionJoin(a, few);
  }
  MatrixAttention(a, /*split=*/false).emit(many);
}
