// RUN: trine-opt %s | trine-opt | FileCheck %s
// RUN: trine-opt %s --mlir-print-op-generic | trine-opt | FileCheck %s
// RUN: trine-opt %s --emit-bytecode | trine-opt | FileCheck %s

graph.state @k : tensor<?x32x2x8xf32>

// CHECK-LABEL: launch.kernel @linear_0 on "cpu" family "contraction" ties [-1] {
// CHECK-NEXT: ^bb0(%{{.*}}: tensor<?x8xf32>, %{{.*}}: tensor<4x8xf32, #graph.layout<panels, 16>>):
// CHECK-NEXT: graph.linear
// CHECK-NEXT: launch.return %{{.*}} : tensor<?x4xf32>
launch.kernel @linear_0 on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x8xf32>, %w: tensor<4x8xf32, #graph.layout<panels, 16>>):
  %y = graph.linear %x, %w : tensor<?x8xf32>, tensor<4x8xf32, #graph.layout<panels, 16>> -> tensor<?x4xf32>
  launch.return %y : tensor<?x4xf32>
}

// CHECK-LABEL: launch.kernel @append_0 on "reference" family "movement" ties [0] {
launch.kernel @append_0 on "reference" family "movement" ties [0] {
^bb0(%s: tensor<?x32x2x8xf32>, %x: tensor<?x?x2x8xf32>, %n: tensor<?xi32>):
  %t = graph.append %x to %s at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x32x2x8xf32>
  launch.return %t : tensor<?x32x2x8xf32>
}

// CHECK-LABEL: launch.kernel @nothing_0 on "cpu" family "movement" ties [] {
// CHECK-NEXT: launch.return
launch.kernel @nothing_0 on "cpu" family "movement" ties [] {
  launch.return
}

// CHECK-LABEL: launch.code @linear_0 {
// CHECK-NEXT: llvm.func @linear_0()
launch.code @linear_0 {
  llvm.func @linear_0()
}

// CHECK-LABEL: @entry
func.func @entry(%x: tensor<2x8xf32>, %w: tensor<4x8xf32, #graph.layout<panels, 16>>) {
  // Static where the kernel is dynamic.
  // CHECK: launch.call @linear_0(%{{.*}}, %{{.*}}) {node = "layers.0", slots = array<i64: 3>} : (tensor<2x8xf32>, tensor<4x8xf32, #graph.layout<panels, 16>>) -> tensor<2x4xf32>
  %0 = launch.call @linear_0(%x, %w) {node = "layers.0", slots = array<i64: 3>} : (tensor<2x8xf32>, tensor<4x8xf32, #graph.layout<panels, 16>>) -> tensor<2x4xf32>
  // CHECK: launch.copy %{{.*}} to "reference" : tensor<2x4xf32> -> tensor<2x4xf32>
  %1 = launch.copy %0 to "reference" : tensor<2x4xf32> -> tensor<2x4xf32>
  // CHECK: launch.call @nothing_0() : () -> ()
  launch.call @nothing_0() : () -> ()
  return
}
