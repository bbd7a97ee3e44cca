// RUN: trine-opt %s -split-input-file -verify-diagnostics
// One case or more for each invariant of dialects/graph/README.md.

func.func @result_rank(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected a result of shape 'tensor<2x4xf32>', got 'tensor<4xf32>'}}
  %0 = graph.linear %x, %w : tensor<2x8xf32>, tensor<4x8xf32> -> tensor<4xf32> // G1
  return
}

// -----

func.func @linear_k(%x: tensor<2x7xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected dimension 1 of weight to be 7, got 8}}
  %0 = graph.linear %x, %w : tensor<2x7xf32>, tensor<4x8xf32> -> tensor<2x4xf32> // G1
  return
}

// -----

func.func @linear_scalar(%x: tensor<f32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected input of rank 1 or more, got rank 0}}
  %0 = graph.linear %x, %w : tensor<f32>, tensor<4x8xf32> -> tensor<4xf32> // G1
  return
}

// -----

func.func @bias(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<1xf32>) {
  // expected-error @below {{expected dimension 0 of bias to be 4, got 1}}
  %0 = graph.linear %x, %w bias %b : tensor<2x8xf32>, tensor<4x8xf32>, tensor<1xf32> -> tensor<2x4xf32> // G1
  return
}

// -----

func.func @gated_widths(%x: tensor<2x8xf32>, %g: tensor<4x8xf32>, %u: tensor<5x8xf32>) {
  // expected-error @below {{expected dimension 0 of up to be 4, got 5}}
  %0 = graph.gated silu %x, %g, %u : tensor<2x8xf32>, tensor<4x8xf32>, tensor<5x8xf32> -> tensor<2x4xf32> // G1
  return
}

// -----

func.func @matmul_batch(%a: tensor<2x3x4xf32>, %b: tensor<1x4x3xf32>) {
  // expected-error @below {{expected dimension 0 of rhs to be 2, got 1}}
  %0 = graph.matmul %a, %b : tensor<2x3x4xf32>, tensor<1x4x3xf32> -> tensor<2x3x3xf32> // G1
  return
}

// -----

func.func @broadcast(%a: tensor<2x3xf32>, %b: tensor<2xf32>) {
  // expected-error @below {{operands do not broadcast: dimension 1 differs}}
  %0 = graph.add %a, %b : tensor<2x3xf32>, tensor<2xf32> -> tensor<2x3xf32> // G1
  return
}

// -----

func.func @norm_weight(%x: tensor<2x8xf32>, %w: tensor<7xf32>) {
  // expected-error @below {{expected dimension 0 of weight to be 8, got 7}}
  %0 = graph.rms_norm %x, %w epsilon 1.0e-5 : tensor<2x8xf32>, tensor<7xf32> -> tensor<2x8xf32> // G1
  return
}

// -----

func.func @softmax_scalar(%x: tensor<f32>) {
  // expected-error @below {{expected input of rank 1 or more, got rank 0}}
  %0 = graph.softmax %x : tensor<f32> // G1
  return
}

// -----

func.func @pool_mask(%x: tensor<2x3x8xf32>, %m: tensor<2x4xi32>) {
  // expected-error @below {{expected dimension 1 of mask to be 3, got 4}}
  %0 = graph.pool cls %x, %m : tensor<2x3x8xf32>, tensor<2x4xi32> -> tensor<2x8xf32> // G1
  return
}

// -----

func.func @attention_key(%q: tensor<1x2x4x8xf32>, %k: tensor<1x5x4x6xf32>) {
  // expected-error @below {{expected dimension 3 of key to be 8, got 6}}
  %0 = graph.attention %q, %k, %k scale 1.0 : tensor<1x2x4x8xf32>, tensor<1x5x4x6xf32>, tensor<1x5x4x6xf32> -> tensor<1x2x4x6xf32> // G1
  return
}

// -----

