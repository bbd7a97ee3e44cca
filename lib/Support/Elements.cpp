//===- Elements.cpp - numbers in arrays of a named dtype ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/Elements.h"
#include "trine/Support/Float.h"
#include "trine/Support/Float8.h"

#include <cstring>

using namespace trine;

/// "f8e4m3fn" → e4m3fn
static const Float8 *float8Of(std::string_view dtype) {
  return dtype.starts_with("f8") ? findFloat8(dtype.substr(2)) : nullptr;
}

int64_t trine::dtypeBytes(std::string_view dtype) {
  if (dtype == "f32" || dtype == "i32")
    return 4;
  if (dtype == "u8" || float8Of(dtype))
    return 1;
  return dtype == "f16" || dtype == "bf16" ? 2 : 0;
}

template <typename T> static T load(const void *data, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const T *>(data) + index, sizeof(T));
  return value;
}

template <typename T> static bool store(void *data, int64_t index, T value) {
  std::memcpy(static_cast<T *>(data) + index, &value, sizeof(T));
  return true;
}

double trine::readElement(std::string_view dtype, const void *data,
                          int64_t index) {
  if (dtype == "f32")
    return load<float>(data, index);
  if (dtype == "f16")
    return f16ToF32(load<uint16_t>(data, index));
  if (dtype == "bf16")
    return bf16ToF32(load<uint16_t>(data, index));
  if (dtype == "u8")
    return load<uint8_t>(data, index);
  if (const Float8 *format = float8Of(dtype))
    return format->decode(load<uint8_t>(data, index));
  return load<int32_t>(data, index);
}

bool trine::writeElement(std::string_view dtype, void *data, int64_t index,
                         double value) {
  if (dtype == "f32")
    return store(data, index, float(value));
  if (dtype == "f16")
    return store(data, index, f32ToF16(float(value)));
  if (dtype == "bf16")
    return store(data, index, f32ToBf16(float(value)));
  if (const Float8 *format = float8Of(dtype))
    return store(data, index, format->encode(float(value)));
  if (dtype == "u8")
    return value >= 0 && value <= 255 && value == int(value) &&
           store(data, index, uint8_t(value));
  if (!(value >= INT32_MIN && value <= INT32_MAX) ||
      value != double(int32_t(value)))
    return false;
  return store(data, index, int32_t(value));
}
