// RUN: trine-opt %s -split-input-file --fp8-annotate=recipe=W8A16 | FileCheck %s --check-prefix=ANNOTATE
// RUN: trine-opt %s -split-input-file --fp8-annotate=recipe=W8A16 --fp8-materialize | FileCheck %s --check-prefix=MATERIALIZE
// RUN: trine-opt %s -split-input-file --fp8-annotate=recipe=W8A16 --fp8-materialize --fp8-fold-weights | FileCheck %s --check-prefix=FOLD
// RUN: trine-opt %s -split-input-file --fp8-annotate=recipe=W8A16 --fp8-materialize --fp8-fold-weights --fp8-form-products | FileCheck %s --check-prefix=FORM
// RUN: trine-opt %s -split-input-file --fp8-annotate=recipe=DEEPSEEK --fp8-materialize --fp8-fold-weights --fp8-form-products --cse --fp8-pack-scales --fp8-fold-weights | FileCheck %s --check-prefix=PACK

// ANNOTATE-LABEL: @layers
// MATERIALIZE-LABEL: @layers
// FOLD: graph.parameter @w.scales : tensor<2x3xf32> storage "bf16" quantized #fp8.scheme<f8E4M3FN, f32, [128, 128], amax> from ["w"]
// FOLD: graph.parameter @w.codes : tensor<192x300xf8E4M3FN> storage "bf16" quantized #fp8.scheme<f8E4M3FN, f32, [128, 128], amax> from ["w"]
// FORM-LABEL: @layers
// PACK: graph.parameter @w.scales.rows : tensor<192x3xi8> storage "bf16" quantized #fp8.scheme<f8E4M3FN, i8, [128, 128], rceil, amax_floor = {{.*}}> repeat 128 from ["w"]
// PACK-LABEL: @layers
graph.parameter @w : tensor<192x300xf32> storage "bf16" from ["w"]
graph.parameter @u : tensor<192x300xf32> storage "bf16" from ["u"]
graph.parameter @head : tensor<64x300xf32> storage "bf16" from ["head"]
func.func @layers(%x: tensor<?x300xf32>) -> (tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x64xf32>) {
  %w = graph.weight @w : tensor<192x300xf32>
  %u = graph.weight @u : tensor<192x300xf32>
  %h = graph.weight @head : tensor<64x300xf32>
  // ANNOTATE: graph.linear {{.*}}fp8.weight = #fp8.scheme<f8E4M3FN, f32, [128, 128], amax>
  // MATERIALIZE: %[[Q:.*]], %[[S:.*]] = fp8.quantize %{{.*}} as <f8E4M3FN, f32, [128, 128], amax>
  // MATERIALIZE: %[[D:.*]] = fp8.dequantize %[[Q]], %[[S]] block [128, 128]
  // MATERIALIZE: graph.linear %arg0, %[[D]] : 
  // FOLD-NOT: fp8.quantize
  // FORM: %[[C:.*]] = graph.weight @w.codes : tensor<192x300xf8E4M3FN>
  // FORM: %[[S:.*]] = graph.weight @w.scales : tensor<2x3xf32>
  // FORM: fp8.scaled_matmul %arg0, %[[C]] scales %[[S]] [128, 128] group 128 :
  // One quantized input for both layers.
  // PACK-COUNT-1: fp8.quantize
  // PACK-NOT: fp8.quantize
  // PACK: fp8.scaled_matmul %{{.*}} scales %{{.*}} [1, 128], %{{.*}} scales %{{.*}} [1, 128] group 128 : tensor<?x300xf8E4M3FN> scales tensor<?x3xi8>, tensor<192x300xf8E4M3FN>, tensor<192x3xi8>
  %y = graph.linear %x, %w : tensor<?x300xf32>, tensor<192x300xf32> -> tensor<?x192xf32> loc("layers.0.q_proj")
  // FORM: fp8.scaled_gated silu
  // PACK: fp8.scaled_gated silu
  %g = graph.gated silu %x, %w, %u : tensor<?x300xf32>, tensor<192x300xf32>, tensor<192x300xf32> -> tensor<?x192xf32> loc("layers.0.mlp.gate_up")
  // The head is kept.
  // ANNOTATE: graph.linear {{.*}} : tensor<?x300xf32>, tensor<64x300xf32>
  // FORM: graph.linear {{.*}} : tensor<?x300xf32>, tensor<64x300xf32>
  %z = graph.linear %x, %h : tensor<?x300xf32>, tensor<64x300xf32> -> tensor<?x64xf32> loc("lm_head")
  return %y, %g, %z : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x64xf32>
}

