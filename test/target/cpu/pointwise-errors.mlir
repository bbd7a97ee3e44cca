// RUN: trine-opt %s --split-input-file --verify-diagnostics --cpu-emit-kernels=cpu=x86-64-v3

// expected-error @+1 {{expected results of one shape in a fused cpu kernel}}
launch.kernel @two_shapes on "cpu" family "elementwise" ties [-1, -1] {
^bb0(%x: tensor<4x8xf32>, %y: tensor<8xf32>):
  %0 = graph.neg %y : tensor<8xf32>
  %1 = graph.add %x, %0 : tensor<4x8xf32>, tensor<8xf32> -> tensor<4x8xf32>
  launch.return %1, %0 : tensor<4x8xf32>, tensor<8xf32>
}

// -----

// expected-error @+1 {{expected an elementwise operation or an argument of the result's rank}}
launch.kernel @two_norms on "cpu" family "rows" ties [-1] {
^bb0(%x: tensor<4x8xf32>):
  %0 = graph.softmax %x : tensor<4x8xf32>
  %1 = graph.normalize %0 : tensor<4x8xf32>
  launch.return %1 : tensor<4x8xf32>
}

// -----

launch.kernel @chain on "cpu" family "movement" ties [-1] {
^bb0(%x: tensor<4x8xf32>):
  // expected-error @+1 {{expected to be alone in its cpu kernel}}
  %0 = graph.reshape %x to [32] : tensor<4x8xf32> -> tensor<32xf32>
  %1 = graph.neg %0 : tensor<32xf32>
  launch.return %1 : tensor<32xf32>
}
