// RUN: trine-opt %s -split-input-file -verify-diagnostics
// One case or more for each invariant of dialects/fp8/README.md.

func.func @scales_of_a_float_type(%q: tensor<4x8xf8E4M3FN>, %s: tensor<4x1xf8E8M0FNU>) {
  // expected-error @below {{must be ranked tensor of scales (f32, or ue8m0 as i8) of 32-bit float or 8-bit signless integer values}}
  %0 = fp8.dequantize %q, %s block [1, 8] : tensor<4x8xf8E4M3FN>, tensor<4x1xf8E8M0FNU> -> tensor<4x8xf32> // F1
  return
}

// -----

func.func @codes_without_scales(%q: tensor<4x8xf8E4M3FN>, %w: tensor<2x8xf8E4M3FN>, %s: tensor<2x1xf32>) {
  // expected-error @below {{expected scales for an input of codes}}
  %0 = fp8.scaled_matmul %q, %w scales %s [1, 8] group 8 : tensor<4x8xf8E4M3FN>, tensor<2x8xf8E4M3FN>, tensor<2x1xf32> -> tensor<4x2xf32> // F1
  return
}

// -----

func.func @codes_of_another_type(%x: tensor<4x8xf32>) {
  // expected-error @below {{expected a result of the scheme's 'f8E4M3FN', got 'tensor<4x8xf8E5M2>'}}
  %q, %s = fp8.quantize %x as <f8E4M3FN, f32, [1, 8], amax> : tensor<4x8xf32> -> tensor<4x8xf8E5M2>, tensor<4x1xf32> // F1
  return
}

// -----

func.func @swapped_axes(%q: tensor<576x7168xf8E4M3FN>, %s: tensor<56x5xf32>) {
  // expected-error @below {{expected scales of shape [5, 56] for blocks of [128, 128], got [56, 5]; their axes are swapped}}
  %0 = fp8.dequantize %q, %s block [128, 128] : tensor<576x7168xf8E4M3FN>, tensor<56x5xf32> -> tensor<576x7168xf32> // F2
  return
}

// -----

// A payload whose layout changed while its scales stayed.
func.func @scales_of_other_codes(%x: tensor<4x256xbf16>, %w: tensor<64x256xf8E4M3FN>, %s: tensor<128x2xf32>) {
  // expected-error @below {{expected weight scales of shape [64, 2] for blocks of [1, 128], got [128, 2]}}
  %0 = fp8.scaled_matmul %x, %w scales %s [1, 128] group 128 : tensor<4x256xbf16>, tensor<64x256xf8E4M3FN>, tensor<128x2xf32> -> tensor<4x64xf32> // F2
  return
}

// -----

func.func @result_of_scales(%x: tensor<4x300xf32>) {
  // expected-error @below {{expected a result of shape 'tensor<4x3xf32>', got 'tensor<4x2xf32>'}}
  %q, %s = fp8.quantize %x as <f8E4M3FN, f32, [1, 128], amax> : tensor<4x300xf32> -> tensor<4x300xf8E4M3FN>, tensor<4x2xf32> // F2
  return
}

// -----

func.func @bytes_of_amax(%x: tensor<4x8xf32>) {
  // expected-error @below {{ue8m0 scales need a rule of powers of two, got amax}}
  %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 8], amax> : tensor<4x8xf32> -> tensor<4x8xf8E4M3FN>, tensor<4x1xi8> // F3
  return
}

// -----

func.func @clips_without_saturation(%x: tensor<4x8xf32>) {
  // expected-error @below {{the rule floor clips and needs saturation}}
  %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 8], floor, overflow> : tensor<4x8xf32> -> tensor<4x8xf8E4M3FN>, tensor<4x1xi8> // F4
  return
}

// -----

func.func @group_over_blocks(%x: tensor<4x256xbf16>, %w: tensor<64x256xf8E4M3FN>, %s: tensor<64x2xf32>) {
  // expected-error @below {{expected a group inside one block of either side, got a group of 256}}
  %0 = fp8.scaled_matmul %x, %w scales %s [1, 128] group 0 : tensor<4x256xbf16>, tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<4x64xf32> // F5
  return
}

// -----

