//===- Error.cpp - how errors reach the user ------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Support/Error.h"

#include <cstdio>
#include <new>

using namespace trine;

static int report(ExitCode code, const char *what,
                  const std::vector<std::string> &notes = {}) {
  fmt::print(stderr, "error: {}\n", what);
  for (const std::string &note : notes)
    fmt::print(stderr, "note: {}\n", note);
  return int(code);
}

int trine::runMain(int (*body)(int, char **), int argc, char **argv) {
  try {
    int code = body(argc, argv);
    // A full disk or a closed pipe shows only when stdout is flushed.
    if (std::fflush(stdout) != 0)
      return report(ExitCode::Environment, "cannot write to standard output");
    return code;
  } catch (const Error &error) {
    return report(error.code, error.what(), error.notes);
  } catch (const std::bad_alloc &) {
    return report(ExitCode::Environment, "out of memory");
  } catch (const std::exception &error) {
    return report(ExitCode::Internal, error.what(),
                  {"this is a defect of Trine; please report it"});
  }
}
