//===- Weights.cpp - parameters from a model ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/Weights.h"
#include "Ops.h"
#include "dialects/fp8/Fp8.h"

using namespace mlir;
using namespace trine;
using namespace trine::reference;

Tensor reference::readParameter(graph::ParameterOp parameter,
                                const WeightSource &source) {
  auto type = cast<RankedTensorType>(parameter.getType());
  Tensor tensor(dtypeOf(type.getElementType()), type.getShape());
  WeightRows rows = fp8::rowsOf(parameter, source);
  std::string dtype = dtypeName(tensor.dtype).str();
  uint8_t *out = tensor.bytes.get(), *end = out + tensor.byteSize();
  constexpr int64_t chunk = 512; // a multiple of usual blocks
  for (int64_t i = 0; i < rows.count(); i += chunk) {
    std::vector<uint8_t> row =
        encodeValues(rows.read(i, std::min(chunk, rows.count() - i)), dtype,
                     parameter.getSymName().str());
    if (int64_t(row.size()) > end - out)
      throw fault(parameter, "expected {} elements, got more in '{}'",
                  tensor.elements(), source.sourceName());
    out = std::copy(row.begin(), row.end(), out);
  }
  if (out != end)
    throw fault(parameter, "expected {} elements, got {} in '{}'",
                tensor.elements(),
                (tensor.byteSize() - (end - out)) / dtypeBytes(tensor.dtype),
                source.sourceName());
  rows.release();
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
