//===- JsonField.h - checked reading of nested JSON -------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Formats/Json.h"

#include <limits>

namespace trine {

inline constexpr int64_t kAny = std::numeric_limits<int64_t>::max();
/// Counts beyond these are no model's.
inline constexpr int64_t kMaxRank = 8, kMaxCount = 1 << 20;

/// A JSON value that knows where it stands, for messages: the field it is part
/// of must outlive it.
class Field {
public:
  Field(const std::string &path, const Json &json) : path(path), json(json) {}

  Error expected(std::string_view what) const {
    return badInput(path, "field '{}': expected {}, got {}", where(), what,
                    describe(json));
  }

  bool has(const char *key) const {
    return json.is_object() && json.contains(key);
  }
  Field operator[](const char *key) const {
    static const Json null;
    if (!json.is_object())
      throw expected("an object");
    auto it = json.find(key);
    return Field(*this, it == json.end() ? null : *it, key, 0);
  }

  Field at(size_t place) const {
    static const Json null;
    bool there = json.is_array() && place < json.size();
    return Field(*this, there ? json[place] : null, nullptr, place);
  }

  int64_t integer(int64_t least, int64_t most = kAny) const {
    bool unsignedTooLarge =
        json.is_number_unsigned() && json.get<uint64_t>() > uint64_t(kAny);
    if (!json.is_number_integer() || unsignedTooLarge ||
        json.get<int64_t>() < least || json.get<int64_t>() > most)
      throw expected(
          most == kAny ? fmt::format("an integer of at least {}", least)
                       : fmt::format("an integer from {} to {}", least, most));
    return json.get<int64_t>();
  }
  std::string text() const {
    if (!json.is_string())
      throw expected("a string");
    return json.get<std::string>();
  }
  bool boolean() const {
    if (!json.is_boolean())
      throw expected("true or false");
    return json.get<bool>();
  }
  const Json &raw() const { return json; }

  template <typename Read>
  auto list(Read read, int64_t most = kMaxCount) const {
    std::vector<decltype(read(*this))> values;
    if (!json.is_array() || int64_t(json.size()) > most)
      throw expected(fmt::format("an array of at most {} elements", most));
    values.reserve(json.size());
    for (size_t i = 0; i < json.size(); ++i)
      values.push_back(read(Field(*this, json[i], nullptr, i)));
    return values;
  }

private:
  Field(const Field &parent, const Json &json, const char *key, size_t index)
      : path(parent.path), json(json), parent(&parent), key(key), index(index) {
  }

  /// "entries[0].steps": put together only when it is asked for.
  std::string where() const {
    if (!parent)
      return "";
    std::string outer = parent->where();
    if (!key)
      return fmt::format("{}[{}]", outer, index);
    return outer.empty() ? key : outer + "." + key;
  }

  const std::string &path;
  const Json &json;
  const Field *parent = nullptr;
  const char *key = nullptr; ///< null: an element of a list
  size_t index = 0;
};

} // namespace trine
