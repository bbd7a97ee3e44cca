//===- Arrays.cpp - command line and .npy files ↔ tensors -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Arrays.h"
#include "lib/Runtime/Tensor.h"
#include "trine/Formats/Npy.h"
#include "trine/Support/Error.h"

#include <charconv>
#include <cmath>
#include <cstring>

using namespace trine;
using namespace trine::run;

int64_t Array::elements() const {
  return int64_t(bytes.size()) / dtypeBytes(dtype);
}

trine_tensor Array::tensor() const {
  trine_tensor tensor{name.c_str(),
                      dtypeFromName(dtype),
                      int32_t(shape.size()),
                      {},
                      const_cast<uint8_t *>(bytes.data())};
  std::copy(shape.begin(), shape.end(), tensor.shape);
  return tensor;
}

Array Array::from(const trine_tensor &tensor) {
  Array array{tensor.name,
              dtypeName(int(tensor.dtype)),
              {tensor.shape, tensor.shape + tensor.rank},
              {}};
  array.bytes.resize(size_t(storedBytes(Layout{}, array.shape, array.dtype)));
  if (!array.bytes.empty())
    std::memcpy(array.bytes.data(), tensor.data, array.bytes.size());
  return array;
}

static Error usage(const std::string &what) {
  return Error(ExitCode::Usage, "", what + "; see trine-run --help");
}

