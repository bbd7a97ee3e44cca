//===- LaunchOps.td - the host program ------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_LAUNCH_OPS_TD
#define TRINE_LAUNCH_OPS_TD

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def LaunchDialect : Dialect {
  let name = "launch";
  let cppNamespace = "::trine::launch";
  let summary = "The host program: kernels, launches, copies between devices";
  let description = [{
    What the package stores. A `launch.kernel` holds the meaning of one fused
    region as graph operations and names its device; entries are `func.func`
    whose bodies only launch kernels and copy values between devices.
  }];
}

class Launch_Op<string mnemonic, list<Trait> traits = []>
    : Op<LaunchDialect, mnemonic, traits>;

def KernelOp : Launch_Op<"kernel", [Symbol, IsolatedFromAbove, SingleBlock]> {
  let summary = "One fused region of graph operations, run by one device";
  let description = [{
    Block arguments are the operands of a launch, `launch.return` gives its
    results. `ties[i]` is the operand whose storage result i shares (state
    updated in place), or -1. Kernels of equal structure are one (L2).

    ```mlir
    launch.kernel @linear_0 on "cpu" family "contraction" ties [-1] {
    ^bb0(%x: tensor<?x?x576xf32>, %w: tensor<192x576xf32, #graph.layout<panels, 32>>):
      %y = graph.linear %x, %w : ...
      launch.return %y : tensor<?x?x192xf32>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$device,
                       StrAttr:$family, DenseI64ArrayAttr:$ties);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name `on` $device `family` $family `ties` $ties attr-dict-with-keyword $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::TypeRange getResultTypes();
    ::mlir::Block &getBlock() { return getBody().front(); }
  }];
}

def ReturnOp : Launch_Op<"return", [Pure, Terminator, ParentOneOf<["KernelOp"]>]> {
  let summary = "Results of a kernel";
  let arguments = (ins Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
}

def CallOp : Launch_Op<"call", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "Launches a kernel";
  let description = [{
    Operand and result types are the kernel's, up to dynamic dimensions (L3).
    `node` names the model's operation, for errors and --dump-node.
    `slots[i]`, when assigned, is the arena slot of result i (-1: none needed).
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, Variadic<AnyRankedTensor>:$operands,
                       OptionalAttr<StrAttr>:$node,
                       OptionalAttr<DenseI64ArrayAttr>:$slots);
  let results = (outs Variadic<AnyRankedTensor>:$results);
  let assemblyFormat = [{
    $kernel `(` $operands `)` attr-dict `:` functional-type($operands, $results)
  }];
  let hasVerifier = 1;
}

def CopyOp : Launch_Op<"copy", [SameOperandsAndResultShape,
                                SameOperandsAndResultElementType]> {
  let summary = "Copies a value to another device";
  let description = [{ Shape and element type stay (L10). }];
  let arguments = (ins AnyRankedTensor:$input, StrAttr:$device,
                       OptionalAttr<DenseI64ArrayAttr>:$slots);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$input `to` $device attr-dict `:` type($input) `->` type($result)";
  let hasVerifier = 1;
}

def CodeOp : Launch_Op<"code", [IsolatedFromAbove, NoTerminator, SingleBlock,
                                SymbolTable,
                                DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "A kernel lowered for its device";
  let description = [{
    The region holds the device's own form: for the CPU one function of the
    kernel's name, first over scf/vector, after lowering in the llvm dialect.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$kernel attr-dict-with-keyword $body";
}

#endif
