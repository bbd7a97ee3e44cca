// RUN: trine-opt %s -split-input-file -verify-diagnostics --launch-verify

func.func @left_over(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{may not remain in a host program}}
  %y = graph.neg %x : tensor<4xf32> // L4
  return %y : tensor<4xf32>
}

// -----

launch.kernel @neg_0 on "reference" family "elementwise" ties [-1] {
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}
func.func @wrong_device(%x: tensor<4xf32>) {
  // expected-error @below {{expected operand 0 on 'reference', got 'cpu'}}
  %y = launch.call @neg_0(%x) {slots = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32> // L5
  return
}

// -----

launch.kernel @neg_0 on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}
func.func @overlap(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>) {
  // expected-note @below {{written here}}
  %a = launch.call @neg_0(%x) {slots = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32>
  // expected-error @below {{slot 0 still holds another value}}
  %b = launch.call @neg_0(%x) {slots = array<i64: 0>} : (tensor<4xf32>) -> tensor<4xf32> // L6
  return %a, %b : tensor<4xf32>, tensor<4xf32>
}

// -----

launch.kernel @neg_0 on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}
func.func @no_slot(%x: tensor<4xf32>) {
  // expected-error @below {{expected a slot for each result}}
  %a = launch.call @neg_0(%x) : (tensor<4xf32>) -> tensor<4xf32> // L6
  return
}

// -----

launch.kernel @foreign on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<4xf32>):
  // expected-error @below {{is not a graph operation, in kernel 'foreign'}}
  %y = arith.negf %x : tensor<4xf32> // L7
  launch.return %y : tensor<4xf32>
}
