// RUN: trine-opt %s --trine-phase-import --trine-phase-graph | FileCheck %s --check-prefix=GRAPH
// RUN: trine-compile %s --weights-from=%data/tiny-llama --cpu=x86-64-v3 --to=kernels -o %t.mlir
// RUN: FileCheck %s --check-prefix=KERNELS --input-file=%t.mlir
// The model of docs/tour.md: embedding, a gated layer written in its parts with
// a residual, and the output layer, over weights of a tiny Llama.

// GRAPH-NOT: @unused
// GRAPH: %[[G:.*]] = graph.gated silu
// GRAPH: graph.linear %[[G]]
// KERNELS: launch.call @gather_0
// KERNELS: launch.kernel @gather_0 on "cpu" family "gather"
// KERNELS: launch.kernel @{{.*}} on "cpu" family "contraction"

graph.parameter @embed : tensor<288x48xf32> storage "bf16" from ["model.embed_tokens.weight"]
graph.parameter @norm : tensor<48xf32> storage "bf16" from ["model.norm.weight"]
graph.parameter @gate : tensor<80x48xf32> storage "bf16" from ["model.layers.0.mlp.gate_proj.weight"]
graph.parameter @up : tensor<80x48xf32> storage "bf16" from ["model.layers.0.mlp.up_proj.weight"]
graph.parameter @down : tensor<48x80xf32> storage "bf16" from ["model.layers.0.mlp.down_proj.weight"]
graph.parameter @head : tensor<288x48xf32> storage "bf16" from ["lm_head.weight"]
graph.parameter @unused : tensor<48xf32> storage "bf16" from ["model.layers.1.input_layernorm.weight"]

func.func @logits(%tokens: tensor<?x?xi32> {graph.name = "tokens", graph.dims = ["B", "S"], graph.index_limit = 288 : i64})
    -> (tensor<?x?x288xf32> {graph.name = "logits"}) {
  %embed = graph.weight @embed : tensor<288x48xf32>
  %x = graph.gather %embed, %tokens : tensor<288x48xf32>, tensor<?x?xi32> -> tensor<?x?x48xf32>
  %norm = graph.weight @norm : tensor<48xf32>
  %n = graph.rms_norm %x, %norm epsilon 1.0e-5 : tensor<?x?x48xf32>, tensor<48xf32> -> tensor<?x?x48xf32>
  %gate = graph.weight @gate : tensor<80x48xf32>
  %g = graph.linear %n, %gate : tensor<?x?x48xf32>, tensor<80x48xf32> -> tensor<?x?x80xf32>
  %s = graph.sigmoid %g : tensor<?x?x80xf32>
  %a = graph.mul %g, %s : tensor<?x?x80xf32>, tensor<?x?x80xf32> -> tensor<?x?x80xf32>
  %up = graph.weight @up : tensor<80x48xf32>
  %u = graph.linear %n, %up : tensor<?x?x48xf32>, tensor<80x48xf32> -> tensor<?x?x80xf32>
  %m = graph.mul %a, %u : tensor<?x?x80xf32>, tensor<?x?x80xf32> -> tensor<?x?x80xf32>
  %down = graph.weight @down : tensor<48x80xf32>
  %d = graph.linear %m, %down : tensor<?x?x80xf32>, tensor<48x80xf32> -> tensor<?x?x48xf32>
  %r = graph.add %x, %d : tensor<?x?x48xf32>, tensor<?x?x48xf32> -> tensor<?x?x48xf32>
  %head = graph.weight @head : tensor<288x48xf32>
  %l = graph.linear %r, %head : tensor<?x?x48xf32>, tensor<288x48xf32> -> tensor<?x?x288xf32>
  return %l : tensor<?x?x288xf32>
}
