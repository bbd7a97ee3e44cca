//===- Contraction.cpp - the family of products ---------------------------===//
// Chooses the kernel by types and sizes; what follows from its sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Rows that are a stream of weights, and those that share one.
static constexpr int64_t kFewRows = 16, kRowsAtOnce = 4;
/// Results from which on blocks of 128 x 128 of them occupy a large GPU.
static constexpr int64_t kManyResults = 128 * 128 * 128;

Contraction::Contraction(KernelEmitter &e, Operation *root)
    : e(e), root(root), input(e.operand(root->getOperand(0))),
      space(e.result(0)) {
  weights.push_back(&e.operand(root->getOperand(1)));
  if (isa<graph::GatedOp>(root))
    weights.push_back(&e.operand(root->getOperand(2)));
  auto matmul = dyn_cast<graph::MatmulOp>(root);
  auto groups = dyn_cast<graph::GroupedLinearOp>(root);
  grouped = bool(groups);
  batched = matmul || grouped;
  byRows = matmul    ? matmul.getTransposeB()
           : grouped ? !groups.getTransposed()
                     : true;
  depth = input.type.getShape().back();
  columns =
      cast<RankedTensorType>(root->getResult(0).getType()).getShape().back();
}

std::pair<unsigned, unsigned> Contraction::rowDims() const {
  unsigned rank = input.rank();
  if (grouped)
    return {0, rank - 2};
  return {batched ? rank - 2 : 0, rank - 1};
}

Value Contraction::rows() {
  auto [from, to] = rowDims();
  return e.product(input, from, to);
}

Value Contraction::inputBase(Value batch) {
  Value depth = e.columns(input);
  return e.mul(batch, grouped ? depth : e.mul(rows(), depth));
}

Value Contraction::inputStep() {
  Value depth = e.columns(input);
  return grouped ? e.mul(input.dims[input.rank() - 2], depth) : depth;
}

Value Contraction::weightBase(Value batch) {
  if (!batched)
    return e.index(0);
  return e.mul(batch, e.mul(e.columns(input), e.columns(space)));
}

CudaExtent Contraction::rowTiles(int64_t size) const {
  auto [from, to] = rowDims();
  return KernelEmitter::extent(input, from, to, size);
}

CudaExtent Contraction::columnTiles(int64_t size) const {
  return KernelEmitter::extent(space, space.rank() - 1, space.rank(), size);
}

CudaExtent Contraction::batches() const {
  if (grouped)
    return KernelEmitter::extent(input, input.rank() - 2, input.rank() - 1);
  return KernelEmitter::extent(input, 0, rowDims().first);
}

LogicalResult Contraction::store(PointEvaluator &points, Value batch, Value row,
                                 Value column, Value condition,
                                 ValueRange sums) {
  auto &b = e.b;
  Value value = sums[0];
  int64_t width = cast<VectorType>(value.getType()).getNumElements();
  Value at = grouped ? e.add(e.mul(row, input.dims[input.rank() - 2]), batch)
                     : e.add(e.mul(batch, rows()), row);
  Point point{at, column, width, condition};
  if (auto linear = dyn_cast<graph::LinearOp>(root);
      linear && linear.getBias()) {
    const Tensor &bias = e.operand(linear.getBias());
    value =
        arith::AddFOp::create(b, value,
                              e.load(e.at(bias.pointer, bias.element(), column),
                                     bias.element(), width, condition));
  }
  if (auto gated = dyn_cast<graph::GatedOp>(root))
    value = arith::MulFOp::create(
        b, emitActivation(b, gated.getActivation(), value), sums[1]);
  point.known[root->getResult(0)] =
      e.round(value, getElementTypeOrSelf(root->getResult(0).getType()));
  return points.store(point);
}

static LogicalResult emit(KernelEmitter &e) {
  Operation *root = rootOf(e.kernel);
  if (!llvm::all_of(root->getOperands(),
                    [&](Value value) { return bool(e.operand(value).type); }))
    return root->emitOpError("expected arguments as operands in a cuda kernel");
  Contraction c(e, root);
  // One launch for each number of rows that has a kernel of its own.
  auto [from, to] = c.rowDims();
  auto rows = [&, from = from, to = to](int64_t least, int64_t most) {
    LaunchShape shape;
    shape.guard = KernelEmitter::extent(c.input, from, to);
    shape.least = least;
    shape.most = most;
    return shape;
  };
  int64_t least = 0;
  if (c.fitsRows()) {
    if (failed(emitRowsContraction(c, 1, rows(0, 1))) ||
        failed(emitRowsContraction(c, kRowsAtOnce, rows(2, kFewRows))))
      return failure();
    least = kFewRows + 1;
  }
  if (!c.fitsMatrix())
    return emitSimpleContraction(c, rows(least, INT64_MAX));
  int64_t columns = ShapedType::isDynamic(c.columns) ? 1024 : c.columns;
  int64_t many = std::max(least + 1, kManyResults / columns);
  if (failed(emitMatrixContraction(c, 32, rows(least, many - 1))))
    return failure();
  return emitMatrixContraction(c, 64, rows(many, INT64_MAX));
}

static bool heads(Operation *root) {
  return isa<graph::LinearOp, graph::GatedOp, graph::MatmulOp>(root);
}

static bool headsGrouped(Operation *root) {
  return isa<graph::GroupedLinearOp>(root);
}

static std::string whyNot(Operation *root) {
  if (root->hasAttr("int8"))
    return "products of 8-bit activations are not supported";
  return "";
}

const Family cuda::contractionFamily = {"contraction", heads, emit,
                                        fusesPointwise, whyNot};
const Family cuda::groupedFamily = {"experts", headsGrouped, emit,
                                    fusesPointwise};
