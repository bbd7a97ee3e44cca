//===- Compilation.h - one compile from load to output ----------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Diagnostics.h"
#include "Options.h"
#include "Report.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "trine/Formats/Model.h"
#include "trine/Pipeline/Phases.h"
#include "trine/Target/Target.h"
#include "llvm/Support/ThreadPool.h"

namespace trine {

class PackageWriter;

class Compilation {
public:
  explicit Compilation(CompileOptions options);

  /// The exit code; errors that are no diagnostics are thrown.
  int run();

  CompileOptions options;
  /// The phase that runs, or ran last.
  const std::string &phase() const { return currentPhase; }
  /// The module after the last phase that succeeded, as --save-phases writes
  /// it.
  const std::string &lastModule() const { return saved; }
  /// SHA-256 of the model, or of the .mlir input.
  std::string sourceDigest() const;

private:
  void load();
  void parseModule();
  std::string recipeText();
  void choosePrecision();
  void configureModule();
  std::string takePhase();
  void setModuleAttribute(const char *name, mlir::Attribute value, bool given);
  std::pair<size_t, size_t> phaseRange(const std::string &finished) const;
  int runPhases(size_t first, size_t last);
  llvm::LogicalResult afterPhase(const Phase &phase, mlir::ModuleOp module);
  std::string print(const std::string &finished) const;
  ExitCode failureCode() const;

  int emit();
  std::vector<std::pair<std::string, DeviceImage>> assemble();
  int emitKernels();
  void warnOfInterpreter(const Manifest &manifest);
  int emitPackage();
  std::string selfTest();
  Manifest describe(llvm::ArrayRef<std::pair<std::string, DeviceImage>> images);
  void writePackage(const Manifest &manifest,
                    llvm::ArrayRef<std::pair<std::string, DeviceImage>> images);

  mlir::MLIRContext context;
  llvm::DefaultThreadPool pool;
  DiagnosticPrinter diagnostics;
  PhaseClock clock;
  std::vector<std::string> warnings;
  std::shared_ptr<const Model> model; ///< null: none needed
  std::string inputText;              ///< of a .mlir input
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string graphText, saved, currentPhase = "import";
};

} // namespace trine
