//===- PackWeights.cpp - weights into the package -------------------------===//
// Parameters and a model's files → the section `weights`. A parameter is cut
// into chunks of whole panels; chunks are packed in parallel, written in order.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "PackWeights.h"
#include "Types.h"
#include "dialects/fp8/Fp8.h"
#include "trine/Formats/CodePanels.h"
#include "trine/Support/Error.h"

#include <deque>
#include <fmt/ranges.h>
#include <future>

using namespace mlir;
using namespace trine;
using graph::ParameterOp;

/// Decoded floats of one chunk; a panel of very long rows may exceed it.
static constexpr int64_t kChunkBytes = 4 << 20;
/// Bound on all chunks in flight, decoded and packed.
static constexpr int64_t kBufferBytes = 48 << 20;

//===----------------------------------------------------------------------===//
// Declarations
//===----------------------------------------------------------------------===//

static void checkParameter(ParameterOp op, const WeightSource &weights,
                           std::vector<std::string> &faults) {
  auto type = cast<RankedTensorType>(op.getType());
  std::vector<int64_t> shape = type.getShape();
  auto fault = [&](const std::string &what) {
    faults.push_back(
        fmt::format("parameter '{}': {}", op.getSymName().str(), what));
  };
  if (shape.empty() || type.getElementType().isInteger(32))
    return fault("expected floating-point elements and rank 1 or more");
  int64_t first = 0;
  bool made = op.getQuantized() || op.getRepeat() || op.getRows() ||
              op->hasAttr(fp8::kScales);
  for (auto source : op.getSources().getAsRange<StringAttr>()) {
    const StoredTensor *tensor = weights.find(source.getValue().str());
    if (!tensor)
      return fault(fmt::format("tensor '{}' is missing", source.str()));
    if (storageName(tensor->storage) != op.getStorage())
      return fault(fmt::format("expected tensor '{}' to be stored as {}, got "
                               "{}",
                               source.str(), op.getStorage().str(),
                               storageName(tensor->storage)));
    if (!storageInfo(tensor->storage).decodable)
      return fault(fmt::format("cannot decode {}", op.getStorage().str()));
    if (made)
      continue;
    // Concatenated along dimension 0, or stacked.
    bool stacked = tensor->shape.size() + 1 == shape.size();
    bool fits = (stacked || tensor->shape.size() == shape.size()) &&
                std::equal(shape.begin() + 1, shape.end(),
                           tensor->shape.begin() + (stacked ? 0 : 1));
    if (!fits ||
        __builtin_add_overflow(first, stacked ? 1 : tensor->shape[0], &first))
      return fault(fmt::format("tensor '{}' of shape [{}] does not fit [{}]",
                               source.str(), fmt::join(tensor->shape, ", "),
                               fmt::join(shape, ", ")));
  }
  if (made) {
    WeightRows rows = fp8::rowsOf(op, weights);
    int64_t wanted = type.getNumElements() / shape.back();
    if (rows.count() != wanted || rows.elements() != shape.back())
      fault(fmt::format("expected {} rows of {} from its sources, got {} of {}",
                        wanted, shape.back(), rows.count(), rows.elements()));
  } else if (first != shape[0])
    fault(fmt::format("expected {} rows from its sources, got {}", shape[0],
                      first));
}

void trine::checkParameters(ModuleOp module, const WeightSource &weights) {
  std::vector<std::string> faults;
  for (auto op : module.getOps<ParameterOp>())
    checkParameter(op, weights, faults);
  if (faults.size() == 1)
    throw Error(ExitCode::BadInput, weights.sourceName(), faults[0]);
  if (!faults.empty())
    throw Error(ExitCode::BadInput, weights.sourceName(),
                fmt::format("{} parameters do not fit", faults.size()), faults);
}

