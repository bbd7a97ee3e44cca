// RUN: trine-opt %s | trine-opt | FileCheck %s

// CHECK-LABEL: @quantize
func.func @quantize(%x: tensor<?x300xf32>) -> (tensor<?x300xf8E4M3FN>, tensor<?x3xi8>) {
  // CHECK: fp8.quantize %{{.*}} as <f8E4M3FN, i8, [1, 128], rceil> : tensor<?x300xf32> -> tensor<?x300xf8E4M3FN>, tensor<?x3xi8>
  %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 128], rceil>
    : tensor<?x300xf32> -> tensor<?x300xf8E4M3FN>, tensor<?x3xi8>
  return %q, %s : tensor<?x300xf8E4M3FN>, tensor<?x3xi8>
}

// CHECK-LABEL: @all_of_a_scheme
func.func @all_of_a_scheme(%x: tensor<4x7168xbf16>) -> tensor<4x1xf32> {
  // CHECK: as <f8E5M2, f32, [1, 0], amax, amax_floor = 9.99999974E-5 : f32, scale_rcp, element_rcp, overflow>
  %q, %s = fp8.quantize %x as <f8E5M2, f32, [1, 0], amax, amax_floor = 1.0e-4 : f32, scale_rcp, element_rcp, overflow>
    : tensor<4x7168xbf16> -> tensor<4x7168xf8E5M2>, tensor<4x1xf32>
  return %s : tensor<4x1xf32>
}

// CHECK-LABEL: @scales
func.func @scales(%q: tensor<576x7168xf8E4M3FN>, %s: tensor<5x56xi8>, %x: tensor<?x64xf32>,
                  %t: tensor<1x1xf32>) -> (tensor<576x7168xf32>, tensor<576x224xi8>, tensor<1xf32>) {
  // CHECK: fp8.dequantize %{{.*}}, %{{.*}} block [128, 128]
  %w = fp8.dequantize %q, %s block [128, 128]
    : tensor<576x7168xf8E4M3FN>, tensor<5x56xi8> -> tensor<576x7168xf32>
  // CHECK: fp8.convert_scales %{{.*}} of %{{.*}} from [128, 128] to [1, 32]
  %b = fp8.convert_scales %s of %q from [128, 128] to [1, 32]
    : tensor<5x56xi8>, tensor<576x7168xf8E4M3FN> -> tensor<576x224xi8>
  // CHECK: fp8.requantize %{{.*}}, %{{.*}} block [128, 128] as <f8E4M3FN, i8, [1, 32], rceil> allow_lossy
  %q1, %s1 = fp8.requantize %q, %s block [128, 128] as <f8E4M3FN, i8, [1, 32], rceil> allow_lossy
    : tensor<576x7168xf8E4M3FN>, tensor<5x56xi8> -> tensor<576x7168xf8E4M3FN>, tensor<576x224xi8>
  // CHECK: fp8.encode %{{.*}}, %{{.*}} block [0, 0] element_rcp
  %e = fp8.encode %x, %t block [0, 0] element_rcp
    : tensor<?x64xf32>, tensor<1x1xf32> -> tensor<?x64xf8E4M3FN>
  // CHECK: fp8.observe
  %m = fp8.observe %x : tensor<?x64xf32> -> tensor<1xf32>
  return %w, %b, %m : tensor<576x7168xf32>, tensor<576x224xi8>, tensor<1xf32>
}

