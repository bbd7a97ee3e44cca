// RUN: trine-opt %s --graph-fuse-gated | FileCheck %s

// CHECK-LABEL: @silu
func.func @silu(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = graph.silu %arg0
  // CHECK-NEXT: return %[[Y]]
  %s = graph.sigmoid %x : tensor<?x4xf32>
  %y = graph.mul %s, %x : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: @sigmoid_of_another
func.func @sigmoid_of_another(%x: tensor<?x4xf32>, %z: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK: graph.mul
  %s = graph.sigmoid %z : tensor<?x4xf32>
  %y = graph.mul %s, %x : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// SwiGLU from its parts: the silu formed first becomes the gate's activation.
// CHECK-LABEL: @swiglu
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[GATE:.*]]: tensor<4x8xf32>, %[[UP:.*]]: tensor<4x8xf32>
func.func @swiglu(%x: tensor<?x8xf32>, %gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = graph.gated silu %[[X]], %[[GATE]], %[[UP]]
  // CHECK-NEXT: return %[[Y]]
  %g = graph.linear %x, %gate : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %s = graph.sigmoid %g : tensor<?x4xf32>
  %a = graph.mul %g, %s : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %u = graph.linear %x, %up : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %y = graph.mul %a, %u : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: @geglu
func.func @geglu(%x: tensor<?x8xf32>, %gate: tensor<4x8xf32>, %up: tensor<4x8xf32>) -> tensor<?x4xf32> {
  // CHECK: graph.gated gelu_tanh %arg0, %arg1, %arg2
  %u = graph.linear %x, %up : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %g = graph.linear %x, %gate : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %a = graph.gelu_tanh %g : tensor<?x4xf32>
  %y = graph.mul %u, %a : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// CHECK-LABEL: @other_input
func.func @other_input(%x: tensor<2x8xf32>, %z: tensor<2x8xf32>, %w: tensor<4x8xf32>) -> tensor<2x4xf32> {
  // CHECK-NOT: graph.gated
  // CHECK: return
  %g = graph.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %a = graph.relu %g : tensor<2x4xf32>
  %u = graph.linear %z, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %y = graph.mul %a, %u : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// CHECK-LABEL: @biased
func.func @biased(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  // CHECK-NOT: graph.gated
  // CHECK: return
  %g = graph.linear %x, %w bias %b : tensor<2x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<2x4xf32>
  %a = graph.relu %g : tensor<2x4xf32>
  %u = graph.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %y = graph.mul %a, %u : tensor<2x4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}
