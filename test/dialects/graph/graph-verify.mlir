// RUN: trine-opt %s -split-input-file -verify-diagnostics --graph-verify

// expected-error @below {{expected only parameters, states and functions in a graph module}}
launch.kernel @kernel on "cpu" family "elementwise" ties [] { // G20
  launch.return
}
func.func @entry() {
  return
}

// -----

// expected-error @below {{expected a body of one block}}
func.func private @declared(tensor<4xf32>) // G20

// -----

func.func @other_dialect(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{is not a graph operation}}
  %y = math.absf %x : tensor<4xf32> // G20
  return %y : tensor<4xf32>
}

// -----

// expected-error @below {{expected arg0 to be a row-major tensor of f32, f16, bf16 or i32, got 'index'}}
func.func @index_argument(%x: index) { // G21
  return
}

// -----

// expected-error @below {{expected arg1 to be a row-major tensor}}
func.func @encoded_argument(%x: tensor<4xf32>, %w: tensor<8x8xf32, #graph.layout<panels, 8>>) { // G21
  return
}

// -----

// expected-error @below {{expected names of their own, got 'arg1' twice}}
func.func @names(%x: tensor<4xf32> {graph.name = "arg1"}, %y: tensor<4xf32>) { // G21
  return
}

// -----

// expected-error @below {{expected a name for result0, got 7}}
func.func @name_kind(%x: tensor<4xf32>) -> (tensor<4xf32> {graph.name = 7}) { // G21
  return %x : tensor<4xf32>
}

// -----

// expected-error @below {{expected a name for each of the 2 dynamic dimensions of arg0, got ["B"]}}
func.func @dims(%x: tensor<?x?xi32> {graph.dims = ["B"]}) { // G21
  return
}

// -----

// expected-error @below {{expected a name for each of the 1 dynamic dimensions of arg0, got [1]}}
func.func @dims_kind(%x: tensor<?xi32> {graph.dims = [1]}) { // G21
  return
}

// -----

// expected-error @below {{expected a positive i64 as graph.index_limit of arg0, got 0 : i64}}
func.func @index_limit(%x: tensor<?xi32> {graph.index_limit = 0 : i64}) { // G21
  return
}

// -----

graph.state @k : tensor<?x16x2x8xf32>
func.func @read_twice(%v: tensor<?x?x2x8xf32>) {
  %n = graph.length %v : tensor<?x?x2x8xf32> -> tensor<?xi32>
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32>
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32>
  // expected-error @below {{expected one read of state 'k' in an entry}}
  %d = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32> // G22
  %t = graph.append %v to %d at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32>
  return
}

// -----

graph.state @k : tensor<?x16x2x8xf32>
func.func @state_read_before(%v: tensor<?x?x2x8xf32>) {
  // expected-error @below {{expected one append as the only use}}
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32> // G22
  // expected-note @below {{used here}}
  %o = graph.neg %c : tensor<?x16x2x8xf32>
  return
}

// -----

graph.state @k : tensor<?x16x2x8xf32>
func.func @state_escapes(%v: tensor<?x?x2x8xf32>) -> tensor<?x16x2x8xf32> {
  %n = graph.length %v : tensor<?x?x2x8xf32> -> tensor<?xi32>
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32>
  // expected-error @below {{expected only attention to use the state}}
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32> // G22
  // expected-note @below {{used here}}
  return %s : tensor<?x16x2x8xf32>
}

// -----

func.func @not_a_state(%v: tensor<?x?x2x8xf32>, %c: tensor<?x16x2x8xf32>) {
  %n = graph.length %v : tensor<?x?x2x8xf32> -> tensor<?xi32>
  // expected-error @below {{expected a state that graph.cache reads}}
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32> // G22
  return
}

// -----

graph.state @k : tensor<?x16x2x8xf32>
func.func @elsewhere(%v: tensor<?x?x2x8xf32>, %n: tensor<?xi32>) {
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32>
  // expected-error @below {{expected to start at graph.length}}
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32> // G23
  return
}

// -----

graph.state @k : tensor<?x16x2x8xf32>
func.func @attention_ignores_length(%v: tensor<?x?x2x8xf32>) -> tensor<?x?x2x8xf32> {
  %n = graph.length %v : tensor<?x?x2x8xf32> -> tensor<?xi32>
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32>
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32>
  // expected-error @below {{expected 'past' to be where the state was appended}}
  %o = graph.attention %v, %s, %v scale 1.0 : tensor<?x?x2x8xf32>, tensor<?x16x2x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x?x2x8xf32> // G23
  return %o : tensor<?x?x2x8xf32>
}

// -----

// expected-error @below {{expected no layout before the kernels phase}}
graph.parameter @w : tensor<8x8xf32, #graph.layout<panels, 8>> storage "f32" from ["w"] // G24
func.func @entry() {
  return
}

// -----

// What the gate lets through.
graph.parameter @w : tensor<8xf32> storage "f32" from ["w"]
graph.state @k : tensor<?x16x2x8xf32>
func.func @good(%v: tensor<?x?x2x8xf32> {graph.name = "x"}) -> (tensor<?x?x2x8xf32> {graph.name = "y"}) {
  %w = graph.weight @w : tensor<8xf32>
  %n = graph.length %v : tensor<?x?x2x8xf32> -> tensor<?xi32>
  %c = graph.cache @k like %v : tensor<?x?x2x8xf32> -> tensor<?x16x2x8xf32>
  %s = graph.append %v to %c at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x16x2x8xf32>
  %o = graph.attention %v, %s, %s past %n scale 1.0 : tensor<?x?x2x8xf32>, tensor<?x16x2x8xf32>, tensor<?x16x2x8xf32>, past tensor<?xi32> -> tensor<?x?x2x8xf32>
  %y = graph.mul %o, %w : tensor<?x?x2x8xf32>, tensor<8xf32> -> tensor<?x?x2x8xf32>
  return %y : tensor<?x?x2x8xf32>
}

// -----

// expected-error @below {{expected a function: each public one is an entry}}
module {} // G20
