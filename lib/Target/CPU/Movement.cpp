//===- Movement.cpp - copies in another order -----------------------------===//
// Reshape, transpose, slice, concat, last_token, positions and constants: rows
// of contiguous elements, shared among the threads.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Elementwise.h"
#include "Family.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

/// Copies `count` elements; `from` and `to` are element offsets.
static void copy(KernelEmitter &e, const Tensor &source, Value from,
                 const Tensor &target, Value to, Value count) {
  e.columnLoop(count, [&](Value column, Value mask) {
    Value vector =
        e.load(e.at(source.pointer, source.element(), e.add(from, column)),
               source.element(), mask);
    e.store(vector, e.at(target.pointer, target.element(), e.add(to, column)),
            target.element(), mask);
  });
}

/// body(row) for this thread's share of `rows`.
static void shareRows(KernelEmitter &e, Value rows,
                      function_ref<void(Value)> body) {
  auto [from, to] = e.share(rows);
  e.loop(from, to, 1, body);
}

static Value elements(KernelEmitter &e, const Tensor &tensor) {
  return e.product(tensor, 0, tensor.rank());
}

static void emitReshape(KernelEmitter &e, graph::ReshapeOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  // In units that no two threads share a vector of.
  Value total = elements(e, result), unit = e.index(16 * e.lanes());
  shareRows(e, e.ceilDiv(total, 16 * e.lanes()), [&](Value i) {
    Value from = e.mul(i, unit);
    copy(e, input, from, result, from, e.min(unit, e.sub(total, from)));
  });
}

static void emitTranspose(KernelEmitter &e, graph::TransposeOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  ArrayRef<int64_t> permutation = op.getPermutation();
  if (permutation.empty())
    return copy(e, input, e.index(0), result, e.index(0), e.index(1));
  auto stride = [&](unsigned dim) {
    return e.product(input, permutation[dim] + 1, input.rank());
  };
  unsigned last = result.rank() - 1;
  Value columns = e.columns(result), step = stride(last);
  shareRows(e, e.rows(result), [&](Value row) {
    Value from = e.index(0), rest = row;
    for (unsigned i = last; i-- > 0;) {
      from = e.add(from, e.mul(e.rem(rest, result.dims[i]), stride(i)));
      rest = e.div(rest, result.dims[i]);
    }
    Value to = e.mul(row, columns);
    if (permutation[last] == int64_t(last))
      return copy(e, input, from, result, to, columns);
    e.loop(e.index(0), columns, 1, [&](Value column) {
      Value scalar = e.loadScalar(e.at(input.pointer, input.element(),
                                       e.add(from, e.mul(column, step))),
                                  input.element());
      e.storeScalar(scalar,
                    e.at(result.pointer, result.element(), e.add(to, column)),
                    result.element());
    });
  });
}

static void emitSlice(KernelEmitter &e, graph::SliceOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  unsigned axis = op.getAxis();
  Value inner = e.product(input, axis + 1, input.rank());
  Value stride = e.mul(input.dims[axis], inner);
  Value count = e.mul(inner, op.getSize());
  Value start = e.mul(inner, op.getStart());
  shareRows(e, e.product(input, 0, axis), [&](Value row) {
    copy(e, input, e.add(e.mul(row, stride), start), result, e.mul(row, count),
         count);
  });
}

static void emitConcat(KernelEmitter &e, graph::ConcatOp op) {
  const Tensor &result = e.result(0);
  unsigned axis = op.getAxis();
  Value inner = e.product(result, axis + 1, result.rank());
  Value stride = e.mul(result.dims[axis], inner);
  shareRows(e, e.product(result, 0, axis), [&](Value row) {
    Value to = e.mul(row, stride);
    for (Value value : op.getInputs()) {
      const Tensor &input = e.operand(value);
      Value count = e.mul(input.dims[axis], inner);
      copy(e, input, e.mul(row, count), result, to, count);
      to = e.add(to, count);
    }
  });
}

/// An i32 of memory as an index.
static Value loadIndex(KernelEmitter &e, const Tensor &tensor, Value offset) {
  Value word = e.loadScalar(e.at(tensor.pointer, tensor.element(), offset),
                            tensor.element());
  return arith::ExtSIOp::create(e.b, e.b.getI64Type(), word);
}

