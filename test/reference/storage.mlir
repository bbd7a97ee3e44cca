// RUN: trine-opt %s --reference-evaluate | FileCheck %s

graph.state @cache : tensor<?x4x1xf32>

// Row 0 writes at 0, row 1 at 2; unwritten positions start as zeros.
// CHECK-LABEL: @append
func.func @append() -> (tensor<?x4x1xf32>, tensor<2xi32>) {
  %x = graph.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>
  %at = graph.constant dense<[0, 2]> : tensor<2xi32>
  %length = graph.length %x : tensor<2x2x1xf32> -> tensor<2xi32>
  %old = graph.cache @cache like %x : tensor<2x2x1xf32> -> tensor<?x4x1xf32>
  %new = graph.append %x to %old at %at : tensor<2x2x1xf32>, tensor<2xi32> -> tensor<?x4x1xf32>
  // CHECK: [1.000000e+00], [2.000000e+00], [0.000000e+00], [0.000000e+00]]
  // CHECK-SAME: [0.000000e+00], [0.000000e+00], [3.000000e+00], [4.000000e+00]]
  // CHECK: dense<0> : tensor<2xi32>
  return %new, %length : tensor<?x4x1xf32>, tensor<2xi32>
}

// CHECK-LABEL: @positions
func.func @positions() -> (tensor<2x3xi32>, tensor<2x3xi32>) {
  %x = graph.constant dense<0> : tensor<2x3xi32>
  %past = graph.constant dense<[0, 5]> : tensor<2xi32>
  %0 = graph.positions %x : tensor<2x3xi32> -> tensor<2x3xi32>
  %1 = graph.positions %x after %past : tensor<2x3xi32>, tensor<2xi32> -> tensor<2x3xi32>
  // CHECK: dense<{{\[}}[0, 1, 2], [0, 1, 2]]>
  // CHECK: dense<{{\[}}[0, 1, 2], [5, 6, 7]]>
  return %0, %1 : tensor<2x3xi32>, tensor<2x3xi32>
}
