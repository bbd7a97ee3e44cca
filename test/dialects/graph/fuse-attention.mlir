// RUN: trine-opt %s --graph-fuse-attention --canonicalize | FileCheck %s

// The graph's own transposes cancel.
// CHECK-LABEL: @heads_first
// CHECK-SAME: %[[Q:.*]]: tensor<?x?x4x8xf32>, %[[K:.*]]: tensor<?x?x4x8xf32>, %[[V:.*]]: tensor<?x?x4x16xf32>
func.func @heads_first(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x4x8xf32>, %v: tensor<?x?x4x16xf32>) -> tensor<?x?x4x16xf32> {
  // CHECK-NEXT: %[[O:.*]] = graph.attention %[[Q]], %[[K]], %[[V]] scale 2.500000e-01
  // CHECK-NEXT: return %[[O]]
  %c = graph.constant dense<4.0> : tensor<f32>
  %qh = graph.transpose %q by [0, 2, 1, 3] : tensor<?x?x4x8xf32> -> tensor<?x4x?x8xf32>
  %kt = graph.transpose %k by [0, 2, 3, 1] : tensor<?x?x4x8xf32> -> tensor<?x4x8x?xf32>
  %vh = graph.transpose %v by [0, 2, 1, 3] : tensor<?x?x4x16xf32> -> tensor<?x4x?x16xf32>
  %s = graph.matmul %qh, %kt : tensor<?x4x?x8xf32>, tensor<?x4x8x?xf32> -> tensor<?x4x?x?xf32>
  %t = graph.div %s, %c : tensor<?x4x?x?xf32>, tensor<f32> -> tensor<?x4x?x?xf32>
  %p = graph.softmax %t : tensor<?x4x?x?xf32>
  %o = graph.matmul %p, %vh : tensor<?x4x?x?xf32>, tensor<?x4x?x16xf32> -> tensor<?x4x?x16xf32>
  %r = graph.transpose %o by [0, 2, 1, 3] : tensor<?x4x?x16xf32> -> tensor<?x?x4x16xf32>
  return %r : tensor<?x?x4x16xf32>
}

// CHECK-LABEL: @causal
func.func @causal(%q: tensor<1x2x2x8xf32>, %k: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  // CHECK-COUNT-2: graph.transpose {{.*}} by [0, 2, 1, 3]
  // CHECK: graph.attention {{.*}} causal scale 5.000000e-01
  // CHECK-NEXT: graph.transpose {{.*}} by [0, 2, 1, 3]
  %c = graph.constant dense<0.5> : tensor<1xf32>
  %m = graph.constant dense<[[[[0.0, 0xFF800000], [0.0, 0.0]]]]> : tensor<1x1x2x2xf32>
  %s = graph.matmul %q, %k transpose_b : tensor<1x2x2x8xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x2xf32>
  %t = graph.mul %c, %s : tensor<1xf32>, tensor<1x2x2x2xf32> -> tensor<1x2x2x2xf32>
  %u = graph.add %t, %m : tensor<1x2x2x2xf32>, tensor<1x1x2x2xf32> -> tensor<1x2x2x2xf32>
  %p = graph.softmax %u : tensor<1x2x2x2xf32>
  %o = graph.matmul %p, %k : tensor<1x2x2x2xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x8xf32>
  return %o : tensor<1x2x2x8xf32>
}

// CHECK-LABEL: @other_mask
func.func @other_mask(%q: tensor<1x2x2x8xf32>, %k: tensor<1x2x2x8xf32>) -> tensor<1x2x2x8xf32> {
  // CHECK-NOT: graph.attention
  // CHECK: return
  %m = graph.constant dense<[[0.0, 0xFF800000], [0.0, 0xFF800000]]> : tensor<2x2xf32>
  %s = graph.matmul %q, %k transpose_b : tensor<1x2x2x8xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x2xf32>
  %u = graph.add %s, %m : tensor<1x2x2x2xf32>, tensor<2x2xf32> -> tensor<1x2x2x2xf32>
  %p = graph.softmax %u : tensor<1x2x2x2xf32>
  %o = graph.matmul %p, %k : tensor<1x2x2x2xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x8xf32>
  return %o : tensor<1x2x2x8xf32>
}

// CHECK-LABEL: @weights_used
func.func @weights_used(%q: tensor<1x2x2x8xf32>, %k: tensor<1x2x2x8xf32>) -> (tensor<1x2x2x8xf32>, tensor<1x2x2x2xf32>) {
  // CHECK-NOT: graph.attention
  // CHECK: return
  %s = graph.matmul %q, %k transpose_b : tensor<1x2x2x8xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x2xf32>
  %p = graph.softmax %s : tensor<1x2x2x2xf32>
  %o = graph.matmul %p, %k : tensor<1x2x2x2xf32>, tensor<1x2x2x8xf32> -> tensor<1x2x2x8xf32>
  return %o, %p : tensor<1x2x2x8xf32>, tensor<1x2x2x2xf32>
}