func.func @input_block_of_rows(%x: tensor<4x256xf8E4M3FN>, %xs: tensor<1x2xf32>, %w: tensor<64x256xf8E4M3FN>, %s: tensor<64x2xf32>) {
  // expected-error @below {{expected an input block of one row, got 4}}
  %0 = fp8.scaled_matmul %x scales %xs [4, 128], %w scales %s [1, 128] group 128 : tensor<4x256xf8E4M3FN> scales tensor<1x2xf32>, tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<4x64xf32> // F5
  return
}

// -----

func.func @merged_blocks(%q: tensor<64x256xf8E4M3FN>, %s: tensor<64x8xi8>) {
  // expected-error @below {{expected each block of `to` inside one of `from`, got [1, 32] to [1, 128]; merging blocks needs fp8.requantize}}
  %0 = fp8.convert_scales %s of %q from [1, 32] to [1, 128] : tensor<64x8xi8>, tensor<64x256xf8E4M3FN> -> tensor<64x2xi8> // F6
  return
}

// -----

func.func @without_consent(%q: tensor<64x256xf8E4M3FN>, %s: tensor<64x2xf32>) {
  // expected-error @below {{other scales for codes that exist round twice; the recipe must consent (`requantize: allow`)}}
  %0, %1 = fp8.requantize %q, %s block [1, 128] as <f8E4M3FN, i8, [1, 32], rceil> : tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<64x256xf8E4M3FN>, tensor<64x8xi8> // F7
  return
}

// -----

func.func @pairs_of_f32(%x: tensor<4x256xf32>, %w: tensor<64x256xf8E4M3FN>, %s: tensor<64x2xf32>) {
  // expected-error @below {{expected an input of bf16 or codes for the order pairs, got 'f32'}}
  %0 = fp8.scaled_matmul %x, %w scales %s [1, 128] group 128 order pairs : tensor<4x256xf32>, tensor<64x256xf8E4M3FN>, tensor<64x2xf32> -> tensor<4x64xf32> // F8
  return
}

// -----

// expected-error @below {{unknown rule 'nearest'}}
func.func private @unknown_rule() attributes {s = #fp8.scheme<f8E4M3FN, f32, [1, 8], nearest>}

// -----

// expected-error @below {{expected codes of f8E4M3FN or f8E5M2, got 'f8E8M0FNU'}}
func.func private @codes_of_scales() attributes {s = #fp8.scheme<f8E8M0FNU, f32, [1, 8], amax>} // F1

// -----

func.func @census_of_other_codes(%x: tensor<4x256xf32>, %q: tensor<256xf8E4M3FN>, %s: tensor<2xf32>) {
  // expected-error @below {{expected codes of the input's rank 2, got 1}}
  %0 = fp8.census %x as %q, %s block [1, 128] : tensor<4x256xf32>, tensor<256xf8E4M3FN>, tensor<2xf32> -> tensor<259xf32>
  return
}

// -----

func.func @experts_without_scales(%x: tensor<4x64xf32>, %i: tensor<4x2xi32>, %w: tensor<8x40x64xf8E4M3FN>, %s: tensor<7x3x2xf32>, %t: tensor<8x3x2xf32>) {
  // expected-error @below {{expected gate scales of shape [8, 3, 2] for blocks of [16, 32], got [7, 3, 2]}}
  %0 = fp8.scaled_expert_gated silu %x, %i, %w scales %s, %w scales %t [16, 32] group 32 : tensor<4x64xf32>, tensor<4x2xi32>, tensor<8x40x64xf8E4M3FN>, tensor<7x3x2xf32>, tensor<8x40x64xf8E4M3FN>, tensor<8x3x2xf32> -> tensor<4x2x40xf32> // F2
  return
}

// -----

func.func @group_over_blocks_of_experts(%x: tensor<4x2x64xf32>, %i: tensor<4x2xi32>, %f: tensor<4x2xf32>, %w: tensor<8x40x64xf8E4M3FN>, %s: tensor<8x3x2xf32>) {
  // expected-error @below {{expected a group inside one block of the weight, got a group of 64}}
  %0 = fp8.scaled_expert_linear %x, %i, %f, %w scales %s [16, 32] group 64 : tensor<4x2x64xf32>, tensor<4x2xi32>, tensor<4x2xf32>, tensor<8x40x64xf8E4M3FN>, tensor<8x3x2xf32> -> tensor<4x40xf32> // F5
  return
}
