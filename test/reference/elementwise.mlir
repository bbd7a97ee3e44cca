// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// CHECK-LABEL: @unary_exact
func.func @unary_exact() -> (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = graph.constant dense<[-2.0, -0.0, 1.5, 4.0]> : tensor<4xf32>
  %p = graph.constant dense<[4.0, 0.25]> : tensor<2xf32>
  %neg = graph.neg %x : tensor<4xf32>
  %abs = graph.abs %x : tensor<4xf32>
  %relu = graph.relu %x : tensor<4xf32>
  %sqrt = graph.sqrt %p : tensor<2xf32>
  %rsqrt = graph.rsqrt %p : tensor<2xf32>
  // CHECK: dense<[2.000000e+00, 0.000000e+00, -1.500000e+00, -4.000000e+00]>
  // CHECK: dense<[2.000000e+00, 0.000000e+00, 1.500000e+00, 4.000000e+00]>
  // CHECK: dense<[0.000000e+00, {{-?}}0.000000e+00, 1.500000e+00, 4.000000e+00]>
  // CHECK: dense<[2.000000e+00, 5.000000e-01]>
  // CHECK: dense<[5.000000e-01, 2.000000e+00]>
  return %neg, %abs, %relu, %sqrt, %rsqrt : tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<2xf32>, tensor<2xf32>
}

// Correctly rounded values of exp, erf, tanh, sigmoid, silu, gelu at 0.5, -3.
// CHECK-LABEL: @unary_transcendental
func.func @unary_transcendental() -> (tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>) {
  %x = graph.constant dense<[0.5, -3.0]> : tensor<2xf32>
  %exp = graph.exp %x : tensor<2xf32>
  %erf = graph.erf %x : tensor<2xf32>
  %tanh = graph.tanh %x : tensor<2xf32>
  %sigmoid = graph.sigmoid %x : tensor<2xf32>
  %silu = graph.silu %x : tensor<2xf32>
  %gelu = graph.gelu %x : tensor<2xf32>
  %gelu_tanh = graph.gelu_tanh %x : tensor<2xf32>
  // CHECK: dense<[1.64872122, 0.0497870669]>
  // CHECK: dense<[0.520499885, -0.999977886]>
  // CHECK: dense<[0.462117165, -0.995054781]>
  // CHECK: dense<[0.622459352, 0.0474258736]>
  // CHECK: dense<[0.311229676, -0.142277613]>
  // CHECK: dense<[0.345731229, -0.00404969417]>
  // CHECK: dense<[3.457140e-01, -0.00363739207]>
  return %exp, %erf, %tanh, %sigmoid, %silu, %gelu, %gelu_tanh : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
}

// CHECK-LABEL: @binary_broadcast
func.func @binary_broadcast() -> (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>) {
  %m = graph.constant dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
  %v = graph.constant dense<[10.0, 20.0, 40.0]> : tensor<3xf32>
  %c = graph.constant dense<[[2.0], [4.0]]> : tensor<2x1xf32>
  %w = graph.constant dense<[0x7FC00000, 20.5, 39.0]> : tensor<3xf32>
  %add = graph.add %m, %v : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %sub = graph.sub %v, %m : tensor<3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>
  %mul = graph.mul %m, %c : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %div = graph.div %m, %c : tensor<2x3xf32>, tensor<2x1xf32> -> tensor<2x3xf32>
  %max = graph.max %v, %w : tensor<3xf32>, tensor<3xf32> -> tensor<3xf32>
  %min = graph.min %v, %w : tensor<3xf32>, tensor<3xf32> -> tensor<3xf32>
  // CHECK: dense<{{\[}}[1.100000e+01, 2.200000e+01, 4.300000e+01], [1.400000e+01, 2.500000e+01, 4.600000e+01]]>
  // CHECK: dense<{{\[}}[9.000000e+00, 1.800000e+01, 3.700000e+01], [6.000000e+00, 1.500000e+01, 3.400000e+01]]>
  // CHECK: dense<{{\[}}[2.000000e+00, 4.000000e+00, 6.000000e+00], [1.600000e+01, 2.000000e+01, 2.400000e+01]]>
  // CHECK: dense<{{\[}}[5.000000e-01, 1.000000e+00, 1.500000e+00], [1.000000e+00, 1.250000e+00, 1.500000e+00]]>
  // CHECK: dense<[0x7FC00000, 2.050000e+01, 4.000000e+01]>
  // CHECK: dense<[0x7FC00000, 2.000000e+01, 3.900000e+01]>
  return %add, %sub, %mul, %div, %max, %min : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>, tensor<3xf32>, tensor<3xf32>
}

// 1 + 2^-11 + 2^-28 is just above the middle of two f16 values: rounding to f32
// on the way would lose the last term and tie down to 1.
// CHECK-LABEL: @round_once
func.func @round_once() -> (tensor<1x1xf16>, tensor<1xf16>, tensor<2xbf16>) {
  %x = graph.constant dense<[[1.0, 4.8828125e-4, 6.103515625e-5]]> : tensor<1x3xf16>
  %w = graph.constant dense<[[1.0, 1.0, 6.103515625e-5]]> : tensor<1x3xf16>
  %a = graph.constant dense<1.0> : tensor<1xf16>
  %b = graph.constant dense<[1.0, 3.0]> : tensor<2xbf16>
  %c = graph.constant dense<[3.0, 1.0]> : tensor<2xbf16>
  %dot = graph.linear %x, %w : tensor<1x3xf16>, tensor<1x3xf16> -> tensor<1x1xf16>
  %erf = graph.erf %a : tensor<1xf16>
  %q = graph.div %b, %c : tensor<2xbf16>, tensor<2xbf16> -> tensor<2xbf16>
  // CHECK: dense<1.000980e+00> : tensor<1x1xf16>
  // CHECK: dense<8.427730e-01> : tensor<1xf16>
  // CHECK: dense<[3.339840e-01, 3.000000e+00]> : tensor<2xbf16>
  return %dot, %erf, %q : tensor<1x1xf16>, tensor<1xf16>, tensor<2xbf16>
}

// CHECK-LABEL: @cast
func.func @cast() -> (tensor<7xi32>, tensor<2xf32>, tensor<3xf16>, tensor<3xbf16>) {
  %x = graph.constant dense<[1.9, -1.9, 3.0e9, -3.0e9, 0x7FC00000, 0x7F800000, -0.5]> : tensor<7xf32>
  %i = graph.constant dense<[16777217, -5]> : tensor<2xi32>
  // 1 + 2^-11 ties to even, 65520 overflows f16.
  %t = graph.constant dense<[1.00048828125, 65520.0, 65519.0]> : tensor<3xf32>
  %b = graph.constant dense<[1.00390625, 1.01171875, 1.0e-40]> : tensor<3xf32>
  %0 = graph.cast %x : tensor<7xf32> -> tensor<7xi32>
  %1 = graph.cast %i : tensor<2xi32> -> tensor<2xf32>
  %2 = graph.cast %t : tensor<3xf32> -> tensor<3xf16>
  %3 = graph.cast %b : tensor<3xf32> -> tensor<3xbf16>
  // CHECK: dense<[1, -1, 2147483647, -2147483648, 0, 2147483647, 0]>
  // CHECK: dense<[0x4B800000, -5.000000e+00]>
  // CHECK: dense<[1.000000e+00, 0x7C00, 6.550400e+04]>
  // CHECK: dense<[1.000000e+00, 1.015630e+00, 9.183550e-41]>
  return %0, %1, %2, %3 : tensor<7xi32>, tensor<2xf32>, tensor<3xf16>, tensor<3xbf16>
}