// -----

// A checkpoint's own codes are multiplied as they are.
// FORM-LABEL: @stored
graph.parameter @c : tensor<192x300xf8E4M3FN> storage "e4m3fn" from ["c"]
graph.parameter @s : tensor<2x3xi8> storage "ue8m0" from ["s"]
func.func @stored(%x: tensor<?x300xf32>) -> tensor<?x192xf32> {
  %c = graph.weight @c : tensor<192x300xf8E4M3FN>
  %s = graph.weight @s : tensor<2x3xi8>
  // FORM-NOT: dequantize
  // FORM: fp8.scaled_matmul %arg0, %{{.*}} scales %{{.*}} [128, 128] group 128 :
  %w = fp8.dequantize %c, %s block [128, 128] : tensor<192x300xf8E4M3FN>, tensor<2x3xi8> -> tensor<192x300xf32>
  %y = graph.linear %x, %w : tensor<?x300xf32>, tensor<192x300xf32> -> tensor<?x192xf32> loc("layers.0.q_proj")
  return %y : tensor<?x192xf32>
}

// -----

// So are those of experts, stacked, with a scale for each row of each of them.
// PACK: graph.parameter @s.rows : tensor<4x40x3xf32> storage "f32" repeat 16 from ["s0", "s1", "s2", "s3"]
// FORM-LABEL: @experts
// PACK-LABEL: @experts
graph.parameter @c : tensor<4x40x72xf8E4M3FN> storage "e4m3fn" from ["c0", "c1", "c2", "c3"]
graph.parameter @s : tensor<4x3x3xf32> storage "f32" from ["s0", "s1", "s2", "s3"]
func.func @experts(%x: tensor<?x72xf32>, %h: tensor<?x2x72xf32>, %i: tensor<?x2xi32>, %f: tensor<?x2xf32>)
    -> (tensor<?x2x40xf32>, tensor<?x40xf32>) {
  %c = graph.weight @c : tensor<4x40x72xf8E4M3FN>
  %s = graph.weight @s : tensor<4x3x3xf32>
  // FORM-NOT: dequantize
  // FORM: fp8.scaled_expert_gated silu %arg0, %arg2, %{{.*}} scales %{{.*}}, %{{.*}} scales %{{.*}} [16, 24] group 24 :
  // FORM: fp8.scaled_expert_linear %arg1, %arg2, %arg3, %{{.*}} scales %{{.*}} [16, 24] group 24 :
  // PACK: fp8.scaled_expert_gated silu {{.*}} [1, 24] group 24
  // PACK: fp8.scaled_expert_linear {{.*}} [1, 24] group 24 : {{.*}}, tensor<4x40x3xf32> -> tensor<?x40xf32>
  %w = fp8.dequantize %c, %s block [16, 24] : tensor<4x40x72xf8E4M3FN>, tensor<4x3x3xf32> -> tensor<4x40x72xf32>
  %g = graph.expert_gated silu %x, %i, %w, %w : tensor<?x72xf32>, tensor<?x2xi32>, tensor<4x40x72xf32>, tensor<4x40x72xf32> -> tensor<?x2x40xf32>
  %y = graph.expert_linear %h, %i, %f, %w : tensor<?x2x72xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x40x72xf32> -> tensor<?x40xf32>
  return %g, %y : tensor<?x2x40xf32>, tensor<?x40xf32>
}
