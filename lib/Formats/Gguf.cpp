//===- Gguf.cpp - GGUF v2/v3 model files ----------------------------------===//
// Every count is checked against the bytes that are left before anything is
// allocated for it, so memory stays within a small multiple of the file.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Gguf.h"
#include "GgufTypes.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fmt/ranges.h>
#include <limits>

using namespace trine;
using namespace trine::gguf;

static_assert(std::endian::native == std::endian::little);

namespace {

struct TensorType {
  uint32_t number;
  const char *name;
  Storage storage = Storage::Unsupported;
};

/// ggml tensor types; those without a storage are known by name only.
constexpr TensorType tensorTypes[] = {
    {0, "f32", Storage::F32},
    {1, "f16", Storage::F16},
    {2, "q4_0", Storage::Q4_0},
    {3, "q4_1", Storage::Q4_1},
    {6, "q5_0", Storage::Q5_0},
    {7, "q5_1", Storage::Q5_1},
    {8, "q8_0", Storage::Q8_0},
    {9, "q8_1"},
    {10, "q2_k"},
    {11, "q3_k"},
    {12, "q4_k", Storage::Q4_K},
    {13, "q5_k", Storage::Q5_K},
    {14, "q6_k", Storage::Q6_K},
    {15, "q8_k"},
    {16, "iq2_xxs"},
    {17, "iq2_xs"},
    {18, "iq3_xxs"},
    {19, "iq1_s"},
    {20, "iq4_nl"},
    {21, "iq3_s"},
    {22, "iq2_s"},
    {23, "iq4_xs"},
    {24, "i8", Storage::I8},
    {25, "i16", Storage::I16},
    {26, "i32", Storage::I32},
    {27, "i64", Storage::I64},
    {28, "f64", Storage::F64},
    {29, "iq1_m"},
    {30, "bf16", Storage::BF16},
    {34, "tq1_0"},
    {35, "tq2_0"},
    {39, "mxfp4"},
};

/// A position in the file; every read is checked.
class Cursor {
public:
  Cursor(Bytes bytes, const std::string &file) : bytes(bytes), file(file) {}

  uint64_t left() const { return bytes.size() - at; }
  uint64_t offset() const { return at; }

  Bytes take(uint64_t count, std::string_view what) {
    if (count > left())
      throw badInput(file,
                     "truncated: {} at byte {} needs {} bytes, {} are left; "
                     "fetch the file again",
                     what, at, count, left());
    at += count;
    return bytes.subspan(at - count, count);
  }

  template <typename T> T number(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof value, what).data(), sizeof value);
    return value;
  }

  std::string_view string(std::string_view what) {
    uint64_t length = number<uint64_t>(what);
    Bytes text = take(length, what);
    return {reinterpret_cast<const char *>(text.data()), text.size()};
  }

  /// A count of items that take at least `minBytes` each.
  uint64_t count(uint64_t value, uint64_t minBytes, std::string_view what) {
    if (value > left() / minBytes)
      throw badInput(file, "{}: count {} does not fit in the {} bytes left",
                     what, value, left());
    return value;
  }

private:
  Bytes bytes;
  const std::string &file;
  uint64_t at = 0;
};

} // namespace

namespace trine {

/// Reads the tables of one file into a GgufFile.
class GgufParser {
public:
  GgufParser(GgufFile &file, Bytes bytes)
      : file(file), name(file.sourceName()), bytes(bytes), in(bytes, name) {}

  void run(std::vector<std::string> &unsupported);

private:
  uint64_t readHeader();
  void readMetadata(uint64_t count);
  GgufValue readValue(uint32_t type, const std::string &key, int depth);
  GgufArray readArray(const std::string &key, int depth);
  uint64_t readAlignment() const;
  void readTensors();
  void readTensor();
  void place(std::vector<std::string> &unsupported);
  void refuseOverlaps() const;

  GgufFile &file;
  const std::string &name;
  Bytes bytes;
  Cursor in;
  uint64_t tensorCount = 0;

  struct Entry {
    StoredTensor tensor;
    uint32_t type;
    uint64_t offset;
  };
  std::vector<Entry> entries;
};

} // namespace trine

