//===- Bundle.cpp - what to send when Trine is at fault -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Bundle.h"
#include "trine/Support/Version.h"
#include "llvm/Config/llvm-config.h"

using namespace trine;
namespace fs = std::filesystem;

/// In single quotes, for a POSIX shell.
static std::string shellWord(const std::string &word) {
  std::string text = "'";
  for (char c : word)
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

/// Replays from the last good module where there is one, else the command.
static std::string replayScript(const Compilation &compilation, int argc,
                                char **argv) {
  const CompileOptions &options = compilation.options;
  std::string script = "#!/bin/sh\n# Shows the failure again.\n"
                       "cd \"$(dirname \"$0\")\" || exit 1\nexec ";
  auto path = [](const std::string &file) {
    return shellWord(fs::absolute(file).string());
  };
  if (compilation.lastModule().empty()) {
    script += "trine-compile " + path(options.input) + " -o replay.out";
  } else {
    script += "trine-compile module.mlir -o replay.out";
    const std::string &weights =
        options.weightsFrom.empty() ? options.input : options.weightsFrom;
    if (!weights.ends_with(".mlir"))
      script += " --weights-from=" + path(weights);
  }
  script += " --emit=" + options.emit;
  for (int i = 1; i < argc; ++i)
    if (std::string word = argv[i];
        word.starts_with("--jobs") || word.starts_with("--to="))
      script += " " + shellWord(word);
  return script + "\n";
}

std::string trine::writeBundle(const Compilation &compilation, int argc,
                               char **argv) {
  const CompileOptions &options = compilation.options;
  fs::path directory =
      (options.output.empty() ? "trine-compile" : options.output) + ".failure";
  try {
    nlohmann::json command = nlohmann::json::array();
    for (int i = 0; i < argc; ++i)
      command.push_back(argv[i]);
    nlohmann::json info = {{"input", options.input},
                           {"sha256", compilation.sourceDigest()},
                           {"trine_version", versionString()},
                           {"llvm_version", LLVM_VERSION_STRING},
                           {"phase", compilation.phase()},
                           {"command", command}};
    fs::create_directories(directory);
    writeText(directory / "info.json", info.dump(2) + "\n");
    if (!compilation.lastModule().empty())
      writeText(directory / "module.mlir", compilation.lastModule());
    writeText(directory / "replay.sh", replayScript(compilation, argc, argv));
    fs::permissions(directory / "replay.sh", fs::perms::owner_exec,
                    fs::perm_options::add);
    return fmt::format("this is a defect of Trine; please report it with {}",
                       directory.string());
  } catch (const std::exception &error) {
    return fmt::format("this is a defect of Trine; please report it (no bundle "
                       "was written: {})",
                       error.what());
  }
}
