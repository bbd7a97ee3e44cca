//===- DenseProducts.cpp - the inner loops of dense products --------------===//
// A step of the tile: one load for each register of a weight, one broadcast for
// each row, and their products onto the sums. Pairs of bf16 are a dot product
// where the CPU has one, or two k whose halves are widened.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "DenseProducts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

/// A loop's counter and pointers take slots from the multiply-adds: 93 % of
/// the peak with one step an iteration, 99 % with four (two FMAs a cycle).
constexpr int64_t kUnroll = 4;

/// The sums and pointers that a loop carries.
class Steps {
public:
  Steps(KernelEmitter &emitter, const DenseTile &tile)
      : e(emitter), b(emitter.b), tile(tile) {}

  /// Steps [from, to). `half`: only the first k of a pair is there.
  SmallVector<Value> loop(Value from, Value to, int64_t unroll,
                          ValueRange carried, bool half = false);

private:
  void step(Value index, MutableArrayRef<Value> sums, ValueRange weights,
            bool half);
  void dotPairs(Value index, MutableArrayRef<Value> sums, ValueRange weights,
                bool half);
  /// The products of one k: a step's, or the first or second of its pair.
  void multiply(Value k, MutableArrayRef<Value> sums, ValueRange weights,
                bool second);
  SmallVector<Value> columns(ValueRange weights, bool second);
  /// Both k of a pair of bf16 of a row, in every lane as an i32.
  Value rowPair(Value row, Value index, bool half);
  /// The f32 values of the first or second bf16 of pairs.
  Value halfOf(Value pairs, bool second);
  /// LLVM would move the loads of all steps to the front, and spill. They stay
  /// behind a fence, which is no instruction.
  void fence() {
    LLVM::FenceOp::create(b, LLVM::AtomicOrdering::acq_rel, "singlethread");
  }

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  const DenseTile &tile;
};

} // namespace

/// Carried: the sums, a pointer into each weight, and where to prefetch.
SmallVector<Value> Steps::loop(Value from, Value to, int64_t unroll,
                               ValueRange carried, bool half) {
  size_t weights = tile.weights.size();
  size_t sums = tile.rows.size() * weights * tile.registers;
  auto multiples = [&](Value by) {
    return llvm::map_to_vector(llvm::seq<int64_t>(unroll + 1),
                               [&](int64_t u) { return e.mul(by, u); });
  };
  SmallVector<Value> strides = multiples(tile.stride);
  auto steps = llvm::map_to_vector(tile.steps, multiples);
  Type byte = b.getI8Type();
  return e.loop(from, to, unroll, carried, [&](Value index, ValueRange values) {
    SmallVector<Value> next = llvm::to_vector(values);
    MutableArrayRef<Value> pointers = MutableArrayRef(next).drop_front(sums);
    MutableArrayRef<Value> ahead = pointers.drop_front(weights);
    pointers = pointers.take_front(weights);
    for (int64_t u = 0; u < unroll; ++u) {
      for (auto [address, by] : llvm::zip_equal(ahead, steps))
        e.prefetch(e.at(address, byte, by[u]));
      SmallVector<Value> at;
      for (Value pointer : pointers)
        at.push_back(e.at(pointer, tile.weightElement, strides[u]));
      if (tile.stream)
        for (Value pointer : at)
          e.prefetchStream(pointer, tile.registers * e.lanes() * 4);
      step(e.add(index, u), MutableArrayRef(next).take_front(sums), at, half);
    }
    for (Value &pointer : pointers)
      pointer = e.at(pointer, tile.weightElement, strides[unroll]);
    for (auto [address, by] : llvm::zip_equal(ahead, steps))
      address = e.at(address, byte, by[unroll]);
    return next;
  });
}

void Steps::step(Value index, MutableArrayRef<Value> sums, ValueRange weights,
                 bool half) {
  if (!tile.pairs)
    return multiply(index, sums, weights, false);
  if (tile.rowElement.isBF16() && e.machine.dotsBf16)
    return dotPairs(index, sums, weights, half);
  Value k = e.mul(index, 2);
  if (tile.emulated && !half)
    multiply(e.add(k, 1), sums, weights, true);
  multiply(k, sums, weights, false);
  if (!tile.emulated && !half)
    multiply(e.add(k, 1), sums, weights, true);
}

