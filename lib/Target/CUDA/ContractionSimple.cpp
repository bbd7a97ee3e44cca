//===- ContractionSimple.cpp - products by multiply-adds ------------------===//
// A block has 64 x 64 results, a thread 4 x 4; both sides go through shared
// memory as f32, 16 of K at a time. Sums over K are one chain.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kTile = 64, kDepth = 16, kEach = 4;
static constexpr int64_t kThreads = (kTile / kEach) * (kTile / kEach);
/// Words of a row of a side in shared memory: columns of stores do not meet.
static constexpr int64_t kStride = kTile + 4;

namespace {
class SimpleContraction {
public:
  explicit SimpleContraction(Contraction &c) : c(c), e(c.e), b(c.e.b) {}
  LogicalResult emit(const LaunchShape &shape);

private:
  /// One side's next 16 of K to shared memory, [k][row]. Its rows, of which
  /// there are `count`, are `first` and on; elements lie at base + row·rowStep
  /// + k·depthStep.
  struct Side {
    const Tensor *tensor;
    Value base, first, count, rowStep, depthStep;
    bool alongDepth; ///< do neighbours in memory differ in k?
    Value shared;
  };
  /// A right side whose rows are N, or along N.
  Side rightOf(const Tensor &tensor, Value first);
  void copy(const Side &side, Value from);
  SmallVector<Value> multiply(ValueRange sums);
  LogicalResult storeSums(PointEvaluator &points, ValueRange sums);

  Contraction &c;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  SmallVector<Side, 3> sides;
  Value depth, batch, row, column;
};
} // namespace

SimpleContraction::Side SimpleContraction::rightOf(const Tensor &tensor,
                                                   Value first) {
  Value count = e.columns(c.space), one = e.index(1);
  Value shared = e.allocateShared(kDepth * kStride * 4);
  return {&tensor,
          c.weightBase(batch),
          first,
          count,
          c.byRows ? depth : one,
          c.byRows ? one : count,
          c.byRows,
          shared};
}

void SimpleContraction::copy(const Side &side, Value from) {
  Type element = side.tensor->element();
  for (int64_t i = 0; i < kTile * kDepth / kThreads; ++i) {
    Value at = e.add(e.thread, i * kThreads);
    int64_t inner = side.alongDepth ? kDepth : kTile;
    Value minor = e.rem(at, inner), major = e.div(at, inner);
    Value k = side.alongDepth ? minor : major;
    Value r = side.alongDepth ? major : minor;
    Value wholeK = e.add(from, e.wide(k));
    Value wholeRow = e.add(side.first, e.wide(r));
    Value inside = e.both(e.less(wholeK, depth), e.less(wholeRow, side.count));
    Value offset = e.add(side.base, e.add(e.mul(wholeRow, side.rowStep),
                                          e.mul(wholeK, side.depthStep)));
    Value x =
        e.load(e.at(side.tensor->pointer, element, offset), element, 1, inside);
    e.store(x, e.at(side.shared, b.getF32Type(), e.add(e.mul(k, kStride), r)),
            b.getF32Type());
  }
}

SmallVector<Value> SimpleContraction::multiply(ValueRange sums) {
  SmallVector<Value> next(sums);
  Value own[] = {e.mul(row, kEach), e.mul(column, kEach)};
  for (int64_t k = 0; k < kDepth; ++k) {
    auto read = [&](size_t side, Value at) {
      return e.load(
          e.at(sides[side].shared, b.getF32Type(), e.add(at, k * kStride)),
          b.getF32Type(), kEach);
    };
    Value left = read(0, own[0]);
    for (size_t w = 0; w < c.weights.size(); ++w) {
      Value right = read(1 + w, own[1]);
      for (int64_t r = 0; r < kEach; ++r) {
        Value &sum = next[w * kEach + size_t(r)];
        sum = math::FmaOp::create(b, e.broadcast(e.element(left, r), kEach),
                                  right, sum);
      }
    }
  }
  return next;
}

LogicalResult SimpleContraction::storeSums(PointEvaluator &points,
                                           ValueRange sums) {
  int64_t width = std::min(kEach, PointEvaluator::width(e.kernel, c.space));
  LogicalResult status = success();
  for (int64_t r = 0; r < kEach; ++r)
    for (int64_t part = 0; part < kEach; part += width) {
      Value wholeRow =
          e.add(sides[0].first, e.wide(e.add(e.mul(row, kEach), r)));
      Value wholeColumn =
          e.add(sides[1].first, e.wide(e.add(e.mul(column, kEach), part)));
      Value inside = e.both(e.less(wholeRow, sides[0].count),
                            e.less(wholeColumn, sides[1].count));
      e.when(inside, [&] {
        SmallVector<Value> parts;
        for (size_t w = 0; w < c.weights.size(); ++w) {
          SmallVector<Value> lanes;
          for (int64_t i = 0; i < width; ++i)
            lanes.push_back(e.element(sums[w * kEach + size_t(r)], part + i));
          parts.push_back(e.collect(lanes));
        }
        if (failed(c.store(points, batch, wholeRow, wholeColumn, {}, parts)))
          status = failure();
      });
    }
  return status;
}

LogicalResult SimpleContraction::emit(const LaunchShape &given) {
  LaunchShape shape = given;
  shape.threads = kThreads;
  shape.grid = {c.columnTiles(kTile), c.rowTiles(kTile), c.batches()};
  e.begin(shape);
  PointEvaluator points(e, c.space);
  depth = e.columns(c.input);
  batch = e.wide(e.block(2));
  row = e.div(e.thread, kTile / kEach);
  column = e.rem(e.thread, kTile / kEach);
  Value firstRow = e.mul(e.wide(e.block(1)), kTile);
  Value firstColumn = e.mul(e.wide(e.block(0)), kTile);
  sides.push_back({&c.input, c.inputBase(batch), firstRow, c.rows(),
                   c.inputStep(), e.index(1), true,
                   e.allocateShared(kDepth * kStride * 4)});
  for (const Tensor *weight : c.weights)
    sides.push_back(rightOf(*weight, firstColumn));
  SmallVector<Value> sums(c.weights.size() * kEach, e.splat(0, kEach));
  sums = e.loop(e.index(0), depth, e.index(kDepth), sums,
                [&](Value k, ValueRange carried) {
                  for (const Side &side : sides)
                    copy(side, k);
                  e.barrier();
                  SmallVector<Value> next = multiply(carried);
                  e.barrier();
                  return next;
                });
  return storeSums(points, sums);
}

LogicalResult cuda::emitSimpleContraction(Contraction &contraction,
                                          const LaunchShape &shape) {
  return SimpleContraction(contraction).emit(shape);
}
