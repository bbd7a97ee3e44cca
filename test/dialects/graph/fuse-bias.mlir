// RUN: trine-opt %s --graph-fuse-bias | FileCheck %s

// CHECK-LABEL: @vector
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: tensor<4x8xf32>, %[[B:.*]]: tensor<4xf32>
func.func @vector(%x: tensor<?x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>) -> tensor<?x4xf32> {
  // CHECK: %[[Y:.*]] = graph.linear %[[X]], %[[W]] bias %[[B]]
  // CHECK-NEXT: return %[[Y]]
  %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
  %z = graph.add %b, %y : tensor<4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  return %z : tensor<?x4xf32>
}

// CHECK-LABEL: @residual
func.func @residual(%x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {
  // CHECK: graph.add
  %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %z = graph.add %y, %x : tensor<?x8xf32>, tensor<?x8xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: @second_bias
func.func @second_bias(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  // CHECK: graph.linear {{.*}} bias
  // CHECK: graph.add
  %y = graph.linear %x, %w bias %b : tensor<2x8xf32>, tensor<4x8xf32>, tensor<4xf32> -> tensor<2x4xf32>
  %z = graph.add %y, %b : tensor<2x4xf32>, tensor<4xf32> -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}

// CHECK-LABEL: @other_use
func.func @other_use(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  // CHECK: graph.add
  %y = graph.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %z = graph.add %y, %b : tensor<2x4xf32>, tensor<4xf32> -> tensor<2x4xf32>
  return %y, %z : tensor<2x4xf32>, tensor<2x4xf32>
}

// A vector of one element is repeated; a bias is not.
// CHECK-LABEL: @scalar
func.func @scalar(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<1xf32>) -> tensor<2x4xf32> {
  // CHECK: graph.add
  %y = graph.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<2x4xf32>
  %z = graph.add %y, %b : tensor<2x4xf32>, tensor<1xf32> -> tensor<2x4xf32>
  return %z : tensor<2x4xf32>
}
