// RUN: trine-opt %s --reference-evaluate -split-input-file -verify-diagnostics

// expected-error @+1 {{'graph.gather': index 1: expected a row of 0 to 1, got 2}}
func.func @gather_range() -> tensor<2x1xf32> {
  %t = graph.constant dense<0.0> : tensor<2x1xf32>
  %i = graph.constant dense<[0, 2]> : tensor<2xi32>
  %0 = graph.gather %t, %i : tensor<2x1xf32>, tensor<2xi32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// -----

// Types agree as far as they are static; the values do not.
graph.state @s : tensor<?x2x1xf32>
// expected-error @+1 {{'graph.append': row 1: expected 1 + 2 positions within the capacity of 2}}
func.func @capacity() -> tensor<?x2x1xf32> {
  %x = graph.constant dense<0.0> : tensor<2x2x1xf32>
  %at = graph.constant dense<[0, 1]> : tensor<2xi32>
  %c = graph.cache @s like %x : tensor<2x2x1xf32> -> tensor<?x2x1xf32>
  %0 = graph.append %x to %c at %at : tensor<2x2x1xf32>, tensor<2xi32> -> tensor<?x2x1xf32>
  return %0 : tensor<?x2x1xf32>
}

// -----

graph.state @s : tensor<?x2xf32>
// expected-error @+1 {{'graph.linear': expected dimension 1 of weight to be 2, got 4}}
func.func @shapes() -> tensor<?x?xf32> {
  %x = graph.constant dense<0.0> : tensor<2x2xf32>
  %c = graph.cache @s like %x : tensor<2x2xf32> -> tensor<?x2xf32>
  %w = graph.reshape %c to [1, -1] : tensor<?x2xf32> -> tensor<1x?xf32>
  %0 = graph.linear %x, %w : tensor<2x2xf32>, tensor<1x?xf32> -> tensor<?x?xf32>
  return %0 : tensor<?x?xf32>
}

// -----

// Only a dimension that is 1 in the type is repeated.
graph.state @s : tensor<?x2xf32>
// expected-error @+1 {{'graph.add': expected dimension 0 of operand 1 to be 3, got 1}}
func.func @dynamic_broadcast() -> tensor<?x2xf32> {
  %x = graph.constant dense<0.0> : tensor<3x2xf32>
  %y = graph.constant dense<0.0> : tensor<1x2xf32>
  %d = graph.reshape %y to [-1, 2] : tensor<1x2xf32> -> tensor<?x2xf32>
  %0 = graph.add %x, %d : tensor<3x2xf32>, tensor<?x2xf32> -> tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

// -----

// expected-error @+1 {{'graph.attention': row 0: expected past + 1 tokens within 2 keys, got past 2}}
func.func @past() -> tensor<1x1x1x1xf32> {
  %q = graph.constant dense<1.0> : tensor<1x1x1x1xf32>
  %k = graph.constant dense<1.0> : tensor<1x2x1x1xf32>
  %past = graph.constant dense<2> : tensor<1xi32>
  %0 = graph.attention %q, %k, %k past %past causal scale 1.0
    : tensor<1x1x1x1xf32>, tensor<1x2x1x1xf32>, tensor<1x2x1x1xf32>, past tensor<1xi32> -> tensor<1x1x1x1xf32>
  return %0 : tensor<1x1x1x1xf32>
}

// -----

// expected-error @+1 {{'graph.last_token': row 1: expected a length of 1 to 2, got 0}}
func.func @lengths() -> tensor<2x1xf32> {
  %x = graph.constant dense<0.0> : tensor<2x2x1xf32>
  %l = graph.constant dense<[1, 0]> : tensor<2xi32>
  %0 = graph.last_token %x lengths %l : tensor<2x2x1xf32>, tensor<2xi32> -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// -----

graph.parameter @w : tensor<1xf32> storage "f32" from ["w"]
// expected-error @+1 {{'graph.parameter': a parameter has no value here}}
func.func @weight() -> tensor<1xf32> {
  %0 = graph.weight @w : tensor<1xf32>
  return %0 : tensor<1xf32>
}

// -----

// expected-error @+1 {{'arith.constant': the reference does not interpret this operation}}
func.func @other_dialect() -> tensor<1xf32> {
  %0 = arith.constant dense<0.0> : tensor<1xf32>
  return %0 : tensor<1xf32>
}
