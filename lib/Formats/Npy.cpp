//===- Npy.cpp - NumPy .npy arrays ----------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Npy.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fmt/ranges.h>

using namespace trine;

namespace {

struct Descr {
  const char *code; ///< without its byte order
  Storage storage;
};

constexpr Descr descrs[] = {
    {"f8", Storage::F64}, {"f4", Storage::F32},  {"f2", Storage::F16},
    {"i8", Storage::I64}, {"i4", Storage::I32},  {"i2", Storage::I16},
    {"i1", Storage::I8},  {"u4", Storage::U32},  {"u2", Storage::U16},
    {"u1", Storage::U8},  {"b1", Storage::Bool},
};

constexpr std::string_view magic = "\x93NUMPY";

/// The header, a Python dictionary literal with three known keys.
class HeaderParser {
public:
  HeaderParser(std::string_view text, const std::string &file)
      : text(text), file(file) {}

  void parse(NpyArray &array);

private:
  Error malformed(std::string_view what) const {
    return badInput(file, "malformed .npy header: expected {} at column {}",
                    what, at);
  }
  void skipSpace() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n'))
      ++at;
  }
  bool accept(std::string_view token) {
    skipSpace();
    if (!text.substr(at).starts_with(token))
      return false;
    at += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token))
      throw malformed(fmt::format("'{}'", token));
  }
  std::string_view quoted();
  void parseType(NpyArray &array);
  void parseOrder();
  void parseShape(NpyArray &array);

  std::string_view text;
  const std::string &file;
  size_t at = 0;
};

} // namespace

std::string_view HeaderParser::quoted() {
  std::string_view quote = accept("'") ? "'" : "\"";
  if (quote == "\"")
    expect(quote);
  size_t end = text.find(quote, at);
  if (end == std::string_view::npos)
    throw malformed("a closing quote");
  std::string_view result = text.substr(at, end - at);
  at = end + 1;
  return result;
}

void HeaderParser::parseType(NpyArray &array) {
  skipSpace();
  if (text.substr(at).starts_with("["))
    throw badInput(file, "structured arrays are not supported");
  std::string_view descr = quoted();
  if (descr.starts_with(">"))
    throw badInput(file,
                   "expected little-endian data, got '{}'; save it with "
                   "array.astype(array.dtype.newbyteorder('<'))",
                   descr.substr(0, 16));
  for (const Descr &known : descrs)
    if (descr.size() == 3 && descr.substr(1) == known.code &&
        std::string_view("<|=").find(descr[0]) != std::string_view::npos) {
      array.type = known.storage;
      return;
    }
  throw badInput(file,
                 "dtype '{}' is not supported; expected a float, integer or "
                 "bool of at most 64 bits",
                 descr.substr(0, 16));
}

void HeaderParser::parseOrder() {
  if (accept("True"))
    throw badInput(file, "expected C order, got Fortran order; save "
                         "numpy.ascontiguousarray(array)");
  expect("False");
}

void HeaderParser::parseShape(NpyArray &array) {
  expect("(");
  while (!accept(")")) {
    skipSpace();
    int64_t dim = 0;
    auto [end, error] =
        std::from_chars(text.data() + at, text.data() + text.size(), dim);
    if (error != std::errc() || dim < 0 || array.shape.size() == 32)
      throw malformed("at most 32 dimensions below 2^63");
    array.shape.push_back(dim);
    at = size_t(end - text.data());
    if (accept(","))
      continue;
    expect(")");
    break;
  }
}

void HeaderParser::parse(NpyArray &array) {
  bool type = false, order = false, shape = false;
  auto once = [&](bool &seen) {
    if (seen)
      throw malformed("each key once");
    seen = true;
  };
  expect("{");
  while (!accept("}")) {
    std::string_view key = quoted();
    expect(":");
    if (key == "descr") {
      once(type);
      parseType(array);
    } else if (key == "fortran_order") {
      once(order);
      parseOrder();
    } else if (key == "shape") {
      once(shape);
      parseShape(array);
    } else {
      throw malformed("one of 'descr', 'fortran_order', 'shape'");
    }
    if (accept(","))
      continue;
    expect("}");
    break;
  }
  skipSpace();
  if (!type || !order || !shape || at != text.size())
    throw malformed("'descr', 'fortran_order' and 'shape', then the end");
}

NpyArray trine::parseNpy(Bytes bytes, const std::string &name) {
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  if (!text.starts_with(magic) || text.size() < 12)
    throw badInput(name, "not a .npy file");
  int version = bytes[6];
  if (version < 1 || version > 3)
    throw badInput(name, "expected .npy version 1 to 3, got {}", version);
  uint32_t size = bytes[8] | uint32_t(bytes[9]) << 8;
  size_t begin = 10;
  if (version >= 2) {
    size |= uint32_t(bytes[10]) << 16 | uint32_t(bytes[11]) << 24;
    begin = 12;
  }
  if (size > text.size() - begin)
    throw badInput(name, "truncated: header of {} bytes, {} are left", size,
                   text.size() - begin);
  NpyArray array;
  HeaderParser(text.substr(begin, size), name).parse(array);
  Bytes data = bytes.subspan(begin + size);
  std::optional<uint64_t> needed = storedBytes(array.type, array.shape);
  if (!needed || *needed != data.size())
    throw badInput(name, "shape ({}) of {} does not match {} bytes of data",
                   fmt::join(array.shape, ", "), storageName(array.type),
                   data.size());
  array.bytes.assign(data.begin(), data.end());
  return array;
}

NpyArray trine::readNpy(const std::filesystem::path &path) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path);
  return parseNpy(file->bytes(), path.string());
}

void trine::writeNpy(const std::filesystem::path &path, Storage type,
                     const std::vector<int64_t> &shape, Bytes bytes) {
  const Descr *descr = std::find_if(
      std::begin(descrs), std::end(descrs),
      [type](const Descr &known) { return known.storage == type; });
  if (descr == std::end(descrs) || storedBytes(type, shape) != bytes.size())
    throw Error(ExitCode::Internal, path.string(),
                fmt::format("{} bytes are no {} array of shape ({})",
                            bytes.size(), storageName(type),
                            fmt::join(shape, ", ")));
  std::string dims;
  for (int64_t dim : shape)
    dims += fmt::format("{}, ", dim);
  if (shape.size() > 1)
    dims.resize(dims.size() - 2); // "(3, 4)", but "(3,)"
  else if (shape.size() == 1)
    dims.pop_back();
  std::string header = fmt::format(
      "{{'descr': '{}{}', 'fortran_order': False, 'shape': ({}), }}",
      descr->code[1] == '1' ? '|' : '<', descr->code, dims);
  // The data begins at a multiple of 64; the header ends with a newline.
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 11, ' ');
  header += '\n';
  AtomicFile file(path);
  file.write(magic);
  const uint8_t version1[] = {1, 0, uint8_t(header.size()),
                              uint8_t(header.size() >> 8)};
  file.write(version1, sizeof version1);
  file.write(header);
  file.write(bytes.data(), bytes.size());
  file.commit();
}