func.func @attention_mask(%q: tensor<1x2x4x8xf32>, %k: tensor<1x5x4x8xf32>, %m: tensor<1x2xi32>) {
  // expected-error @below {{expected dimension 1 of mask to be 5, got 2}}
  %0 = graph.attention %q, %k, %k mask %m scale 1.0 : tensor<1x2x4x8xf32>, tensor<1x5x4x8xf32>, tensor<1x5x4x8xf32> mask tensor<1x2xi32> -> tensor<1x2x4x8xf32> // G1
  return
}

// -----

func.func @positions(%x: tensor<2xi32>) {
  // expected-error @below {{expected 'like' of rank 2 or more, got rank 1}}
  %0 = graph.positions %x : tensor<2xi32> -> tensor<2x1xi32> // G1
  return
}

// -----

func.func @gather_table(%t: tensor<16xf32>, %i: tensor<?xi32>) {
  // expected-error @below {{expected table of rank 2, got rank 1}}
  %0 = graph.gather %t, %i : tensor<16xf32>, tensor<?xi32> -> tensor<?xf32> // G1
  return
}

// -----

func.func @gather_nothing(%t: tensor<0x8xf32>, %i: tensor<?xi32>) {
  // expected-error @below {{expected a table of at least one row}}
  %0 = graph.gather %t, %i : tensor<0x8xf32>, tensor<?xi32> -> tensor<?x8xf32> // G1
  return
}

// -----

func.func @append_overflow(%s: tensor<?x4x8xf32>, %x: tensor<?x5x8xf32>, %n: tensor<?xi32>) {
  // expected-error @below {{expected at most the state's 4 positions, got 5}}
  %0 = graph.append %x to %s at %n : tensor<?x5x8xf32>, tensor<?xi32> -> tensor<?x4x8xf32> // G1
  return
}

// -----

// expected-error @below {{expected a static type without empty dimensions, got 'tensor<?x8xf32>'}}
graph.parameter @w : tensor<?x8xf32> storage "f32" from ["w"] // G2

// -----

// expected-error @below {{expected a static type without empty dimensions, got 'tensor<0x8xf32>'}}
graph.parameter @w : tensor<0x8xf32> storage "f32" from ["w"] // G2

// -----

// expected-error @below {{expected at least one source tensor}}
graph.parameter @w : tensor<8xf32> storage "f32" from [] // G2

// -----

// expected-error @below {{expected source tensors with a name}}
graph.parameter @w : tensor<8xf32> storage "f32" from ["a", ""] // G2

// -----

// expected-error @below {{expected the name of a storage format}}
graph.parameter @w : tensor<8xf32> storage "" from ["a"] // G2

// -----

// expected-note @below {{declared here}}
graph.parameter @w : tensor<8xf32> storage "f32" from ["w"]
func.func @weight_type() {
  // expected-error @below {{expected the parameter's type 'tensor<8xf32>', got 'tensor<4xf32>'}}
  %0 = graph.weight @w : tensor<4xf32> // G3
  return
}

// -----

graph.state @w : tensor<?x16xf32>
func.func @weight_of_state() {
  // expected-error @below {{'w' is not a parameter of this module}}
  %0 = graph.weight @w : tensor<?x16xf32> // G3
  return
}

// -----

func.func @cache_of_nothing(%x: tensor<?xi32>) {
  // expected-error @below {{'s' is not a state of this module}}
  %0 = graph.cache @s like %x : tensor<?xi32> -> tensor<?x16xf32> // G3
  return
}

// -----

// expected-error @below {{expected a type [?, capacity, ...] with all but the batch static and not 0, got 'tensor<1x16xf32>'}}
graph.state @s : tensor<1x16xf32> // G4

// -----

// expected-error @below {{with all but the batch static and not 0, got 'tensor<?x?x8xf32>'}}
graph.state @s : tensor<?x?x8xf32> // G4

// -----

// expected-error @below {{with all but the batch static and not 0, got 'tensor<?x0xf32>'}}
graph.state @s : tensor<?x0xf32> // G4