std::pair<std::string, std::string>
trine::run::splitAssignment(const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw usage(fmt::format("expected NAME=VALUE, got '{}'", text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

static std::vector<double> readNumbers(const std::string &name,
                                       std::string_view text) {
  std::vector<double> numbers;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    auto [rest, error] = std::from_chars(at, end, numbers.emplace_back());
    if (error != std::errc() || (rest != end && *rest != ','))
      throw usage(fmt::format("'{}': expected F.npy, numbers 1,2,3 or a shape "
                              "[1,128], got '{}'",
                              name, text));
    if (rest == end)
      return numbers;
    at = rest + 1;
  }
}

static Array makeArray(const std::string &name, const std::string &dtype,
                       std::vector<int64_t> shape) {
  Array array{name, dtype, std::move(shape), {}};
  array.bytes.resize(size_t(storedBytes(Layout{}, array.shape, dtype)));
  return array;
}

static void set(Array &array, int64_t index, double value) {
  if (!writeElement(array.dtype, array.bytes.data(), index, value))
    throw badInput("input '" + array.name + "'",
                   "expected whole numbers of 32 bits, got {} at element {}",
                   value, index);
}

static Array fromNumbers(const std::string &name,
                         const std::vector<double> &numbers,
                         const EntryTensor *declared) {
  bool whole = true;
  for (double number : numbers)
    whole &= number == std::floor(number);
  std::string dtype = declared ? declared->dtype : whole ? "i32" : "f32";
  size_t rank = declared ? declared->shape.size() : 2;
  std::vector<int64_t> shape(rank, 1);
  if (rank)
    shape.back() = int64_t(numbers.size());
  else if (numbers.size() != 1)
    throw badInput("input '" + name + "'", "expected one number, got {}",
                   numbers.size());
  Array array = makeArray(name, dtype, shape);
  for (size_t i = 0; i < numbers.size(); ++i)
    set(array, int64_t(i), numbers[i]);
  return array;
}

/// The same numbers each time: ids below the entry's limit, or [-1, 1).
static Array madeUp(const std::string &name, std::string_view shapeText,
                    const EntryTensor *declared) {
  shapeText.remove_prefix(1);
  if (!shapeText.ends_with(']'))
    throw usage(fmt::format("'{}': expected a shape such as [1,128]", name));
  shapeText.remove_suffix(1);
  std::vector<int64_t> shape;
  for (double size : readNumbers(name, shapeText)) {
    if (size < 0 || size > 1e9 || size != std::floor(size))
      throw usage(fmt::format("'{}': {} is no dimension", name, size));
    shape.push_back(int64_t(size));
  }
  Array array =
      makeArray(name, declared ? declared->dtype : "f32", std::move(shape));
  int64_t limit = declared && declared->indexLimit ? declared->indexLimit : 2;
  uint64_t random = 1;
  for (int64_t i = 0; i < array.elements(); ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    set(array, i,
        array.dtype == "i32" ? double(int64_t(random >> 33) % limit)
                             : double(random >> 40) * 0x1p-23 - 1);
  }
  return array;
}

/// Element of an .npy file as a number; codes are those of `dtype`.
static double element(const NpyArray &npy, std::string_view dtype,
                      int64_t index) {
  auto as = [&](auto zero) {
    decltype(zero) value;
    std::memcpy(&value, npy.bytes.data() + size_t(index) * sizeof(value),
                sizeof(value));
    return value;
  };
  switch (npy.type) {
  case Storage::F64:
    return as(double());
  case Storage::F32:
    return as(float());
  case Storage::F16:
    return readElement("f16", npy.bytes.data(), index);
  case Storage::U16:
    return dtype == "bf16" ? readElement(dtype, npy.bytes.data(), index)
                           : as(uint16_t());
  case Storage::I64:
    return double(as(int64_t()));
  case Storage::I32:
    return as(int32_t());
  case Storage::U32:
    return as(uint32_t());
  case Storage::I8:
    return as(int8_t());
  default: // U8, Bool
    return dtype.starts_with("f8") ? readElement(dtype, npy.bytes.data(), index)
                                   : as(uint8_t());
  }
}

static Array fromFile(const std::string &name, const std::string &file,
                      const EntryTensor *declared) {
  NpyArray npy = readNpy(file);
  bool integer = npy.type == Storage::I64 || npy.type == Storage::I32 ||
                 npy.type == Storage::U32 || npy.type == Storage::Bool ||
                 npy.type == Storage::U8 || npy.type == Storage::I8;
  bool codes =
      declared && npy.type == Storage::U8 && dtypeBytes(declared->dtype) == 1;
  std::string natural = codes                      ? declared->dtype
                        : integer                  ? "i32"
                        : npy.type == Storage::F16 ? "f16"
                        : npy.type == Storage::U16 ? "bf16"
                                                   : "f32";
  std::string dtype = declared ? declared->dtype : natural;
  // Exact conversions only; a float file never becomes another float type.
  bool exact = dtype == natural && npy.type != Storage::F64;
  if (!exact && !(dtype == "i32" && npy.type == Storage::U16))
    throw badInput(file, "input '{}': expected {}, got {}", name, dtype,
                   storageName(npy.type));
  if (npy.shape.size() > TRINE_MAX_RANK)
    throw badInput(file, "input '{}': expected at most {} dimensions, got {}",
                   name, TRINE_MAX_RANK, npy.shape.size());
  Array array = makeArray(name, dtype, npy.shape);
  if (dtype != "i32" || npy.type == Storage::I32) {
    array.bytes = std::move(npy.bytes);
    return array;
  }
  for (int64_t i = 0; i < array.elements(); ++i)
    set(array, i, element(npy, "", i));
  return array;
}

Array trine::run::readArray(const std::string &name, const std::string &value,
                            const EntryTensor *declared) {
  if (value.ends_with(".npy"))
    return fromFile(name, value, declared);
  if (value.starts_with('['))
    return madeUp(name, value, declared);
  return fromNumbers(name, readNumbers(name, value), declared);
}

void trine::run::writeArray(const Array &array, const std::string &file) {
  Storage type = array.dtype == "f32"           ? Storage::F32
                 : array.dtype == "f16"         ? Storage::F16
                 : array.dtype == "bf16"        ? Storage::U16
                 : dtypeBytes(array.dtype) == 1 ? Storage::U8
                                                : Storage::I32;
  writeNpy(file, type, array.shape, array.bytes);
}

std::string trine::run::compareArray(const Array &got, const std::string &file,
                                     double atol, double rtol, double &worst) {
  NpyArray npy = readNpy(file);
  std::string where = fmt::format("output '{}' and {}", got.name, file);
  if (npy.shape != got.shape)
    return fmt::format("{}: expected shape {}, got {}", where,
                       shapeText(npy.shape.data(), npy.shape.size()),
                       shapeText(got.shape.data(), got.shape.size()));
  int64_t differ = 0, at = -1;
  double excess = 0, expected = 0, found = 0;
  for (int64_t i = 0; i < got.elements(); ++i) {
    double a = element(npy, got.dtype, i);
    double b = readElement(got.dtype, got.bytes.data(), i);
    bool same = a == b || (std::isnan(a) && std::isnan(b));
    double error = same ? 0 : std::abs(a - b);
    worst = std::isnan(error) ? error : std::max(worst, error);
    // Written so that NaN fails.
    if (same || error <= atol + rtol * std::abs(a))
      continue;
    ++differ;
    double beyond = error - rtol * std::abs(a);
    if (at >= 0 && !(beyond > excess))
      continue;
    at = i;
    excess = beyond;
    expected = a;
    found = b;
  }
  if (!differ)
    return "";
  return fmt::format("{}: {} of {} values differ by more than atol {:g} + "
                     "rtol {:g}; worst at element {}: expected {:.9g}, got "
                     "{:.9g}",
                     where, differ, got.elements(), atol, rtol, at, expected,
                     found);
}
