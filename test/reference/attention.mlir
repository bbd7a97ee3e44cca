// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// One head of depth 1; keys 0 give every attended key the same weight, so the
// result is the mean of the attended values 1, 2, 4, 8.
!q = tensor<1x4x1x1xf32>
!i = tensor<1x4xi32>

// CHECK-LABEL: @masks
func.func @masks() -> (!q, !q, !q, !q) {
  %q = graph.constant dense<1.0> : !q
  %k = graph.constant dense<0.0> : !q
  %v = graph.constant dense<[[[[1.0]], [[2.0]], [[4.0]], [[8.0]]]]> : !q
  %mask = graph.constant dense<[[0, 1, 1, 0]]> : !i
  %all = graph.attention %q, %k, %v scale 1.0 : !q, !q, !q -> !q
  %causal = graph.attention %q, %k, %v causal scale 1.0 : !q, !q, !q -> !q
  %window = graph.attention %q, %k, %v causal scale 1.0 window 2 : !q, !q, !q -> !q
  %masked = graph.attention %q, %k, %v mask %mask causal scale 1.0 : !q, !q, !q mask !i -> !q
  // CHECK: dense<3.750000e+00>
  // CHECK: {{\[\[}}1.000000e+00]], {{\[\[}}1.500000e+00]], {{\[\[}}2.33333325]], {{\[\[}}3.750000e+00]]
  // CHECK: {{\[\[}}1.000000e+00]], {{\[\[}}1.500000e+00]], {{\[\[}}3.000000e+00]], {{\[\[}}6.000000e+00]]
  // Query 0 attends nothing.
  // CHECK: {{\[\[}}0.000000e+00]], {{\[\[}}2.000000e+00]], {{\[\[}}3.000000e+00]], {{\[\[}}3.000000e+00]]
  return %all, %causal, %window, %masked : !q, !q, !q, !q
}

// Row 0 has one token before this one, row 1 three; later keys do not exist.
// CHECK-LABEL: @past
func.func @past() -> tensor<2x1x1x1xf32> {
  %q = graph.constant dense<1.0> : tensor<2x1x1x1xf32>
  %k = graph.constant dense<0.0> : tensor<2x4x1x1xf32>
  %v = graph.constant dense<[[[[1.0]], [[2.0]], [[4.0]], [[0x7FC00000]]], [[[1.0]], [[2.0]], [[4.0]], [[8.0]]]]> : tensor<2x4x1x1xf32>
  %past = graph.constant dense<[1, 3]> : tensor<2xi32>
  %0 = graph.attention %q, %k, %v past %past causal scale 1.0
    : tensor<2x1x1x1xf32>, tensor<2x4x1x1xf32>, tensor<2x4x1x1xf32>, past tensor<2xi32> -> tensor<2x1x1x1xf32>
  // CHECK: 1.500000e+00{{.*}}3.750000e+00
  return %0 : tensor<2x1x1x1xf32>
}

// Heads 0, 1 read group 0, heads 2, 3 group 1. Logits q·k·scale = ±1·2·0.5 = ±1,
// softcap 1: ±tanh(1); weights 1/(1+e^∓2tanh(1)).
// CHECK-LABEL: @grouped
func.func @grouped() -> (tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>) {
  %q = graph.constant dense<[[[[1.0], [-1.0], [0.0], [0.0]]]]> : tensor<1x1x4x1xf32>
  %k = graph.constant dense<[[[[2.0], [9.0]], [[-2.0], [9.0]]]]> : tensor<1x2x2x1xf32>
  %v = graph.constant dense<[[[[1.0, 0.0], [5.0, 6.0]], [[0.0, 1.0], [7.0, 8.0]]]]> : tensor<1x2x2x2xf32>
  %0 = graph.attention %q, %k, %v scale 0.5
    : tensor<1x1x4x1xf32>, tensor<1x2x2x1xf32>, tensor<1x2x2x2xf32> -> tensor<1x1x4x2xf32>
  %1 = graph.attention %q, %k, %v scale 0.5 softcap 1.0
    : tensor<1x1x4x1xf32>, tensor<1x2x2x1xf32>, tensor<1x2x2x2xf32> -> tensor<1x1x4x2xf32>
  // CHECK: [0.880797088, 0.119202919], [0.119202919, 0.880797088], [6.000000e+00, 7.000000e+00], [6.000000e+00, 7.000000e+00]
  // CHECK: [0.82100749, 0.17899251], [0.17899251, 0.82100749], [6.000000e+00, 7.000000e+00]
  return %0, %1 : tensor<1x1x4x2xf32>, tensor<1x1x4x2xf32>
}

// Position 1, theta 1: every pair turns by one radian; cos 0.5403, sin 0.8415.
// CHECK-LABEL: @rope
func.func @rope() -> (tensor<1x1x1x5xf32>, tensor<1x1x1x5xf32>, tensor<1x1x1x5xf32>) {
  %x = graph.constant dense<[[[[1.0, 0.0, 0.0, 1.0, 9.0]]]]> : tensor<1x1x1x5xf32>
  %p = graph.constant dense<1> : tensor<1x1xi32>
  %half = graph.rope half %x, %p theta 1.0 dims 4 : tensor<1x1x1x5xf32>, tensor<1x1xi32> -> tensor<1x1x1x5xf32>
  %inter = graph.rope interleaved %x, %p theta 1.0 dims 4 : tensor<1x1x1x5xf32>, tensor<1x1xi32> -> tensor<1x1x1x5xf32>
  %linear = graph.rope half %x, %p theta 1.0 dims 4
    scaling <linear, factor = 2.0 : f64, low = 1.0 : f64, high = 1.0 : f64, original_length = 1, attention = 2.0 : f64>
    : tensor<1x1x1x5xf32>, tensor<1x1xi32> -> tensor<1x1x1x5xf32>
  // CHECK: [0.540302277, -0.841470957, 0.841470957, 0.540302277, 9.000000e+00]
  // CHECK: [0.540302277, 0.841470957, -0.841470957, 0.540302277, 9.000000e+00]
  // 2·cos(1/2), 2·sin(1/2)
  // CHECK: [1.7551651, -0.958851099, 0.958851099, 1.7551651, 9.000000e+00]
  return %half, %inter, %linear : tensor<1x1x1x5xf32>, tensor<1x1x1x5xf32>, tensor<1x1x1x5xf32>
}
