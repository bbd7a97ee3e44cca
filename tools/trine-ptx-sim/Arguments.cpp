//===- Arguments.cpp - --arg of trine-ptx-sim -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <iterator>

using namespace trine;
using namespace trine::sim;

const char *const sim::argumentHelp =
    "a parameter of the kernel, in order; repeat it for each:\n"
    "ptr:IN.npy              an array the kernel reads\n"
    "inout:IN.npy=OUT.npy    an array it changes\n"
    "out:f32[M,N]=OUT.npy    an array it writes; unwritten before\n"
    "zero:f32[M,N]=OUT.npy   an array it changes; zero before\n"
    "i32:V u32: i64: u64: i16: u16: i8: u8: f16: bf16: f32: f64:   a number\n"
    "bytes:IN.npy            a structure by value\n"
    "null                    a null pointer";

namespace {

struct TypeRow {
  const char *name;
  Storage stored; ///< in .npy
  bool floating;
};
/// bf16 and FP8 travel as codes.
constexpr TypeRow types[] = {
    {"f32", Storage::F32, true},  {"f16", Storage::F16, true},
    {"bf16", Storage::U16, true}, {"f64", Storage::F64, true},
    {"i32", Storage::I32, false}, {"u32", Storage::U32, false},
    {"i64", Storage::I64, false}, {"u64", Storage::I64, false},
    {"i16", Storage::I16, false}, {"u16", Storage::U16, false},
    {"i8", Storage::I8, false},   {"u8", Storage::U8, false},
    {"e4m3", Storage::U8, false}, {"e5m2", Storage::U8, false},
};

[[noreturn]] void usage(const std::string &text, const std::string &what) {
  throw Error(ExitCode::Usage, "--arg " + text,
              what + "; see trine-ptx-sim --help");
}

const TypeRow &findType(const std::string &text, std::string_view name) {
  for (const TypeRow &row : types)
    if (name == row.name)
      return row;
  usage(text, fmt::format("unknown type '{}'", name));
}

template <class T> T number(const std::string &text, std::string_view value) {
  T result{};
  const char *begin = value.data(), *end = begin + value.size();
  auto [rest, error] = std::from_chars(begin, end, result);
  if (error != std::errc() || rest != end || value.empty())
    usage(text, fmt::format("expected a number, got '{}'", value));
  return result;
}

void scalar(Argument &argument, const TypeRow &type, std::string_view value) {
  uint64_t bytes = storageInfo(type.stored).blockBytes, bits = 0;
  std::string_view name = type.name;
  if (type.floating) {
    auto real = number<double>(argument.text, value);
    bits = name == "f64"   ? std::bit_cast<uint64_t>(real)
           : name == "f32" ? std::bit_cast<uint32_t>(float(real))
           : name == "f16" ? f32ToF16(float(real))
                           : f32ToBf16(float(real));
  } else if (name == "u64") {
    bits = number<uint64_t>(argument.text, value);
  } else {
    auto whole = number<int64_t>(argument.text, value);
    int64_t low = name[0] == 'u' ? 0
                  : bytes == 8   ? INT64_MIN
                                 : -(int64_t(1) << (8 * bytes - 1));
    int64_t high = bytes == 8       ? INT64_MAX
                   : name[0] == 'u' ? (int64_t(1) << 8 * bytes) - 1
                                    : (int64_t(1) << (8 * bytes - 1)) - 1;
    if (whole < low || whole > high)
      usage(argument.text,
            fmt::format("expected a number from {} to {}", low, high));
    bits = uint64_t(whole);
  }
  argument.bytes.resize(bytes);
  std::memcpy(argument.bytes.data(), &bits, bytes);
}

/// "f32[2,3]=o.npy"
void readArray(Argument &argument, std::string_view rest) {
  size_t open = rest.find('['), close = rest.find("]=");
  if (open == std::string_view::npos || close == std::string_view::npos ||
      close < open)
    usage(argument.text, "expected TYPE[SIZES]=FILE.npy");
  argument.type = findType(argument.text, rest.substr(0, open)).stored;
  argument.output = rest.substr(close + 2);
  std::string_view sizes = rest.substr(open + 1, close - open - 1);
  while (!sizes.empty()) {
    size_t comma = std::min(sizes.find(','), sizes.size());
    argument.shape.push_back(
        number<int64_t>(argument.text, sizes.substr(0, comma)));
    sizes.remove_prefix(std::min(comma + 1, sizes.size()));
  }
  std::optional<uint64_t> size = storedBytes(argument.type, argument.shape);
  if (!size)
    usage(argument.text, "expected sizes of 0 or more");
  argument.size = *size;
}

void pointer(Argument &argument, uint64_t address) {
  argument.address = address;
  argument.bytes.resize(8);
  std::memcpy(argument.bytes.data(), &address, 8);
}

Argument bind(const std::string &text, ptx::Device &device) {
  Argument argument;
  argument.text = text;
  size_t colon = text.find(':');
  std::string_view kind = std::string_view(text).substr(0, colon), rest;
  if (colon != std::string::npos)
    rest = std::string_view(text).substr(colon + 1);
  if (kind == "null") {
    pointer(argument, 0);
  } else if (kind == "ptr" || kind == "inout" || kind == "bytes") {
    size_t equals = kind == "inout" ? rest.find('=') : rest.size();
    if (equals == std::string_view::npos)
      usage(text, "expected inout:IN.npy=OUT.npy");
    NpyArray array = readNpy(std::string(rest.substr(0, equals)));
    if (kind == "bytes") {
      argument.bytes = std::move(array.bytes);
      return argument;
    }
    if (kind == "inout")
      argument.output = rest.substr(equals + 1);
    argument.type = array.type;
    argument.shape = array.shape;
    argument.size = array.bytes.size();
    pointer(argument, device.allocate(argument.size));
    device.write(argument.address, array.bytes);
  } else if (kind == "out" || kind == "zero") {
    readArray(argument, rest);
    pointer(argument, device.allocate(argument.size));
    if (kind == "zero")
      device.fill(argument.address, argument.size, 0);
  } else {
    scalar(argument, findType(text, kind), rest);
  }
  return argument;
}

} // namespace

