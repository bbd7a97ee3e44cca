//===- Weights.cpp - parameters from a model ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/Weights.h"
#include "Ops.h"

using namespace mlir;
using namespace trine;
using namespace trine::reference;

/// Appends a stored tensor's values at element `first`; returns their count.
static int64_t decode(const StoredTensor &stored, Tensor &tensor,
                      int64_t first) {
  int64_t width = stored.rowElements();
  std::vector<float> row(static_cast<size_t>(width));
  for (int64_t i = 0; i < stored.rows(); ++i) {
    decodeRows(stored, i, 1, row.data());
    std::vector<double> values(row.begin(), row.end());
    tensor.store(first + i * width, width, values.data());
  }
  release(stored);
  return stored.rows() * width;
}

Tensor reference::readParameter(graph::ParameterOp parameter,
                                const WeightSource &source) {
  auto type = cast<RankedTensorType>(parameter.getType());
  Tensor tensor(dtypeOf(type.getElementType()), type.getShape());
  std::vector<const StoredTensor *> parts;
  int64_t elements = 0, first = 0;
  for (auto name : parameter.getSources().getAsRange<StringAttr>()) {
    const StoredTensor *stored = source.find(name.getValue());
    if (!stored)
      throw fault(parameter, "'{}' has no tensor '{}'", source.sourceName(),
                  name.getValue().str());
    elements += stored->rows() * stored->rowElements();
    parts.push_back(stored);
  }
  if (elements != tensor.elements())
    throw fault(parameter, "expected {} elements, got {} in '{}'",
                tensor.elements(), elements, source.sourceName());
  for (const StoredTensor *stored : parts)
    first += decode(*stored, tensor, first);
  return tensor;
}

WeightReader reference::readModel(std::shared_ptr<const Model> model) {
  return [model](graph::ParameterOp parameter) {
    if (!model)
      throw fault(parameter,
                  "no model to read '{}' from; give it with "
                  "--weights-from",
                  parameter.getSymName().str());
    return readParameter(parameter, model->weights());
  };
}
