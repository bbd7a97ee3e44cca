//===- Reader.cpp - package file → checked sections -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Format.h"
#include "trine/Support/Error.h"

#include <algorithm>

using namespace trine;
using namespace trine::package;

PackageReader::PackageReader(const std::filesystem::path &path)
    : file(MappedFile::open(path)) {
  readTable();
}

static PageBytes readPage(const MappedFile &file, Page &page) {
  Bytes bytes = file.bytes();
  if (bytes.size() < sizeof(kMagic) ||
      std::memcmp(bytes.data(), kMagic, sizeof(kMagic)) != 0)
    throw badInput(file.path(),
                   "not a Trine package; make one with "
                   "trine-compile MODEL -o {}",
                   std::filesystem::path(file.path()).filename().string());
  if (bytes.size() < kPackagePage)
    throw badInput(file.path(),
                   "the package is cut short: {} bytes; copy it again",
                   bytes.size());
  PageBytes raw;
  std::memcpy(raw.data(), bytes.data(), raw.size());
  std::memcpy(&page, raw.data(), sizeof(page));
  if (page.version != kPackageVersion)
    throw badInput(file.path(),
                   "package format version {}, but this runtime reads version "
                   "{}; compile the model again with this release of Trine",
                   page.version, kPackageVersion);
  return raw;
}

void PackageReader::readTable() {
  Page page;
  PageBytes raw = readPage(*file, page);
  Digest digest = pageDigest(raw);
  if (std::memcmp(digest.data(), page.digest, sizeof(Digest)) != 0)
    throw badInput(path(), "the package's header is corrupt; copy it again");
  if (page.fileBytes != file->bytes().size())
    throw badInput(path(),
                   "expected {} bytes, got {}: the package was cut or added "
                   "to; copy it again",
                   page.fileBytes, file->bytes().size());
  if (page.sectionCount > kPackageMaxSections)
    throw badInput(path(), "at most {} sections are possible, got {}",
                   kPackageMaxSections, page.sectionCount);
  // One canonical arrangement: no overlap, no gap, nothing beyond the end.
  uint64_t next = kPackagePage;
  for (uint32_t i = 0; i < page.sectionCount; ++i) {
    const TableEntry &entry = page.sections[i];
    size_t length = strnlen(entry.name, sizeof(entry.name));
    PackageSection section{
        std::string(entry.name, length), entry.offset, entry.bytes, {}};
    if (!isSectionName(section.name) || has(section.name))
      throw badInput(path(), "section {} has no name of its own", i);
    if (section.offset != next || section.bytes > page.fileBytes - next)
      throw badInput(path(), "section '{}' does not lie where it should",
                     section.name);
    next += roundUp(section.bytes, kPackagePage);
    if (next > page.fileBytes)
      throw badInput(path(), "section '{}' does not lie where it should",
                     section.name);
    std::memcpy(section.digest.data(), entry.digest, sizeof(Digest));
    table.push_back(std::move(section));
  }
  if (next != page.fileBytes)
    throw badInput(path(), "{} bytes belong to no section",
                   page.fileBytes - next);
}

const PackageSection *PackageReader::find(std::string_view name) const {
  for (const PackageSection &section : table)
    if (section.name == name)
      return &section;
  return nullptr;
}

Bytes PackageReader::bytesOf(const PackageSection &section) const {
  return file->bytes().subspan(section.offset, section.bytes);
}

Bytes PackageReader::section(std::string_view name) const {
  if (const PackageSection *section = find(name))
    return bytesOf(*section);
  throw badInput(path(), "the package has no section '{}'", name);
}

std::string_view PackageReader::text(std::string_view name) const {
  Bytes bytes = section(name);
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

void PackageReader::check(const PackageSection &section) const {
  if (sha256(bytesOf(section)) != section.digest)
    throw badInput(path(),
                   "section '{}' is corrupt: its checksum does not match; "
                   "copy the package again",
                   section.name);
}

void PackageReader::checkSections() const {
  for (const PackageSection &section : table)
    if (section.name != section::weights)
      check(section);
}

void PackageReader::verify() const {
  for (const PackageSection &section : table) {
    check(section);
    uint64_t end = section.offset + section.bytes;
    Bytes padding =
        file->bytes().subspan(end, roundUp(end, kPackagePage) - end);
    if (std::ranges::any_of(padding, [](uint8_t byte) { return byte != 0; }))
      throw badInput(path(), "padding after section '{}' is not zero",
                     section.name);
  }
}
