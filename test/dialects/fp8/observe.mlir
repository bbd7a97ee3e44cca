// RUN: trine-opt %s -split-input-file --fp8-observe --fp8-annotate --fp8-materialize --fp8-compare | FileCheck %s

// CHECK-LABEL: func.func @absmax
// CHECK-SAME: -> (tensor<?x192xf32>, tensor<1xf32> {graph.name = "observe.layers.0.q_proj"})
module attributes {fp8.observe = "absmax"} {
graph.parameter @w : tensor<192x300xf32> storage "bf16" from ["w"]
func.func @absmax(%x: tensor<?x300xf32>) -> tensor<?x192xf32> {
  %w = graph.weight @w : tensor<192x300xf32>
  // CHECK: %[[M:.*]] = fp8.observe %arg0
  // CHECK: %[[Y:.*]] = graph.linear %arg0
  %y = graph.linear %x, %w : tensor<?x300xf32>, tensor<192x300xf32> -> tensor<?x192xf32> loc("layers.0.q_proj")
  // CHECK: return %[[Y]], %[[M]]
  return %y : tensor<?x192xf32>
}
}

// -----

// The layer's own output flows on; the quantized one is compared with it. What
// weights lose is told by an entry of their own.
// CHECK-LABEL: func.func @error
// CHECK-SAME: (tensor<?x300xf32>, tensor<4xf32> {graph.name = "compare.input.layers.0.mlp.gate_up"}, tensor<259xf32> {graph.name = "census.input.layers.0.mlp.gate_up"}, tensor<4xf32> {graph.name = "compare.output.layers.0.mlp.gate_up"})
module attributes {fp8.observe = "error", fp8.recipe = "version: 1\0Aschemes:\0A  s: {elem: e4m3fn, block: [1, 32]}\0Arules: [{match: mlp, weight: s, input: s}]"} {
graph.parameter @w : tensor<300x300xf32> storage "bf16" from ["w"]
graph.parameter @u : tensor<300x300xf32> storage "bf16" from ["u"]
func.func @error(%x: tensor<?x300xf32>) -> tensor<?x300xf32> {
  %w = graph.weight @w : tensor<300x300xf32>
  %u = graph.weight @u : tensor<300x300xf32>
  // CHECK-DAG: %[[X:.*]] = fp8.dequantize %[[C:.*]], %[[S:.*]] block [1, 32] : tensor<?x300xf8E4M3FN>
  // CHECK: fp8.compare %arg0, %[[X]]
  // CHECK: fp8.census %arg0 as %[[C]], %[[S]] block [1, 32]
  // CHECK: %[[P:.*]] = graph.gated silu %arg0, %{{.*}}, %{{.*}}
  // CHECK: %[[Q:.*]] = graph.gated silu %[[X]], %{{.*}}, %{{.*}}
  // CHECK: fp8.compare %[[P]], %[[Q]]
  %g = graph.gated silu %x, %w, %u : tensor<?x300xf32>, tensor<300x300xf32>, tensor<300x300xf32> -> tensor<?x300xf32> loc("layers.0.mlp.gate_up")
  // The head is kept.
  // CHECK: %[[H:.*]] = graph.linear %[[P]]
  // CHECK: return %[[H]]
  %y = graph.linear %g, %w : tensor<?x300xf32>, tensor<300x300xf32> -> tensor<?x300xf32> loc("lm_head")
  return %y : tensor<?x300xf32>
}
// CHECK: func.func @weights()
// CHECK-SAME: "compare.gate.layers.0.mlp.gate_up"
// CHECK-SAME: "census.up.layers.0.mlp.gate_up"
}

// -----

// A static input: 3.5 / 448 is 2^-7.
// CHECK-LABEL: func.func @static
module attributes {fp8.calibration = {layers.0.q_proj = 3.5 : f32}, fp8.recipe = "version: 1\0Aschemes:\0A  s: {elem: e4m3fn, block: [0, 0], dynamic: false}\0Arules: [{match: q_proj, input: s}]"} {
graph.parameter @w : tensor<192x300xf32> storage "bf16" from ["w"]
func.func @static(%x: tensor<?x300xf32>) -> tensor<?x192xf32> {
  %w = graph.weight @w : tensor<192x300xf32>
  // CHECK: %[[S:.*]] = graph.constant dense<7.812500e-03> : tensor<1xf32>
  // CHECK: %[[C:.*]] = fp8.encode %arg0, %[[S]] block [0, 0]
  // CHECK: fp8.dequantize %[[C]], %[[S]] block [0, 0]
  %y = graph.linear %x, %w : tensor<?x300xf32>, tensor<192x300xf32> -> tensor<?x192xf32> loc("layers.0.q_proj")
  return %y : tensor<?x192xf32>
}
}