uint64_t GgufParser::readHeader() {
  if (bytes.size() < 4 || std::memcmp(bytes.data(), "GGUF", 4) != 0)
    throw badInput(name, "not a GGUF file: expected it to begin with 'GGUF'");
  in.take(4, "magic");
  uint32_t version = in.number<uint32_t>("version");
  if (uint32_t swapped = __builtin_bswap32(version);
      version > 0xffff && swapped >= 1 && swapped <= 0xffff)
    throw Error(ExitCode::Unsupported, name,
                "the file is big-endian; convert it to little-endian with "
                "gguf-convert-endian");
  if (version != 2 && version != 3)
    throw Error(ExitCode::Unsupported, name,
                fmt::format("expected GGUF version 2 or 3, got {}; convert the "
                            "model again with a current tool",
                            version));
  file.formatVersion = version;
  tensorCount = in.number<uint64_t>("tensor count");
  return in.number<uint64_t>("metadata count");
}

GgufArray GgufParser::readArray(const std::string &key, int depth) {
  if (depth > 4)
    throw badInput(name, "metadata '{}': arrays are nested more than 4 deep",
                   key);
  GgufArray array;
  array.type = in.number<uint32_t>(key);
  if (array.type >= std::size(ggufTypes))
    throw badInput(name, "metadata '{}': unknown element type {}", key,
                   array.type);
  uint32_t size = ggufTypes[array.type].bytes;
  array.count = in.count(in.number<uint64_t>(key), size,
                         fmt::format("metadata '{}'", key));
  if (array.type == String) {
    array.strings.reserve(array.count);
    for (uint64_t i = 0; i < array.count; ++i)
      array.strings.push_back(in.string(key));
  } else if (array.type == Array) {
    for (uint64_t i = 0; i < array.count; ++i)
      array.arrays.push_back(readValue(Array, key, depth + 1));
  } else {
    array.numbers = in.take(array.count * size, key);
  }
  return array;
}

GgufValue GgufParser::readValue(uint32_t type, const std::string &key,
                                int depth) {
  if (type >= std::size(ggufTypes))
    throw badInput(name, "metadata '{}': unknown value type {}", key, type);
  if (type == String)
    return {type, in.string(key)};
  if (type == Array)
    return {type, readArray(key, depth)};
  return ggufScalar(type, in.take(ggufTypes[type].bytes, key).data());
}

void GgufParser::readMetadata(uint64_t count) {
  in.count(count, 8 + 4 + 1, "metadata");
  for (uint64_t i = 0; i < count; ++i) {
    std::string key(in.string("metadata key"));
    uint32_t type = in.number<uint32_t>(key);
    GgufValue value = readValue(type, key, 0);
    if (!file.values.try_emplace(key, std::move(value)).second)
      throw badInput(name, "metadata '{}' appears twice", key);
  }
}

void GgufParser::readTensor() {
  Entry entry;
  StoredTensor &tensor = entry.tensor;
  tensor.name = in.string("tensor name");
  tensor.file = name;
  uint32_t rank = in.number<uint32_t>(tensor.name);
  if (rank < 1 || rank > 4)
    throw badInput(name, "tensor '{}': expected rank 1 to 4, got {}",
                   tensor.name, rank);
  for (uint32_t i = 0; i < rank; ++i) {
    uint64_t dim = in.number<uint64_t>(tensor.name);
    if (dim < 1 || dim > uint64_t(std::numeric_limits<int64_t>::max()))
      throw badInput(name, "tensor '{}': dimension {} is {}", tensor.name, i,
                     dim);
    // GGUF lists the innermost dimension first.
    tensor.shape.insert(tensor.shape.begin(), int64_t(dim));
  }
  if (!elementCount(tensor.shape))
    throw badInput(name, "tensor '{}': shape [{}] overflows", tensor.name,
                   fmt::join(tensor.shape, ", "));
  entry.type = in.number<uint32_t>(tensor.name);
  entry.offset = in.number<uint64_t>(tensor.name);
  entries.push_back(std::move(entry));
}

