//===- Safetensors.cpp - safetensors files, single and sharded ------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Safetensors.h"
#include "trine/Formats/Json.h"

#include <algorithm>
#include <cstring>
#include <fmt/ranges.h>
#include <set>

using namespace trine;
namespace fs = std::filesystem;

static constexpr const char *indexName = "model.safetensors.index.json";

namespace {

struct Dtype {
  const char *name;
  Storage storage = Storage::Unsupported;
};

/// Those without a storage are known by name only.
constexpr Dtype dtypes[] = {
    {"F64", Storage::F64},
    {"F32", Storage::F32},
    {"F16", Storage::F16},
    {"BF16", Storage::BF16},
    {"I64", Storage::I64},
    {"I32", Storage::I32},
    {"I16", Storage::I16},
    {"I8", Storage::I8},
    {"U32", Storage::U32},
    {"U16", Storage::U16},
    {"U8", Storage::U8},
    {"BOOL", Storage::Bool},
    {"F8_E4M3", Storage::E4M3FN},
    {"F8_E5M2", Storage::E5M2},
    {"F8_E8M0", Storage::UE8M0},
    {"F8_E4M3FNUZ"},
    {"F8_E5M2FNUZ"},
    {"F6_E2M3"},
    {"F6_E3M2"},
    {"F4"},
    {"U64"},
    {"C64"},
};

} // namespace

/// The JSON header; `data` becomes the bytes behind it.
static Json readHeader(Bytes bytes, const std::string &file, Bytes &data) {
  constexpr uint64_t maxHeader = 100'000'000; // the format's own limit
  uint64_t size;
  if (bytes.size() < sizeof size)
    throw badInput(file,
                   "truncated: expected an 8-byte header size, got {} "
                   "bytes; fetch the file again",
                   bytes.size());
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes = bytes.subspan(sizeof size);
  if (size > maxHeader)
    throw badInput(file,
                   "not a safetensors file: header of {} bytes, at most "
                   "{} are allowed",
                   size, maxHeader);
  if (size > bytes.size())
    throw badInput(file,
                   "truncated: header of {} bytes, {} are left; fetch "
                   "the file again",
                   size, bytes.size());
  data = bytes.subspan(size);
  std::string_view text(reinterpret_cast<const char *>(bytes.data()), size);
  Json header = parseJson(text, file, DuplicateKeys::Refuse);
  if (!header.is_object())
    throw badInput(file, "expected a JSON object as header, got {}",
                   describe(header));
  return header;
}

/// Checks one entry of the header and gives the tensor its bytes.
static StoredTensor readTensor(const std::string &name, const Json &entry,
                               const std::string &file, Bytes data,
                               std::vector<std::string> &unsupported) {
  std::string where = fmt::format("{}: tensor '{}'", file, name);
  JsonReader reader(where, entry);
  StoredTensor tensor;
  tensor.name = name;
  tensor.file = file;
  tensor.shape = reader.get<std::vector<int64_t>>("shape");
  if (tensor.shape.size() > 8 || !elementCount(tensor.shape))
    throw reader.expected("shape", "at most 8 dimensions of sane size");
  auto offsets = reader.get<std::vector<int64_t>>("data_offsets");
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[0] > offsets[1] ||
      uint64_t(offsets[1]) > data.size())
    throw reader.expected(
        "data_offsets",
        fmt::format("[begin, end] within {} bytes of data", data.size()));
  tensor.bytes = data.subspan(offsets[0], offsets[1] - offsets[0]);

  std::string dtype = reader.get<std::string>("dtype");
  auto known = std::find_if(std::begin(dtypes), std::end(dtypes),
                            [&](const Dtype &d) { return d.name == dtype; });
  if (known == std::end(dtypes) || known->storage == Storage::Unsupported) {
    unsupported.push_back(fmt::format(
        "tensor '{}': {}dtype {}", name,
        known == std::end(dtypes) ? "unknown " : "", describe(entry["dtype"])));
    return tensor;
  }
  tensor.storage = known->storage;
  std::optional<uint64_t> size = storedBytes(tensor.storage, tensor.shape);
  if (!size || *size != tensor.bytes.size())
    throw badInput(where,
                   "'data_offsets': {} of shape [{}] takes {} bytes, "
                   "got {}",
                   dtype, fmt::join(tensor.shape, ", "), size.value_or(0),
                   tensor.bytes.size());
  return tensor;
}