// -----

func.func @groups(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x3x8xf32>) {
  // expected-error @below {{expected the query's static head count to be a multiple of the key's, got 4 and 3}}
  %0 = graph.attention %q, %k, %k scale 1.0 : tensor<1x2x4x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32> -> tensor<1x2x4x8xf32> // G6
  return
}

// -----

func.func @no_groups(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x0x8xf32>) {
  // expected-error @below {{to be a multiple of the key's, got 4 and 0}}
  %0 = graph.attention %q, %k, %k scale 1.0 : tensor<1x2x4x8xf32>, tensor<1x2x0x8xf32>, tensor<1x2x0x8xf32> -> tensor<1x2x4x8xf32> // G6
  return
}

// -----

func.func @dynamic_head(%q: tensor<1x2x4x?xf32>) {
  // expected-error @below {{expected static head sizes}}
  %0 = graph.attention %q, %q, %q scale 1.0 : tensor<1x2x4x?xf32>, tensor<1x2x4x?xf32>, tensor<1x2x4x?xf32> -> tensor<1x2x4x?xf32> // G6
  return
}

// -----

func.func @rope_dims(%x: tensor<1x2x4x8xf32>, %p: tensor<1x2xi32>) {
  // expected-error @below {{expected an even number of rotated dims within the head's 8, got 10}}
  %0 = graph.rope half %x, %p theta 1.0e4 dims 10 : tensor<1x2x4x8xf32>, tensor<1x2xi32> -> tensor<1x2x4x8xf32> // G7
  return
}

// -----

func.func @rope_dynamic(%x: tensor<1x2x4x?xf32>, %p: tensor<1x2xi32>) {
  // expected-error @below {{expected a static head size}}
  %0 = graph.rope half %x, %p theta 1.0e4 dims 8 : tensor<1x2x4x?xf32>, tensor<1x2xi32> -> tensor<1x2x4x?xf32> // G7
  return
}

// -----

func.func @linear_types(%x: tensor<2x8xbf16>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expected operands of 'bf16' or narrower, got 'f32'}}
  %0 = graph.linear %x, %w : tensor<2x8xbf16>, tensor<4x8xf32> -> tensor<2x4xbf16> // G8
  return
}

// -----

func.func @bias_type(%x: tensor<2x8xf32>, %w: tensor<4x8xf32>, %b: tensor<4xbf16>) {
  // expected-error @below {{expected a bias of 'f32', got 'bf16'}}
  %0 = graph.linear %x, %w bias %b : tensor<2x8xf32>, tensor<4x8xf32>, tensor<4xbf16> -> tensor<2x4xf32> // G8
  return
}

// -----

func.func @attention_types(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf16>, %v: tensor<1x2x4x8xbf16>) {
  // expected-error @below {{expected a value of 'f16', got 'bf16'}}
  %0 = graph.attention %q, %k, %v scale 1.0 : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf16>, tensor<1x2x4x8xbf16> -> tensor<1x2x4x8xf32> // G8
  return
}

// -----

func.func @rope_types(%x: tensor<1x2x4x8xbf16>, %p: tensor<1x2xi32>) {
  // expected-error @below {{expected a result of 'bf16' or narrower, got 'f32'}}
  %0 = graph.rope half %x, %p theta 1.0e4 dims 8 : tensor<1x2x4x8xbf16>, tensor<1x2xi32> -> tensor<1x2x4x8xf32> // G8
  return
}

// -----

func.func @float_mask(%x: tensor<2x3x8xf32>, %m: tensor<2x3xf32>) {
  // expected-error @below {{operand #1 must be row-major ranked tensor of 32-bit signless integer values}}
  %0 = graph.pool mean %x, %m : tensor<2x3x8xf32>, tensor<2x3xf32> -> tensor<2x8xf32> // G8
  return
}

// -----

// expected-error @below {{expected a tensor of rank 2 or more for layout 'panels', got rank 1}}
func.func @panels_of_vector(%x: tensor<8xf32, #graph.layout<panels, 8>>) { // G9
  return
}

