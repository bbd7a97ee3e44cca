//===- Passes.td - passes on the graph ------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_PASSES_TD
#define TRINE_GRAPH_PASSES_TD

include "mlir/Pass/PassBase.td"

def DropUnusedPass : Pass<"graph-drop-unused", "::mlir::ModuleOp"> {
  let summary = "Remove parameters and states that no entry reads";
  let description = [{
    Private functions, which nothing calls, and operations without effect go
    first, so that a parameter which only dead code reads is not stored. A state
    that any entry appends to stays.

    ```mlir
    graph.parameter @pooler : tensor<8x8xf32> storage "f32" from ["pooler.dense.weight"]
    func.func @encode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %w = graph.weight @pooler : tensor<8x8xf32>
      return %x : tensor<?x8xf32>
    }
    // becomes
    func.func @encode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
      return %x : tensor<?x8xf32>
    }
    ```
  }];
  let statistics = [
    Statistic<"parameters", "parameters", "Parameters removed">,
    Statistic<"states", "states", "States removed">];
}

def FuseAttentionPass : Pass<"graph-fuse-attention"> {
  let summary = "Recognise attention written as matrix products and a softmax";
  let description = [{
    In graphs that hold heads before tokens [B, H, S, D]: softmax of scaled
    products of query and key, times value. The scale is a constant that the
    products are multiplied or divided by. A constant mask, 0 on and below the
    diagonal and at most -1e30 above, makes the attention causal; any other
    addition stays as it is, since attention has no float mask. The operands are
    transposed to [B, S, H, D], which cancels the graph's own transposes.

    ```mlir
    %s = graph.matmul %q, %k transpose_b : ...
    %t = graph.mul %s, %scale : ...
    %p = graph.softmax %t : ...
    %o = graph.matmul %p, %v : ...
    // becomes, with q, k, v and o transposed by [0, 2, 1, 3]
    %o = graph.attention %q, %k, %v scale 1.250000e-01 : ...
    ```
  }];
  let statistics = [Statistic<"attentions", "attentions", "Attention operations formed">];
}

def FuseBiasPass : Pass<"graph-fuse-bias"> {
  let summary = "Move the addition of a vector into the linear layer before it";
  let description = [{
    ```mlir
    %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %z = graph.add %y, %b : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
    // becomes
    %z = graph.linear %x, %w bias %b : tensor<?x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<?x4xf32>
    ```
    The linear layer has no other use and no bias yet.
  }];
  let statistics = [Statistic<"biases", "biases", "Biases fused">];
}

def FuseGatedPass : Pass<"graph-fuse-gated"> {
  let summary = "Recognise activations and gated layers";
  let description = [{
    `x · sigmoid(x)` is `silu`; an activation of one linear layer times another
    linear layer of the same input is `gated`.

    ```mlir
    %g = graph.linear %x, %gate : ...
    %a = graph.silu %g : ...
    %u = graph.linear %x, %up : ...
    %y = graph.mul %a, %u : ...
    // becomes
    %y = graph.gated silu %x, %gate, %up : ...
    ```
    Silu, gelu, gelu_tanh and relu; the layers have no bias and no other use.
  }];
  let statistics = [Statistic<"silus", "silus", "Silu operations formed">,
                    Statistic<"gates", "gates", "Gated layers formed">];
}

def SetPrecisionPass : Pass<"graph-set-precision", "::mlir::ModuleOp"> {
  let summary = "Give contractions, weights and states the types asked for";
  let description = [{
    Reads the module's attributes `graph.compute` (f32, bf16, int8: operands of
    contractions and attention), `graph.weights` (keep, f32, bf16, f16: how
    weights are stored) and `graph.kv` (f32, bf16, fp8: states, fp8 as E4M3 of scale 1); absent ones are f32,
    keep, and as `graph.compute`, f32 for int8.

    Weights of linear and gated layers and tables of gathers: `keep` gives bf16
    and f16 tensors the type they are stored in and marks blocked formats
    `kept`; under bf16 the other weights of layers become bf16. Inputs of layers,
    and queries, keys and values, are cast; attention for such an input alone
    rounds its result. Under int8 layers of kept weights
    quantize their input; everything else computes as under f32.

    ```mlir
    graph.parameter @w : tensor<4x8xf32> storage "f32" from ["w"]
    %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    // becomes, under bf16
    graph.parameter @w : tensor<4x8xbf16> storage "f32" from ["w"]
    %n = graph.cast %x : tensor<?x8xf32> -> tensor<?x8xbf16>
    %y = graph.linear %n, %w : tensor<?x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xf32>
    ```
  }];
  let statistics = [Statistic<"casts", "casts", "Casts inserted">,
                    Statistic<"kept", "kept", "Parameters whose codes are kept">];
}

def GraphVerifyPass : Pass<"graph-verify", "::mlir::ModuleOp"> {
  let summary = "Gate after the import, graph and quantize phases";
  let description = [{
    G20: a module holds parameters, states and functions, a function one block of
    graph operations. G21: entry arguments and results are row-major tensors with
    names of their own (`graph.name`, else `arg0`, `result0`, ...) and, where
    `graph.dims` is given, a name for each dynamic dimension. G22: a state
    is read once in an entry, by the append that writes it, and the written state
    goes to attention only. G23: what is appended starts at the session's length,
    and the attention that reads it knows. G24: nothing has a layout yet.
  }];
}

#endif
