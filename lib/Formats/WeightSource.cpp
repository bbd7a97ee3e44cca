//===- WeightSource.cpp - named tensors in mapped files -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/WeightSource.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"

#include <algorithm>
#include <cstring>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace trine;

static constexpr StorageInfo storageTable[] = {
    {"f64", 1, 8, true},    {"f32", 1, 4, true},
    {"f16", 1, 2, true},    {"bf16", 1, 2, true},
    {"q4_0", 32, 18, true}, {"q4_1", 32, 20, true},
    {"q8_0", 32, 34, true}, {"i64", 1, 8, false},
    {"i32", 1, 4, false},   {"i16", 1, 2, false},
    {"i8", 1, 1, false},    {"u32", 1, 4, false},
    {"u16", 1, 2, false},   {"u8", 1, 1, false},
    {"bool", 1, 1, false},  {"unsupported", 1, 0, false},
};

const StorageInfo &trine::storageInfo(Storage storage) {
  return storageTable[size_t(storage)];
}

std::optional<Storage> trine::parseStorage(std::string_view name) {
  for (size_t i = 0; i < size_t(Storage::Unsupported); ++i)
    if (name == storageTable[i].name)
      return Storage(i);
  return std::nullopt;
}

std::optional<int64_t> trine::elementCount(const std::vector<int64_t> &shape) {
  // A zero must not hide that the other dimensions overflow.
  int64_t count = 1;
  bool empty = false;
  for (int64_t dim : shape) {
    if (dim < 0)
      return std::nullopt;
    empty |= dim == 0;
    if (dim != 0 && __builtin_mul_overflow(count, dim, &count))
      return std::nullopt;
  }
  return empty ? 0 : count;
}

std::optional<uint64_t> trine::storedBytes(Storage storage,
                                           const std::vector<int64_t> &shape) {
  const StorageInfo &info = storageInfo(storage);
  std::optional<int64_t> count = elementCount(shape);
  int64_t row = shape.empty() ? 1 : shape.back();
  if (!count || row % info.blockElements != 0)
    return std::nullopt;
  uint64_t bytes;
  if (__builtin_mul_overflow(uint64_t(*count) / info.blockElements,
                             uint64_t(info.blockBytes), &bytes))
    return std::nullopt;
  return bytes;
}

int64_t StoredTensor::rows() const {
  int64_t count = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    count *= shape[i];
  return count;
}

const StoredTensor *WeightSource::find(std::string_view tensor) const {
  auto it = index.find(tensor);
  return it == index.end() ? nullptr : &table[it->second];
}

const StoredTensor &
WeightSource::require(std::string_view tensor,
                      const std::vector<int64_t> &shape) const {
  const StoredTensor *found = find(tensor);
  if (!found)
    throw badInput(name, "tensor '{}' is missing", tensor);
  if (found->shape != shape)
    throw badInput(found->file, "tensor '{}': expected shape [{}], got [{}]",
                   tensor, fmt::join(shape, ", "),
                   fmt::join(found->shape, ", "));
  return *found;
}

std::vector<std::string> WeightSource::names() const {
  std::vector<std::string> result;
  for (const StoredTensor &tensor : table)
    result.push_back(tensor.name);
  return result;
}

Bytes WeightSource::addFile(const std::filesystem::path &path,
                            std::string fileName) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path);
  Bytes bytes = file->bytes();
  if (fileName.empty())
    fileName = path.filename().string();
  files.push_back({std::move(fileName), bytes, std::move(file)});
  return bytes;
}

void WeightSource::addBytes(std::string fileName, Bytes bytes) {
  files.push_back({std::move(fileName), bytes, nullptr});
}

void WeightSource::addTensor(StoredTensor tensor) {
  auto [it, inserted] = index.try_emplace(tensor.name, table.size());
  if (!inserted)
    throw badInput(tensor.file, "tensor '{}' is already in {}", tensor.name,
                   table[it->second].file);
  tensor.mapped =
      std::any_of(files.begin(), files.end(), [&](const SourceFile &file) {
        const uint8_t *begin = file.bytes.data(), *at = tensor.bytes.data();
        return file.owner && begin <= at && at < begin + file.bytes.size();
      });
  table.push_back(std::move(tensor));
}

/// Drops the pages wholly inside `bytes`; a neighbour's bytes stay.
static void dropPages(Bytes bytes) {
  static const uintptr_t page = uintptr_t(sysconf(_SC_PAGESIZE));
  uintptr_t begin = reinterpret_cast<uintptr_t>(bytes.data());
  uintptr_t end = (begin + bytes.size()) / page * page;
  begin = (begin + page - 1) / page * page;
  if (begin < end)
    madvise(reinterpret_cast<void *>(begin), end - begin, MADV_DONTNEED);
}