// -----

// expected-error @below {{expected a tensor of rank 4 for layout 'head_panels', got rank 2}}
func.func @heads_of_matrix(%x: tensor<8x8xf32, #graph.layout<head_panels, 8>>) { // G9
  return
}

// -----

// expected-error @below {{unknown format of codes "q9_9"}}
func.func @format(%x: tensor<8x32xf32, #graph.layout<panels, 16, "q9_9">>) { // G9
  return
}

// -----

// expected-error @below {{expected a matrix of f32 whose rows are whole blocks of 256 for "q6_k"}}
func.func @blocks(%x: tensor<8x32xf32, #graph.layout<panels, 16, "q6_k">>) { // G9
  return
}

// -----

// expected-error @below {{expected panels for the codes of "q4_1"}}
func.func @codes_of_heads(%x: tensor<1x8x1x32xf32, #graph.layout<head_panels, 16, "q4_1">>) { // G9
  return
}

// -----

// expected-error @below {{expected a layout width of 1 to 1024, got 0}}
func.func @width(%x: tensor<8x8xf32, #graph.layout<panels, 0>>) { // G9
  return
}

// -----

// expected-error @below {{expected width 1 for 'heads', got 8}}
func.func @heads_width(%x: tensor<1x8x2x8xf32, #graph.layout<heads, 8>>) { // G9
  return
}

// -----

func.func @elementwise_layout(%x: tensor<8x8xf32, #graph.layout<panels, 8>>) {
  // expected-error @below {{operand #0 must be row-major ranked tensor}}
  %0 = graph.neg %x : tensor<8x8xf32, #graph.layout<panels, 8>> // G9
  return
}

// -----

func.func @foreign_encoding(%x: tensor<2x8xf32>, %w: tensor<8x8xf32, "mine">) {
  // expected-error @below {{operand #1 must be ranked tensor, row-major or in a graph layout,}}
  %0 = graph.linear %x, %w : tensor<2x8xf32>, tensor<8x8xf32, "mine"> -> tensor<2x8xf32> // G9
  return
}

// -----

func.func @epsilon(%x: tensor<2x8xf32>, %w: tensor<8xf32>) {
  // expected-error @below {{attribute 'epsilon' failed to satisfy constraint: 64-bit float attribute whose value is finite and not negative}}
  %0 = graph.rms_norm %x, %w epsilon -1.0 : tensor<2x8xf32>, tensor<8xf32> -> tensor<2x8xf32> // G10
  return
}

// -----

func.func @scale(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{attribute 'scale' failed to satisfy constraint: 64-bit float attribute whose value is finite}}
  %0 = graph.attention %q, %q, %q scale 0x7FF8000000000000 : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32> // G10
  return
}

// -----

func.func @softcap(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{attribute 'softcap' failed to satisfy constraint: 64-bit float attribute whose value is finite and positive}}
  %0 = graph.attention %q, %q, %q scale 1.0 softcap 0.0 : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32> // G10
  return
}

// -----

func.func @window(%q: tensor<1x2x4x8xf32>) {
  // expected-error @below {{attribute 'window' failed to satisfy constraint: 64-bit signless integer attribute whose value is positive}}
  %0 = graph.attention %q, %q, %q scale 1.0 window 0 : tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32> -> tensor<1x2x4x8xf32> // G10
  return
}

// -----

func.func @rope_factor(%x: tensor<1x2x4x8xf32>, %p: tensor<1x2xi32>) {
  // expected-error @below {{expected a positive factor, got 0.000000e+00}}
  %0 = graph.rope half %x, %p theta 1.0e4 dims 8 scaling <linear, factor = 0.0 : f64, low = 1.0 : f64, high = 4.0 : f64, original_length = 8, attention = 1.0 : f64> : tensor<1x2x4x8xf32>, tensor<1x2xi32> -> tensor<1x2x4x8xf32> // G10
  return
}

