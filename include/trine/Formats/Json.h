//===- Json.h - guarded JSON parsing and typed access -----------*- C++ -*-===//
// Parses text from untrusted files (depth-limited, errors name file and line)
// and reads keys with errors that name file, key, expectation and value.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Error.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

namespace trine {

using Json = nlohmann::json;

enum class DuplicateKeys { LastWins, Refuse };

/// Throws BadInput naming `file` and the position. At most 64 levels deep.
Json parseJson(std::string_view text, const std::string &file,
               DuplicateKeys duplicates = DuplicateKeys::LastWins);

/// Text of a value for a message: shortened, always valid UTF-8.
std::string describe(const Json &value);

/// One JSON object of a file. T is int64_t, double, bool, std::string or a
/// std::vector of one of them. Integers written as 8.0 or 1e6 are accepted.
class JsonReader {
public:
  JsonReader(std::string file, Json object, std::string prefix = "");

  bool has(std::string_view key) const;
  /// The value; missing or null is nothing; another type throws.
  template <typename T> std::optional<T> maybe(std::string_view key) const;
  template <typename T> T get(std::string_view key) const {
    if (std::optional<T> value = maybe<T>(key))
      return *std::move(value);
    throw missing(key);
  }
  template <typename T> T get(std::string_view key, T fallback) const {
    return maybe<T>(key).value_or(std::move(fallback));
  }
  /// A size: an integer from 1 to 2^31 - 1.
  int64_t positive(std::string_view key) const;
  int64_t positive(std::string_view key, int64_t fallback) const;
  /// An inner object; its errors name "outer.inner".
  std::optional<JsonReader> object(std::string_view key) const;

  /// "config.json: 'hidden_size': expected a positive integer, got \"a\""
  Error expected(std::string_view key, std::string_view what) const;
  Error missing(std::string_view key) const;

  const std::string &file() const { return fileName; }
  const Json &json() const { return value; }

private:
  const Json *find(std::string_view key) const;
  std::string fileName;
  Json value;
  std::string prefix;
};

} // namespace trine
