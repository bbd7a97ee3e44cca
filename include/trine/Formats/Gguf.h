//===- Gguf.h - GGUF v2/v3 model files --------------------------*- C++ -*-===//
// One little-endian file: typed metadata, then a table of tensors, then data.
// Format: github.com/ggml-org/ggml, docs/gguf.md.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/WeightSource.h"
#include "trine/Support/Error.h"

#include <variant>

namespace trine {

struct GgufValue;

/// A metadata array. Numbers stay in the file; strings are views of it.
struct GgufArray {
  uint32_t type = 0; ///< GGUF value type of the elements
  uint64_t count = 0;
  Bytes numbers;
  std::vector<std::string_view> strings;
  std::vector<GgufValue> arrays;
};

struct GgufValue {
  uint32_t type = 0; ///< GGUF value type, 0 (uint8) to 12 (float64)
  std::variant<uint64_t, int64_t, double, bool, std::string_view, GgufArray>
      value;
};

class GgufFile : public WeightSource {
public:
  /// Throws BadInput for a malformed file. Tensors of a type Trine does not
  /// read are listed in `unsupported`, or thrown as Unsupported without it.
  static std::shared_ptr<GgufFile>
  open(const std::filesystem::path &path,
       std::vector<std::string> *unsupported = nullptr);
  /// As open(), on bytes that outlive the result.
  static std::shared_ptr<GgufFile>
  parse(Bytes bytes, std::string name,
        std::vector<std::string> *unsupported = nullptr);

  uint32_t version() const { return formatVersion; }
  const std::map<std::string, GgufValue, std::less<>> &metadata() const {
    return values;
  }
  bool has(std::string_view key) const { return values.contains(key); }

  /// T is int64_t, double, bool, std::string_view or a std::vector of int64_t,
  /// double or std::string_view. A missing key is nothing; a value of another
  /// type throws BadInput naming the key. Integers convert to double; a number
  /// reads as a vector of one.
  template <typename T> std::optional<T> maybe(std::string_view key) const;
  template <typename T> T get(std::string_view key) const {
    if (std::optional<T> value = maybe<T>(key))
      return *std::move(value);
    throw badInput(sourceName(), "metadata '{}' is missing", key);
  }
  template <typename T> T get(std::string_view key, T fallback) const {
    return maybe<T>(key).value_or(std::move(fallback));
  }
  /// A size: an integer from 1 to 2^31 - 1.
  int64_t positive(std::string_view key) const;

private:
  using WeightSource::WeightSource;
  void read(Bytes bytes, std::vector<std::string> *unsupported);
  friend class GgufParser;

  uint32_t formatVersion = 0;
  std::map<std::string, GgufValue, std::less<>> values;
};

} // namespace trine
