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

static constexpr int64_t kWarps = 4;
/// From so many columns on, warps have four of them instead of two.
static constexpr int64_t kManyColumns = 8192;

RowProducts::RowProducts(KernelEmitter &e, const Tensor &input,
                         ArrayRef<const Tensor *> weights)
    : columns(weights[0]->type.getDimSize(weights[0]->rank() - 2) >=
                      kManyColumns
                  ? 4
                  : 2),
      e(e), input(input), weights(weights), depth(input.type.getShape().back()),
      each(8) {
  while (depth % each)
    each /= 2;
}

LaunchShape RowProducts::shape(CudaExtent columnTiles,
                               LaunchShape given) const {
  given.threads = kWarps * kWarp;
  given.grid[1] = std::move(columnTiles);
  return given;
}

int64_t RowProducts::blockColumns() const { return kWarps * columns; }

Value RowProducts::firstColumn() const {
  return e.mul(e.add(e.mul(e.wide(e.block(1)), kWarps), e.wide(e.warp)),
               columns);
}

SmallVector<Value> RowProducts::sums(ArrayRef<Value> rows, Value weightBase) {
  Value limit = weights[0]->dims[weights[0]->rank() - 2];
  SmallVector<Value> rights;
  for (const Tensor *weight : weights)
    for (int64_t n = 0; n < columns; ++n) {
      // A column beyond the last is the last: its sums are dropped.
      Value row = e.min(e.add(firstColumn(), n), e.sub(limit, 1));
      rights.push_back(e.at(weight->pointer, weight->element(),
                            e.add(weightBase, e.mul(row, depth))));
    }
  auto load = [&](Value pointer, Type element, Value k) {
    return e.load(e.at(pointer, element, k), element, each);
  };
  SmallVector<Value> start(rows.size() * rights.size(), e.real(0));
  return e.loop(e.mul(e.wide(e.lane), each), e.index(depth),
                e.index(kWarp * each), start, [&](Value k, ValueRange carried) {
                  SmallVector<Value> next = llvm::to_vector(carried);
                  SmallVector<Value> loaded;
                  for (auto [i, right] : llvm::enumerate(rights))
                    loaded.push_back(load(
                        right, weights[i / size_t(columns)]->element(), k));
                  for (auto [m, row] : llvm::enumerate(rows)) {
                    Value x = load(e.at(input.pointer, input.element(), row),
                                   input.element(), k);
                    for (auto [n, right] : llvm::enumerate(loaded))
                      for (int64_t i = 0; i < each; ++i) {
                        Value &sum = next[m * rights.size() + n];
                        sum = math::FmaOp::create(e.b, e.element(x, i),
                                                  e.element(right, i), sum);
                      }
                  }
                  return next;
                });
}

RowProducts::Own RowProducts::join(ArrayRef<Value> sums, int64_t rows) {
  int64_t sides = int64_t(weights.size());
  Own own{SmallVector<Value>(size_t(sides), e.real(0)),
          e.div(e.lane, columns),
          {},
          {}};
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < columns; ++n)
      for (int64_t side = 0; side < sides; ++side) {
        Value sum = e.reduceWarp(sums[size_t((m * sides + side) * columns + n)],
                                 [&](Value x, Value y) -> Value {
                                   return arith::AddFOp::create(e.b, x, y);
                                 });
        own.sums[size_t(side)] =
            e.select(e.equal(e.lane, e.number(m * columns + n)), sum,
                     own.sums[size_t(side)]);
      }
  for (Value &sum : own.sums)
    sum = e.broadcast(sum, 1);
  own.column = e.add(firstColumn(), e.wide(e.rem(e.lane, columns)));
  own.inside =
      e.both(e.less(e.lane, e.number(rows * columns)),
             e.less(own.column, weights[0]->dims[weights[0]->rank() - 2]));
  return own;
}

bool Contraction::fitsRows() const {
  return byRows && !ShapedType::isDynamic(depth) &&
         !ShapedType::isDynamic(columns);
}

LogicalResult cuda::emitRowsContraction(Contraction &c, int64_t rows,
                                        const LaunchShape &given) {
  KernelEmitter &e = c.e;
  RowProducts products(e, c.input, c.weights);
  LaunchShape shape =
      products.shape(c.columnTiles(products.blockColumns()), given);
  shape.grid[0] = c.rowTiles(rows);
  shape.grid[2] = c.batches();
  e.begin(shape);
  PointEvaluator points(e, c.space);
  Value batch = e.wide(e.block(2)), limit = c.rows();
  Value first = e.mul(e.wide(e.block(0)), rows);
  SmallVector<Value> offsets;
  for (int64_t m = 0; m < rows; ++m) {
    Value row = e.min(e.add(first, m), e.sub(limit, 1));
    offsets.push_back(e.add(c.inputBase(batch), e.mul(row, c.inputStep())));
  }
  RowProducts::Own own =
      products.join(products.sums(offsets, c.weightBase(batch)), rows);
  Value row = e.add(first, e.wide(own.row));
  LogicalResult status = success();
  e.when(e.both(own.inside, e.less(row, limit)), [&] {
    status = c.store(points, batch, row, own.column, {}, own.sums);
  });
  return status;
}
