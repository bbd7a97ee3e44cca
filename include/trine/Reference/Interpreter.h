//===- Interpreter.h - the meaning of a module, executed --------*- C++ -*-===//
// Runs func.func entries and launch.kernel bodies over graph operations, before
// and after the kernels phase alike; layouts and placement change nothing.
// Throws trine::Error naming the operation.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "trine/Reference/Tensor.h"

#include <functional>
#include <map>

namespace trine::reference {

/// The value of a parameter; asked once a `graph.weight`.
using WeightReader = std::function<Tensor(graph::ParameterOp)>;

/// Sequence state kept between calls of stateful entries. The batch is set by
/// the first call that uses the state.
struct Session {
  std::vector<int32_t> lengths;         ///< tokens each row holds
  std::map<std::string, Tensor> states; ///< by graph.state symbol

  /// After a successful call: row b grows by lengths[b], or by `tokens`.
  void advance(const Tensor *lengths, int64_t tokens);
};

class Interpreter {
public:
  Interpreter(mlir::ModuleOp module, WeightReader weights)
      : module(module), symbols(module), weights(std::move(weights)) {}

  /// Calls a function. Arguments are checked against its type. The session's
  /// states are written; its lengths are not changed.
  std::vector<Tensor> call(mlir::func::FuncOp function,
                           llvm::ArrayRef<Tensor> arguments, Session &session);

  /// Runs a kernel's body.
  std::vector<Tensor> call(launch::KernelOp kernel,
                           llvm::ArrayRef<Tensor> arguments);

  mlir::ModuleOp getModule() const { return module; }
  mlir::SymbolTable &getSymbols() { return symbols; }

private:
  class Frame;
  std::vector<Tensor> run(mlir::Operation *owner, mlir::Block &block,
                          llvm::ArrayRef<Tensor> arguments, Session *session);

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  WeightReader weights;
};

} // namespace trine::reference
