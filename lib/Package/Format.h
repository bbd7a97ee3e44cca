//===- Format.h - bytes of a package's first page ---------------*- C++ -*-===//
// Shared by writer and reader; docs/design/package-format.md.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Package/Package.h"

#include <bit>
#include <cstring>

namespace trine::package {

static_assert(std::endian::native == std::endian::little,
              "packages are little-endian and read as they lie");

constexpr char kMagic[8] = {'T', 'R', 'I', 'N', 'E', 'P', 'K', 'G'};

struct TableEntry {
  char name[48];
  uint64_t offset, bytes;
  uint8_t digest[32];
  uint8_t zeros[32];
};

/// The whole first page. `digest` is the page's SHA-256 with itself as zeros.
struct Page {
  char magic[8];
  uint32_t version, sectionCount;
  uint64_t fileBytes, zeros;
  uint8_t digest[32];
  TableEntry sections[kPackageMaxSections];
};
static_assert(sizeof(TableEntry) == 128 && sizeof(Page) <= kPackagePage);

using PageBytes = std::array<uint8_t, kPackagePage>;

inline Digest pageDigest(PageBytes page) {
  std::memset(page.data() + offsetof(Page, digest), 0, sizeof(Digest));
  return sha256(page);
}

/// Section names become file names (trine-inspect --extract).
inline bool isSectionName(std::string_view name) {
  return !name.empty() && name.size() < sizeof(TableEntry::name) &&
         name.front() != '.' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") ==
             std::string_view::npos;
}

inline uint64_t roundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace trine::package
