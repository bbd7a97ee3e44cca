//===- Backend.cpp - calls → the runtime's session ------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Backend.h"
#include "trine/Formats/Json.h"

#include <fmt/ranges.h>

using namespace trine;
using namespace trine::run;

Manifest trine::run::readManifest(std::string_view text,
                                  const std::string &file,
                                  uint64_t weightBytes) {
  return Manifest::fromJson(parseJson(text, file), file, weightBytes);
}

const Entry &trine::run::findEntry(const Manifest &manifest,
                                   const std::string &file,
                                   const std::string &name) {
  std::vector<std::string> names;
  for (const Entry &entry : manifest.entries) {
    if (entry.name == name)
      return entry;
    names.push_back(entry.name);
  }
  if (name.empty() && names.size() == 1)
    return manifest.entries[0];
  if (name.empty())
    throw Error(ExitCode::Usage, file,
                fmt::format("which entry? choose one with --entry: {}",
                            fmt::join(names, ", ")));
  throw badInput(file, "no entry '{}'; the package has: {}", name,
                 fmt::join(names, ", "));
}

std::vector<std::string> trine::run::outputNames(const Entry &entry) {
  std::vector<std::string> names;
  for (const EntryTensor &output : entry.outputs)
    names.push_back(output.name);
  return names;
}

RuntimeBackend::RuntimeBackend(const std::string &file,
                               const std::string &device, int threads)
    : program(file, device, threads), file(file) {
  uint64_t weights =
      program.has("weights") ? program.section("weights").size() : 0;
  manifest = readManifest(program.manifest(), file, weights);
}

const Entry *RuntimeBackend::entry(const std::string &name) const {
  return &findEntry(manifest, file, name);
}

/// Rows of a call: what its first input's first dimension says, for entries
/// whose states have a row each.
static int rows(const Entry &entry, const std::vector<Array> &inputs) {
  for (const EntryTensor &input : entry.inputs)
    for (const Array &array : inputs)
      if (entry.stateful && array.name == input.name && !array.shape.empty())
        return int(std::clamp<int64_t>(array.shape[0], 1, INT32_MAX));
  return 1;
}

rt::Session &RuntimeBackend::session(const Entry &entry,
                                     const std::vector<Array> &inputs) {
  // Stateless calls before fix nothing: their session holds no tokens.
  if (!current || (entry.stateful && current->length(0) == 0 &&
                   current->length(rows(entry, inputs) - 1) < 0))
    current.emplace(program, rows(entry, inputs));
  current->observe(observer);
  current->profile(profiler);
  return *current;
}

std::vector<Array>
RuntimeBackend::call(const std::string &name, const std::vector<Array> &inputs,
                     const std::vector<std::string> &wanted) {
  const Entry &chosen = *entry(name);
  std::vector<trine_tensor> tensors;
  for (const Array &array : inputs)
    tensors.push_back(array.tensor());
  std::vector<std::string> outputs =
      wanted.empty() ? outputNames(chosen) : wanted;
  std::vector<const char *> names;
  for (const std::string &output : outputs)
    names.push_back(output.c_str());
  std::vector<Array> results;
  for (const trine_tensor &tensor :
       session(chosen, inputs).run(chosen.name.c_str(), tensors, names))
    results.push_back(Array::from(tensor));
  return results;
}
