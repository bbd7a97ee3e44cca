//===- GgufMetadata.cpp - typed access to GGUF metadata -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "GgufTypes.h"

#include <cstring>
#include <limits>

using namespace trine;
using namespace trine::gguf;

GgufValue trine::gguf::ggufScalar(uint32_t type, const uint8_t *from) {
  auto load = [from]<typename T>(T value) {
    std::memcpy(&value, from, sizeof value);
    return value;
  };
  switch (type) {
  case U8:
    return {type, uint64_t(load(uint8_t()))};
  case I8:
    return {type, int64_t(load(int8_t()))};
  case U16:
    return {type, uint64_t(load(uint16_t()))};
  case I16:
    return {type, int64_t(load(int16_t()))};
  case U32:
    return {type, uint64_t(load(uint32_t()))};
  case I32:
    return {type, int64_t(load(int32_t()))};
  case F32:
    return {type, double(load(float()))};
  case Boolean:
    return {type, load(uint8_t()) != 0};
  case U64:
    return {type, load(uint64_t())};
  case I64:
    return {type, load(int64_t())};
  default:
    return {type, load(double())};
  }
}

namespace {
/// How a T reads from metadata, and its name in messages.
template <typename T> struct Kind;
template <> struct Kind<bool> {
  static constexpr const char *name = "a bool";
  static std::optional<bool> from(const GgufValue &value) {
    if (const bool *flag = std::get_if<bool>(&value.value))
      return *flag;
    return std::nullopt;
  }
};
template <> struct Kind<int64_t> {
  static constexpr const char *name = "an integer";
  static std::optional<int64_t> from(const GgufValue &value) {
    if (const int64_t *number = std::get_if<int64_t>(&value.value))
      return *number;
    const uint64_t *number = std::get_if<uint64_t>(&value.value);
    if (number && *number <= uint64_t(std::numeric_limits<int64_t>::max()))
      return int64_t(*number);
    return std::nullopt;
  }
};
template <> struct Kind<double> {
  static constexpr const char *name = "a number";
  static std::optional<double> from(const GgufValue &value) {
    if (const double *number = std::get_if<double>(&value.value))
      return *number;
    if (std::optional<int64_t> integer = Kind<int64_t>::from(value))
      return double(*integer);
    return std::nullopt;
  }
};
template <> struct Kind<std::string_view> {
  static constexpr const char *name = "a string";
  static std::optional<std::string_view> from(const GgufValue &value) {
    if (const auto *text = std::get_if<std::string_view>(&value.value))
      return *text;
    return std::nullopt;
  }
};
template <typename T> struct Kind<std::vector<T>> {
  static inline const std::string name =
      std::string("an array, each element ") + Kind<T>::name;
  static std::optional<std::vector<T>> from(const GgufValue &value) {
    std::vector<T> result;
    const GgufArray *array = std::get_if<GgufArray>(&value.value);
    if (!array) {
      std::optional<T> single = Kind<T>::from(value);
      return single ? std::optional(std::vector<T>{*single}) : std::nullopt;
    }
    if constexpr (std::is_same_v<T, std::string_view>)
      if (array->type == String)
        return array->strings;
    uint32_t size = ggufTypes[array->type].bytes;
    if (array->numbers.size() != array->count * size)
      return std::nullopt;
    for (uint64_t i = 0; i < array->count; ++i) {
      std::optional<T> item = Kind<T>::from(
          ggufScalar(array->type, array->numbers.data() + i * size));
      if (!item)
        return std::nullopt;
      result.push_back(*item);
    }
    return result;
  }
};
} // namespace

static std::string describe(const GgufValue &value) {
  if (const GgufArray *array = std::get_if<GgufArray>(&value.value))
    return fmt::format("an array of {} {}", array->count,
                       ggufTypes[array->type].name);
  return ggufTypes[value.type].name;
}

template <typename T>
std::optional<T> GgufFile::maybe(std::string_view key) const {
  auto it = values.find(key);
  if (it == values.end())
    return std::nullopt;
  std::optional<T> result = Kind<T>::from(it->second);
  if (!result)
    throw badInput(sourceName(), "metadata '{}': expected {}, got {}", key,
                   Kind<T>::name, describe(it->second));
  return result;
}

namespace trine {
template std::optional<bool> GgufFile::maybe(std::string_view) const;
template std::optional<int64_t> GgufFile::maybe(std::string_view) const;
template std::optional<double> GgufFile::maybe(std::string_view) const;
template std::optional<std::string_view>
    GgufFile::maybe(std::string_view) const;
template std::optional<std::vector<int64_t>>
    GgufFile::maybe(std::string_view) const;
template std::optional<std::vector<double>>
    GgufFile::maybe(std::string_view) const;
template std::optional<std::vector<std::string_view>>
    GgufFile::maybe(std::string_view) const;
} // namespace trine

int64_t GgufFile::positive(std::string_view key) const {
  int64_t number = get<int64_t>(key);
  if (number < 1 || number > std::numeric_limits<int32_t>::max())
    throw badInput(sourceName(),
                   "metadata '{}': expected a positive integer below 2^31, "
                   "got {}",
                   key, number);
  return number;
}