// CHECK-LABEL: @products
func.func @products(%x: tensor<?x576xbf16>, %q: tensor<?x576xf8E4M3FN>, %s: tensor<?x5xi8>,
                    %w: tensor<192x576xf8E4M3FN>, %ws: tensor<2x5xi8>, %b: tensor<192xf32>)
    -> (tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x192xbf16>) {
  // CHECK: fp8.scaled_matmul %{{.*}}, %{{.*}} scales %{{.*}} [128, 128] group 128 order pairs :
  %0 = fp8.scaled_matmul %x, %w scales %ws [128, 128] group 128 order pairs
    : tensor<?x576xbf16>, tensor<192x576xf8E4M3FN>, tensor<2x5xi8> -> tensor<?x192xf32>
  // CHECK: fp8.scaled_matmul %{{.*}} scales %{{.*}} [1, 128], %{{.*}} scales %{{.*}} [128, 128] bias %{{.*}} group 64 :
  %1 = fp8.scaled_matmul %q scales %s [1, 128], %w scales %ws [128, 128] bias %b group 64
    : tensor<?x576xf8E4M3FN> scales tensor<?x5xi8>, tensor<192x576xf8E4M3FN>, tensor<2x5xi8> bias tensor<192xf32>
    -> tensor<?x192xf32>
  // CHECK: fp8.scaled_gated silu %{{.*}} scales %{{.*}} [1, 128], %{{.*}} scales %{{.*}}, %{{.*}} scales %{{.*}} [128, 128] group 128 order hopper :
  %2 = fp8.scaled_gated silu %q scales %s [1, 128], %w scales %ws, %w scales %ws [128, 128] group 128 order hopper
    : tensor<?x576xf8E4M3FN> scales tensor<?x5xi8>, tensor<192x576xf8E4M3FN>, tensor<2x5xi8>,
      tensor<192x576xf8E4M3FN>, tensor<2x5xi8> -> tensor<?x192xbf16>
  return %0, %1, %2 : tensor<?x192xf32>, tensor<?x192xf32>, tensor<?x192xbf16>
}

// One scale for all, however many matrices there are.
// CHECK-LABEL: @one_scale
func.func @one_scale(%x: tensor<?x?x64xf32>, %s: tensor<1xf32>, %w: tensor<32x64xf8E4M3FN>,
                     %ws: tensor<1x1xf32>) -> tensor<?x?x32xf32> {
  %q = fp8.encode %x, %s block [0, 0] : tensor<?x?x64xf32>, tensor<1xf32> -> tensor<?x?x64xf8E4M3FN>
  // CHECK: fp8.scaled_matmul %{{.*}} scales %{{.*}} [0, 0], %{{.*}} scales %{{.*}} [0, 0] group 0 :
  %y = fp8.scaled_matmul %q scales %s [0, 0], %w scales %ws [0, 0] group 0
    : tensor<?x?x64xf8E4M3FN> scales tensor<1xf32>, tensor<32x64xf8E4M3FN>, tensor<1x1xf32> -> tensor<?x?x32xf32>
  return %y : tensor<?x?x32xf32>
}

// CHECK-LABEL: @figures
func.func @figures(%x: tensor<?x64xf32>, %q: tensor<?x64xf8E4M3FN>, %s: tensor<?x2xi8>)
    -> (tensor<4xf32>, tensor<259xf32>) {
  // CHECK: fp8.compare %{{.*}}, %{{.*}} : tensor<?x64xf32> -> tensor<4xf32>
  %c = fp8.compare %x, %x : tensor<?x64xf32> -> tensor<4xf32>
  // CHECK: fp8.census %{{.*}} as %{{.*}}, %{{.*}} block [1, 32] :
  %n = fp8.census %x as %q, %s block [1, 32]
    : tensor<?x64xf32>, tensor<?x64xf8E4M3FN>, tensor<?x2xi8> -> tensor<259xf32>
  return %c, %n : tensor<4xf32>, tensor<259xf32>
}

// CHECK-LABEL: @experts
func.func @experts(%x: tensor<?x64xbf16>, %h: tensor<?x2x64xbf16>, %i: tensor<?x2xi32>, %f: tensor<?x2xf32>,
                   %w: tensor<8x40x64xf8E4M3FN>, %s: tensor<8x3x2xi8>) -> (tensor<?x2x40xf32>, tensor<?x40xf32>) {
  // CHECK: fp8.scaled_expert_gated silu %{{.*}}, %{{.*}}, %{{.*}} scales %{{.*}}, %{{.*}} scales %{{.*}} [16, 32] group 32
  %g = fp8.scaled_expert_gated silu %x, %i, %w scales %s, %w scales %s [16, 32] group 32
    : tensor<?x64xbf16>, tensor<?x2xi32>, tensor<8x40x64xf8E4M3FN>, tensor<8x3x2xi8>, tensor<8x40x64xf8E4M3FN>, tensor<8x3x2xi8> -> tensor<?x2x40xf32>
  // CHECK: fp8.scaled_expert_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} scales %{{.*}} [16, 32] group 32
  %y = fp8.scaled_expert_linear %h, %i, %f, %w scales %s [16, 32] group 32
    : tensor<?x2x64xbf16>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<8x40x64xf8E4M3FN>, tensor<8x3x2xi8> -> tensor<?x40xf32>
  return %g, %y : tensor<?x2x40xf32>, tensor<?x40xf32>
}
