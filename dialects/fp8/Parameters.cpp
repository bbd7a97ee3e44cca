//===- Parameters.cpp - parameters of codes and scales --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "mlir/IR/TypeUtilities.h"
#include "trine/Support/Error.h"

using namespace mlir;
using namespace trine;

WeightRows fp8::rowsOf(graph::ParameterOp parameter,
                       std::vector<const StoredTensor *> tensors) {
  auto type = cast<RankedTensorType>(parameter.getType());
  WeightRows::Form form;
  if (Attribute quantized = parameter.getQuantizedAttr()) {
    auto scheme = dyn_cast<SchemeAttr>(quantized);
    if (!scheme)
      throw badInput(parameter.getSymName().str(),
                     "expected 'quantized' to be an #fp8.scheme");
    form.quantizer = quantizerOf(scheme);
    form.part = formatOf(type.getElementType()) ? WeightRows::Part::Codes
                                                : WeightRows::Part::Scales;
  }
  form.repeat = parameter.getRepeat().value_or(1);
  if (form.repeat > 1) {
    int64_t rows = 1;
    for (int64_t dim : type.getShape().drop_back())
      rows *= dim;
    if (rows % int64_t(tensors.size()))
      throw badInput(parameter.getSymName().str(),
                     "expected rows that {} tensors share evenly, got {}",
                     tensors.size(), rows);
    form.rowsOfPart = rows / int64_t(tensors.size());
  }
  if (auto rows = parameter.getRows()) {
    form.first = (*rows)[0];
    form.count = (*rows)[1];
    form.every = (*rows)[2];
    for (const StoredTensor *tensor : tensors)
      if (tensor->rows() % form.every)
        throw badInput(parameter.getSymName().str(),
                       "expected tensor '{}' to have a multiple of {} rows, "
                       "got {}",
                       tensor->name, form.every, tensor->rows());
  }
  return WeightRows(std::move(tensors), form);
}
