//===- Weights.cpp - the weights' bytes in memory -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Weights.h"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <system_error>

using namespace trine;

/// One huge page: what the system clears is still in the cache when it is
/// written.
static constexpr size_t kChunk = size_t(2) << 20;

void Weights::load(std::shared_ptr<const PackageReader> reader, int count) {
  source = reader->section(section::weights);
  if (source.empty())
    return;
  package = std::move(reader);
  pages = Pages(source.size(), Pages::Kind::Huge, "the weights");
  size_t chunks = (source.size() + kChunk - 1) / kChunk;
  // The application's signals go to its own threads.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  for (size_t i = 0; i < std::min(chunks, size_t(count)); ++i)
    try {
      threads.emplace_back([this] { copy(); });
    } catch (const std::system_error &) {
      break; // data() copies what no thread does
    }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

void Weights::copy() {
  for (size_t at; (at = next.fetch_add(kChunk)) < source.size();) {
    size_t bytes = std::min(kChunk, source.size() - at);
    // Maps the file's pages in one go instead of fault by fault.
    madvise(const_cast<uint8_t *>(source.data()) + at, bytes,
            MADV_POPULATE_READ);
    std::memcpy(pages.data() + at, source.data() + at, bytes);
  }
}

const uint8_t *Weights::data() const {
  std::call_once(copied, [&self = const_cast<Weights &>(*this)] {
    self.copy();
    for (std::thread &thread : self.threads)
      thread.join();
    self.threads.clear();
    self.pages.makeReadOnly();
    self.package.reset();
  });
  return pages.data();
}

Weights::~Weights() {
  next = source.size(); // nobody needs the rest
  for (std::thread &thread : threads)
    thread.join();
}
