//===- CApi.h - from exceptions to the status of the C interface -*- C++ -*-==//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Runtime/trine.h"
#include "trine/Support/Error.h"

#include <new>

namespace trine {

/// Sets the calling thread's trine_error() and gives the status.
trine_status fail(ExitCode code, std::string_view what,
                  const std::vector<std::string> &notes = {});

/// No exception crosses the C interface.
template <typename Body> trine_status guard(Body body) {
  try {
    body();
    return 0;
  } catch (const Error &error) {
    return fail(error.code, error.what(), error.notes);
  } catch (const std::bad_alloc &) {
    return fail(ExitCode::Environment, "out of memory");
  } catch (const std::exception &error) {
    return fail(ExitCode::Internal, error.what());
  }
}

inline void require(bool condition, const char *what) {
  if (!condition)
    throw Error(ExitCode::Usage, "", what);
}

} // namespace trine
