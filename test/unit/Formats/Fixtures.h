//===- Fixtures.h - writers of small model files for tests ------*- C++ -*-===//
// They write whatever they are told, lies included.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Error.h"
#include "trine/Support/File.h"

#include <cstring>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>

namespace trine::test {

inline Bytes asBytes(const std::string &text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

/// The little-endian bytes of a number.
template <typename T> std::string num(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <typename T> std::string nums(const std::vector<T> &values) {
  std::string bytes;
  for (T value : values)
    bytes += num(value);
  return bytes;
}

/// Expects `statement` to throw a trine::Error with this code whose message or
/// notes contain `fragment`.
template <typename Body>
void expectError(ExitCode code, const std::string &fragment, Body body) {
  try {
    body();
    ADD_FAILURE() << "expected an error with: " << fragment;
  } catch (const Error &error) {
    std::string text = error.what();
    for (const std::string &note : error.notes)
      text += "\nnote: " + note;
    EXPECT_EQ(int(error.code), int(code)) << text;
    EXPECT_NE(text.find(fragment), std::string::npos)
        << "expected: " << fragment << "\ngot: " << text;
  }
}

/// Every truncation and every flipped bit of a valid file either still parses
/// or throws a trine::Error. Sanitizers watch the rest.
template <typename Parse> void mutate(const std::string &valid, Parse parse) {
  auto attempt = [&](const std::string &bytes) {
    try {
      parse(bytes);
      return true;
    } catch (const Error &) {
      return false;
    }
  };
  EXPECT_TRUE(attempt(valid));
  for (size_t size = 0; size < valid.size(); ++size)
    EXPECT_FALSE(attempt(valid.substr(0, size))) << "cut at " << size;
  for (size_t bit = 0; bit < valid.size() * 8; ++bit) {
    std::string flipped = valid;
    flipped[bit / 8] ^= char(1 << bit % 8);
    attempt(flipped);
  }
}

struct TempDir {
  TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "trine-XXXXXX").string();
    if (!mkdtemp(pattern.data()))
      throw std::runtime_error("mkdtemp failed");
    path = pattern;
  }
  ~TempDir() { std::filesystem::remove_all(path); }
  /// Writes a file, with the folders on the way.
  std::filesystem::path write(const std::string &name,
                              const std::string &text) const {
    std::filesystem::create_directories((path / name).parent_path());
    writeText(path / name, text);
    return path / name;
  }
  std::filesystem::path path;
};

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

inline std::string ggufString(const std::string &text) {
  return num(uint64_t(text.size())) + text;
}

/// The payload of an array value: element type, count, elements.
inline std::string ggufArray(uint32_t type, uint64_t count,
                             const std::string &elements) {
  return num(type) + num(count) + elements;
}

inline std::string ggufStrings(const std::vector<std::string> &items) {
  std::string elements;
  for (const std::string &item : items)
    elements += ggufString(item);
  return ggufArray(8, items.size(), elements);
}

struct GgufWriter {
  uint32_t version = 3;
  uint64_t alignment = 32;
  std::optional<uint64_t> tensorCount, metadataCount; ///< lies
  std::vector<std::string> metadata, tensors;
  std::string data;

  GgufWriter &value(const std::string &key, uint32_t type,
                    const std::string &payload) {
    metadata.push_back(ggufString(key) + num(type) + payload);
    return *this;
  }
  GgufWriter &text(const std::string &key, const std::string &value_) {
    return value(key, 8, ggufString(value_));
  }
  GgufWriter &u32(const std::string &key, uint32_t number) {
    return value(key, 4, num(number));
  }
  /// A table entry only; `dims` innermost first.
  GgufWriter &entry(const std::string &name, const std::vector<uint64_t> &dims,
                    uint32_t type, uint64_t offset) {
    tensors.push_back(ggufString(name) + num(uint32_t(dims.size())) +
                      nums(dims) + num(type) + num(offset));
    return *this;
  }
  GgufWriter &tensor(const std::string &name, const std::vector<uint64_t> &dims,
                     uint32_t type, const std::string &bytes) {
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    entry(name, dims, type, data.size());
    data += bytes;
    return *this;
  }
  std::string bytes() const {
    std::string out = "GGUF" + num(version) +
                      num(tensorCount.value_or(tensors.size())) +
                      num(metadataCount.value_or(metadata.size()));
    for (const std::string &item : metadata)
      out += item;
    for (const std::string &item : tensors)
      out += item;
    out.resize((out.size() + alignment - 1) / alignment * alignment);
    return out + data;
  }
};

//===----------------------------------------------------------------------===//
// Safetensors
//===----------------------------------------------------------------------===//

inline std::string safetensors(const std::string &header,
                               const std::string &data) {
  return num(uint64_t(header.size())) + header + data;
}

} // namespace trine::test