uint64_t GgufParser::readAlignment() const {
  int64_t alignment = file.get<int64_t>("general.alignment", 32);
  if (alignment < 8 || alignment > (1 << 20) ||
      !std::has_single_bit(uint64_t(alignment)))
    throw badInput(name,
                   "metadata 'general.alignment': expected a power of two from "
                   "8 to 2^20, got {}",
                   alignment);
  return uint64_t(alignment);
}

/// Checks each tensor's type and place and gives it its bytes.
void GgufParser::place(std::vector<std::string> &unsupported) {
  uint64_t alignment = readAlignment();
  uint64_t start = (in.offset() + alignment - 1) & ~(alignment - 1);
  uint64_t available = bytes.size() - std::min<uint64_t>(start, bytes.size());
  for (Entry &entry : entries) {
    StoredTensor &tensor = entry.tensor;
    const TensorType *type = std::find_if(
        std::begin(tensorTypes), std::end(tensorTypes),
        [&](const TensorType &t) { return t.number == entry.type; });
    if (type == std::end(tensorTypes) ||
        type->storage == Storage::Unsupported) {
      std::string typeName = type == std::end(tensorTypes)
                                 ? fmt::format("unknown ({})", entry.type)
                                 : type->name;
      unsupported.push_back(
          fmt::format("tensor '{}': ggml type {}", tensor.name, typeName));
      continue;
    }
    tensor.storage = type->storage;
    std::optional<uint64_t> size = storedBytes(type->storage, tensor.shape);
    if (!size)
      throw badInput(name,
                     "tensor '{}': shape [{}] does not fit {}: rows are stored "
                     "in blocks of {}",
                     tensor.name, fmt::join(tensor.shape, ", "), type->name,
                     storageInfo(type->storage).blockElements);
    if (entry.offset % alignment != 0)
      throw badInput(name, "tensor '{}': offset {} is not a multiple of {}",
                     tensor.name, entry.offset, alignment);
    if (entry.offset > available || *size > available - entry.offset)
      throw badInput(name,
                     "truncated: tensor '{}' needs {} bytes at offset {}, the "
                     "data section has {}; fetch the file again",
                     tensor.name, *size, entry.offset, available);
    tensor.bytes = bytes.subspan(start + entry.offset, *size);
  }
}

void GgufParser::refuseOverlaps() const {
  std::vector<const StoredTensor *> order;
  for (const Entry &entry : entries)
    if (!entry.tensor.bytes.empty())
      order.push_back(&entry.tensor);
  std::sort(order.begin(), order.end(),
            [](auto *a, auto *b) { return a->bytes.data() < b->bytes.data(); });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->bytes.data() <
        order[i - 1]->bytes.data() + order[i - 1]->bytes.size())
      throw badInput(name, "tensors '{}' and '{}' overlap", order[i - 1]->name,
                     order[i]->name);
}

void GgufParser::run(std::vector<std::string> &unsupported) {
  readMetadata(readHeader());
  in.count(tensorCount, 8 + 4 + 8 + 4 + 8, "tensors");
  for (uint64_t i = 0; i < tensorCount; ++i)
    readTensor();
  place(unsupported);
  refuseOverlaps();
  for (Entry &entry : entries)
    file.addTensor(std::move(entry.tensor));
}

void GgufFile::read(Bytes bytes, std::vector<std::string> *unsupported) {
  std::vector<std::string> found;
  GgufParser(*this, bytes).run(found);
  refuseUnsupported(sourceName(), found, unsupported);
}

std::shared_ptr<GgufFile>
GgufFile::open(const std::filesystem::path &path,
               std::vector<std::string> *unsupported) {
  std::shared_ptr<GgufFile> file(new GgufFile(path.string()));
  file->read(file->addFile(path), unsupported);
  return file;
}

std::shared_ptr<GgufFile>
GgufFile::parse(Bytes bytes, std::string name,
                std::vector<std::string> *unsupported) {
  std::shared_ptr<GgufFile> file(new GgufFile(name));
  file->addBytes(std::move(name), bytes);
  file->read(bytes, unsupported);
  return file;
}
