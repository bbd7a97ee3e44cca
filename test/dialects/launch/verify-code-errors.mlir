// RUN: trine-opt %s -split-input-file -verify-diagnostics --launch-verify-code

// expected-error @below {{has no code}}
launch.kernel @neg_0 on "cpu" family "elementwise" ties [-1] { // L8
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}

// -----

launch.kernel @neg_0 on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}
launch.code @neg_0 {
  // expected-error @below {{is not of the llvm dialect}}
  func.func @neg_0(%argv: !llvm.ptr) { // L8
    return
  }
}
