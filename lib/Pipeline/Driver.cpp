//===- Driver.cpp - the compiler as a command -----------------------------===//
// Command line → phases → package, IR or kernel files.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Pipeline/Driver.h"
#include "Bundle.h"
#include "Compilation.h"

#include "llvm/Support/CrashRecoveryContext.h"
#include <exception>

using namespace trine;

/// Runs the compile; a crash inside LLVM or Trine becomes an internal error.
static int runGuarded(Compilation &compilation) {
  int code = int(ExitCode::Internal);
  std::exception_ptr thrown;
  llvm::CrashRecoveryContext::Enable();
  llvm::CrashRecoveryContext recovery;
  bool finished = recovery.RunSafely([&] {
    try {
      code = compilation.run();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  llvm::CrashRecoveryContext::Disable();
  if (!finished)
    throw Error(ExitCode::Internal, compilation.options.input,
                fmt::format("crashed in phase '{}'", compilation.phase()));
  if (thrown)
    std::rethrow_exception(thrown);
  return code;
}

int trine::compileMain(int argc, char **argv) {
  std::optional<CompileOptions> options = parseOptions(argc, argv);
  if (!options)
    return 0;
  if (options->printPhases) {
    for (const Phase &phase : phases())
      fmt::print("{:<10} {}\n", phase.name.str(), phase.summary.str());
    return 0;
  }
  Compilation compilation(*std::move(options));
  try {
    return runGuarded(compilation);
  } catch (Error &error) {
    if (error.code == ExitCode::Internal)
      error.notes.push_back(writeBundle(compilation, argc, argv));
    throw;
  } catch (const std::bad_alloc &) {
    throw;
  } catch (const std::exception &error) {
    throw Error(ExitCode::Internal, compilation.options.input, error.what(),
                {writeBundle(compilation, argc, argv)});
  }
}
