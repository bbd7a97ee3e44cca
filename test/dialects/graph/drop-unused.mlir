// RUN: trine-opt %s --graph-drop-unused | FileCheck %s

// CHECK-NOT: @dead
// CHECK: graph.parameter @read
// CHECK: graph.state @written
// CHECK-NOT: @never
graph.parameter @dead : tensor<8x8xf32> storage "f32" from ["dead"]
graph.parameter @read : tensor<8xf32> storage "f32" from ["read"]
graph.state @written : tensor<?x16x2xf32>
graph.state @never : tensor<?x16x2xf32>

// CHECK-LABEL: @entry
func.func @entry(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK-NEXT: graph.weight @read
  // CHECK-NEXT: graph.add
  // CHECK-NEXT: return
  %d = graph.weight @dead : tensor<8x8xf32>
  %y = graph.linear %x, %d : tensor<?x8xf32>, tensor<8x8xf32> -> tensor<?x8xf32>
  %w = graph.weight @read : tensor<8xf32>
  %z = graph.add %x, %w : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// CHECK-NOT: @helper
func.func private @helper(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// A later call reads what this one appends.
// CHECK-LABEL: @fill
func.func @fill(%v: tensor<?x?x2xf32>) {
  // CHECK: graph.append
  %n = graph.length %v : tensor<?x?x2xf32> -> tensor<?xi32>
  %c = graph.cache @written like %v : tensor<?x?x2xf32> -> tensor<?x16x2xf32>
  %s = graph.append %v to %c at %n : tensor<?x?x2xf32>, tensor<?xi32> -> tensor<?x16x2xf32>
  return
}