static Digest digestOf(Bytes bytes, bool mapped) {
  constexpr size_t chunk = 16 << 20;
  Sha256 hash;
  for (size_t at = 0; at < bytes.size(); at += chunk) {
    Bytes part = bytes.subspan(at, std::min(chunk, bytes.size() - at));
    hash.update(part);
    if (mapped)
      dropPages(part);
  }
  return hash.finish();
}

Digest WeightSource::digest() const {
  std::call_once(hashed, [this] {
    std::map<std::string, Digest> digests;
    for (const SourceFile &file : files)
      digests[file.name] = digestOf(file.bytes, file.owner != nullptr);
    if (digests.size() == 1) {
      hash = digests.begin()->second;
      return;
    }
    Sha256 all;
    for (const auto &[fileName, digest] : digests) {
      std::string line = fmt::format("{}  {}\n", hex(digest), fileName);
      all.update({reinterpret_cast<const uint8_t *>(line.data()), line.size()});
    }
    hash = all.finish();
  });
  return hash;
}

void trine::release(const StoredTensor &tensor) {
  if (tensor.mapped)
    dropPages(tensor.bytes);
}

void trine::refuseUnsupported(const std::string &where,
                              const std::vector<std::string> &items,
                              std::vector<std::string> *into) {
  if (into)
    into->insert(into->end(), items.begin(), items.end());
  else if (!items.empty())
    throw Error(ExitCode::Unsupported, where,
                fmt::format("{} unsupported part{}", items.size(),
                            items.size() == 1 ? "" : "s"),
                items);
}

//===----------------------------------------------------------------------===//
// Decoding. File data has no alignment, so every load is a memcpy.
//===----------------------------------------------------------------------===//

template <typename T> static T load(const uint8_t *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

/// m = -0.0 is the identity of the addition, signed zeros included.
static void decodeQ4(const uint8_t *nibbles, int bias, float d, float m,
                     float *out) {
  for (int i = 0; i < 16; ++i) {
    out[i] = float((nibbles[i] & 15) - bias) * d + m;
    out[i + 16] = float((nibbles[i] >> 4) - bias) * d + m;
  }
}

/// One block of `storage` at `from` to its elements at `out`.
static void decodeBlock(Storage storage, const uint8_t *from, float *out) {
  switch (storage) {
  case Storage::F64:
    *out = float(load<double>(from));
    return;
  case Storage::F16:
    *out = f16ToF32(load<uint16_t>(from));
    return;
  case Storage::BF16:
    *out = bf16ToF32(load<uint16_t>(from));
    return;
  case Storage::Q4_0:
    return decodeQ4(from + 2, 8, f16ToF32(load<uint16_t>(from)), -0.0f, out);
  case Storage::Q4_1:
    return decodeQ4(from + 4, 0, f16ToF32(load<uint16_t>(from)),
                    f16ToF32(load<uint16_t>(from + 2)), out);
  case Storage::Q8_0: {
    float d = f16ToF32(load<uint16_t>(from));
    for (int i = 0; i < 32; ++i)
      out[i] = float(int8_t(from[2 + i])) * d;
    return;
  }
  default:
    *out = load<float>(from);
  }
}

void trine::decodeRows(const StoredTensor &tensor, int64_t firstRow,
                       int64_t rows, float *out) {
  const StorageInfo &info = storageInfo(tensor.storage);
  if (!info.decodable)
    throw badInput(tensor.file,
                   "tensor '{}': expected floating-point elements, got {}",
                   tensor.name, info.name);
  if (firstRow < 0 || rows < 0 || firstRow > tensor.rows() - rows)
    throw Error(ExitCode::Internal, tensor.file,
                fmt::format("tensor '{}': rows {} to {} of {} were asked for",
                            tensor.name, firstRow, firstRow + rows,
                            tensor.rows()));
  int64_t rowBlocks = tensor.rowElements() / info.blockElements;
  const uint8_t *from =
      tensor.bytes.data() + firstRow * rowBlocks * info.blockBytes;
  int64_t blocks = rows * rowBlocks;
  if (tensor.storage == Storage::F32) {
    if (blocks)
      std::memcpy(out, from, size_t(blocks) * sizeof(float));
    return;
  }
  for (int64_t i = 0; i < blocks; ++i)
    decodeBlock(tensor.storage, from + i * info.blockBytes,
                out + i * info.blockElements);
}
