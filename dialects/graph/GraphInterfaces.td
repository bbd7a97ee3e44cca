//===- GraphInterfaces.td - what passes may ask a graph operation ---------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_INTERFACES_TD
#define TRINE_GRAPH_INTERFACES_TD

include "mlir/IR/OpBase.td"

def ShapeInference : OpInterface<"ShapeInference"> {
  let cppNamespace = "::trine::graph";
  let description = [{
    Result shapes from operand shapes, symbolically: a dimension is an affine
    expression whose symbols are the dynamic dimensions of the entry. The same
    method verifies types (dynamic = a fresh symbol) and sizes every buffer.
  }];
  let methods = [InterfaceMethod<[{
      Appends one shape a result. `operands[i]` is the shape of operand i.
      Errors go to `emitError` (lower case, naming the operand).
    }], "::llvm::LogicalResult", "inferShapes",
    (ins "::llvm::ArrayRef<::trine::graph::SymbolicShape>":$operands,
         "::llvm::SmallVectorImpl<::trine::graph::SymbolicShape> &":$results,
         "::trine::graph::ErrorEmitter":$emitError)>];
  let verify = [{ return ::trine::graph::verifyInferredShapes($_op); }];
  let verifyWithRegions = 0;
}

def NarrowOperandsInterface : OpInterface<"NarrowOperands"> {
  let cppNamespace = "::trine::graph";
  let description = [{
    Operands whose products are exact when they are narrower than f32: those that
    `--compute` rounds.
  }];
  let methods = [InterfaceMethod<"The operands, by default the first.",
    "::llvm::SmallVector<::mlir::OpOperand *>", "getNarrowOperands", (ins), "",
    [{ return {&$_op->getOpOperand(0)}; }]>];
}

def ElementwiseInterface : OpInterface<"Elementwise"> {
  let cppNamespace = "::trine::graph";
  let description = [{
    Each result element depends on the operands' elements at the same
    (broadcast) index only: such an operation may be fused into any producer.
  }];
  let methods = [StaticInterfaceMethod<
    "The exact scalar meaning in float64; operands in order.",
    "double", "evaluate", (ins "::llvm::ArrayRef<double>":$operands)>];
}

#endif
