//===- ContractionRows.cpp - products of a few rows -----------------------===//
// A stream of weights from memory: a warp has a few columns of the result, and
// its lanes take 16 bytes of each of them at a time, for up to four rows.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kWarps = 4, kEach = 8;
/// From so many columns on, warps have four of them instead of two.
static constexpr int64_t kManyColumns = 8192;

namespace {
class RowsContraction {
public:
  RowsContraction(Contraction &c, int64_t rows)
      : c(c), e(c.e), b(c.e.b), rows(rows),
        columns(c.columns >= kManyColumns ? 4 : 2),
        sides(int64_t(c.weights.size())) {}

  LogicalResult emit(const LaunchShape &shape);

private:
  SmallVector<Value> step(Value k, ValueRange sums);
  Value load(const Tensor &tensor, Value row, Value limit, Value k) {
    // A row beyond the last is the last: its sums are dropped.
    Value at = e.add(e.mul(e.min(row, e.sub(limit, 1)), c.depth), k);
    return e.load(e.at(tensor.pointer, tensor.element(), at), tensor.element(),
                  kEach);
  }
  size_t place(int64_t row, int64_t side, int64_t column) const {
    return size_t((row * sides + side) * columns + column);
  }

  Contraction &c;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  int64_t rows, columns, sides;
  Value firstRow, firstColumn;
};
} // namespace

SmallVector<Value> RowsContraction::step(Value k, ValueRange sums) {
  SmallVector<Value> next = llvm::to_vector(sums);
  SmallVector<Value> weights;
  for (const Tensor *weight : c.weights)
    for (int64_t n = 0; n < columns; ++n)
      weights.push_back(
          load(*weight, e.add(firstColumn, n), e.columns(c.space), k));
  for (int64_t m = 0; m < rows; ++m) {
    Value x = load(c.input, e.add(firstRow, m), c.rows(), k);
    for (int64_t n = 0; n < sides * columns; ++n)
      for (int64_t i = 0; i < kEach; ++i) {
        Value &sum = next[size_t(m * sides * columns + n)];
        sum = math::FmaOp::create(b, e.element(x, i),
                                  e.element(weights[size_t(n)], i), sum);
      }
  }
  return next;
}

LogicalResult RowsContraction::emit(const LaunchShape &given) {
  LaunchShape shape = given;
  shape.threads = kWarps * kWarp;
  shape.grid = {c.columnTiles(kWarps * columns), c.rowTiles(rows)};
  e.begin(shape);
  PointEvaluator points(e, c.space);
  firstRow = e.mul(e.wide(e.block(1)), rows);
  firstColumn =
      e.mul(e.add(e.mul(e.wide(e.block(0)), kWarps), e.wide(e.warp)), columns);
  SmallVector<Value> sums(size_t(rows * sides * columns), e.real(0));
  sums = e.loop(e.mul(e.wide(e.lane), kEach), e.index(c.depth),
                e.index(kWarp * kEach), sums,
                [&](Value k, ValueRange carried) { return step(k, carried); });
  for (Value &sum : sums)
    sum = e.reduceWarp(sum, [&](Value x, Value y) -> Value {
      return arith::AddFOp::create(b, x, y);
    });
  // A lane for each result.
  SmallVector<Value> own(size_t(sides), e.real(0));
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < columns; ++n)
      for (int64_t side = 0; side < sides; ++side)
        own[size_t(side)] =
            e.select(e.equal(e.lane, e.number(m * columns + n)),
                     sums[place(m, side, n)], own[size_t(side)]);
  Value row = e.add(firstRow, e.wide(e.div(e.lane, columns)));
  Value column = e.add(firstColumn, e.wide(e.rem(e.lane, columns)));
  Value inside =
      e.both(e.less(row, c.rows()), e.less(column, e.columns(c.space)));
  inside = e.both(inside, e.less(e.lane, e.number(rows * columns)));
  LogicalResult status = success();
  e.when(inside, [&] {
    for (Value &sum : own)
      sum = e.broadcast(sum, 1);
    status = c.store(points, e.index(0), row, column, {}, own);
  });
  return status;
}

bool Contraction::fitsRows() const {
  return !batched && byRows && !ShapedType::isDynamic(depth) &&
         depth % kEach == 0;
}

LogicalResult cuda::emitRowsContraction(Contraction &contraction, int64_t rows,
                                        const LaunchShape &shape) {
  return RowsContraction(contraction, rows).emit(shape);
}
