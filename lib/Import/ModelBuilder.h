//===- ModelBuilder.h - what every architecture builds with -----*- C++ -*-===//
// Entries, checked weights and named nodes. Faults are collected, so that a
// model's problems are listed all at once: a weight that is missing or
// misshaped still gets the type the architecture expects.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "trine/Import/Import.h"

#include <functional>
#include <set>

namespace trine {

class ModelBuilder {
public:
  ModelBuilder(mlir::MLIRContext &context, const Model &model,
               const ImportOptions &options,
               std::vector<std::string> &warnings);

  const Model &model;
  mlir::OpBuilder builder;
  mlir::Type f32, i32;

  //===--- Faults ---------------------------------------------------------===//

  /// Once each: entries share their layers.
  void bad(std::string what) {
    if (said.insert(what).second)
      faults.push_back(std::move(what));
  }
  void unsupported(std::string what) {
    if (said.insert(what).second)
      missing.push_back(std::move(what));
  }
  void warn(std::string what) { warnings.push_back(std::move(what)); }
  /// Throws if anything was reported so far.
  void check() const;
  /// Throws if there is a fault: a size that nothing can be built with. What is
  /// unsupported waits, so that all of it is listed.
  void checkFaults() const {
    if (!faults.empty())
      check();
  }
  /// A count of layers must be one that the tensors can fill.
  void checkLayers(std::string_view key, int64_t layers,
                   const char *what = "layers");

  //===--- The module -----------------------------------------------------===//

  /// Longest sequence: the option, else `limit` or 8192, whichever is less.
  /// `hard`: positions beyond `limit` do not exist in the model.
  int64_t maxSequence(int64_t limit, bool hard);

  struct Argument {
    std::string name;
    std::vector<std::string> dims; ///< all dynamic; "1" is always 1
    int64_t indexLimit = 0;
    bool optional = false;
  };
  using Body =
      std::function<mlir::Value(llvm::ArrayRef<mlir::BlockArgument> arguments)>;
  /// A public function, unless the options leave it out.
  void entry(const std::string &name, const std::vector<Argument> &arguments,
             const std::string &result, const Body &body);

  /// The entries forward, prefill and decode of a causal language model.
  /// `hidden` gets tokens and, but in forward, the past length.
  void causalEntries(int64_t vocabulary,
                     const std::function<mlir::Value(mlir::Value tokens,
                                                     mlir::Value past)> &hidden,
                     const std::function<mlir::Value(mlir::Value)> &logits);

  /// Refuses tensors that no entry used and `ignored` does not name, then hands
  /// the module over.
  mlir::OwningOpRef<mlir::ModuleOp>
  finish(llvm::StringRef kind,
         const std::function<bool(llvm::StringRef)> &ignored);

  //===--- Nodes ----------------------------------------------------------===//

  /// Node path and parameter name → the file's tensor name.
  std::function<std::string(const std::string &)> storedName;

  mlir::Location at(const std::string &node) {
    return mlir::NameLoc::get(builder.getStringAttr(node));
  }
  template <typename OpT, typename... Args>
  mlir::Value make(const std::string &node, Args &&...args) {
    return graph::build<OpT>(builder, at(node), f32,
                             std::forward<Args>(args)...);
  }
  bool has(const std::string &parameter) const {
    return model.weights().find(storedName(parameter));
  }
  mlir::FloatAttr real(double value) { return builder.getF64FloatAttr(value); }
  mlir::IntegerAttr integer(int64_t value) {
    return builder.getI64IntegerAttr(value);
  }

  mlir::Value weight(const std::string &parameter, std::vector<int64_t> shape);
  /// [parts, shape..]: a stored tensor for each part, all in one format.
  mlir::Value stackedWeight(const std::string &parameter,
                            llvm::ArrayRef<std::string> parts,
                            llvm::ArrayRef<int64_t> shape);
  /// [groups, count, columns]: of every `every` rows of a stored matrix,
  /// `count` from `first` on. `part` names them.
  struct Rows {
    int64_t first, count, every;
  };
  mlir::Value weightRows(const std::string &parameter, const std::string &part,
                         int64_t groups, Rows rows, int64_t columns);
  /// x · node.weightᵀ (+ node.bias).
  mlir::Value linear(const std::string &node, mlir::Value x, int64_t features,
                     bool bias);
  mlir::Value reshape(const std::string &node, mlir::Value x,
                      llvm::ArrayRef<int64_t> shape);
  mlir::Value activate(const std::string &node, mlir::Value x,
                       graph::Activation kind);
  /// Position of each token, after `past` tokens of each row if given.
  mlir::Value positions(mlir::Value tokens, mlir::Value past);
  mlir::Value pastLength(mlir::Value tokens);
  /// Appends `values` [B, S, ...] to the state and gives the whole of it.
  mlir::Value append(const std::string &node, const std::string &state,
                     mlir::Value values, mlir::Value past);

private:
  void readQuantization();
  mlir::Value scaledWeight(const std::string &parameter,
                           llvm::ArrayRef<int64_t> shape,
                           llvm::ArrayRef<const StoredTensor *> codes,
                           bool stacked);
  mlir::Value read(const std::string &parameter, mlir::RankedTensorType type,
                   llvm::ArrayRef<const StoredTensor *> stored);
  bool isScaleOfUsed(llvm::StringRef tensor) const;
  const StoredTensor *scalesOf(const StoredTensor &codes,
                               llvm::ArrayRef<int64_t> shape);
  std::vector<int64_t> scaleShape(llvm::ArrayRef<int64_t> codes) const;
  bool areAlike(llvm::ArrayRef<const StoredTensor *> tensors);
  void checkScales(const StoredTensor &scales, bool bytes);
  /// The storage of a tensor that becomes plain values; reports what is wrong.
  std::string useStored(const std::string &stored,
                        llvm::ArrayRef<int64_t> shape);
  void declareParameter(const std::string &parameter,
                        llvm::ArrayRef<int64_t> shape,
                        llvm::ArrayRef<std::string> sources,
                        const std::string &storage,
                        mlir::DenseI64ArrayAttr rows = {});
  /// Declarations stand before the entries, in the order of first use.
  void addDeclaration(mlir::Operation *op);

  const ImportOptions &options;
  std::vector<std::string> &warnings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::SymbolTable symbols;
  std::vector<std::string> faults, missing, entryNames;
  std::set<std::string> said;
  std::set<std::string, std::less<>> used;
  int64_t sequenceLimit = 0;
  llvm::SmallVector<int64_t> scaleBlock = {128, 128};
  bool bytesPromised = false; ///< scales are powers of two, says the model
  mlir::Operation *lastDeclaration = nullptr;
};

//===--- Architectures ----------------------------------------------------===//

mlir::OwningOpRef<mlir::ModuleOp> buildLlama(ModelBuilder &model);
mlir::OwningOpRef<mlir::ModuleOp> buildMixtral(ModelBuilder &model);
mlir::OwningOpRef<mlir::ModuleOp> buildQwen2(ModelBuilder &model);
mlir::OwningOpRef<mlir::ModuleOp> buildQwen3(ModelBuilder &model);
mlir::OwningOpRef<mlir::ModuleOp> buildBert(ModelBuilder &model);
mlir::OwningOpRef<mlir::ModuleOp> buildDeepseek(ModelBuilder &model);

/// A config's activation by name; reports an unknown one.
graph::Activation activation(ModelBuilder &model, const std::string &name);

} // namespace trine
