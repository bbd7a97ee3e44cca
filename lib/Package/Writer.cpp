//===- Writer.cpp - sections → package file -------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Format.h"
#include "trine/Support/Error.h"

using namespace trine;
using namespace trine::package;

static Error misuse(std::string_view what, std::string_view section) {
  return Error(ExitCode::Internal, "package writer",
               fmt::format("{} '{}'", what, section));
}

PackageWriter::PackageWriter(std::filesystem::path path)
    : file(std::move(path)) {
  PageBytes empty{};
  file.write(empty.data(), empty.size());
}

void PackageWriter::beginSection(std::string_view name) {
  if (open)
    throw misuse("section is still open:", open->name);
  if (!isSectionName(name) || sections.size() == kPackageMaxSections)
    throw misuse("no room for section", name);
  for (const PackageSection &section : sections)
    if (section.name == name)
      throw misuse("section appears twice:", name);
  open.emplace();
  open->name = name;
  open->offset = file.offset();
  hash.emplace();
}

void PackageWriter::append(Bytes bytes) {
  if (!open)
    throw misuse("no section is open", "");
  file.write(bytes.data(), bytes.size());
  hash->update(bytes);
  open->bytes += bytes.size();
}

void PackageWriter::alignTo(uint64_t align) {
  static constexpr PageBytes zeros{};
  uint64_t missing = roundUp(sectionBytes(), align) - sectionBytes();
  while (missing) {
    uint64_t chunk = std::min<uint64_t>(missing, zeros.size());
    append(Bytes(zeros.data(), chunk));
    missing -= chunk;
  }
}

void PackageWriter::pad() {
  static constexpr PageBytes zeros{};
  file.write(zeros.data(),
             roundUp(file.offset(), kPackagePage) - file.offset());
}

void PackageWriter::endSection() {
  if (!open)
    throw misuse("no section is open", "");
  open->digest = hash->finish();
  sections.push_back(*std::move(open));
  open.reset();
  hash.reset();
  pad();
}

void PackageWriter::addSection(std::string_view name, std::string_view text) {
  beginSection(name);
  append(text);
  endSection();
}

void PackageWriter::commit() {
  if (open)
    throw misuse("section is still open:", open->name);
  Page page{};
  std::memcpy(page.magic, kMagic, sizeof(kMagic));
  page.version = kPackageVersion;
  page.sectionCount = uint32_t(sections.size());
  page.fileBytes = file.offset();
  for (size_t i = 0; i < sections.size(); ++i) {
    TableEntry &entry = page.sections[i];
    std::memcpy(entry.name, sections[i].name.data(), sections[i].name.size());
    entry.offset = sections[i].offset;
    entry.bytes = sections[i].bytes;
    std::memcpy(entry.digest, sections[i].digest.data(), sizeof(Digest));
  }
  PageBytes bytes{};
  std::memcpy(bytes.data(), &page, sizeof(page));
  Digest digest = pageDigest(bytes);
  std::memcpy(bytes.data() + offsetof(Page, digest), digest.data(),
              digest.size());
  file.writeAt(0, bytes.data(), bytes.size());
  file.commit();
}
