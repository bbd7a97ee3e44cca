//===- Ptxas.cpp - NVIDIA's assembler as a judge --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace trine;
using namespace trine::cuda;

std::string cuda::findPtxas() {
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  for (const char *root : {std::getenv("CUDA_HOME"), std::getenv("CUDA_PATH"),
                           static_cast<char *>(nullptr)}) {
    llvm::SmallString<128> folder(root ? root : "/usr/local/cuda");
    llvm::sys::path::append(folder, "bin");
    if (auto found = llvm::sys::findProgramByName("ptxas", {folder.str()}))
      return *found;
  }
  return "";
}

/// "12 bytes spill stores, 8 bytes spill loads" of any function that has some.
static std::string spillsIn(llvm::StringRef log) {
  for (llvm::StringRef line : llvm::split(log, '\n')) {
    line = line.trim();
    if (line.contains("bytes spill stores") &&
        !line.contains(" 0 bytes spill stores, 0 bytes spill loads"))
      return line.str();
  }
  return "";
}

static std::string textOf(const llvm::Twine &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : "";
}

std::string cuda::runPtxas(const std::string &program, const std::string &ptx,
                           const ChipSpec &chip, std::string &log,
                           std::string &error) {
  llvm::SmallString<128> folder;
  if (std::error_code failed =
          llvm::sys::fs::createUniqueDirectory("trine-ptxas", folder)) {
    error = "cannot make a temporary directory: " + failed.message();
    return {};
  }
  std::string input = (folder + "/kernel.ptx").str(),
              output = (folder + "/kernel.cubin").str(),
              said = (folder + "/log").str();
  {
    std::error_code failed;
    llvm::raw_fd_ostream(input, failed) << ptx;
  }
  std::string arch = ("-arch=" + chip.name).str();
  std::optional<llvm::StringRef> streams[] = {
      llvm::StringRef(""), llvm::StringRef(said), llvm::StringRef(said)};
  int status = llvm::sys::ExecuteAndWait(
      program, {program, "-v", arch, input, "-o", output}, std::nullopt,
      streams, /*SecondsToWait=*/0, 0, &error);
  log = textOf(said);
  std::string cubin = textOf(output);
  (void)llvm::sys::fs::remove_directories(folder);
  if (status != 0)
    error = "ptxas does not take it: " + error + log;
  else if (std::string spills = spillsIn(log); !spills.empty())
    error = "registers spill: " + spills;
  return cubin;
}
