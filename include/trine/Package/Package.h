//===- Package.h - the one deployable file ----------------------*- C++ -*-===//
// Sections by name in one checksummed file; docs/design/package-format.md.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/File.h"
#include "trine/Support/Hash.h"

#include <optional>
#include <vector>

namespace trine {

constexpr uint32_t kPackageVersion = 1;
/// Sections start at multiples of this; so do the parameters in `weights`.
constexpr uint64_t kPackagePage = 4096;
constexpr uint64_t kPackageMaxSections = 31;

/// The section names in use.
namespace section {
constexpr std::string_view manifest = "manifest";
constexpr std::string_view graph = "graph";         ///< MLIR text
constexpr std::string_view tokenizer = "tokenizer"; ///< tokenizer.json
constexpr std::string_view text = "text"; ///< JSON: chat template, special ids
constexpr std::string_view selftest = "selftest"; ///< JSON, see SelfTest.h
constexpr std::string_view weights = "weights";
/// A device's code: an ELF shared object for "cpu", the device's own otherwise.
inline std::string code(std::string_view device) {
  return "code." + std::string(device);
}
/// The device's kernels one by one, each Kernel::bytes long, in the manifest's
/// order: what tools look at. Nothing is loaded from here.
inline std::string objects(std::string_view device) {
  return "objects." + std::string(device);
}
} // namespace section

struct PackageSection {
  std::string name;
  uint64_t offset = 0, bytes = 0;
  Digest digest{};
};

/// Streams sections into a file that appears complete or not at all. The bytes
/// are a function of what is written, nothing else.
class PackageWriter {
public:
  explicit PackageWriter(std::filesystem::path path);

  void beginSection(std::string_view name);
  void append(Bytes bytes);
  void append(std::string_view text) {
    append(Bytes(reinterpret_cast<const uint8_t *>(text.data()), text.size()));
  }
  /// Zeros up to a multiple of `align` from the section's start.
  void alignTo(uint64_t align);
  /// Bytes of the open section so far.
  uint64_t sectionBytes() const { return open ? open->bytes : 0; }
  void endSection();
  /// All of a small section at once.
  void addSection(std::string_view name, std::string_view text);

  /// Writes header and table and gives the file its name.
  void commit();

private:
  void pad();

  AtomicFile file;
  std::optional<PackageSection> open;
  std::optional<Sha256> hash;
  std::vector<PackageSection> sections;
};

/// A mapped package. Opening checks header and table (all of their bytes);
/// every failure is BadInput naming the file.
class PackageReader {
public:
  explicit PackageReader(const std::filesystem::path &path);

  const std::string &path() const { return file->path(); }
  const std::vector<PackageSection> &sections() const { return table; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  /// Throws BadInput when the package has no such section.
  Bytes section(std::string_view name) const;
  std::string_view text(std::string_view name) const;

  /// Compares the checksums of all sections but `weights`: what loading does.
  void checkSections() const;
  /// Covers every byte of the file, weights and padding included.
  void verify() const;

private:
  const PackageSection *find(std::string_view name) const;
  Bytes bytesOf(const PackageSection &section) const;
  void check(const PackageSection &section) const;
  void readTable();

  std::shared_ptr<MappedFile> file;
  std::vector<PackageSection> table;
};

} // namespace trine
