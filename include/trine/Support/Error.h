//===- Error.h - the one error type of Trine --------------------*- C++ -*-===//
// Code without LLVM throws trine::Error; main() and the C ABI catch it. It is
// never thrown across an LLVM frame: passes emit diagnostics instead.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace trine {

/// Exit codes of every tool (docs/reference/exit-codes.md); also the `code` of
/// the C ABI and of Python's trine.Error.
enum class ExitCode : int {
  Done = 0,
  BadInput = 1,    ///< the model, file, IR or data is at fault
  Usage = 2,       ///< the command line is at fault
  Mismatch = 3,    ///< a comparison, self-test or --expect failed
  Unsupported = 4, ///< something is unsupported; all of it is listed
  Environment = 5, ///< CPU feature, driver, tool or plug-in missing
  Trap = 6,        ///< a simulator trapped
  Internal = 70,   ///< a defect of Trine
};

/// Printed as `error: where: what` and a `note:` line for each note. `what`
/// ends with the next step where there is one: "expected X, got Y; do Z".
class Error : public std::runtime_error {
public:
  Error(ExitCode code, std::string where, std::string what,
        std::vector<std::string> notes = {})
      : std::runtime_error(where.empty() ? what : where + ": " + what),
        code(code), notes(std::move(notes)) {}

  ExitCode code;
  std::vector<std::string> notes;
};

/// throw badInput("model.gguf", "tensor '{}': expected rank 2, got {}", ...)
template <typename... Args>
Error badInput(std::string where, fmt::format_string<Args...> text,
               Args &&...args) {
  return Error(ExitCode::BadInput, std::move(where),
               fmt::format(text, std::forward<Args>(args)...));
}

/// Runs `body`, printing a trine::Error (or any other exception, as an internal
/// error) to stderr; returns the process's exit code.
int runMain(int (*body)(int, char **), int argc, char **argv);

} // namespace trine
