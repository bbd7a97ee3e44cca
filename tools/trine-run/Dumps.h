//===- Dumps.h - results of nodes to files ----------------------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/trine.h"

#include <exception>
#include <map>
#include <string>
#include <vector>

namespace trine::run {

/// Writes results of named nodes to files, layouts undone.
class Dumps {
public:
  explicit Dumps(std::map<std::string, std::string> files)
      : files(std::move(files)) {}
  void add(const trine_step_event &event);
  /// Throws BadInput for nodes that never ran, and what went wrong in add().
  void finish() const;

private:
  std::map<std::string, std::string> files;
  std::map<std::string, int> written;
  std::vector<std::string> seen;
  std::exception_ptr failure;
};

} // namespace trine::run
