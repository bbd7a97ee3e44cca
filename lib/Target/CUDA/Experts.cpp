//===- Experts.cpp - products with the experts chosen ---------------------===//
// A warp has a few columns of one pair of a token and an expert it chose, or of
// one token and all of its experts: a stream of those experts' weights.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

/// Where the weights begin of the expert that an index names, or the nearest.
static Value expertBase(KernelEmitter &e, const Tensor &indices, Value pair,
                        const Tensor &weight) {
  Value expert = e.loadIndex(indices, pair);
  expert = e.max(e.min(expert, e.sub(weight.dims[0], 1)), e.index(0));
  return e.mul(expert, e.mul(weight.dims[1], weight.dims[2]));
}

/// Begins the launch: rows of results along x, of which a grid has most.
static void begin(KernelEmitter &e, const RowProducts &products,
                  const Tensor &indices, unsigned dims) {
  const Tensor &space = e.result(0);
  LaunchShape shape = products.shape(
      KernelEmitter::extent(space, space.rank() - 1, space.rank(),
                            products.blockColumns()),
      {});
  shape.grid[0] = KernelEmitter::extent(indices, 0, dims);
  e.begin(shape);
}

static LogicalResult emitGated(KernelEmitter &e, graph::ExpertGatedOp op) {
  const Tensor &indices = e.operand(op.getIndices());
  const Tensor &input = e.operand(op.getInput());
  const Tensor *weights[] = {&e.operand(op.getGate()), &e.operand(op.getUp())};
  RowProducts products(e, input, weights);
  begin(e, products, indices, indices.rank());
  Value pair = e.wide(e.block(0)), chosen = indices.dims.back();
  Value row = e.mul(e.div(pair, chosen), input.dims.back());
  RowProducts::Own own = products.join(
      products.sums(row, expertBase(e, indices, pair, *weights[0])), 1);
  LogicalResult status = success();
  e.when(own.inside, [&] {
    Value value = arith::MulFOp::create(
        e.b, emitActivation(e.b, op.getActivation(), own.sums[0]), own.sums[1]);
    Point point{pair, own.column, 1};
    point.known[op.getResult()] =
        e.round(value, getElementTypeOrSelf(op.getType()));
    status = PointEvaluator(e, e.result(0)).store(point);
  });
  return status;
}

static LogicalResult emitLinear(KernelEmitter &e, graph::ExpertLinearOp op) {
  const Tensor &indices = e.operand(op.getIndices());
  const Tensor &input = e.operand(op.getInput());
  const Tensor &factors = e.operand(op.getWeights());
  const Tensor *weights[] = {&e.operand(op.getWeight())};
  RowProducts products(e, input, weights);
  begin(e, products, indices, indices.rank() - 1);
  Value token = e.wide(e.block(0)), chosen = indices.dims.back();
  SmallVector<Value> totals(size_t(products.columns), e.real(0));
  totals = e.loop(
      e.index(0), chosen, e.index(1), totals, [&](Value j, ValueRange carried) {
        Value pair = e.add(e.mul(token, chosen), j);
        Value factor = e.loadScalar(
            e.at(factors.pointer, factors.element(), pair), factors.element());
        SmallVector<Value> sums =
            products.sums(e.mul(pair, input.dims.back()),
                          expertBase(e, indices, pair, *weights[0]));
        for (auto [sum, total] : llvm::zip_equal(sums, carried))
          sum = math::FmaOp::create(e.b, sum, factor, total);
        return sums;
      });
  RowProducts::Own own = products.join(totals, 1);
  LogicalResult status = success();
  e.when(own.inside, [&] {
    Point point{token, own.column, 1};
    point.known[op.getResult()] =
        e.round(own.sums[0], getElementTypeOrSelf(op.getType()));
    status = PointEvaluator(e, e.result(0)).store(point);
  });
  return status;
}

static LogicalResult emit(KernelEmitter &e) {
  Operation *root = rootOf(e.kernel);
  if (!llvm::all_of(root->getOperands(),
                    [&](Value value) { return bool(e.operand(value).type); }))
    return root->emitOpError("expected arguments as operands in a cuda kernel");
  if (auto op = dyn_cast<graph::ExpertGatedOp>(root))
    return emitGated(e, op);
  return emitLinear(e, cast<graph::ExpertLinearOp>(root));
}

static bool heads(Operation *root) {
  return isa<graph::ExpertGatedOp, graph::ExpertLinearOp>(root);
}

const Family cuda::expertsFamily = {"experts", heads, emit, fusesPointwise};
