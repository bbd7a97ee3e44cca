//===- Program.h - a module or package as the reference runs it -*- C++ -*-===//
// What libtrine_reference.so exports in C (PlugIn.h), as C++.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "trine/Reference/Interpreter.h"

namespace trine::reference {

/// Parses MLIR text of the graph, launch, func and llvm dialects; throws
/// BadInput with the position and the first message.
mlir::OwningOpRef<mlir::ModuleOp> parseModule(llvm::StringRef text,
                                              llvm::StringRef name,
                                              mlir::MLIRContext &context);

/// One module, its weights and one session.
class Program {
public:
  using Named = std::map<std::string, Tensor>;

  /// `file`: MLIR text (*.mlir), with parameters from the model at
  /// `weightsFrom` unless that is empty; or a package.
  static std::unique_ptr<Program> open(const std::string &file,
                                       const std::string &weightsFrom);

  /// The entry of that name; with an empty name the only one there is.
  mlir::func::FuncOp entry(llvm::StringRef name) const;
  /// Results in order, with their names. Checks inputs as the runtime does.
  std::vector<std::pair<std::string, Tensor>> run(mlir::func::FuncOp entry,
                                                  const Named &inputs);

private:
  Program() = default;
  std::vector<Tensor> bind(mlir::func::FuncOp entry, const Named &inputs) const;
  int64_t limit(llvm::StringRef dim) const;
  void checkTokens(int64_t tokens, const Tensor *lengths) const;

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  std::string file;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Interpreter> interpreter;
  Session session;
};

} // namespace trine::reference
