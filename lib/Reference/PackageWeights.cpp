//===- PackageWeights.cpp - parameters from a package ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Ops.h"
#include "trine/Formats/CodePanels.h"
#include "trine/Formats/Json.h"
#include "trine/Package/Manifest.h"
#include "trine/Reference/Weights.h"

#include <cstring>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

/// Undoes the layout panels: [.., ceil(N/W)][K/pair][W][pair] → [.., N, K],
/// where pair is 2 for bf16, 4 for codes of small floats, else 1.
static void unpackPanels(const uint8_t *from, int64_t panel, Tensor &tensor) {
  size_t rank = tensor.shape.size();
  int64_t n = tensor.shape[rank - 2], k = tensor.shape[rank - 1];
  int64_t width = dtypeBytes(tensor.dtype);
  bool codes = tensor.dtype == TRINE_F8E4M3FN || tensor.dtype == TRINE_F8E5M2;
  int64_t pair = codes ? 4 : tensor.dtype == TRINE_BF16 ? 2 : 1;
  int64_t padded = int64_t(llvm::alignTo(uint64_t(n), uint64_t(panel)));
  int64_t depth = int64_t(llvm::alignTo(uint64_t(k), uint64_t(pair)));
  int64_t matrices = n * k == 0 ? 0 : tensor.elements() / (n * k);
  for (int64_t m = 0; m < matrices; ++m)
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < k; ++j) {
        int64_t source = (m * padded + i / panel * panel) * depth +
                         (j / pair * panel + i % panel) * pair + j % pair;
        std::memcpy(tensor.bytes.get() + ((m * n + i) * k + j) * width,
                    from + source * width, size_t(width));
      }
}

static void unpackCodes(const uint8_t *from, const CodePanel &form,
                        Tensor &tensor) {
  int64_t k = tensor.shape.back(), rows = tensor.elements() / k;
  int64_t bytes = k / form.format.super * form.blockBytes();
  std::vector<float> row(static_cast<size_t>(k));
  for (int64_t i = 0; i < rows; ++i) {
    form.decode(from + i / form.width * bytes, i % form.width, k, row.data());
    std::vector<double> values(row.begin(), row.end());
    tensor.store(i * k, k, values.data());
  }
}

static Tensor unpack(graph::ParameterOp parameter, const Parameter &stored,
                     Bytes weights) {
  auto type = cast<RankedTensorType>(parameter.getType());
  Tensor tensor(dtypeOf(type.getElementType()), type.getShape());
  if (ArrayRef(stored.shape) != ArrayRef<int64_t>(tensor.shape) ||
      stored.dtype != dtypeName(tensor.dtype))
    throw fault(parameter, "the package stores '{}' as {}[{}]", stored.name,
                stored.dtype, fmt::join(stored.shape, ","));
  const uint8_t *from = weights.data() + stored.offset;
  if (const BlockFormat *format = blockFormat(stored.layout.format))
    unpackCodes(from, {*format, stored.layout.width}, tensor);
  else if (stored.layout.kind == "panels" && tensor.rank() >= 2)
    unpackPanels(from, stored.layout.width, tensor);
  else if (stored.layout.kind == "rows")
    std::memcpy(tensor.bytes.get(), from, size_t(tensor.byteSize()));
  else
    throw Error(ExitCode::Unsupported, describe(parameter),
                fmt::format("layout '{}' of a parameter", stored.layout.kind));
  return tensor;
}

WeightReader
reference::readPackage(std::shared_ptr<const PackageReader> package) {
  Bytes weights = package->section(section::weights);
  auto manifest = std::make_shared<Manifest>(Manifest::fromJson(
      parseJson(package->text(section::manifest), package->path()),
      package->path(), weights.size()));
  return [package, manifest, weights](graph::ParameterOp parameter) {
    for (const Parameter &stored : manifest->parameters)
      if (stored.name == parameter.getSymName())
        return unpack(parameter, stored, weights);
    throw fault(parameter, "'{}' has no parameter '{}'", package->path(),
                parameter.getSymName().str());
  };
}