// -----

func.func @rope_band(%x: tensor<1x2x4x8xf32>, %p: tensor<1x2xi32>) {
  // expected-error @below {{expected 0 < low < high, got 4.000000e+00 and 4.000000e+00}}
  %0 = graph.rope half %x, %p theta 1.0e4 dims 8 scaling <llama3, factor = 8.0 : f64, low = 4.0 : f64, high = 4.0 : f64, original_length = 8, attention = 1.0 : f64> : tensor<1x2x4x8xf32>, tensor<1x2xi32> -> tensor<1x2x4x8xf32> // G10
  return
}

// -----

func.func @reshape_dynamic(%x: tensor<?x?xf32>) {
  // expected-error @below {{expected -1 in 'shape' to take the input's dynamic dimensions}}
  %0 = graph.reshape %x to [0, 3] : tensor<?x?xf32> -> tensor<?x3xf32> // G11
  return
}

// -----

func.func @reshape_count(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected 16 elements besides copied dimensions, got 15}}
  %0 = graph.reshape %x to [3, 5] : tensor<2x8xf32> -> tensor<3x5xf32> // G11
  return
}

// -----

func.func @reshape_rest(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected 16 elements to divide by 5}}
  %0 = graph.reshape %x to [-1, 5] : tensor<2x8xf32> -> tensor<?x5xf32> // G11
  return
}

// -----

func.func @reshape_two_rests(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected -1 at most once in 'shape'}}
  %0 = graph.reshape %x to [-1, -1] : tensor<2x8xf32> -> tensor<?x16xf32> // G11
  return
}

// -----

func.func @reshape_copy(%x: tensor<8xf32>) {
  // expected-error @below {{shape copies dimension 1 of an input of rank 1}}
  %0 = graph.reshape %x to [2, 0] : tensor<8xf32> -> tensor<2x4xf32> // G11
  return
}

// -----

func.func @reshape_size(%x: tensor<8xf32>) {
  // expected-error @below {{expected sizes of -1 or more, got -2}}
  %0 = graph.reshape %x to [-2, -1] : tensor<8xf32> -> tensor<?x?xf32> // G11
  return
}

// -----

func.func @permutation(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected 'permutation' to name each dimension once}}
  %0 = graph.transpose %x by [1, 1] : tensor<2x8xf32> -> tensor<8x8xf32> // G11
  return
}

// -----

func.func @slice_axis(%x: tensor<?x8xf32>) {
  // expected-error @below {{expected a static axis of the input, got 0}}
  %0 = graph.slice %x axis 0 start 0 size 1 : tensor<?x8xf32> -> tensor<1x8xf32> // G11
  return
}

// -----

func.func @slice_range(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected a slice within 8 elements, got start 6 size 3}}
  %0 = graph.slice %x axis 1 start 6 size 3 : tensor<2x8xf32> -> tensor<2x3xf32> // G11
  return
}

// -----

func.func @concat_axis(%x: tensor<2x8xf32>) {
  // expected-error @below {{expected inputs with a dimension 2}}
  %0 = graph.concat %x axis 2 : tensor<2x8xf32> -> tensor<2x8xf32> // G11
  return
}

// -----

func.func @concat_shape(%x: tensor<2x8xf32>, %y: tensor<3x8xf32>) {
  // expected-error @below {{expected dimension 0 of inputs to be 2, got 3}}
  %0 = graph.concat %x, %y axis 1 : tensor<2x8xf32>, tensor<3x8xf32> -> tensor<2x16xf32> // G11
  return
}

// -----

func.func @huge(%x: tensor<9223372036854775807x4xf32>) {
  // expected-error @below {{expected at most 2^47 elements in a tensor, got 'tensor<9223372036854775807x4xf32>'}}
  %0 = graph.neg %x : tensor<9223372036854775807x4xf32> // G12
  return
}

// -----

