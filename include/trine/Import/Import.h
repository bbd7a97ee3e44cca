//===- Import.h - a model file as a graph module ----------------*- C++ -*-===//
// Architecture and sizes from the model's metadata; weights by reference.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "trine/Formats/Model.h"

namespace trine {

struct ImportOptions {
  int64_t maxSequence = 0; ///< 0: the model's own limit, at most 8192
  int64_t maxBatch = 16;
  std::vector<std::string> entries; ///< empty: all the model has
};

/// One function for each entry (README.md lists them a model).
/// Arguments and results carry `graph.name`; arguments `graph.dims` (a name for
/// each dynamic dimension, in order), tokens `graph.index_limit`, `lengths`
/// `graph.optional`. The module carries `graph.kind` ("causal_lm", "encoder"),
/// `graph.model`, `graph.max_sequence`, `graph.max_batch`. Every operation's
/// location is a NameLoc of the node it implements, in Hugging Face's names
/// ("layers.3.self_attn.q_proj") for every file format.
///
/// Throws BadInput or Unsupported with one note for each part at fault, and
/// Usage for an entry that the model does not have.
mlir::OwningOpRef<mlir::ModuleOp>
importModel(mlir::MLIRContext &context, const Model &model,
            const ImportOptions &options, std::vector<std::string> &warnings);

} // namespace trine
