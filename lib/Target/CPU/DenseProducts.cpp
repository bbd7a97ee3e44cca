//===- DenseProducts.cpp - the inner loops of dense products --------------===//
// A k of the tile: one load for each register of a weight, one broadcast for
// each row, and their products onto the sums.
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
/// the peak with one k an iteration, 99 % with four (two FMAs a cycle).
constexpr int64_t kUnroll = 4;

/// The sums and pointers that a loop carries.
class Steps {
public:
  Steps(KernelEmitter &emitter, const DenseTile &tile)
      : e(emitter), tile(tile) {}

  SmallVector<Value> loop(Value from, Value to, int64_t unroll,
                          ValueRange carried);

private:
  void step(Value k, MutableArrayRef<Value> sums, ValueRange weights);
  /// The registers of all weights at their current k.
  SmallVector<Value> columns(ValueRange pointers);

  KernelEmitter &e;
  const DenseTile &tile;
};

} // namespace

SmallVector<Value> Steps::columns(ValueRange pointers) {
  SmallVector<Value> columns;
  for (Value pointer : pointers)
    for (int64_t v = 0; v < tile.registers; ++v)
      columns.push_back(e.load(
          e.at(pointer, tile.weightElement, e.index(v * e.lanes())),
          tile.weightElement, tile.masks.empty() ? Value() : tile.masks[v]));
  return columns;
}

/// Carried: the sums, a pointer into each weight, and where to prefetch.
SmallVector<Value> Steps::loop(Value from, Value to, int64_t unroll,
                               ValueRange carried) {
  size_t weights = tile.weights.size();
  size_t sums = tile.rows.size() * weights * tile.registers;
  auto multiples = [&](Value by) {
    return llvm::map_to_vector(llvm::seq<int64_t>(unroll + 1),
                               [&](int64_t u) { return e.mul(by, u); });
  };
  SmallVector<Value> strides = multiples(tile.stride);
  auto steps = llvm::map_to_vector(tile.steps, multiples);
  Type byte = e.b.getI8Type();
  return e.loop(from, to, unroll, carried, [&](Value k, ValueRange values) {
    SmallVector<Value> next = llvm::to_vector(values);
    MutableArrayRef<Value> pointers = MutableArrayRef(next).drop_front(sums);
    MutableArrayRef<Value> ahead = pointers.drop_front(weights);
    for (int64_t u = 0; u < unroll; ++u) {
      // LLVM would move the loads of all steps to the front and spill. They
      // stay behind a prefetch, or a fence that is no instruction.
      for (auto [address, by] : llvm::zip_equal(ahead, steps))
        LLVM::Prefetch::create(e.b, e.at(address, byte, by[u]), /*rw=*/0,
                               /*hint=*/2, /*cache=*/1);
      if (ahead.empty())
        LLVM::FenceOp::create(e.b, LLVM::AtomicOrdering::acq_rel,
                              "singlethread");
      SmallVector<Value> at;
      for (Value pointer : pointers.take_front(weights))
        at.push_back(e.at(pointer, tile.weightElement, strides[u]));
      step(e.add(k, u), MutableArrayRef(next).take_front(sums), at);
    }
    for (Value &pointer : pointers.take_front(weights))
      pointer = e.at(pointer, tile.weightElement, strides[unroll]);
    for (auto [address, by] : llvm::zip_equal(ahead, steps))
      address = e.at(address, byte, by[unroll]);
    return next;
  });
}

void Steps::step(Value k, MutableArrayRef<Value> sums, ValueRange weights) {
  SmallVector<Value> loaded = columns(weights);
  Value *sum = sums.begin();
  for (Value row : tile.rows) {
    Value x = e.broadcast(
        e.loadScalar(e.at(row, tile.rowElement, k), tile.rowElement));
    for (Value column : loaded) {
      *sum = vector::FMAOp::create(e.b, x, column, *sum);
      ++sum;
    }
  }
}

SmallVector<Value> cpu::emitDenseSums(KernelEmitter &emitter,
                                      const DenseTile &tile, Value count,
                                      SmallVector<Value> sums) {
  size_t size = sums.size();
  llvm::append_range(sums, tile.weights);
  llvm::append_range(sums, tile.ahead);
  Steps steps(emitter, tile);
  Value rest = tile.whole ? emitter.index(0)
                          : emitter.rem(count, emitter.index(kUnroll));
  Value whole = emitter.sub(count, rest);
  sums = steps.loop(emitter.index(0), whole, kUnroll, sums);
  if (!matchPattern(rest, m_Zero()))
    sums = steps.loop(whole, count, 1, sums);
  sums.truncate(size);
  return sums;
}
