// RUN: trine-opt %s --launch-assign-slots --launch-verify | FileCheck %s

launch.kernel @neg_0 on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x4xf32>):
  %y = graph.neg %x : tensor<?x4xf32>
  launch.return %y : tensor<?x4xf32>
}
launch.kernel @add_0 on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x4xf32>, %z: tensor<?x4xf32>):
  %y = graph.add %x, %z : tensor<?x4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  launch.return %y : tensor<?x4xf32>
}

// Two slots take turns; a value read by a launch is alive during it.
// CHECK-LABEL: func.func @chain
// CHECK: call @neg_0{{.*}}slots = array<i64: 0>
// CHECK: call @neg_0{{.*}}slots = array<i64: 1>
// CHECK: call @neg_0{{.*}}slots = array<i64: 0>
func.func @chain(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  %a = launch.call @neg_0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = launch.call @neg_0(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = launch.call @neg_0(%b) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// A use through a reshape keeps the slot; a result nobody reads frees its own.
// CHECK-LABEL: func.func @through_reshape
// CHECK: call @neg_0{{.*}}slots = array<i64: 0>
// CHECK: call @neg_0{{.*}}slots = array<i64: 1>
// CHECK: call @neg_0{{.*}}slots = array<i64: 1>
func.func @through_reshape(%x: tensor<?x4xf32>) -> (tensor<?x2x2xf32>, tensor<?x4xf32>) {
  %a = launch.call @neg_0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %r = graph.reshape %a to [0, 2, 2] : tensor<?x4xf32> -> tensor<?x2x2xf32>
  %unused = launch.call @neg_0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = launch.call @neg_0(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return %r, %b : tensor<?x2x2xf32>, tensor<?x4xf32>
}