std::vector<Argument> sim::bindArguments(const std::vector<std::string> &texts,
                                         ptx::Device &device) {
  std::vector<Argument> arguments;
  arguments.reserve(texts.size());
  for (const std::string &text : texts)
    arguments.push_back(bind(text, device));
  return arguments;
}

std::vector<uint8_t> sim::packArguments(const std::vector<Argument> &arguments,
                                        const ptx::KernelInfo &kernel,
                                        const std::string &file) {
  if (arguments.size() != kernel.parameters.size())
    throw badInput(file, "kernel '{}': expected {} arguments, got {}",
                   kernel.name, kernel.parameters.size(), arguments.size());
  std::vector<uint8_t> buffer(kernel.parameterBytes);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const ptx::Parameter &parameter = kernel.parameters[i];
    if (arguments[i].bytes.size() != parameter.bytes)
      throw badInput(file,
                     "parameter {} of '{}': expected {} bytes, got {} "
                     "(--arg {})",
                     i, kernel.name, parameter.bytes, arguments[i].bytes.size(),
                     arguments[i].text);
    std::memcpy(buffer.data() + parameter.offset, arguments[i].bytes.data(),
                parameter.bytes);
  }
  return buffer;
}

const Argument *sim::findUnwritten(const std::vector<Argument> &arguments,
                                   const ptx::Device &device, uint64_t &bytes) {
  for (const Argument &argument : arguments)
    if (!argument.output.empty()) {
      bytes = device.unwritten(argument.address, argument.size);
      if (bytes)
        return &argument;
    }
  return nullptr;
}

void sim::writeResults(const std::vector<Argument> &arguments,
                       const ptx::Device &device) {
  for (const Argument &argument : arguments) {
    if (argument.output.empty())
      continue;
    std::vector<uint8_t> content(argument.size);
    device.read(argument.address, content);
    writeNpy(argument.output, argument.type, argument.shape, content);
  }
}
