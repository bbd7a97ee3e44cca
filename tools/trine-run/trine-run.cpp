//===- trine-run.cpp - run entries of a package ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Run.h"
#include "trine/Support/Error.h"

using namespace trine;

static int body(int argc, char **argv) {
  run::Options options;
  if (!run::parseOptions(argc, argv, options))
    return 0;
  try {
    return run::runAll(options);
  } catch (const rt::Error &error) {
    throw Error(ExitCode(error.code), "", error.what());
  }
}

int main(int argc, char **argv) { return runMain(body, argc, argv); }
