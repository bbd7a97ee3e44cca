//===- ScaledWeights.cpp - weights stored as codes with scales ------------===//
// DeepSeek's form: X.weight in e4m3fn or e5m2, X.weight_scale_inv with a factor
// for each block; what is stored decides, tensor by tensor. The weight becomes
// fp8.dequantize of two parameters: nothing is rounded.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include "dialects/fp8/Fp8.h"

#include <cmath>
#include <fmt/ranges.h>

using namespace mlir;
using namespace trine;

/// config.json's quantization_config, as far as its tensors do not say it.
void ModelBuilder::readQuantization() {
  std::optional<JsonReader> config;
  if (const HFModel *files = model.huggingFace.get())
    config = files->config().object("quantization_config");
  if (!config)
    return;
  std::string method = config->get<std::string>("quant_method", "fp8");
  if (method != "fp8")
    return unsupported(fmt::format("quantization_config: quant_method '{}'; "
                                   "Trine reads fp8, DeepSeek's form",
                                   method));
  auto block =
      config->get<std::vector<int64_t>>("weight_block_size", {128, 128});
  if (block.size() != 2 || block[0] < 1 || block[1] < 1)
    throw config->expected("weight_block_size", "two positive sizes");
  scaleBlock.assign(block.begin(), block.end());
  for (auto [key, known] :
       {std::pair("fmt", "e4m3"), {"activation_scheme", "dynamic"}})
    if (auto name = config->get<std::string>(key, known); name != known)
      unsupported(fmt::format("quantization_config: {} '{}'; Trine reads {}",
                              key, name, known));
  std::string form = config->get<std::string>("scale_fmt", "");
  if (!form.empty() && form != "ue8m0" && form != "float32")
    unsupported(fmt::format("quantization_config: scale_fmt '{}'", form));
  bytesPromised = form == "ue8m0";
}

/// Factors are finite and positive; `bytes`: powers of two.
void ModelBuilder::checkScales(const StoredTensor &scales, bool bytes) {
  std::vector<float> row(size_t(scales.rowElements()));
  for (int64_t i = 0; i < scales.rows(); ++i) {
    decodeRows(scales, i, 1, row.data());
    for (size_t j = 0; j < row.size(); ++j) {
      std::string what =
          !(row[j] > 0) || std::isinf(row[j]) ? "expected a positive number"
          : bytes && !fitUe8m0({&row[j], 1})
              ? "expected a power of two, which scale_fmt ue8m0 promises"
              : "";
      if (!what.empty())
        return bad(fmt::format("tensor '{}': scale [{}, {}]: {}, got {}",
                               scales.name, i, j, what, row[j]));
    }
  }
}

static bool arePowersOfTwo(const StoredTensor &scales) {
  std::vector<float> values(size_t(scales.rows() * scales.rowElements()));
  decodeRows(scales, 0, scales.rows(), values.data());
  return fitUe8m0(values);
}

Value ModelBuilder::read(const std::string &parameter, RankedTensorType type,
                         ArrayRef<const StoredTensor *> stored) {
  if (!symbols.lookup(parameter)) {
    SmallVector<StringRef> names;
    for (const StoredTensor *tensor : stored)
      names.push_back(tensor->name);
    OpBuilder detached(builder.getContext());
    addDeclaration(graph::ParameterOp::create(
        detached, at(parameter), parameter, type,
        storageName(stored[0]->storage), builder.getStrArrayAttr(names)));
  }
  return graph::WeightOp::create(builder, at(parameter), type, parameter);
}