func.func @blob() {
  // expected-error @below {{expected dense elements}}
  %0 = graph.constant dense_resource<weights> : tensor<4xf32> // G13
  return
}

// -----

func.func @route_top(%l: tensor<2x4xf32>) {
  // expected-error @below {{expected a static number of experts, 5 or more, got 4}}
  %0, %1 = graph.route softmax %l top 5 : tensor<2x4xf32> -> tensor<2x5xi32>, tensor<2x5xf32> // G25
  return
}

// -----

func.func @route_groups(%l: tensor<2x8xf32>) {
  // expected-error @below {{expected groups of two experts or more, got 8 experts in 3 groups}}
  %0, %1 = graph.route softmax %l top 2 groups 3 limit 2 : tensor<2x8xf32> -> tensor<2x2xi32>, tensor<2x2xf32> // G25
  return
}

// -----

func.func @route_single_groups(%l: tensor<2x8xf32>) {
  // expected-error @below {{expected groups of two experts or more, got 8 experts in 8 groups}}
  %0, %1 = graph.route softmax %l top 2 groups 8 limit 2 : tensor<2x8xf32> -> tensor<2x2xi32>, tensor<2x2xf32> // G25
  return
}

// -----

func.func @route_limit(%l: tensor<2x8xf32>) {
  // expected-error @below {{expected 5 experts in 1 of 2 groups of 4}}
  %0, %1 = graph.route softmax %l top 5 groups 2 limit 1 : tensor<2x8xf32> -> tensor<2x5xi32>, tensor<2x5xf32> // G25
  return
}

// -----

func.func @route_groups_alone(%l: tensor<2x8xf32>) {
  // expected-error @below {{expected 'groups' and 'limit' together}}
  %0, %1 = graph.route softmax %l top 5 groups 2 : tensor<2x8xf32> -> tensor<2x5xi32>, tensor<2x5xf32> // G25
  return
}

// -----

func.func @route_bias(%l: tensor<2x8xf32>, %b: tensor<7xf32>) {
  // expected-error @below {{expected dimension 0 of bias to be 8, got 7}}
  %0, %1 = graph.route sigmoid %l bias %b top 2 : tensor<2x8xf32>, tensor<7xf32> -> tensor<2x2xi32>, tensor<2x2xf32> // G1
  return
}

// -----

func.func @route_weights(%l: tensor<2x8xf32>) {
  // expected-error @below {{expected a bias and weights of 'f32'}}
  %0, %1 = graph.route sigmoid %l top 2 : tensor<2x8xf32> -> tensor<2x2xi32>, tensor<2x2xbf16> // G8
  return
}

// -----

func.func @expert_gated_indices(%x: tensor<2x8xf32>, %i: tensor<3x2xi32>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{expected dimension 0 of indices to be 2, got 3}}
  %0 = graph.expert_gated silu %x, %i, %w, %w : tensor<2x8xf32>, tensor<3x2xi32>, tensor<5x4x8xf32>, tensor<5x4x8xf32> -> tensor<2x2x4xf32> // G1
  return
}

// -----

func.func @expert_gated_up(%x: tensor<2x8xf32>, %i: tensor<2x2xi32>, %w: tensor<5x4x8xf32>, %u: tensor<6x4x8xf32>) {
  // expected-error @below {{expected dimension 0 of up to be 5, got 6}}
  %0 = graph.expert_gated silu %x, %i, %w, %u : tensor<2x8xf32>, tensor<2x2xi32>, tensor<5x4x8xf32>, tensor<6x4x8xf32> -> tensor<2x2x4xf32> // G1
  return
}

// -----

func.func @expert_gated_weight(%x: tensor<2x8xf32>, %i: tensor<2x2xi32>, %w: tensor<20x8xf32>) {
  // expected-error @below {{expected gate of rank 3, got rank 2}}
  %0 = graph.expert_gated silu %x, %i, %w, %w : tensor<2x8xf32>, tensor<2x2xi32>, tensor<20x8xf32>, tensor<20x8xf32> -> tensor<2x2x4xf32> // G1
  return
}

