//===- Guard.h - no exception crosses the plug-in's boundary ----*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Support/Error.h"

namespace trine {

/// Runs `body`; an exception becomes its exit code and, in *error, a message
/// that lives until the calling thread's next failure.
template <typename Body> int guard(const char **error, Body body) {
  static thread_local std::string message;
  ExitCode code = ExitCode::Internal;
  try {
    body();
    return 0;
  } catch (const Error &fault) {
    code = fault.code;
    message = fault.what();
    for (const std::string &note : fault.notes)
      message += "\nnote: " + note;
  } catch (const std::bad_alloc &) {
    code = ExitCode::Environment;
    message = "out of memory";
  } catch (const std::exception &fault) {
    message = fault.what();
  }
  if (error)
    *error = message.c_str();
  return int(code);
}

} // namespace trine
