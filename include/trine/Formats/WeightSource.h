//===- WeightSource.h - named tensors in mapped files -----------*- C++ -*-===//
// What the importer and the package writer see of a model file: a table of
// tensors whose bytes stay in the mapped file until they are decoded by rows.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Hash.h"

#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace trine {

/// How elements are stored, in model files and in .npy files alike.
/// `Unsupported` marks a tensor whose type is known by name only.
enum class Storage : uint8_t {
  F64,
  F32,
  F16,
  BF16,
  E4M3FN,
  E5M2,
  UE8M0,
  Q4_0,
  Q4_1,
  Q5_0,
  Q5_1,
  Q8_0,
  Q4_K,
  Q5_K,
  Q6_K,
  I64,
  I32,
  I16,
  I8,
  U32,
  U16,
  U8,
  Bool,
  Unsupported,
};

struct StorageInfo {
  const char *name;       ///< as in IR and manifests: "f32", "q4_1", "bool"
  uint32_t blockElements; ///< elements that share one block, 1 if unblocked
  uint32_t blockBytes;
  bool decodable; ///< decodeRows accepts it
};

const StorageInfo &storageInfo(Storage storage);
inline std::string storageName(Storage s) { return storageInfo(s).name; }
std::optional<Storage> parseStorage(std::string_view name);

/// Product of the dimensions; nothing when one is negative or it overflows.
std::optional<int64_t> elementCount(const std::vector<int64_t> &shape);

/// Bytes of a tensor whose innermost dimension is stored in whole blocks;
/// nothing on overflow or when the innermost dimension is no multiple of the
/// block.
std::optional<uint64_t> storedBytes(Storage storage,
                                    const std::vector<int64_t> &shape);

struct StoredTensor {
  std::string name;
  Storage storage = Storage::Unsupported;
  std::vector<int64_t> shape; ///< outermost first, as torch prints it
  Bytes bytes;                ///< in the mapped file; no alignment promised
  std::string file;           ///< for messages
  bool mapped = false;        ///< the bytes are a file's, not the heap's

  int64_t rowElements() const { return shape.empty() ? 1 : shape.back(); }
  int64_t rows() const;
};

/// A model's weights. The bytes live as long as the source. Reading is
/// thread-safe.
class WeightSource {
public:
  virtual ~WeightSource() = default;
  WeightSource(const WeightSource &) = delete;
  WeightSource &operator=(const WeightSource &) = delete;

  const std::string &sourceName() const { return name; }
  const StoredTensor *find(std::string_view tensor) const;
  /// As find(); a missing tensor or another shape throws BadInput naming both.
  const StoredTensor &require(std::string_view tensor,
                              const std::vector<int64_t> &shape) const;
  /// In the order of the file(s).
  const std::vector<StoredTensor> &tensors() const { return table; }
  std::vector<std::string> names() const;

  /// SHA-256 of the model, computed on first use in a stream: one file's own
  /// digest, or that of the lines "<hex digest>  <file name>\n" of all files
  /// (`sha256sum FILES | sha256sum`, files sorted by name).
  Digest digest() const;

protected:
  struct SourceFile {
    std::string name;
    Bytes bytes;
    std::shared_ptr<MappedFile> owner; ///< null for bytes in memory
  };

  explicit WeightSource(std::string name) : name(std::move(name)) {}
  /// Maps a file and makes it part of the digest under `fileName` (by default
  /// the path's last part).
  Bytes addFile(const std::filesystem::path &path, std::string fileName = "");
  void addBytes(std::string fileName, Bytes bytes);
  /// Throws BadInput when the name is taken.
  void addTensor(StoredTensor tensor);

private:
  std::string name;
  std::vector<SourceFile> files;
  std::vector<StoredTensor> table;
  std::map<std::string, size_t, std::less<>> index;
  mutable std::once_flag hashed;
  mutable Digest hash;
};

/// The stored bytes of some rows of the innermost dimension; rows out of range
/// throw.
Bytes storedRows(const StoredTensor &tensor, int64_t firstRow, int64_t rows);

/// Decodes rows of the innermost dimension to f32, `rows * rowElements()`
/// floats. f32, f16, bf16, e4m3fn, e5m2 and ue8m0 (Support/Float8.h) are exact;
/// f64 rounds to nearest. Blocked types
/// follow ggml; d and m are f16 widened to f32. 32 elements a block:
///   q4_0: d, 16 bytes; element i in the low nibble of byte i for i < 16,
///         in the high nibble of byte i - 16 above;  value = (q - 8) * d
///   q4_1: d, m, 16 bytes as q4_0;                   value = q * d + m
///   q5_0: d, 4 bytes with the fifth bit of element i in bit i % 8 of byte
///         i / 8, 16 bytes as q4_0;                  value = (q - 16) * d
///   q5_1: d, m, then as q5_0;                       value = q * d + m
///   q8_0: d, 32 int8;                               value = q * d
/// 256 elements a block, in sub-blocks of 32 (q6_k: of 16) with a scale s and
/// a minimum n each:
///   q4_k: d, m, 12 bytes of 6-bit s and n, 128 bytes; element i of sub-block
///         2p in the low nibble of byte 32p + i, of 2p + 1 in the high one;
///                                                   value = q * (d * s) - m *
///                                                   n
///         For j < 4: s of sub-block j is the low 6 bits of byte j, n those of
///         byte 4 + j; s of 4 + j is the low nibble of byte 8 + j with the
///         high 2 bits of byte j above it, n the high nibble of byte 8 + j
///         with the high 2 bits of byte 4 + j above it.
///   q5_k: d, m, the 12 bytes, 32 bytes with the fifth bit of element i of
///         sub-block p in bit p of byte i, 128 bytes as q4_k; value as q4_k
///   q6_k: 128 bytes, 64 bytes, 16 int8 s, d. Of each half of 128 elements
///         (64 and 32 bytes), element i has its low nibble in byte i % 64, low
///         for i < 64, high above; bits 4 and 5 in byte i % 32 at bit
///         i / 32 * 2;                               value = (q - 32) * (d * s)
/// Every product is exact in f32 (11 bits of d or m, at most 7 of s or n, 5 of
/// q), so a value rounds at most once, with or without a fused multiply-add.
/// Integer tensors and rows out of range throw.
void decodeRows(const StoredTensor &tensor, int64_t firstRow, int64_t rows,
                float *out);

/// Lets the kernel drop the tensor's pages (those wholly inside it) from
/// memory; they are read again from the file when touched. Bytes that are not a
/// mapped file's stay.
void release(const StoredTensor &tensor);

/// Appends the items to `into`; without it throws Unsupported with one note for
/// each, unless there are none.
void refuseUnsupported(const std::string &where,
                       const std::vector<std::string> &items,
                       std::vector<std::string> *into = nullptr);

} // namespace trine
