//===- ContractionMatrix.cpp - products by mma.sync -----------------------===//
// A ring of tiles of both sides, 32 of K deep, is filled by cp.async while
// warps multiply what came before: a warp has a square of the block's results.
// Of a gated layer the block's columns are half each side's. Part of Trine,
// under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "Matrix.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

static constexpr int64_t kDepth = 32, kStages = 4;
static constexpr int64_t kRowBytes = kDepth * 2, kPieces = kRowBytes / 16;
/// Two by two warps.
static constexpr int64_t kWarps = 4, kThreads = kWarps * kWarp;

namespace {
class MatrixContraction {
public:
  MatrixContraction(Contraction &c, int64_t warpTile)
      : c(c), e(c.e), b(c.e.b), matrix(c.e), element(c.input.element()),
        warpTile(warpTile), tile(2 * warpTile),
        sides(int64_t(c.weights.size())), sideTile(tile / sides) {}

  LogicalResult emit(const LaunchShape &shape);

private:
  /// Rows of a tensor that a thread copies to a tile, `kThreads / kPieces`
  /// apart.
  struct Rows {
    SmallVector<Value> address; ///< of the thread's piece at k = 0
    Value shared;               ///< the thread's first place in a stage
  };
  Rows rowsOf(const Tensor &tensor, Value base, Value step, Value first,
              Value count, int64_t rows, Value shared);
  void copyTile(Value k, Value slot);
  void multiplyTile(Value slot, MutableArrayRef<Value> sums);
  LogicalResult store(PointEvaluator &points, ValueRange sums);
  Value stage(Value slot) { return e.mul(slot, 2 * tile * kRowBytes); }
  Value byte(Value pointer, Value offset) {
    return e.at(pointer, b.getI8Type(), offset);
  }
  /// Columns of a warp of one side, in pieces of 16.
  int64_t sidePieces() const { return warpTile / 16 / sides; }

  Contraction &c;
  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  MatrixEmitter matrix;
  Type element;
  int64_t warpTile, tile, sides, sideTile;
  SmallVector<Rows, 3> copies;
  Value memory, depth, piece, batch, firstRow, firstColumn, warpRow, warpColumn;
};
} // namespace

MatrixContraction::Rows MatrixContraction::rowsOf(const Tensor &tensor,
                                                  Value base, Value step,
                                                  Value first, Value count,
                                                  int64_t rows, Value shared) {
  Rows result;
  Value own = e.div(e.thread, kPieces);
  for (int64_t i = 0; i < rows; i += kThreads / kPieces) {
    Value row = e.min(e.add(first, e.wide(e.add(own, i))), e.sub(count, 1));
    Value offset =
        e.add(e.add(base, e.mul(row, step)), e.wide(e.mul(piece, 8)));
    result.address.push_back(e.at(tensor.pointer, element, offset));
  }
  result.shared = e.add(shared, swizzled(e, own, piece, kRowBytes));
  return result;
}

void MatrixContraction::copyTile(Value k, Value slot) {
  Value inside = e.less(e.add(k, e.wide(e.mul(piece, 8))), depth);
  constexpr int64_t step = kThreads / kPieces * kRowBytes;
  for (Rows &rows : copies) {
    Value to = byte(memory, e.add(stage(slot), rows.shared));
    for (auto [i, address] : llvm::enumerate(rows.address))
      matrix.copy(byte(to, e.number(int64_t(i) * step)),
                  e.at(address, element, k), inside);
  }
  matrix.commit();
}

void MatrixContraction::multiplyTile(Value slot, MutableArrayRef<Value> sums) {
  Value left = byte(memory, stage(slot));
  Value right = byte(left, e.number(tile * kRowBytes));
  // The rows and pieces of a lane for the four matrices of a load.
  Value rowA = e.add(warpRow, e.bitAnd(e.lane, 15)),
        highA = e.shiftRight(e.lane, 4);
  Value rowB =
      e.add(warpColumn, e.add(e.bitAnd(e.lane, 7),
                              e.shiftLeft(e.shiftRight(e.lane, 4), 3)));
  Value highB = e.bitAnd(e.shiftRight(e.lane, 3), 1);
  int64_t count = warpTile / 16;
  for (int64_t k = 0; k < kDepth / 16; ++k) {
    Value atA = byte(left, swizzled(e, rowA, e.add(highA, 2 * k), kRowBytes));
    Value atB = byte(right, swizzled(e, rowB, e.add(highB, 2 * k), kRowBytes));
    SmallVector<std::array<Value, 4>> rows, columns;
    for (int64_t i = 0; i < count; ++i) {
      rows.push_back(matrix.load(byte(atA, e.number(i * 16 * kRowBytes))));
      int64_t side = i / sidePieces(), part = i % sidePieces();
      columns.push_back(matrix.load(
          byte(atB, e.number((side * sideTile + part * 16) * kRowBytes))));
    }
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < 2 * count; ++j)
        matrix.multiply(rows[size_t(i)],
                        ArrayRef(columns[size_t(j / 2)]).slice(j % 2 * 2, 2),
                        sums.slice(size_t(i * 2 * count + j) * 4, 4), element);
  }
}

