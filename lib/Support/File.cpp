//===- File.cpp - mapped input, atomic output -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/File.h"
#include "trine/Support/Error.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace trine;

static Error systemError(ExitCode code, const std::string &path,
                         const char *action) {
  return Error(code, path,
               fmt::format("cannot {}: {}", action, std::strerror(errno)));
}

std::shared_ptr<MappedFile>
MappedFile::open(const std::filesystem::path &path) {
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name = path.empty() ? "''" : path.string();
  // Without O_NONBLOCK a pipe would wait for its writer.
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    throw systemError(ExitCode::BadInput, file->name, "open");
  struct stat status;
  bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular) {
    close(descriptor);
    throw badInput(file->name, "expected a regular file");
  }
  file->size = size_t(status.st_size);
  void *address = nullptr;
  if (file->size != 0)
    address = mmap(nullptr, file->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED) {
    file->size = 0;
    throw systemError(ExitCode::BadInput, file->name, "map");
  }
  file->data = static_cast<const uint8_t *>(address);
  return file;
}

MappedFile::~MappedFile() {
  if (data && size)
    munmap(const_cast<uint8_t *>(data), size);
}

/// Where the bytes go: through links, and never in place of a device or folder.
static std::filesystem::path resolveOutput(std::filesystem::path path) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored))
    path = std::filesystem::canonical(path, ignored);
  auto status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) &&
      !std::filesystem::is_regular_file(status))
    throw Error(ExitCode::Environment, path.string(),
                "cannot write: expected a regular file or a new name");
  return path;
}

AtomicFile::AtomicFile(std::filesystem::path path)
    : final(resolveOutput(std::move(path))) {
  // Beside the final name, so that the rename stays within one file system.
  temporary = final;
  temporary += fmt::format(".tmp{}", getpid());
  descriptor =
      ::open(temporary.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0)
    throw systemError(ExitCode::Environment, final.string(), "create");
}

AtomicFile::~AtomicFile() {
  if (descriptor < 0)
    return;
  close(descriptor);
  unlink(temporary.c_str());
}

void AtomicFile::write(const void *data, size_t bytes) {
  writeAt(position, data, bytes);
  position += bytes;
}

void AtomicFile::writeAt(uint64_t offset, const void *data, size_t bytes) {
  const char *cursor = static_cast<const char *>(data);
  while (bytes) {
    ssize_t written = pwrite(descriptor, cursor, bytes, off_t(offset));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      throw systemError(ExitCode::Environment, final.string(), "write");
    cursor += written;
    offset += uint64_t(written);
    bytes -= size_t(written);
  }
}

void AtomicFile::commit() {
  int closed = close(descriptor);
  descriptor = -1;
  if (closed != 0 || rename(temporary.c_str(), final.c_str()) != 0) {
    Error error = systemError(ExitCode::Environment, final.string(), "write");
    unlink(temporary.c_str());
    throw error;
  }
}

void trine::makeFolder(const std::filesystem::path &path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    throw Error(ExitCode::Environment, path.string(),
                "cannot make the folder: " + error.message());
}

std::string trine::readText(const std::filesystem::path &path,
                            uint64_t maxBytes) {
  std::shared_ptr<MappedFile> file = MappedFile::open(path);
  if (file->bytes().size() > maxBytes)
    throw badInput(path.string(), "file of {} bytes is larger than {} allows",
                   file->bytes().size(), maxBytes);
  return std::string(file->text());
}

void trine::writeText(const std::filesystem::path &path,
                      std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}
