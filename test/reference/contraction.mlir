// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// CHECK-LABEL: @linear
func.func @linear() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = graph.constant dense<[[1.0, 2.0, 3.0], [-1.0, 0.5, 4.0]]> : tensor<2x3xf32>
  %w = graph.constant dense<[[1.0, 0.0, -1.0], [2.0, 4.0, 8.0]]> : tensor<2x3xf32>
  %b = graph.constant dense<[10.0, -10.0]> : tensor<2xf32>
  %0 = graph.linear %x, %w : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x2xf32>
  %1 = graph.linear %x, %w bias %b : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2xf32> -> tensor<2x2xf32>
  // CHECK: dense<{{\[}}[-2.000000e+00, 3.400000e+01], [-5.000000e+00, 3.200000e+01]]>
  // CHECK: dense<{{\[}}[8.000000e+00, 2.400000e+01], [5.000000e+00, 2.200000e+01]]>
  return %0, %1 : tensor<2x2xf32>, tensor<2x2xf32>
}

// A sum that needs more than f32 carries: 2^24 + 1 + 1 - 2^24.
// CHECK-LABEL: @float64_accumulation
func.func @float64_accumulation() -> tensor<1x1xf32> {
  %x = graph.constant dense<[[16777216.0, 1.0, 1.0, -16777216.0]]> : tensor<1x4xf32>
  %w = graph.constant dense<1.0> : tensor<1x4xf32>
  %0 = graph.linear %x, %w : tensor<1x4xf32>, tensor<1x4xf32> -> tensor<1x1xf32>
  // CHECK: dense<2.000000e+00>
  return %0 : tensor<1x1xf32>
}

// gate = [1, -2], up = [3, 5]: relu, silu(1)·3 and silu(-2)·5.
// CHECK-LABEL: @gated
func.func @gated() -> (tensor<1x2xf32>, tensor<1x2xf32>) {
  %x = graph.constant dense<[[1.0, 1.0]]> : tensor<1x2xf32>
  %gate = graph.constant dense<[[0.5, 0.5], [-1.0, -1.0]]> : tensor<2x2xf32>
  %up = graph.constant dense<[[1.0, 2.0], [2.0, 3.0]]> : tensor<2x2xf32>
  %0 = graph.gated relu %x, %gate, %up : tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  %1 = graph.gated silu %x, %gate, %up : tensor<1x2xf32>, tensor<2x2xf32>, tensor<2x2xf32> -> tensor<1x2xf32>
  // CHECK: dense<{{\[}}[3.000000e+00, 0.000000e+00]]>
  // CHECK: dense<{{\[}}[2.19317579, -1.19202924]]>
  return %0, %1 : tensor<1x2xf32>, tensor<1x2xf32>
}

// CHECK-LABEL: @matmul
func.func @matmul() -> (tensor<2x1x2xf32>, tensor<2x1x2xf32>) {
  %a = graph.constant dense<[[[1.0, 2.0]], [[3.0, 4.0]]]> : tensor<2x1x2xf32>
  %b = graph.constant dense<[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [1.0, 10.0]]]> : tensor<2x2x2xf32>
  %0 = graph.matmul %a, %b : tensor<2x1x2xf32>, tensor<2x2x2xf32> -> tensor<2x1x2xf32>
  %1 = graph.matmul %a, %b transpose_b : tensor<2x1x2xf32>, tensor<2x2x2xf32> -> tensor<2x1x2xf32>
  // CHECK: dense<{{\[\[}}[7.000000e+00, 1.000000e+01]], {{\[}}[4.000000e+00, 4.300000e+01]]]>
  // CHECK: dense<{{\[\[}}[5.000000e+00, 1.100000e+01]], {{\[}}[4.000000e+00, 4.300000e+01]]]>
  return %0, %1 : tensor<2x1x2xf32>, tensor<2x1x2xf32>
}