/// Null after reporting what is wrong with codes of that shape or their scales.
const StoredTensor *ModelBuilder::scalesOf(const StoredTensor &codes,
                                           ArrayRef<int64_t> shape) {
  auto broken = [&](std::string what) {
    bad(std::move(what));
    return nullptr;
  };
  if (ArrayRef<int64_t>(codes.shape) != shape)
    return broken(fmt::format("tensor '{}': expected shape [{}], got [{}]",
                              codes.name, fmt::join(shape, ", "),
                              fmt::join(codes.shape, ", ")));
  std::string name = codes.name + "_scale_inv";
  const StoredTensor *scales = model.weights().find(name);
  if (!scales && model.weights().find(codes.name + "_scale")) {
    unsupported(fmt::format("tensor '{}_scale': scales of compressed-tensors "
                            "or ModelOpt; Trine reads DeepSeek's "
                            "weight_scale_inv",
                            codes.name));
    used.insert(codes.name + "_scale");
    return broken(fmt::format("tensor '{}' is missing", name));
  }
  if (!scales)
    return broken(fmt::format("tensor '{}' is missing: '{}' is stored as {}",
                              name, codes.name, storageName(codes.storage)));
  used.insert(name);
  std::vector<int64_t> expected = scaleShape(shape);
  if (scales->shape != expected) {
    std::vector<int64_t> swapped = expected;
    std::swap(swapped.back(), swapped[swapped.size() - 2]);
    return broken(fmt::format(
        "tensor '{}': expected shape [{}] for blocks of [{}], got [{}]{}", name,
        fmt::join(expected, ", "), fmt::join(scaleBlock, ", "),
        fmt::join(scales->shape, ", "),
        scales->shape == swapped ? "; its axes are swapped" : ""));
  }
  if (!storageInfo(scales->storage).decodable) {
    unsupported(fmt::format("tensor '{}': expected f32, bf16 or ue8m0 scales, "
                            "got {}",
                            name, storageName(scales->storage)));
    return broken(fmt::format("tensor '{}' cannot be read", name));
  }
  size_t faultsBefore = faults.size();
  checkScales(*scales, bytesPromised);
  return faults.size() == faultsBefore ? scales : nullptr;
}

std::vector<int64_t> ModelBuilder::scaleShape(ArrayRef<int64_t> codes) const {
  std::vector<int64_t> shape(codes);
  for (size_t i = 0; i < 2; ++i) {
    int64_t &size = shape[shape.size() - 2 + i];
    size = int64_t(llvm::divideCeil(size, scaleBlock[i]));
  }
  return shape;
}

/// Are they of one storage? Reports those that are not.
bool ModelBuilder::areAlike(ArrayRef<const StoredTensor *> tensors) {
  for (const StoredTensor *tensor : tensors)
    if (tensor->storage != tensors[0]->storage) {
      bad(fmt::format("tensor '{}': expected {}, as '{}' is stored, got {}",
                      tensor->name, storageName(tensors[0]->storage),
                      tensors[0]->name, storageName(tensor->storage)));
      return false;
    }
  return true;
}

Value ModelBuilder::scaledWeight(const std::string &parameter,
                                 ArrayRef<int64_t> shape,
                                 ArrayRef<const StoredTensor *> codes,
                                 bool stacked) {
  SmallVector<int64_t> whole(shape),
      wholeScales = llvm::to_vector(scaleShape(shape));
  if (stacked) {
    whole.insert(whole.begin(), int64_t(codes.size()));
    wholeScales.insert(wholeScales.begin(), int64_t(codes.size()));
  }
  auto plain = RankedTensorType::get(whole, f32);
  SmallVector<const StoredTensor *> scales;
  bool bytes = true;
  for (const StoredTensor *tensor : codes) {
    used.insert(tensor->name);
    if (const StoredTensor *found = scalesOf(*tensor, shape)) {
      scales.push_back(found);
      bytes &= arePowersOfTwo(*found);
    }
  }
  // A stand-in: what was reported stops the import later.
  if (scales.size() != codes.size() || !areAlike(codes) || !areAlike(scales))
    return graph::build<graph::CastOp>(builder, at(parameter), f32,
                                       read(parameter, plain, codes));
  auto element = fp8::elementType(builder.getContext(),
                                  *findFloat8(storageName(codes[0]->storage)));
  Value c = read(parameter, RankedTensorType::get(whole, element), codes);
  Type scale = bytes ? Type(builder.getI8Type()) : Type(f32);
  Value s = read(parameter + "_scale_inv",
                 RankedTensorType::get(wholeScales, scale), scales);
  return fp8::DequantizeOp::create(builder, at(parameter), plain, c, s,
                                   scaleBlock);
}
