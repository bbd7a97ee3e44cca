// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// amax 448·2: rceil gives 2, so 896 is 448·2 and 1 is 0.5·2. Zeros have the
// least scale.
// CHECK-LABEL: @quantize
func.func @quantize() -> (tensor<2x4xf32>, tensor<2x2xi8>) {
  %x = graph.constant dense<[[896.0, 1.0, 0.0, 0.0], [3.0, 449.0, -1.0, 2.0]]> : tensor<2x4xf32>
  %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 2], rceil> : tensor<2x4xf32> -> tensor<2x4xf8E4M3FN>, tensor<2x2xi8>
  %d = fp8.dequantize %q, %s block [1, 2] : tensor<2x4xf8E4M3FN>, tensor<2x2xi8> -> tensor<2x4xf32>
  // 449 / 2 = 224.5 rounds to 224.
  // CHECK: dense<{{\[}}[8.960000e+02, 1.000000e+00, 0.000000e+00, 0.000000e+00], [3.000000e+00, 4.480000e+02, -1.000000e+00, 2.000000e+00]]>
  // Bytes: 2^1, 2^-127, 2^1, 2^-7 (127 - 7 = 120).
  // CHECK: dense<{{\[}}[-128, 0], [-128, 120]]> : tensor<2x2xi8>
  return %d, %s : tensor<2x4xf32>, tensor<2x2xi8>
}

// The orders differ where f32 is not exact: 16 products of 2^24, 1, .., summed
// with -2^24. a = [4096, 1, 1, -4096], b = [4096, 1, 1, 4096] as bf16.
// CHECK-LABEL: @orders
func.func @orders() -> (tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>) {
  %x = graph.constant dense<[[4096.0, 1.0, 1.0, -4096.0]]> : tensor<1x4xbf16>
  %v = graph.constant dense<[[256.0, 1.0, 1.0, 256.0]]> : tensor<1x4xf32>
  %one = graph.constant dense<[[16.0]]> : tensor<1x1xf32>
  %w = fp8.encode %v, %one block [0, 0] : tensor<1x4xf32>, tensor<1x1xf32> -> tensor<1x4xf8E4M3FN>
  // Σ = 2^20·16 + 16·… : exactly 2·(1/16)·16 = 2.
  // CHECK: dense<2.000000e+00>
  %0 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  // 65536 + 1/16 + 1/16 - 65536 is exact in f32: 24 bits reach 2^-7.
  // CHECK: dense<2.000000e+00>
  %1 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 order chain : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  // CHECK: dense<2.000000e+00>
  %2 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 order pairs : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  // Bits below 2^16·2^-13 = 8 are lost.
  // CHECK: dense<0.000000e+00>
  %3 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 order hopper : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  return %0, %1, %2, %3 : tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>, tensor<1x1xf32>
}

// chain rounds after 2^24, pairs takes the odd product first.
// CHECK-LABEL: @chain_and_pairs
func.func @chain_and_pairs() -> (tensor<1x1xf32>, tensor<1x1xf32>) {
  %x = graph.constant dense<[[65536.0, 1.0, -65536.0, 1.0]]> : tensor<1x4xbf16>
  %v = graph.constant dense<[[256.0, 1.0, 256.0, 1.0]]> : tensor<1x4xf32>
  %one = graph.constant dense<[[1.0]]> : tensor<1x1xf32>
  %w = fp8.encode %v, %one block [0, 0] : tensor<1x4xf32>, tensor<1x1xf32> -> tensor<1x4xf8E4M3FN>
  // 2^24 + 1 = 2^24, - 2^24 = 0, + 1 = 1.
  // CHECK: dense<1.000000e+00>
  %0 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 order chain : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  // 1 + 2^24 = 2^24, + 1 = 2^24, - 2^24 = 0.
  // CHECK: dense<0.000000e+00>
  %1 = fp8.scaled_matmul %x, %w scales %one [0, 0] group 0 order pairs : tensor<1x4xbf16>, tensor<1x4xf8E4M3FN>, tensor<1x1xf32> -> tensor<1x1xf32>
  return %0, %1 : tensor<1x1xf32>, tensor<1x1xf32>
}

// CHECK-LABEL: @scales_repeated
func.func @scales_repeated() -> (tensor<3x2xi8>, tensor<1xf32>) {
  %x = graph.constant dense<[[1.0, 448.0], [2.0, 0.0], [896.0, 5.0]]> : tensor<3x2xf32>
  %q, %s = fp8.quantize %x as <f8E4M3FN, f32, [2, 1], rceil> : tensor<3x2xf32> -> tensor<3x2xf8E4M3FN>, tensor<2x2xf32>
  %r = fp8.convert_scales %s of %q from [2, 1] to [1, 1] : tensor<2x2xf32>, tensor<3x2xf8E4M3FN> -> tensor<3x2xi8>
  %m = fp8.observe %x : tensor<3x2xf32> -> tensor<1xf32>
  // 2 → 2^-7, 448 → 1, 896 → 2, 5 → 2^-6.
  // CHECK: dense<{{\[}}[120, 127], [120, 127], [-128, 121]]> : tensor<3x2xi8>
  // CHECK: dense<8.960000e+02>
  return %r, %m : tensor<3x2xi8>, tensor<1xf32>
}

// CHECK-LABEL: @one_scale
func.func @one_scale() -> tensor<2x1x2xf32> {
  %x = graph.constant dense<[[[4.0, 6.0]], [[-2.0, 1000.0]]]> : tensor<2x1x2xf32>
  %s = graph.constant dense<2.0> : tensor<1xf32>
  %q = fp8.encode %x, %s block [0, 0] : tensor<2x1x2xf32>, tensor<1xf32> -> tensor<2x1x2xf8E4M3FN>
  %d = fp8.dequantize %q, %s block [0, 0] : tensor<2x1x2xf8E4M3FN>, tensor<1xf32> -> tensor<2x1x2xf32>
  // 1000 / 2 saturates: 448 · 2.
  // CHECK: dense<{{\[}}{{\[}}[4.000000e+00, 6.000000e+00]], {{\[}}[-2.000000e+00, 8.960000e+02]]]>
  return %d : tensor<2x1x2xf32>
}

// Scale 2: 1000 is beyond 464·2 and saturates, 900 rounds to 896 = 448·2, 2^-9
// rounds to 0, and so would 0.
// CHECK-LABEL: @figures
func.func @figures() -> (tensor<4xf32>, tensor<259xf32>) {
  %x = graph.constant dense<[[1000.0, 900.0], [0.001953125, 0.0]]> : tensor<2x2xf32>
  %s = graph.constant dense<2.0> : tensor<1x1xf32>
  %q = fp8.encode %x, %s block [2, 2] : tensor<2x2xf32>, tensor<1x1xf32> -> tensor<2x2xf8E4M3FN>
  %a = graph.constant dense<[3.0, 0.0]> : tensor<2xf32>
  %b = graph.constant dense<[2.0, 2.0]> : tensor<2xf32>
  // CHECK: dense<[9.000000e+00, 5.000000e+00, 6.000000e+00, 8.000000e+00]> : tensor<4xf32>
  %c = fp8.compare %a, %b : tensor<2xf32> -> tensor<4xf32>
  // 4, 1, 1, then 0 scales of 2^-127: f32 in hexadecimal.
  // CHECK: dense<"0x000080400000803F0000803F00000000
  %n = fp8.census %x as %q, %s block [2, 2] : tensor<2x2xf32>, tensor<2x2xf8E4M3FN>, tensor<1x1xf32> -> tensor<259xf32>
  return %c, %n : tensor<4xf32>, tensor<259xf32>
}
