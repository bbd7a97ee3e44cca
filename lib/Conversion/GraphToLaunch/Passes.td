//===- Passes.td - from a graph to a host program and kernels -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPHTOLAUNCH_PASSES_TD
#define TRINE_GRAPHTOLAUNCH_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlaceOpsPass : Pass<"place-ops", "::mlir::ModuleOp"> {
  let summary = "Choose a device for each graph operation";
  let description = [{
    An operation goes to the first of the module's `launch.targets`, or where the
    last matching `PATTERN=DEVICE` of `launch.place` sends it; PATTERN is a glob
    over the operation's name (`graph.attention`) or the model's node
    (`layers.3.*`). What a device cannot do falls back to the CPU, and what that
    cannot do to the interpreter, with the reason in the module attribute
    `launch.placement`; an operation that nothing runs is an error, and all of
    them are reported. An append goes where its attention goes,
    so that a state never travels. Sets `launch.device` on each operation.
  }];
  let statistics = [Statistic<"fallbacks", "fallbacks", "Operations that fell back to another device">];
}

def AssignLayoutsPass : Pass<"assign-layouts", "::mlir::ModuleOp"> {
  let summary = "Give parameters, states and operands the layouts devices ask for";
  let description = [{
    Needs `launch.device`. A parameter takes the layout of its uses, so that it is
    packed at compile time; uses that disagree get parameters of their own. A
    state takes the layout its attention asks for. Any other operand is converted
    by `graph.relayout` at run time.

    ```mlir
    graph.parameter @w : tensor<192x576xf32> storage "q4_1" from ["w"]
    // becomes
    graph.parameter @w : tensor<192x576xf32, #graph.layout<panels, 32>> storage "q4_1" from ["w"]
    ```
  }];
  let statistics = [Statistic<"relayouts", "relayouts", "Run-time conversions inserted">];
}

def ConvertGraphToLaunchPass : Pass<"convert-graph-to-launch", "::mlir::ModuleOp"> {
  let summary = "Fuse placed operations into kernels and launch them";
  let description = [{
    Each operation heads a kernel and takes the chain of its only users along as
    far as its target agrees (`Target::canFuse`): a contraction its bias,
    activation and residual. Linear layers of one input become one kernel. Kernels
    of equal structure are one: equal layers compile once.

    ```mlir
    %y = graph.linear %x, %w : ...
    %z = graph.add %y, %r : ...
    // becomes
    %z = launch.call @linear_0(%x, %w, %r) {node = "layers.0.o_proj"} : ...
    ```
  }];
  let dependentDialects = ["::trine::launch::LaunchDialect"];
  let statistics = [Statistic<"kernels", "kernels", "Distinct kernels">,
                    Statistic<"launches", "launches", "Launches">];
}

#endif