// -----

func.func @expert_linear_weights(%x: tensor<2x3x8xf32>, %i: tensor<2x3xi32>, %f: tensor<2x2xf32>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{expected dimension 1 of weights to be 3, got 2}}
  %0 = graph.expert_linear %x, %i, %f, %w : tensor<2x3x8xf32>, tensor<2x3xi32>, tensor<2x2xf32>, tensor<5x4x8xf32> -> tensor<2x4xf32> // G1
  return
}

// -----

func.func @expert_linear_rank(%x: tensor<8xf32>, %i: tensor<2xi32>, %f: tensor<2xf32>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{expected input of rank 2 or more, got rank 1}}
  %0 = graph.expert_linear %x, %i, %f, %w : tensor<8xf32>, tensor<2xi32>, tensor<2xf32>, tensor<5x4x8xf32> -> tensor<4xf32> // G1
  return
}

// -----

func.func @expert_count(%x: tensor<2x8xf32>, %i: tensor<2x2xi32>, %w: tensor<?x4x8xf32>) {
  // expected-error @below {{expected a static number of experts}}
  %0 = graph.expert_gated silu %x, %i, %w, %w : tensor<2x8xf32>, tensor<2x2xi32>, tensor<?x4x8xf32>, tensor<?x4x8xf32> -> tensor<2x2x4xf32> // G25
  return
}

// -----

func.func @expert_chosen(%x: tensor<2x?x8xf32>, %i: tensor<2x?xi32>, %f: tensor<2x?xf32>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{expected static numbers of experts and of those chosen}}
  %0 = graph.expert_linear %x, %i, %f, %w : tensor<2x?x8xf32>, tensor<2x?xi32>, tensor<2x?xf32>, tensor<5x4x8xf32> -> tensor<2x4xf32> // G25
  return
}

// -----

func.func @expert_narrower(%x: tensor<2x8xf32>, %i: tensor<2x2xi32>, %w: tensor<5x4x8xf32>) {
  // expected-error @below {{expected operands of 'bf16' or narrower, got 'f32'}}
  %0 = graph.expert_gated silu %x, %i, %w, %w : tensor<2x8xf32>, tensor<2x2xi32>, tensor<5x4x8xf32>, tensor<5x4x8xf32> -> tensor<2x2x4xbf16> // G8
  return
}

// -----

// expected-error @below {{expected 'rows' [first, count, every] with the count within every, got [1, 2]}}
graph.parameter @w : tensor<2x8xf32> storage "f32" rows [1, 2] from ["a"] // G2

// -----

// expected-error @below {{got [3, 2, 4]}}
graph.parameter @w : tensor<2x8xf32> storage "f32" rows [3, 2, 4] from ["a"] // G2

// -----

// expected-error @below {{got [0, 0, 4]}}
graph.parameter @w : tensor<2x8xf32> storage "f32" rows [0, 0, 4] from ["a"] // G2

// -----

// expected-error @below {{expected 'rows' without 'quantized' and 'repeat'}}
graph.parameter @w : tensor<2x8xf32> storage "f32" repeat 2 rows [0, 1, 2] from ["a"] // G2

// -----

func.func @grouped_count(%x: tensor<2x3x8xf32>, %w: tensor<4x5x8xf32>) {
  // expected-error @below {{expected dimension 0 of weight to be 3, got 4}}
  %0 = graph.grouped_linear %x, %w : tensor<2x3x8xf32>, tensor<4x5x8xf32> -> tensor<2x3x5xf32> // G1
  return
}

// -----

func.func @grouped_transposed(%x: tensor<2x3x8xf32>, %w: tensor<3x5x8xf32>) {
  // expected-error @below {{expected dimension 1 of weight to be 8, got 5}}
  %0 = graph.grouped_linear %x, %w transposed : tensor<2x3x8xf32>, tensor<3x5x8xf32> -> tensor<2x3x5xf32> // G1
  return
}
