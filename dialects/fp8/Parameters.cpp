//===- Parameters.cpp - parameters of codes and scales --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "mlir/IR/TypeUtilities.h"
#include "trine/Support/Error.h"

using namespace mlir;
using namespace trine;

static std::vector<const StoredTensor *> find(graph::ParameterOp parameter,
                                              ArrayAttr names,
                                              const WeightSource &weights) {
  std::vector<const StoredTensor *> tensors;
  for (auto name : names.getAsRange<StringAttr>()) {
    tensors.push_back(weights.find(name.getValue()));
    if (!tensors.back())
      throw badInput(parameter.getSymName().str(), "'{}' has no tensor '{}'",
                     weights.sourceName(), name.getValue().str());
  }
  return tensors;
}

/// Scales of the sources' codes, if the parameter has any.
static void readScales(graph::ParameterOp parameter,
                       const WeightSource &weights,
                       ArrayRef<const StoredTensor *> tensors,
                       WeightRows::Form &form) {
  auto names = parameter->getAttrOfType<ArrayAttr>(fp8::kScales);
  auto block = parameter->getAttrOfType<DenseI64ArrayAttr>(fp8::kBlock);
  if (!names)
    return;
  bool good = block && block.size() == 2 && block[0] > 0 && block[1] > 0 &&
              names.size() == tensors.size() &&
              llvm::all_of(names, llvm::IsaPred<StringAttr>);
  if (!good)
    throw badInput(parameter.getSymName().str(),
                   "expected fp8.scales with a name for each source and an "
                   "fp8.block of two sizes");
  form.scales = find(parameter, names, weights);
  form.scaleRows = block[0];
  form.scaleColumns = block[1];
  for (auto [codes, scales] : llvm::zip_equal(tensors, form.scales)) {
    BlockQuantizer q{.blockRows = block[0], .blockColumns = block[1]};
    if (scales->rows() != q.scaleRows(codes->rows()) ||
        scales->rowElements() != q.scaleColumns(codes->rowElements()))
      throw badInput(parameter.getSymName().str(),
                     "the scales of '{}' do not fit its blocks", codes->name);
  }
}

WeightRows fp8::rowsOf(graph::ParameterOp parameter,
                       const WeightSource &weights) {
  auto tensors = find(parameter, parameter.getSources(), weights);
  auto type = cast<RankedTensorType>(parameter.getType());
  WeightRows::Form form;
  readScales(parameter, weights, tensors, form);
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