/// The format lets no byte belong to two tensors or to none.
static void checkCover(const std::vector<StoredTensor> &tensors,
                       const std::string &file, Bytes data) {
  std::vector<const StoredTensor *> order;
  for (const StoredTensor &tensor : tensors)
    if (!tensor.bytes.empty())
      order.push_back(&tensor);
  std::sort(order.begin(), order.end(),
            [](auto *a, auto *b) { return a->bytes.data() < b->bytes.data(); });
  size_t at = 0;
  std::string before = "the header";
  for (const StoredTensor *tensor : order) {
    size_t begin = size_t(tensor->bytes.data() - data.data());
    if (begin < at)
      throw badInput(file, "tensors {} and '{}' overlap", before, tensor->name);
    if (begin > at)
      throw badInput(file, "{} bytes between {} and '{}' belong to no tensor",
                     begin - at, before, tensor->name);
    at = begin + tensor->bytes.size();
    before = "'" + tensor->name + "'";
  }
  if (at != data.size())
    throw badInput(file, "{} bytes at the end belong to no tensor",
                   data.size() - at);
}

void SafetensorsModel::read(Bytes bytes, const std::string &file,
                            std::vector<std::string> &unsupported) {
  Bytes data;
  Json header = readHeader(bytes, file, data);
  std::vector<StoredTensor> found;
  for (const auto &[name, entry] : header.items())
    if (name != "__metadata__")
      found.push_back(readTensor(name, entry, file, data, unsupported));
  checkCover(found, file, data);
  std::sort(found.begin(), found.end(), [](auto &a, auto &b) {
    return std::pair(a.bytes.data(), std::string_view(a.name)) <
           std::pair(b.bytes.data(), std::string_view(b.name));
  });
  for (StoredTensor &tensor : found)
    addTensor(std::move(tensor));
}

void SafetensorsModel::readShards(const fs::path &index,
                                  std::vector<std::string> &unsupported) {
  Bytes bytes = addFile(index);
  std::string_view text(reinterpret_cast<const char *>(bytes.data()),
                        bytes.size());
  JsonReader reader(index.string(),
                    parseJson(text, index.string(), DuplicateKeys::Refuse));
  std::optional<JsonReader> map = reader.object("weight_map");
  if (!map)
    throw reader.missing("weight_map");
  std::set<std::string> shards;
  for (const auto &[tensor, value] : map->json().items()) {
    std::string shard = map->get<std::string>(tensor);
    if (shard.empty() || shard != fs::path(shard).filename() || shard == "..")
      throw map->expected(tensor, "the name of a file beside the index");
    shards.insert(shard);
  }
  for (const std::string &shard : shards) {
    fs::path path = index.parent_path() / shard;
    if (!fs::exists(path))
      throw badInput(index.string(), "shard '{}' is missing; fetch it", shard);
    read(addFile(path), path.string(), unsupported);
  }
  for (const auto &[name, value] : map->json().items()) {
    const StoredTensor *tensor = find(name);
    if (!tensor || fs::path(tensor->file).filename() != value)
      throw badInput(index.string(), "tensor '{}' is not in shard {}", name,
                     describe(value));
  }
}

void SafetensorsModel::load(const fs::path &path,
                            std::vector<std::string> &unsupported) {
  if (path.extension() == ".json")
    return readShards(path, unsupported);
  if (!fs::is_directory(path))
    return read(addFile(path), path.string(), unsupported);
  if (fs::exists(path / "model.safetensors"))
    return load(path / "model.safetensors", unsupported);
  if (fs::exists(path / indexName))
    return load(path / indexName, unsupported);
  throw badInput(path.string(),
                 "expected model.safetensors or {}; other weight files are not "
                 "read: convert them to safetensors",
                 indexName);
}

std::shared_ptr<SafetensorsModel>
SafetensorsModel::open(const fs::path &path,
                       std::vector<std::string> *unsupported) {
  std::shared_ptr<SafetensorsModel> model(new SafetensorsModel(path.string()));
  std::vector<std::string> found;
  model->load(path, found);
  refuseUnsupported(path.string(), found, unsupported);
  return model;
}

std::shared_ptr<SafetensorsModel>
SafetensorsModel::parse(Bytes bytes, std::string name,
                        std::vector<std::string> *unsupported) {
  std::shared_ptr<SafetensorsModel> model(new SafetensorsModel(name));
  std::vector<std::string> found;
  model->read(bytes, name, found);
  refuseUnsupported(name, found, unsupported);
  model->addBytes(std::move(name), bytes);
  return model;
}
