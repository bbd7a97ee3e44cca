//===- Diagnostics.h - MLIR's diagnostics as Trine's errors -----*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/Diagnostics.h"

#include <string>
#include <vector>

namespace trine {

/// Prints `error: WHERE: what` and its notes on stderr as they come, WHERE
/// being the model's node or a file position; warnings are kept.
class DiagnosticPrinter {
public:
  DiagnosticPrinter(mlir::MLIRContext &context, std::string file);

  /// Did an error say that something "is not supported"?
  bool sawUnsupported() const { return unsupported; }
  const std::vector<std::string> &warnings() const { return warningList; }

private:
  void print(mlir::Diagnostic &diagnostic);
  std::string where(mlir::Location location) const;

  std::string file;
  bool unsupported = false;
  std::vector<std::string> warningList;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace trine
