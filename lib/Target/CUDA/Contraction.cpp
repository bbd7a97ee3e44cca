//===- Contraction.cpp - the family of products ---------------------------===//
// Chooses the kernel by types and sizes; what follows from its sums.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace trine;
using namespace trine::cuda;

Contraction::Contraction(KernelEmitter &e, Operation *root)
    : e(e), root(root), input(e.operand(root->getOperand(0))),
      space(e.result(0)) {
  weights.push_back(&e.operand(root->getOperand(1)));
  if (isa<graph::GatedOp>(root))
    weights.push_back(&e.operand(root->getOperand(2)));
  auto matmul = dyn_cast<graph::MatmulOp>(root);
  batched = bool(matmul);
  byRows = !matmul || matmul.getTransposeB();
  depth = input.type.getShape().back();
  columns =
      cast<RankedTensorType>(root->getResult(0).getType()).getShape().back();
}

std::pair<unsigned, unsigned> Contraction::rowDims() const {
  unsigned rank = input.rank();
  return {batched ? rank - 2 : 0, rank - 1};
}

Value Contraction::rows() {
  auto [from, to] = rowDims();
  return e.product(input, from, to);
}

CudaExtent Contraction::rowTiles(int64_t size) const {
  auto [from, to] = rowDims();
  return KernelEmitter::extent(input, from, to, size);
}

CudaExtent Contraction::columnTiles(int64_t size) const {
  return KernelEmitter::extent(space, space.rank() - 1, space.rank(), size);
}

CudaExtent Contraction::batches() const {
  return KernelEmitter::extent(input, 0, rowDims().first);
}

LogicalResult Contraction::store(PointEvaluator &points, Value batch, Value row,
                                 Value column, Value condition,
                                 ValueRange sums) {
  auto &b = e.b;
  Value value = sums[0];
  int64_t width = cast<VectorType>(value.getType()).getNumElements();
  Point point{e.add(e.mul(batch, rows()), row), column, width, condition};
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
  Contraction contraction(e, root);
  return emitSimpleContraction(contraction);
}

static bool heads(Operation *root) {
  return isa<graph::LinearOp, graph::GatedOp, graph::MatmulOp>(root);
}

static std::string whyNot(Operation *root) {
  if (root->hasAttr("int8"))
    return "products of 8-bit activations are not supported";
  return "";
}

const Family cuda::contractionFamily = {"contraction", heads, emit,
                                        fusesPointwise, whyNot};