void Steps::dotPairs(Value index, MutableArrayRef<Value> sums,
                     ValueRange weights, bool half) {
  fence();
  auto pairs = VectorType::get(2 * e.lanes(), b.getBF16Type());
  SmallVector<Value> loaded;
  for (Value weight : weights)
    for (int64_t v = 0; v < tile.registers; ++v) {
      Value words = e.load(e.at(weight, b.getI32Type(), e.index(v * e.lanes())),
                           b.getI32Type());
      if (half) // nothing is known of what a layout pads with
        words = arith::AndIOp::create(b, words, e.splatInt(0xffff));
      loaded.push_back(vector::BitCastOp::create(b, pairs, words));
    }
  Value *sum = sums.begin();
  for (Value row : tile.rows) {
    Value x = vector::BitCastOp::create(b, pairs, rowPair(row, index, half));
    for (Value column : loaded) {
      *sum = e.intrinsic("avx512bf16.dpbf16ps.512", sum->getType(),
                         {*sum, x, column});
      ++sum;
    }
  }
}

void Steps::multiply(Value k, MutableArrayRef<Value> sums, ValueRange weights,
                     bool second) {
  fence();
  SmallVector<Value> loaded = columns(weights, second);
  Value *sum = sums.begin();
  for (Value row : tile.rows) {
    Value x = e.broadcast(
        e.loadScalar(e.at(row, tile.rowElement, k), tile.rowElement));
    for (Value column : loaded) {
      *sum = tile.emulated ? e.flushingFma(x, column, *sum)
                           : Value(vector::FMAOp::create(b, x, column, *sum));
      ++sum;
    }
  }
}

SmallVector<Value> Steps::columns(ValueRange weights, bool second) {
  SmallVector<Value> columns;
  Type element = tile.pairs ? Type(b.getI32Type()) : tile.weightElement;
  for (Value weight : weights)
    for (int64_t v = 0; v < tile.registers; ++v) {
      Value loaded =
          e.load(e.at(weight, element, e.index(v * e.lanes())), element,
                 tile.masks.empty() ? Value() : tile.masks[v]);
      columns.push_back(tile.pairs ? halfOf(loaded, second) : loaded);
    }
  return columns;
}

Value Steps::rowPair(Value row, Value index, bool half) {
  Type type = half ? b.getI16Type() : b.getI32Type();
  Value word = LLVM::LoadOp::create(
      b, type, e.at(row, b.getI16Type(), e.mul(index, 2)), /*alignment=*/2);
  if (half) // what follows is another row
    word = arith::ExtUIOp::create(b, b.getI32Type(), word);
  return e.broadcast(word);
}

Value Steps::halfOf(Value pairs, bool second) {
  Value bits =
      second ? Value(arith::AndIOp::create(b, pairs, e.splatInt(0xffff0000)))
             : Value(arith::ShLIOp::create(b, pairs, e.splatInt(16)));
  return arith::BitcastOp::create(b, e.vectorOf(b.getF32Type()), bits);
}

SmallVector<Value> cpu::emitDenseSums(KernelEmitter &emitter,
                                      const DenseTile &tile, Value count,
                                      SmallVector<Value> sums) {
  size_t size = sums.size();
  llvm::append_range(sums, tile.weights);
  llvm::append_range(sums, tile.ahead);
  Steps steps(emitter, tile);
  Value zero = emitter.index(0), number = count;
  if (tile.pairs)
    number = emitter.div(count, emitter.index(2));
  Value rest = tile.whole ? zero : emitter.rem(number, emitter.index(kUnroll));
  Value most = emitter.sub(number, rest);
  sums = steps.loop(zero, most, kUnroll, sums);
  if (!matchPattern(rest, m_Zero()))
    sums = steps.loop(most, number, 1, sums);
  Value odd =
      emitter.rem(count, emitter.index(tile.pairs && !tile.whole ? 2 : 1));
  if (!matchPattern(odd, m_Zero()))
    sums = steps.loop(number, emitter.add(number, odd), 1, sums, /*half=*/true);
  sums.truncate(size);
  return sums;
}