static void emitLastToken(KernelEmitter &e, graph::LastTokenOp op) {
  const Tensor &input = e.operand(op.getInput()), &result = e.result(0);
  Value tokens = input.dims[1], columns = e.columns(input);
  // No token: nothing to read.
  Value rows =
      e.select(e.equal(tokens, e.index(0)), e.index(0), result.dims[0]);
  shareRows(e, rows, [&](Value row) {
    Value last = e.sub(tokens, e.index(1));
    if (op.getLengths()) {
      Value length = loadIndex(e, e.operand(op.getLengths()), row);
      last = e.max(e.min(e.sub(length, e.index(1)), last), e.index(0));
    }
    Value from = e.mul(e.add(e.mul(row, tokens), last), columns);
    copy(e, input, from, result, e.mul(row, columns), columns);
  });
}

static void emitPositions(KernelEmitter &e, graph::PositionsOp op) {
  const Tensor &result = e.result(0);
  auto &b = e.b;
  Value columns = e.columns(result);
  auto lanes = llvm::to_vector(llvm::seq<int32_t>(e.lanes()));
  Value lane = arith::ConstantOp::create(
      b, DenseElementsAttr::get(e.vectorOf(b.getI32Type()),
                                ArrayRef<int32_t>(lanes)));
  shareRows(e, result.dims[0], [&](Value row) {
    Value past =
        op.getPast() ? loadIndex(e, e.operand(op.getPast()), row) : e.index(0);
    e.columnLoop(columns, [&](Value column, Value mask) {
      Value first =
          arith::TruncIOp::create(b, b.getI32Type(), e.add(past, column));
      Value vector = arith::AddIOp::create(b, e.broadcast(first), lane);
      Value to = e.add(e.mul(row, columns), column);
      e.store(vector, e.at(result.pointer, result.element(), to),
              result.element(), mask);
    });
  });
}

/// A kernel of constants only.
static LogicalResult emitConstants(KernelEmitter &e) {
  for (auto [index, value] :
       llvm::enumerate(e.kernel.getBlock().getTerminator()->getOperands())) {
    auto constant = value.getDefiningOp<graph::ConstantOp>();
    if (!constant)
      return e.kernel.emitError("expected an operation in a cpu kernel");
    Tensor table = tableOf(e, constant);
    const Tensor &result = e.result(index);
    shareRows(e, e.index(1), [&](Value) {
      copy(e, table, e.index(0), result, e.index(0), elements(e, result));
    });
  }
  return success();
}

LogicalResult cpu::expectAlone(KernelEmitter &e, Operation *root) {
  Block &block = e.kernel.getBlock();
  bool alone =
      llvm::all_of(root->getOperands(),
                   [&](Value value) { return e.operand(value).pointer; }) &&
      llvm::equal(block.getTerminator()->getOperands(), root->getResults());
  return alone ? success()
               : root->emitOpError("expected to be alone in its cpu kernel");
}

static LogicalResult emit(KernelEmitter &e) {
  Operation *root = rootOf(e.kernel);
  if (!root || isa<launch::ReturnOp>(root))
    return emitConstants(e);
  if (failed(expectAlone(e, root)))
    return failure();
  llvm::TypeSwitch<Operation *>(root)
      .Case([&](graph::ReshapeOp op) { emitReshape(e, op); })
      .Case([&](graph::TransposeOp op) { emitTranspose(e, op); })
      .Case([&](graph::SliceOp op) { emitSlice(e, op); })
      .Case([&](graph::ConcatOp op) { emitConcat(e, op); })
      .Case([&](graph::LastTokenOp op) { emitLastToken(e, op); })
      .Case([&](graph::PositionsOp op) { emitPositions(e, op); });
  return success();
}

static bool heads(Operation *root) {
  return isa<graph::ReshapeOp, graph::TransposeOp, graph::SliceOp,
             graph::ConcatOp, graph::LastTokenOp, graph::PositionsOp,
             launch::ReturnOp>(root);
}

const Family cpu::movementFamily = {"movement", heads, emit};
