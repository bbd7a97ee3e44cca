//===- Driver.cpp - the compiler as a command -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Pipeline/Driver.h"
#include "Diagnostics.h"
#include "Options.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "trine/Import/Import.h"
#include "trine/Pipeline/Registration.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace trine;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, OpPrintingFlags().enableDebugInfo());
  return text + "\n";
}

int trine::compileMain(int argc, char **argv) {
  std::optional<CompileOptions> options = parseOptions(argc, argv);
  if (!options)
    return 0;
  DialectRegistry registry;
  registerDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  DiagnosticPrinter diagnostics(context, options->input);
  std::vector<std::string> warnings;
  std::shared_ptr<const Model> model = openModel(options->input);
  OwningOpRef<ModuleOp> module = importModel(
      context, *model,
      {options->maxSequence, options->maxBatch, options->entries}, warnings);
  if (failed(verify(*module)))
    return int(ExitCode::Internal);
  std::string text = print(*module);
  if (options->output.empty())
    fmt::print("{}", text);
  else
    writeText(options->output, text);
  return 0;
}
