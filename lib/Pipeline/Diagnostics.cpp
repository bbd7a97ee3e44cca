//===- Diagnostics.cpp - MLIR's diagnostics as Trine's errors -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Diagnostics.h"
#include "dialects/graph/Graph.h"

#include <cstdio>

using namespace mlir;
using namespace trine;

DiagnosticPrinter::DiagnosticPrinter(MLIRContext &context, std::string file)
    : file(std::move(file)),
      handler(&context, [this](Diagnostic &diagnostic) { print(diagnostic); }) {
}

std::string DiagnosticPrinter::where(Location location) const {
  if (auto position = dyn_cast<FileLineColLoc>(location))
    return fmt::format("{}:{}:{}", position.getFilename().str(),
                       position.getLine(), position.getColumn());
  StringRef node = graph::nodeName(location);
  return node.empty() ? file : node.str();
}

void DiagnosticPrinter::print(Diagnostic &diagnostic) {
  std::string text =
      fmt::format("{}: {}", where(diagnostic.getLocation()), diagnostic.str());
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error) {
    warningList.push_back(text);
    return;
  }
  unsupported |= text.find("not supported") != std::string::npos;
  fmt::print(stderr, "error: {}\n", text);
  for (Diagnostic &note : diagnostic.getNotes()) {
    // An operation printed in full says little that its location does not.
    if (std::string what = note.str(); !StringRef(what).starts_with("see curr"))
      fmt::print(stderr, "note: {}: {}\n", where(note.getLocation()), what);
  }
}
