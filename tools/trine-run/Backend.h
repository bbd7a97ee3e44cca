//===- Backend.h - what executes the calls ----------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Arrays.h"
#include "trine/Runtime/trine.hpp"

#include <memory>
#include <optional>

namespace trine::run {

/// One session, on the runtime or on the reference.
class Backend {
public:
  virtual ~Backend() = default;
  /// All outputs of the entry when `outputs` is empty.
  virtual std::vector<Array> call(const std::string &entry,
                                  const std::vector<Array> &inputs,
                                  const std::vector<std::string> &outputs) = 0;
  /// The entry's declaration; null for a FILE.mlir. An empty name means the
  /// only entry.
  virtual const Entry *entry(const std::string &name) const = 0;
};

class RuntimeBackend final : public Backend {
public:
  RuntimeBackend(const std::string &file, const std::string &device,
                 int threads);
  std::vector<Array> call(const std::string &entry,
                          const std::vector<Array> &inputs,
                          const std::vector<std::string> &outputs) override;
  const Entry *entry(const std::string &name) const override;

  /// The session, made for the rows the first call brings.
  rt::Session &session(const Entry &entry, const std::vector<Array> &inputs);

  rt::Program program;
  Manifest manifest;
  /// Of the calls to come.
  std::function<void(const trine_step_event &)> observer;
  std::function<void(const trine_call_times &)> profiler;

private:
  std::string file;
  std::optional<rt::Session> current;
};

std::unique_ptr<Backend> makeReferenceBackend(const std::string &file,
                                              const std::string &weightsFrom);

/// The named entry of a manifest, or its only one. Throws BadInput listing
/// what there is.
const Entry &findEntry(const Manifest &manifest, const std::string &file,
                       const std::string &name);

/// The entry's outputs by name.
std::vector<std::string> outputNames(const Entry &entry);

/// A package's manifest.
Manifest readManifest(std::string_view text, const std::string &file,
                      uint64_t weightBytes);

} // namespace trine::run
