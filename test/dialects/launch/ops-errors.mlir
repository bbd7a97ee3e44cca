// RUN: trine-opt %s -split-input-file -verify-diagnostics
// The invariants of dialects/launch/README.md that verifiers hold; the gates'
// are in verify-launch-errors.mlir and verify-code-errors.mlir.

// expected-error @below {{expected ranked tensors as operands, got 'i32'}}
launch.kernel @k on "cpu" family "movement" ties [] { // L1
^bb0(%x: i32):
  launch.return
}

// -----

// expected-error @below {{expected ranked tensors as operands, got 'tensor<*xf32>'}}
launch.kernel @k on "cpu" family "movement" ties [] { // L1
^bb0(%x: tensor<*xf32>):
  launch.return
}

// -----

// expected-error @below {{expected the body to end with launch.return}}
launch.kernel @k on "cpu" family "movement" ties [] { // L1
^bb0(%x: tensor<4xf32>):
  %y = graph.neg %x : tensor<4xf32>
}

// -----

// expected-error @below {{region #0 ('body') failed to verify constraint: region with 1 blocks}}
"launch.kernel"() ({}) {sym_name = "k", device = "cpu", family = "movement", ties = array<i64>} : () -> () // L1

// -----

func.func @no_kernel(%x: tensor<4xf32>) {
  // expected-error @below {{'k' is not a kernel}}
  launch.call @k(%x) : (tensor<4xf32>) -> () // L3
  return
}

// -----

// expected-note @below {{kernel is here}}
launch.kernel @k on "cpu" family "movement" ties [] {
^bb0(%x: tensor<?x4xf32>):
  launch.return
}
func.func @shape(%x: tensor<2x5xf32>) {
  // expected-error @below {{expected the operand and result types of the kernel}}
  launch.call @k(%x) : (tensor<2x5xf32>) -> () // L3
  return
}

// -----

// expected-note @below {{kernel is here}}
launch.kernel @k on "cpu" family "movement" ties [] {
^bb0(%x: tensor<4x4xf32, #graph.layout<panels, 8>>):
  launch.return
}
func.func @layout(%x: tensor<4x4xf32>) {
  // expected-error @below {{expected the operand and result types of the kernel}}
  launch.call @k(%x) : (tensor<4x4xf32>) -> () // L3
  return
}

// -----

// expected-note @below {{kernel is here}}
launch.kernel @k on "cpu" family "movement" ties [] {
^bb0(%x: tensor<4xf32>):
  launch.return
}
func.func @results(%x: tensor<4xf32>) {
  // expected-error @below {{expected the operand and result types of the kernel}}
  %0 = launch.call @k(%x) : (tensor<4xf32>) -> tensor<4xf32> // L3
  return
}

// -----

launch.kernel @k on "cpu" family "movement" ties [-1] {
^bb0(%x: tensor<4xf32>):
  launch.return %x : tensor<4xf32>
}
func.func @slots(%x: tensor<4xf32>) {
  // expected-error @below {{expected a slot for each of 1 results, got 2}}
  %0 = launch.call @k(%x) {slots = array<i64: 0, 1>} : (tensor<4xf32>) -> tensor<4xf32> // L6
  return
}

// -----

func.func @copy_slots(%x: tensor<4xf32>) {
  // expected-error @below {{expected a slot for each of 1 results, got 0}}
  %0 = launch.copy %x to "reference" {slots = array<i64>} : tensor<4xf32> -> tensor<4xf32> // L6
  return
}

// -----

// expected-error @below {{'k' is not a kernel}}
launch.code @k { // L8
}

// -----

// expected-error @below {{expected a tie for each of 0 results, got 1}}
launch.kernel @k on "cpu" family "movement" ties [0] { // L9
^bb0(%x: tensor<4xf32>):
  launch.return
}

// -----

// expected-error @below {{tie to operand 1 of 1}}
launch.kernel @k on "cpu" family "movement" ties [1] { // L9
^bb0(%x: tensor<4xf32>):
  launch.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{tie to operand -2 of 1}}
launch.kernel @k on "cpu" family "movement" ties [-2] { // L9
^bb0(%x: tensor<4xf32>):
  launch.return %x : tensor<4xf32>
}

// -----

// expected-error @below {{expected at most one result tied to operand 0}}
launch.kernel @k on "cpu" family "movement" ties [0, 0] { // L9
^bb0(%x: tensor<4xf32>):
  launch.return %x, %x : tensor<4xf32>, tensor<4xf32>
}

// -----

// expected-error @below {{expected a result of the tied operand's type 'tensor<?x4xf32>', got 'tensor<4xf32>'}}
launch.kernel @k on "cpu" family "movement" ties [0] { // L9
^bb0(%x: tensor<?x4xf32>):
  %y = graph.constant dense<0.0> : tensor<4xf32>
  launch.return %y : tensor<4xf32>
}

// -----

func.func @copy_type(%x: tensor<4xf32>) {
  // expected-error @below {{requires the same shape for all operands and results}}
  %0 = launch.copy %x to "reference" : tensor<4xf32> -> tensor<5xf32> // L10
  return
}

// -----

func.func @copy_element(%x: tensor<4xf32>) {
  // expected-error @below {{requires the same element type for all operands and results}}
  %0 = launch.copy %x to "reference" : tensor<4xf32> -> tensor<4xbf16> // L10
  return
}
