//===- Json.cpp - guarded JSON parsing and typed access -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Formats/Json.h"

#include <cmath>
#include <limits>

using namespace trine;

namespace {

/// Builds the value as its text is read. The library's own builder with a
/// callback takes three times as long, most of a small package's loading.
class Builder final : public nlohmann::json_sax<Json> {
public:
  Builder(const std::string &file, DuplicateKeys duplicates)
      : file(file), duplicates(duplicates) {}

  Json result;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add(value); }
  bool number_unsigned(uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string &) override {
    return add(value);
  }
  bool string(std::string &value) override { return add(std::move(value)); }
  bool binary(Json::binary_t &) override { return false; }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string &name) override {
    auto &object = containers.back()->get_ref<Json::object_t &>();
    auto [place, inserted] = object.try_emplace(std::move(name));
    if (!inserted && duplicates == DuplicateKeys::Refuse)
      throw badInput(file, "key {} appears twice", describe(place->first));
    member = &place->second;
    return true;
  }

  bool parse_error(size_t, const std::string &,
                   const Json::exception &error) override {
    // Drop the library's "[json.exception.parse_error.101] " tag.
    std::string_view what = error.what();
    what.remove_prefix(std::min(what.find("] ") + 2, what.size()));
    throw badInput(file, "malformed JSON: {}", what.substr(0, 200));
  }

private:
  /// Where a value goes: into the last open array, or to the key just read.
  Json &place(Json &&value) {
    if (containers.empty())
      return result = std::move(value);
    if (containers.back()->is_array())
      return containers.back()->emplace_back(std::move(value));
    return *member = std::move(value);
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json container) {
    constexpr size_t maxDepth = 64;
    if (containers.size() >= maxDepth)
      throw badInput(file, "JSON is nested more than {} levels deep", maxDepth);
    containers.push_back(&place(std::move(container)));
    return true;
  }
  bool close() {
    containers.pop_back();
    return true;
  }

  const std::string &file;
  DuplicateKeys duplicates;
  std::vector<Json *>
      containers; ///< open ones; each is the last in the one before
  Json *member = nullptr;
};

} // namespace

Json trine::parseJson(std::string_view text, const std::string &file,
                      DuplicateKeys duplicates) {
  Builder builder(file, duplicates);
  Json::sax_parse(text, &builder);
  return std::move(builder.result);
}

std::string trine::describe(const Json &value) {
  if (value.is_object())
    return "an object";
  if (value.is_array() && value.size() > 8)
    return fmt::format("an array of {} elements", value.size());
  constexpr size_t limit = 60;
  // ASCII output, so that cutting it cannot split a character.
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= limit ? text : text.substr(0, limit) + "...";
}

JsonReader::JsonReader(std::string file, Json object, std::string prefix)
    : fileName(std::move(file)), value(std::move(object)),
      prefix(std::move(prefix)) {
  if (!value.is_object())
    throw badInput(fileName, "expected a JSON object, got {}", describe(value));
}

const Json *JsonReader::find(std::string_view key) const {
  auto it = value.find(key);
  return it == value.end() || it->is_null() ? nullptr : &*it;
}

bool JsonReader::has(std::string_view key) const { return find(key); }

Error JsonReader::expected(std::string_view key, std::string_view what) const {
  const Json *found = find(key);
  return badInput(fileName, "'{}{}': expected {}, got {}", prefix, key, what,
                  found ? describe(*found) : "nothing");
}

Error JsonReader::missing(std::string_view key) const {
  return badInput(fileName, "'{}{}' is missing", prefix, key);
}

namespace {
/// How a T reads from JSON, and its name in messages.
template <typename T> struct Kind;
template <> struct Kind<bool> {
  static constexpr const char *name = "true or false";
  static std::optional<bool> from(const Json &json) {
    if (json.is_boolean())
      return json.get<bool>();
    return std::nullopt;
  }
};
template <> struct Kind<double> {
  static constexpr const char *name = "a number";
  static std::optional<double> from(const Json &json) {
    if (json.is_number())
      return json.get<double>();
    return std::nullopt;
  }
};
template <> struct Kind<std::string> {
  static constexpr const char *name = "a string";
  static std::optional<std::string> from(const Json &json) {
    if (json.is_string())
      return json.get<std::string>();
    return std::nullopt;
  }
};
template <> struct Kind<int64_t> {
  static constexpr const char *name = "an integer";
  static std::optional<int64_t> from(const Json &json) {
    if (json.is_number_unsigned() &&
        json.get<uint64_t>() > uint64_t(std::numeric_limits<int64_t>::max()))
      return std::nullopt;
    if (json.is_number_integer())
      return json.get<int64_t>();
    if (!json.is_number_float())
      return std::nullopt;
    double number = json.get<double>();
    if (std::abs(number) > 0x1p53 || number != std::floor(number))
      return std::nullopt;
    return int64_t(number);
  }
};
template <typename T> struct Kind<std::vector<T>> {
  static inline const std::string name =
      std::string("a list, each element ") + Kind<T>::name;
  static std::optional<std::vector<T>> from(const Json &json) {
    if (!json.is_array())
      return std::nullopt;
    std::vector<T> result;
    for (const Json &element : json) {
      std::optional<T> item = Kind<T>::from(element);
      if (!item)
        return std::nullopt;
      result.push_back(*std::move(item));
    }
    return result;
  }
};
} // namespace

template <typename T>
std::optional<T> JsonReader::maybe(std::string_view key) const {
  const Json *found = find(key);
  if (!found)
    return std::nullopt;
  std::optional<T> result = Kind<T>::from(*found);
  if (!result)
    throw expected(key, Kind<T>::name);
  return result;
}

namespace trine {
template std::optional<bool> JsonReader::maybe(std::string_view) const;
template std::optional<double> JsonReader::maybe(std::string_view) const;
template std::optional<int64_t> JsonReader::maybe(std::string_view) const;
template std::optional<std::string> JsonReader::maybe(std::string_view) const;
template std::optional<std::vector<bool>>
    JsonReader::maybe(std::string_view) const;
template std::optional<std::vector<double>>
    JsonReader::maybe(std::string_view) const;
template std::optional<std::vector<int64_t>>
    JsonReader::maybe(std::string_view) const;
template std::optional<std::vector<std::string>>
    JsonReader::maybe(std::string_view) const;
} // namespace trine

int64_t JsonReader::positive(std::string_view key) const {
  if (!has(key))
    throw missing(key);
  std::optional<int64_t> number = Kind<int64_t>::from(*find(key));
  if (!number || *number < 1 || *number > std::numeric_limits<int32_t>::max())
    throw expected(key, "a positive integer below 2^31");
  return *number;
}

int64_t JsonReader::positive(std::string_view key, int64_t fallback) const {
  return has(key) ? positive(key) : fallback;
}

std::optional<JsonReader> JsonReader::object(std::string_view key) const {
  const Json *found = find(key);
  if (!found)
    return std::nullopt;
  if (!found->is_object())
    throw expected(key, "an object");
  return JsonReader(fileName, *found, fmt::format("{}{}.", prefix, key));
}
