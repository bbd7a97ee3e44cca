//===- Passes.td - the reference as a pass --------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_REFERENCE_PASSES_TD
#define TRINE_REFERENCE_PASSES_TD

include "mlir/Pass/PassBase.td"

def EvaluatePass : Pass<"reference-evaluate", "::mlir::ModuleOp"> {
  let summary = "Replace functions without arguments by their results";
  let description = [{
    Interprets the body of each `func.func` that takes no arguments and leaves
    its results as constants. Parameters have no values here; sequence state is
    empty at the start of each function. Works before and after the kernels
    phase, so a phase can be checked by comparing its input's and its output's
    results.

    ```mlir
    func.func @f() -> tensor<2xf32> {
      %x = graph.constant dense<[1.0, -2.0]> : tensor<2xf32>
      %y = graph.abs %x : tensor<2xf32>
      return %y : tensor<2xf32>
    }
    // becomes
    func.func @f() -> tensor<2xf32> {
      %y = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
      return %y : tensor<2xf32>
    }
    ```
  }];
  let dependentDialects = ["::trine::graph::GraphDialect"];
  let statistics = [Statistic<"evaluated", "functions", "Functions evaluated">];
}

#endif