std::vector<Parameter> trine::layOutParameters(ModuleOp module) {
  std::vector<Parameter> result;
  uint64_t offset = 0;
  for (auto op : module.getOps<ParameterOp>()) {
    auto type = cast<RankedTensorType>(op.getType());
    Parameter parameter;
    parameter.name = op.getSymName();
    parameter.dtype = dtypeOf(type);
    parameter.storage = op.getStorage();
    parameter.shape = type.getShape();
    parameter.layout = layoutOf(type);
    if (parameter.layout.kind != "rows" && parameter.layout.kind != "panels")
      throw Error(ExitCode::Internal, parameter.name,
                  "a parameter in layout " + parameter.layout.text());
    parameter.offset = offset;
    parameter.bytes = uint64_t(
        storedBytes(parameter.layout, parameter.shape, parameter.dtype));
    offset = llvm::alignTo(offset + parameter.bytes, kPackagePage);
    result.push_back(std::move(parameter));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

namespace {

/// How a parameter is cut.
struct Plan {
  int64_t matrixRows; ///< N of [.., N, K]: panels end with each matrix
  int64_t width;      ///< rows of a panel, 1 when row-major
  int64_t chunkRows;  ///< a multiple of width
};

} // namespace

/// The codes of stored blocks in panels.
static std::vector<uint8_t> codePanels(const WeightRows &rows,
                                       const CodePanel &form, int64_t first,
                                       int64_t count) {
  int64_t k = rows.elements(),
          bytes = k / form.format.super * form.blockBytes();
  std::vector<uint8_t> out(size_t(llvm::divideCeil(count, form.width) * bytes));
  int64_t at = 0;
  rows.readCodes(first, count, [&](const BlockCodes &codes, int64_t read) {
    for (int64_t i = 0; i < read; ++i, ++at)
      form.pack(codes, i, k, at % form.width,
                out.data() + at / form.width * bytes);
  });
  return out;
}

/// [rows][K] → [ceil(rows/W)][K/pair][W][pair], zeros where there is nothing.
template <typename T>
static std::vector<uint8_t> toPanels(const std::vector<uint8_t> &rows,
                                     int64_t count, int64_t width,
                                     int64_t pair) {
  int64_t each = int64_t(sizeof(T));
  int64_t length = int64_t(rows.size()) / each / std::max<int64_t>(count, 1);
  int64_t depth = int64_t(llvm::alignTo(length, pair));
  int64_t panels = llvm::divideCeil(count, width);
  std::vector<uint8_t> packed(size_t(panels * width * depth * each));
  for (int64_t row = 0; row < count; ++row) {
    auto *from = reinterpret_cast<const T *>(rows.data()) + row * length;
    T *to = reinterpret_cast<T *>(packed.data()) +
            (row / width) * width * depth + (row % width) * pair;
    for (int64_t k = 0; k < length; ++k)
      to[k / pair * width * pair + k % pair] = from[k];
  }
  return packed;
}

static Plan planFor(const Parameter &parameter, const WeightRows &rows) {
  Plan plan{rows.count(), 1, 1};
  if (parameter.layout.kind == "panels") {
    plan.width = parameter.layout.width;
    plan.matrixRows = parameter.shape[parameter.shape.size() - 2];
  }
  int64_t rowBytes = std::max<int64_t>(rows.elements(), 1) * 4;
  int64_t panelBytes = plan.width * rowBytes;
  plan.chunkRows = std::max<int64_t>(kChunkBytes / panelBytes, 1) * plan.width;
  return plan;
}

static void packParameter(const Parameter &parameter, const WeightRows &rows,
                          unsigned jobs, PackageWriter &package) {
  Plan plan = planFor(parameter, rows);
  int64_t chunkBytes = plan.chunkRows * std::max<int64_t>(rows.elements(), 1) *
                       4 * (plan.width > 1 ? 3 : 2);
  size_t inFlight =
      size_t(std::clamp<int64_t>(kBufferBytes / chunkBytes, 1, int64_t(jobs)));
  const BlockFormat *format = blockFormat(parameter.layout.format);
  auto pack = [&](int64_t first, int64_t count) {
    if (format)
      return codePanels(rows, {*format, parameter.layout.width}, first, count);
    // Encoded first: padding is bytes of 0, which are no value of ue8m0.
    std::vector<uint8_t> elements =
        rows.encode(first, count, parameter.dtype, parameter.name);
    if (plan.width == 1)
      return elements;
    if (parameter.dtype == "f32")
      return toPanels<uint32_t>(elements, count, plan.width, 1);
    if (dtypeBytes(parameter.dtype) == 2)
      return toPanels<uint16_t>(elements, count, plan.width,
                                parameter.dtype == "bf16" ? 2 : 1);
    return toPanels<uint8_t>(elements, count, plan.width,
                             parameter.dtype.starts_with("f8") ? 4 : 1);
  };
  std::deque<std::future<std::vector<uint8_t>>> pending;
  auto writeOldest = [&] {
    package.append(pending.front().get());
    pending.pop_front();
  };
  for (int64_t first = 0; first < rows.count();) {
    // A chunk ends with its matrix, so that every matrix starts a panel.
    int64_t left = plan.matrixRows - first % plan.matrixRows;
    int64_t count = std::min(plan.chunkRows, left);
    pending.push_back(std::async(std::launch::async, pack, first, count));
    first += count;
    if (pending.size() >= inFlight)
      writeOldest();
  }
  while (!pending.empty())
    writeOldest();
}

void trine::packWeights(ModuleOp module, const WeightSource &weights,
                        ArrayRef<Parameter> parameters, unsigned jobs,
                        PackageWriter &package) {
  size_t next = 0;
  for (auto op : module.getOps<ParameterOp>()) {
    const Parameter &parameter = parameters[next++];
    package.alignTo(kPackagePage);
    uint64_t start = package.sectionBytes();
    WeightRows rows = fp8::rowsOf(op, weights);
    packParameter(parameter, rows, jobs, package);
    rows.release();
    if (start != parameter.offset ||
        package.sectionBytes() != start + parameter.bytes)
      throw Error(ExitCode::Internal, parameter.name,
                  fmt::format("packed into {} bytes at {}, expected {} at {}",
                              package.sectionBytes() - start, start,
                              parameter.bytes, parameter.offset));
  }
}
