//===- Elementwise.cpp - elementwise operations ---------------------------===//
// The scalar formulas are the ops' own (graph::Elementwise).
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"

using namespace mlir;
using namespace trine;
using namespace trine::reference;

/// Stride of each result dimension in the operand; 0 where it is repeated. Only
/// a dimension that is 1 in the type may be: a dynamic one must be equal.
static Shape strides(Operation *op, unsigned index, const Tensor &operand,
                     const Tensor &result) {
  auto type = cast<RankedTensorType>(op->getOperand(index).getType());
  Shape strides(result.shape.size(), 0);
  size_t missing = result.shape.size() - operand.shape.size();
  int64_t stride = 1;
  for (size_t i = operand.shape.size(); i-- > 0; stride *= operand.shape[i]) {
    if (type.getDimSize(unsigned(i)) == 1)
      continue;
    if (operand.shape[i] != result.shape[i + missing])
      throw fault(op, "expected dimension {} of operand {} to be {}, got {}", i,
                  index, result.shape[i + missing], operand.shape[i]);
    strides[i + missing] = stride;
  }
  return strides;
}

/// One innermost row of the result from rows of the operands.
static void evaluateRow(graph::Elementwise op, Operands operands,
                        ArrayRef<Shape> steps, ArrayRef<int64_t> firsts,
                        int64_t width, double *out) {
  SmallVector<std::vector<double>> rows;
  for (auto [operand, step, first] : llvm::zip_equal(operands, steps, firsts))
    rows.push_back(operand.load(first, step.back() == 0 ? 1 : width));
  SmallVector<double> values(operands.size());
  for (int64_t i = 0; i < width; ++i) {
    for (size_t j = 0; j < rows.size(); ++j)
      values[j] = rows[j][steps[j].back() == 0 ? 0 : size_t(i)];
    out[i] = op.evaluate(values);
  }
}

static void elementwise(graph::Elementwise op, Operands operands,
                        Tensor &result) {
  SmallVector<Shape> steps;
  for (auto [index, operand] : llvm::enumerate(operands)) {
    steps.push_back(strides(op, unsigned(index), operand, result));
    steps.back().insert(steps.back().begin(), 0); // scalars are rows too
  }
  Shape shape = result.shape;
  shape.insert(shape.begin(), 1);
  int64_t width = shape.back();
  std::vector<double> out(static_cast<size_t>(width));
  for (int64_t first = 0; first < result.elements(); first += width) {
    SmallVector<int64_t> firsts(operands.size(), 0);
    int64_t rest = first / width;
    for (size_t i = shape.size() - 1; i-- > 0; rest /= shape[i])
      for (size_t j = 0; j < firsts.size(); ++j)
        firsts[j] += rest % shape[i] * steps[j][i];
    evaluateRow(op, operands, steps, firsts, width, out.data());
    result.store(first, width, out.data());
  }
}

bool reference::evaluateElementwise(Operation *op, Operands operands,
                                    Tensor &result) {
  if (auto node = dyn_cast<graph::Elementwise>(op))
    return elementwise(node, operands, result), true;
  if (!isa<graph::CastOp>(op))
    return false;
  std::vector<double> values = operands[0].load(0, result.elements());
  result.store(0, result.elements(), values.data());
  return true;
}
