//===- Ptx.cpp - LLVM's module -> PTX -------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "lib/Target/Lowering.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Instructions.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace trine;
using namespace trine::cuda;

/// Addresses of shared memory in 32 bits: an option of LLVM's command line
/// only.
static void shortenPointers() {
  auto found = llvm::cl::getRegisteredOptions().find("nvptx-short-ptr");
  if (found != llvm::cl::getRegisteredOptions().end())
    static_cast<llvm::cl::opt<bool> *>(found->second)->setValue(true);
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const ChipSpec &chip, unsigned version) {
  LLVMInitializeNVPTXTargetInfo();
  LLVMInitializeNVPTXTarget();
  LLVMInitializeNVPTXTargetMC();
  LLVMInitializeNVPTXAsmPrinter();
  shortenPointers();
  llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    llvm::report_fatal_error(llvm::StringRef(error));
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, chip.name, "+ptx" + std::to_string(version),
      llvm::TargetOptions(), std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// MLIR's inline assembly cannot say it: all lanes must come to it together.
static void markConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
          call && call->isInlineAsm())
        call->setConvergent();
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

std::string cuda::toPtx(llvm::Module &module, const ChipSpec &chip,
                        unsigned version) {
  std::unique_ptr<llvm::TargetMachine> target =
      createTargetMachine(chip, version);
  module.setTargetTriple(target->getTargetTriple());
  module.setDataLayout(target->createDataLayout());
  markConvergent(module);
  optimize(module, *target);
  return emitFile(module, *target, llvm::CodeGenFileType::AssemblyFile);
}

//===----------------------------------------------------------------------===//
// A child process
//===----------------------------------------------------------------------===//

static std::string readAll(int file) {
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = read(file, buffer, sizeof buffer)) != 0;)
    if (count > 0)
      text.append(buffer, size_t(count));
    else if (errno != EINTR)
      break;
  close(file);
  return text;
}

static void writeAll(int file, const std::string &text) {
  for (size_t done = 0; done < text.size();) {
    ssize_t count = write(file, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR)
      break;
    done += size_t(std::max<ssize_t>(count, 0));
  }
}

/// The first line that LLVM wrote as its own.
static std::string reasonOf(llvm::StringRef log) {
  size_t start = log.find("LLVM ERROR: ");
  llvm::StringRef reason =
      start == llvm::StringRef::npos ? log : log.substr(start);
  return reason.split('\n').first.str();
}

[[noreturn]] static void runChild(llvm::function_ref<std::string()> work,
                                  int output, int log) {
  dup2(log, STDERR_FILENO);
  // No trace of the stack, nor a dump: the parent says what happened.
  for (int number : {SIGABRT, SIGSEGV, SIGILL, SIGBUS, SIGTRAP})
    std::signal(number, SIG_DFL);
  writeAll(output, work());
  _exit(0);
}

std::string cuda::inChild(llvm::function_ref<std::string()> work,
                          std::string &error) {
  int output[2];
  std::FILE *log = std::tmpfile();
  if (!log || pipe(output)) {
    error = "cannot make a temporary file or a pipe";
    return {};
  }
  pid_t child = fork();
  if (child == 0) {
    close(output[0]);
    runChild(work, output[1], fileno(log));
  }
  close(output[1]);
  std::string text = readAll(output[0]);
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  std::rewind(log);
  std::string said = readAll(dup(fileno(log)));
  std::fclose(log);
  if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return text;
  error = reasonOf(said);
  if (error.empty())
    error = child < 0 ? "cannot start a process"
                      : "the code generator ended by a signal";
  return {};
}
