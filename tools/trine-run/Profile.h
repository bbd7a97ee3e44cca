//===- Profile.h - times of kernels, results of nodes -----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/trine.h"

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace trine::run {

/// Collects the steps of observed calls.
class Profile {
public:
  void add(const trine_step_event &event);

  /// By kernel, the costliest first.
  nlohmann::json kernels() const;
  void printTable() const;
  /// F.perfetto-trace: trace events; anything else: the kernels as JSON.
  void write(const std::string &file) const;

private:
  struct Event {
    std::string kernel, family, device, node;
    double start, seconds;
  };
  std::vector<Event> events;
  double elapsed = 0;
};

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
