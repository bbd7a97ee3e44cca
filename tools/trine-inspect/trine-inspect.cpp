//===- trine-inspect.cpp - what is in a package ---------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Inspect.h"
#include "trine/Support/CommandLine.h"
#include "trine/Support/Error.h"

using namespace trine;

static int inspect(int argc, char **argv) {
  bool json = false, verify = false;
  std::string folder;
  std::vector<std::string> files;
  CommandLine line("trine-inspect", "PACKAGE [options]",
                   "Shows what a package holds: entries, kernels, sections.");
  line.flag("--json", json, "print one JSON object")
      .flag("--verify", verify,
            "check every byte of the file, weights and padding included;\n"
            "exit code 1 when anything was changed, cut or appended")
      .text("--extract", "DIR", folder,
            "write every section, and the code of each device, into DIR");
  if (!line.parse(argc, argv, files))
    return 0;
  if (files.size() != 1)
    line.fail("expected one package, got " + std::to_string(files.size()));
  PackageReader package(files[0]);
  if (verify)
    package.verify();
  if (!folder.empty())
    extract(package, folder);
  print(package, json, verify);
  return 0;
}

int main(int argc, char **argv) { return runMain(inspect, argc, argv); }
