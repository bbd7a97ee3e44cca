//===- Tensor.cpp - storage and rounding of interpreter values ------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/Tensor.h"
#include "trine/Support/Elements.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"
#include "trine/Support/Float8.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

int64_t reference::dtypeBytes(DType dtype) {
  return trine::dtypeBytes(dtypeName(dtype));
}

static constexpr std::pair<DType, const char *> kNames[] = {
    {TRINE_F32, "f32"}, {TRINE_F16, "f16"},           {TRINE_BF16, "bf16"},
    {TRINE_I32, "i32"}, {TRINE_F8E4M3FN, "f8e4m3fn"}, {TRINE_F8E5M2, "f8e5m2"},
    {TRINE_U8, "u8"}};

StringRef reference::dtypeName(DType dtype) {
  for (auto [type, name] : kNames)
    if (type == dtype)
      return name;
  return "unknown";
}

std::optional<DType> reference::parseDType(StringRef name) {
  for (auto [type, known] : kNames)
    if (name == known)
      return type;
  return std::nullopt;
}

DType reference::dtypeOf(Type element) {
  if (element.isF32())
    return TRINE_F32;
  if (element.isF16())
    return TRINE_F16;
  if (element.isBF16())
    return TRINE_BF16;
  if (element.isInteger(32))
    return TRINE_I32;
  if (isa<Float8E4M3FNType>(element))
    return TRINE_F8E4M3FN;
  if (isa<Float8E5M2Type>(element))
    return TRINE_F8E5M2;
  if (element.isInteger(8))
    return TRINE_U8;
  std::string text;
  llvm::raw_string_ostream(text) << element;
  throw badInput("reference",
                 "expected elements of f32, f16, bf16, f8, i32 or i8, got {}",
                 text);
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

/// Rounds to odd: the result still tells on which side of every value of a
/// narrower type the input lies, so a second rounding is as good as the only
/// one (Boldo and Melquiond, 2008).
static float roundToOdd(double value) {
  float near = float(value);
  if (double(near) == value || std::isnan(value))
    return near;
  uint32_t bits = std::bit_cast<uint32_t>(near);
  if (std::fabs(double(near)) > std::fabs(value))
    --bits; // toward zero
  return std::bit_cast<float>(bits | 1);
}

uint16_t reference::roundToF16(double value) {
  return f32ToF16(roundToOdd(value));
}
uint16_t reference::roundToBF16(double value) {
  return f32ToBf16(roundToOdd(value));
}

static int32_t roundToI32(double value) {
  if (std::isnan(value))
    return 0;
  using Limits = std::numeric_limits<int32_t>;
  return int32_t(std::clamp(std::trunc(value), double(Limits::min()),
                            double(Limits::max())));
}

static const Float8 *float8Of(DType dtype) {
  return findFloat8(dtype == TRINE_F8E4M3FN ? "e4m3fn" : "e5m2");
}

//===----------------------------------------------------------------------===//
// Tensor
//===----------------------------------------------------------------------===//

Tensor::Tensor(DType dtype, ArrayRef<int64_t> shape)
    : dtype(dtype), shape(shape) {
  int64_t size = dtypeBytes(dtype);
  for (int64_t dim : shape)
    if (dim < 0 || llvm::MulOverflow(size, dim, size))
      throw badInput("reference", "a tensor of {} elements is too large",
                     fmt::join(shape, "x"));
  // calloc: pages of a long, mostly empty cache are never touched.
  bytes.reset(static_cast<uint8_t *>(std::calloc(size_t(size) + 1, 1)),
              std::free);
  if (!bytes)
    throw Error(ExitCode::Environment, "reference",
                fmt::format("out of memory for {} bytes", size));
}

Tensor Tensor::view(DType dtype, ArrayRef<int64_t> shape, void *data) {
  Tensor tensor;
  tensor.dtype = dtype;
  tensor.shape.assign(shape.begin(), shape.end());
  tensor.bytes.reset(static_cast<uint8_t *>(data), [](uint8_t *) {});
  return tensor;
}

Tensor Tensor::fromAttribute(DenseElementsAttr value) {
  auto type = value.getType();
  Tensor tensor(dtypeOf(type.getElementType()), type.getShape());
  ArrayRef<char> raw = value.getRawData();
  if (!value.isSplat()) {
    std::memcpy(tensor.bytes.get(), raw.data(), size_t(tensor.byteSize()));
    return tensor;
  }
  size_t width = size_t(dtypeBytes(tensor.dtype));
  for (int64_t i = 0; i < tensor.elements(); ++i)
    std::memcpy(tensor.bytes.get() + size_t(i) * width, raw.data(), width);
  return tensor;
}

DenseElementsAttr Tensor::toAttribute(Type element) const {
  return DenseElementsAttr::getFromRawBuffer(
      RankedTensorType::get(shape, element),
      ArrayRef(reinterpret_cast<const char *>(bytes.get()),
               size_t(byteSize())));
}

int64_t Tensor::elements() const { return elementsBelow(0); }

int64_t Tensor::elementsBelow(size_t dims) const {
  int64_t count = 1;
  for (int64_t dim : ArrayRef(shape).drop_front(dims))
    count *= dim;
  return count;
}

template <typename T> static T *at(const Tensor &tensor, int64_t first) {
  return reinterpret_cast<T *>(tensor.bytes.get()) + first;
}

template <typename T, typename WidenFn>
static void widen(const T *from, int64_t count, double *out, WidenFn fn) {
  for (int64_t i = 0; i < count; ++i)
    out[i] = fn(from[i]);
}

void Tensor::load(int64_t first, int64_t count, double *out) const {
  switch (dtype) {
  case TRINE_F32:
    return widen(at<float>(*this, first), count, out,
                 [](float x) { return double(x); });
  case TRINE_F16:
    return widen(at<uint16_t>(*this, first), count, out, f16ToF32);
  case TRINE_BF16:
    return widen(at<uint16_t>(*this, first), count, out, bf16ToF32);
  case TRINE_I32:
    return widen(at<int32_t>(*this, first), count, out,
                 [](int32_t x) { return double(x); });
  case TRINE_U8:
    return widen(at<uint8_t>(*this, first), count, out,
                 [](uint8_t x) { return double(x); });
  case TRINE_F8E4M3FN:
  case TRINE_F8E5M2:
    return widen(at<uint8_t>(*this, first), count, out,
                 [format = float8Of(dtype)](uint8_t x) {
                   return double(format->decode(x));
                 });
  }
}

std::vector<double> Tensor::load(int64_t first, int64_t count) const {
  std::vector<double> values(static_cast<size_t>(count));
  load(first, count, values.data());
  return values;
}

template <typename T, typename RoundFn>
static void narrow(const double *values, int64_t count, T *to, RoundFn fn) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = fn(values[i]);
}

void Tensor::store(int64_t first, int64_t count, const double *values) {
  switch (dtype) {
  case TRINE_F32:
    return narrow(values, count, at<float>(*this, first),
                  [](double x) { return float(x); });
  case TRINE_F16:
    return narrow(values, count, at<uint16_t>(*this, first), roundToF16);
  case TRINE_BF16:
    return narrow(values, count, at<uint16_t>(*this, first), roundToBF16);
  case TRINE_I32:
    return narrow(values, count, at<int32_t>(*this, first), roundToI32);
  case TRINE_U8:
    return narrow(values, count, at<uint8_t>(*this, first),
                  [](double x) { return uint8_t(std::clamp(x, 0.0, 255.0)); });
  case TRINE_F8E4M3FN:
  case TRINE_F8E5M2:
    return narrow(values, count, at<uint8_t>(*this, first),
                  [format = float8Of(dtype)](double x) {
                    return format->encode(roundToOdd(x));
                  });
  }
}
