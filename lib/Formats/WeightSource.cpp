//===- WeightSource.cpp - named tensors in mapped files -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/WeightSource.h"
#include "trine/Formats/Blocks.h"
#include "trine/Support/Error.h"
#include "trine/Support/Float.h"
#include "trine/Support/Float8.h"

#include <algorithm>
#include <cstring>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace trine;

static constexpr StorageInfo storageTable[] = {
    {"f64", 1, 8, true},      {"f32", 1, 4, true},
    {"f16", 1, 2, true},      {"bf16", 1, 2, true},
    {"e4m3fn", 1, 1, true},   {"e5m2", 1, 1, true},
    {"ue8m0", 1, 1, true},    {"q4_0", 32, 18, true},
    {"q4_1", 32, 20, true},   {"q5_0", 32, 22, true},
    {"q5_1", 32, 24, true},   {"q8_0", 32, 34, true},
    {"q4_k", 256, 144, true}, {"q5_k", 256, 176, true},
    {"q6_k", 256, 210, true}, {"i64", 1, 8, false},
    {"i32", 1, 4, false},     {"i16", 1, 2, false},
    {"i8", 1, 1, false},      {"u32", 1, 4, false},
    {"u16", 1, 2, false},     {"u8", 1, 1, false},
    {"bool", 1, 1, false},    {"unsupported", 1, 0, false},
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

/// One unblocked element at `from`.
static float decodeElement(Storage storage, const uint8_t *from) {
  switch (storage) {
  case Storage::F64:
    return float(load<double>(from));
  case Storage::F16:
    return f16ToF32(load<uint16_t>(from));
  case Storage::BF16:
    return bf16ToF32(load<uint16_t>(from));
  case Storage::E4M3FN:
  case Storage::E5M2:
    return findFloat8(storageInfo(storage).name)->decode(*from);
  case Storage::UE8M0:
    return ue8m0ToF32(*from);
  default:
    return load<float>(from);
  }
}

Bytes trine::storedRows(const StoredTensor &tensor, int64_t firstRow,
                        int64_t rows) {
  if (firstRow < 0 || rows < 0 || firstRow > tensor.rows() - rows)
    throw Error(ExitCode::Internal, tensor.file,
                fmt::format("tensor '{}': rows {} to {} of {} were asked for",
                            tensor.name, firstRow, firstRow + rows,
                            tensor.rows()));
  const StorageInfo &info = storageInfo(tensor.storage);
  size_t rowBytes =
      size_t(tensor.rowElements()) / info.blockElements * info.blockBytes;
  return tensor.bytes.subspan(size_t(firstRow) * rowBytes,
                              size_t(rows) * rowBytes);
}

void trine::decodeRows(const StoredTensor &tensor, int64_t firstRow,
                       int64_t rows, float *out) {
  const StorageInfo &info = storageInfo(tensor.storage);
  if (!info.decodable)
    throw badInput(tensor.file,
                   "tensor '{}': expected floating-point elements, got {}",
                   tensor.name, info.name);
  Bytes bytes = storedRows(tensor, firstRow, rows);
  int64_t count = int64_t(bytes.size() / info.blockBytes);
  if (const BlockFormat *format = blockFormat(tensor.storage))
    return decodeBlocks(*format, bytes.data(), count, out);
  if (tensor.storage == Storage::F32) {
    if (count)
      std::memcpy(out, bytes.data(), bytes.size());
    return;
  }
  for (int64_t i = 0; i < count; ++i)
    out[i] = decodeElement(tensor.storage, bytes.data() + i * info.blockBytes);
}
