//===- Passes.td - passes on the host program -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_LAUNCH_PASSES_TD
#define TRINE_LAUNCH_PASSES_TD

include "mlir/Pass/PassBase.td"

def InsertCopiesPass : Pass<"launch-insert-copies", "::mlir::ModuleOp"> {
  let summary = "Copy values explicitly to the device that uses them";
  let description = [{
    Inputs, parameters and row lengths live in host memory, a kernel's results on
    its device, a state on the device that appends to it. Entry results return to
    the host. One copy serves all uses on a device.

    ```mlir
    %k = launch.call @linear_0(%x, %w) : ...            // @linear_0 on "cpu"
    %o = launch.call @attention_0(%k) : ...             // @attention_0 on "reference"
    // becomes
    %c = launch.copy %k to "reference" : ...
    %o = launch.call @attention_0(%c) : ...
    ```
  }];
  let statistics = [Statistic<"copies", "copies", "Copies inserted">];
}

def AssignSlotsPass : Pass<"launch-assign-slots", "::mlir::ModuleOp"> {
  let summary = "Give each value of the host program an arena slot";
  let description = [{
    A linear scan: a slot is free again after the last use of the value in it
    (uses through a reshape or a tied result count). A slot that last held the
    same type is preferred, then any free slot of the device, so the arena's size
    follows the widest point of the program, not its length. Entry results keep
    their slots.
  }];
  let statistics = [Statistic<"slots", "slots", "Slots over all entries">];
}

def VerifyLaunchPass : Pass<"launch-verify", "::mlir::ModuleOp"> {
  let summary = "Gate after the kernels phase";
  let description = [{
    L4: entries hold only launches, copies, `graph.weight`, `graph.cache`,
    `graph.length`, `graph.reshape` and the return. L5: every operand is on its
    kernel's device, every entry result on the host. L6: every result that owns
    storage has a slot, and no two values alive together share one. L7: kernels
    hold graph operations only.
  }];
}

def VerifyCodePass : Pass<"launch-verify-code", "::mlir::ModuleOp"> {
  let summary = "Gate after the target phase";
  let description = [{
    L8: every kernel on the CPU has exactly one `launch.code`, and it holds
    nothing but the llvm dialect.
  }];
}

#endif