LogicalResult MatrixContraction::store(PointEvaluator &points,
                                       ValueRange sums) {
  int64_t count = warpTile / 16, columns = 2 * sidePieces();
  int64_t width =
      std::min<int64_t>(2, PointEvaluator::width(e.kernel, c.space));
  Value row = e.add(e.add(warpRow, e.shiftRight(e.lane, 2)), 0);
  Value column = e.add(warpColumn, e.shiftLeft(e.bitAnd(e.lane, 3), 1));
  Value rowLimit = c.rows(), columnLimit = e.columns(c.space);
  LogicalResult status = success();
  for (int64_t i = 0; i < 2 * count; ++i) {
    Value wholeRow = e.add(firstRow, e.wide(e.add(row, i * 8)));
    e.when(e.less(wholeRow, rowLimit), [&] {
      for (int64_t j = 0; j < columns; ++j)
        for (int64_t part = 0; part < 2; part += width) {
          Value wholeColumn =
              e.add(firstColumn, e.wide(e.add(column, j * 8 + part)));
          e.when(e.less(wholeColumn, columnLimit), [&] {
            SmallVector<Value> vectors;
            for (int64_t side = 0; side < sides; ++side) {
              size_t at = size_t((i / 2 * 2 * count + side * columns + j) * 4 +
                                 i % 2 * 2 + part);
              vectors.push_back(e.collect(sums.slice(at, size_t(width))));
            }
            if (failed(
                    c.store(points, batch, wholeRow, wholeColumn, {}, vectors)))
              status = failure();
          });
        }
    });
  }
  return status;
}

LogicalResult MatrixContraction::emit(const LaunchShape &given) {
  LaunchShape shape = given;
  shape.threads = kThreads;
  shape.grid = {c.columnTiles(sideTile), c.rowTiles(tile), c.batches()};
  e.begin(shape);
  PointEvaluator points(e, c.space);
  memory = e.allocateShared(kStages * 2 * tile * kRowBytes);
  depth = e.columns(c.input);
  piece = e.rem(e.thread, kPieces);
  batch = e.wide(e.block(2));
  firstRow = e.mul(e.wide(e.block(1)), tile);
  firstColumn = e.mul(e.wide(e.block(0)), sideTile);
  warpRow = e.mul(e.div(e.warp, 2), warpTile);
  warpColumn = e.mul(e.rem(e.warp, 2), warpTile / sides);
  Value limit = c.rows(), columns = e.columns(c.space);
  copies.push_back(rowsOf(c.input, c.inputBase(batch), c.inputStep(), firstRow,
                          limit, tile, e.number(0)));
  for (auto [i, weight] : llvm::enumerate(c.weights))
    copies.push_back(
        rowsOf(*weight, c.weightBase(batch), depth, firstColumn, columns,
               sideTile, e.number((tile + int64_t(i) * sideTile) * kRowBytes)));

  for (int64_t i = 0; i + 1 < kStages; ++i)
    copyTile(e.index(i * kDepth), e.number(i));
  int64_t count = warpTile / 16;
  SmallVector<Value> sums(size_t(count * count * 8), e.real(0));
  sums.push_back(e.number(0)); // the slot of the ring
  sums = e.loop(e.index(0), depth, e.index(kDepth), sums,
                [&](Value k, ValueRange carried) {
                  SmallVector<Value> next = llvm::to_vector(carried);
                  Value slot = next.pop_back_val();
                  matrix.wait(kStages - 2);
                  e.barrier();
                  copyTile(e.add(k, (kStages - 1) * kDepth),
                           e.bitAnd(e.add(slot, kStages - 1), kStages - 1));
                  multiplyTile(slot, next);
                  next.push_back(e.bitAnd(e.add(slot, 1), kStages - 1));
                  return next;
                });
  sums.pop_back();
  matrix.wait(0); // nothing arrives after the block has gone
  return store(points, sums);
}

bool Contraction::fitsMatrix() const {
  Type element = input.element();
  return (element.isBF16() || element.isF16()) && byRows &&
         llvm::all_of(weights,
                      [&](const Tensor *weight) {
                        return weight->element() == element;
                      }) &&
         !ShapedType::isDynamic(depth) && depth % 8 == 0;
}

LogicalResult cuda::emitMatrixContraction(Contraction &contraction,
                                          int64_t warpTile,
                                          const LaunchShape &shape) {
  return MatrixContraction(contraction, warpTile).emit(shape);
}
