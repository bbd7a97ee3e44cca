// RUN: trine-opt %s -split-input-file --launch-insert-copies | FileCheck %s

launch.kernel @neg_cpu on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x4xf32>):
  %y = graph.neg %x : tensor<?x4xf32>
  launch.return %y : tensor<?x4xf32>
}
launch.kernel @neg_ref on "reference" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x4xf32>):
  %y = graph.neg %x : tensor<?x4xf32>
  launch.return %y : tensor<?x4xf32>
}

// One copy there serves both uses; the result comes back; a reshape is no copy.
// CHECK-LABEL: func.func @there_and_back
// CHECK: %[[A:.*]] = launch.call @neg_cpu(%arg0)
// CHECK: %[[C:.*]] = launch.copy %[[A]] to "reference"
// CHECK: %[[B:.*]] = launch.call @neg_ref(%[[C]])
// CHECK: launch.call @neg_ref(%[[C]])
// CHECK: %[[R:.*]] = graph.reshape %[[B]]
// CHECK: %[[D:.*]] = launch.copy %[[R]] to "cpu"
// CHECK: return %[[D]], %[[A]]
func.func @there_and_back(%x: tensor<?x4xf32>) -> (tensor<?x2x2xf32>, tensor<?x4xf32>) {
  %a = launch.call @neg_cpu(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %b = launch.call @neg_ref(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %c = launch.call @neg_ref(%a) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  %r = graph.reshape %b to [0, 2, 2] : tensor<?x4xf32> -> tensor<?x2x2xf32>
  return %r, %a : tensor<?x2x2xf32>, tensor<?x4xf32>
}

// -----

// A state stays where its append runs; only the new values travel.
launch.kernel @append_0 on "reference" family "movement" ties [0] {
^bb0(%s: tensor<?x8x1x4xf32>, %x: tensor<?x?x1x4xf32>, %p: tensor<?xi32>):
  %y = graph.append %x to %s at %p : tensor<?x?x1x4xf32>, tensor<?xi32> -> tensor<?x8x1x4xf32>
  launch.return %y : tensor<?x8x1x4xf32>
}
graph.state @k : tensor<?x8x1x4xf32>
// CHECK-LABEL: func.func @state
// CHECK-DAG: %[[S:.*]] = graph.cache @k
// CHECK-DAG: %[[X:.*]] = launch.copy %arg0 to "reference"
// CHECK-DAG: %[[P:.*]] = launch.copy %{{.*}} to "reference"
// CHECK: launch.call @append_0(%[[S]], %[[X]], %[[P]])
func.func @state(%x: tensor<?x?x1x4xf32>) {
  %p = graph.length %x : tensor<?x?x1x4xf32> -> tensor<?xi32>
  %s = graph.cache @k like %x : tensor<?x?x1x4xf32> -> tensor<?x8x1x4xf32>
  %t = launch.call @append_0(%s, %x, %p) : (tensor<?x8x1x4xf32>, tensor<?x?x1x4xf32>, tensor<?xi32>) -> tensor<?x8x1x4xf32>
  return
}
