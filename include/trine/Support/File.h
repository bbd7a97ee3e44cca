//===- File.h - mapped input, atomic output ---------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace trine {

using Bytes = std::span<const uint8_t>;

/// A file mapped read-only. Throws BadInput naming the path when it cannot be
/// opened or mapped (a directory, a missing file, no permission).
class MappedFile {
public:
  static std::shared_ptr<MappedFile> open(const std::filesystem::path &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  Bytes bytes() const { return {data, size}; }
  std::string_view text() const {
    return {reinterpret_cast<const char *>(data), size};
  }
  const std::string &path() const { return name; }

private:
  MappedFile() = default;
  const uint8_t *data = nullptr;
  size_t size = 0;
  std::string name;
};

/// A file that appears complete or not at all: written beside its final name,
/// renamed by commit(), removed by the destructor otherwise. Links are
/// followed; a folder or device is refused. Errors (full disk) throw
/// Environment naming the path.
class AtomicFile {
public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;

  void write(const void *data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Overwrites bytes already written (a header filled in at the end).
  void writeAt(uint64_t offset, const void *data, size_t bytes);
  uint64_t offset() const { return position; }
  void commit();

private:
  std::filesystem::path final, temporary;
  int descriptor = -1;
  uint64_t position = 0;
};

/// Makes a folder and those above it; throws Environment naming it.
void makeFolder(const std::filesystem::path &path);

/// Whole small file as text; the limit guards against a hostile size.
std::string readText(const std::filesystem::path &path,
                     uint64_t maxBytes = 256u << 20);
void writeText(const std::filesystem::path &path, std::string_view text);

} // namespace trine
