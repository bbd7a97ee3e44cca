//===- Assemble.cpp - launch.code -> one shared object --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Assemble.h"
#include "lib/Target/Lowering.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/ThreadPool.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace trine;
using namespace trine::cpu;

namespace {

/// A kernel on its way through LLVM; a context of its own makes it independent
/// of the other threads.
struct Unit {
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::Module> module;
  DeviceImage::KernelFile file;
  std::string error;
};

constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const MachineModel &machine, std::string &error) {
  llvm::Triple triple(kTriple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  llvm::TargetOptions options;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.cpu, machine.features, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// No function may become a call of a library, nor use a CPU feature that is
/// not in `machine`.
void setAttributes(llvm::Module &module, const MachineModel &machine) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("no-builtins");
    function.addFnAttr("target-cpu", machine.cpu);
    function.addFnAttr("tune-cpu", machine.tune);
    if (!machine.features.empty())
      function.addFnAttr("target-features", machine.features);
    function.addFnAttr("prefer-vector-width",
                       std::to_string(machine.lanes * 32));
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
}

void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager graphs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&target);
  llvm::TargetLibraryInfoImpl library(target.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(graphs);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, graphs, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

void compile(Unit &unit, const MachineModel &machine, bool keepAssembly) {
  std::unique_ptr<llvm::TargetMachine> target =
      createTargetMachine(machine, unit.error);
  if (!target)
    return;
  unit.module->setTargetTriple(target->getTargetTriple());
  unit.module->setDataLayout(target->createDataLayout());
  setAttributes(*unit.module, machine);
  optimize(*unit.module, *target);
  if (keepAssembly)
    unit.file.assembly = emitFile(*llvm::CloneModule(*unit.module), *target,
                                  llvm::CodeGenFileType::AssemblyFile);
  unit.file.object =
      emitFile(*unit.module, *target, llvm::CodeGenFileType::ObjectFile);
  unit.module.reset();
}

/// The function and tables of `code` in a module of their own.
LogicalResult translate(launch::CodeOp code, Unit &unit) {
  OwningOpRef<ModuleOp> module = ModuleOp::create(code.getLoc());
  OpBuilder builder(module->getBodyRegion());
  for (Operation &op : code.getBody().front())
    builder.clone(op);
  unit.file.name = code.getKernel().str();
  unit.context = std::make_unique<llvm::LLVMContext>();
  unit.module = translateModuleToLLVMIR(*module, *unit.context, unit.file.name);
  if (!unit.module)
    return code.emitError("expected the llvm dialect only");
  return success();
}

/// A directory for the linker, removed with the object.
struct LinkDirectory {
  llvm::SmallString<128> path;
  std::error_code error =
      llvm::sys::fs::createUniqueDirectory("trine-link", path);
  ~LinkDirectory() {
    if (!error)
      (void)llvm::sys::fs::remove_directories(path);
  }
  std::string file(const llvm::Twine &name) const {
    llvm::SmallString<128> full(path);
    llvm::sys::path::append(full, name);
    return full.str().str();
  }
};

llvm::ErrorOr<std::string> findLinker() {
  for (llvm::StringRef name : {"ld.lld-22", "ld.lld"})
    if (auto found = llvm::sys::findProgramByName(name))
      return found;
  return llvm::sys::findProgramByName("ld.lld", {"/usr/lib/llvm-22/bin"});
}

bool writeFile(const std::string &path, llvm::StringRef bytes) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  if (!error)
    stream << bytes;
  stream.close();
  bool failed = error || stream.has_error();
  stream.clear_error();
  return !failed;
}

/// Links the objects, in order; an error is returned in `error`.
std::string link(ArrayRef<Unit> units, std::string &error) {
  llvm::ErrorOr<std::string> linker = findLinker();
  LinkDirectory directory;
  if (!linker || directory.error) {
    error = linker ? "cannot make a temporary directory: " +
                         directory.error.message()
                   : "the linker ld.lld-22 is not in PATH; install lld-22";
    return {};
  }
  std::string output = directory.file("kernels.so"),
              log = directory.file("log");
  std::vector<std::string> arguments = {*linker,
                                        "-shared",
                                        "-z",
                                        "defs",
                                        "-z",
                                        "max-page-size=4096",
                                        "--build-id=none",
                                        "--hash-style=gnu",
                                        "-s",
                                        "--threads=1",
                                        "-o",
                                        output};
  for (auto [index, unit] : llvm::enumerate(units)) {
    arguments.push_back(directory.file(llvm::Twine(index) + ".o"));
    if (!writeFile(arguments.back(), unit.file.object)) {
      error = "cannot write " + arguments.back();
      return {};
    }
  }
  std::vector<llvm::StringRef> views(arguments.begin(), arguments.end());
  std::optional<llvm::StringRef> streams[] = {
      llvm::StringRef(""), llvm::StringRef(log), llvm::StringRef(log)};
  int status = llvm::sys::ExecuteAndWait(*linker, views, std::nullopt, streams,
                                         /*SecondsToWait=*/0, 0, &error);
  if (status == 0)
    if (auto bytes = llvm::MemoryBuffer::getFile(output))
      return (*bytes)->getBuffer().str();
  if (auto text = llvm::MemoryBuffer::getFile(log))
    error += (*text)->getBuffer().str();
  error = "linking the kernels failed: " + error;
  return {};
}

} // namespace

FailureOr<DeviceImage> cpu::assemble(ModuleOp module,
                                     const MachineModel &machine,
                                     const AssembleOptions &options) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // of inline assembly
    return true;
  }();
  (void)initialized;

  std::vector<Unit> units;
  SymbolTable symbols(module);
  for (auto code : module.getOps<launch::CodeOp>()) {
    auto kernel = symbols.lookup<launch::KernelOp>(code.getKernel());
    if (kernel.getDevice() != "cpu")
      continue;
    if (failed(translate(code, units.emplace_back())))
      return failure();
  }
  llvm::DefaultThreadPool pool(
      llvm::hardware_concurrency(std::max(1u, options.jobs)));
  for (Unit &unit : units)
    pool.async([&] { compile(unit, machine, options.keepAssembly); });
  pool.wait();

  DeviceImage image;
  std::string error;
  for (Unit &unit : units)
    if (error.empty())
      error = unit.error;
  if (error.empty())
    image.code = link(units, error);
  if (!error.empty())
    return module.emitError() << error;
  for (Unit &unit : units)
    image.kernels.push_back(std::move(unit.file));
  image.features = machine.required;
  return image;
}
