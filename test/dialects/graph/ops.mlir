// RUN: trine-opt %s | trine-opt | FileCheck %s
// RUN: trine-opt %s --mlir-print-op-generic | trine-opt | FileCheck %s
// RUN: trine-opt %s --emit-bytecode | trine-opt | FileCheck %s
// Every operation and attribute, through text, the generic form and bytecode.

// CHECK: graph.parameter @w : tensor<4x8xf32, #graph.layout<panels, 16>> storage "q4_1" from ["a", "b"]
graph.parameter @w : tensor<4x8xf32, #graph.layout<panels, 16>> storage "q4_1" from ["a", "b"]
// CHECK: graph.parameter @r : tensor<3x2x8xf32> storage "f32" rows [1, 2, 4] from ["a"]
graph.parameter @r : tensor<3x2x8xf32> storage "f32" rows [1, 2, 4] from ["a"]
// CHECK: graph.state @k : tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
graph.state @k : tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
// CHECK: graph.state @v : tensor<?x32x2x8xf32, #graph.layout<heads, 1>>
graph.state @v : tensor<?x32x2x8xf32, #graph.layout<heads, 1>>

// CHECK-LABEL: @storage
func.func @storage(%x: tensor<?x?x2x8xf32>) {
  // CHECK: graph.weight @w : tensor<4x8xf32, #graph.layout<panels, 16>>
  %w = graph.weight @w : tensor<4x8xf32, #graph.layout<panels, 16>>
  // CHECK: graph.constant dense<1.000000e+00> : tensor<f32>
  %c = graph.constant dense<1.0> : tensor<f32>
  // CHECK: graph.length %{{.*}} : tensor<?x?x2x8xf32> -> tensor<?xi32>
  %n = graph.length %x : tensor<?x?x2x8xf32> -> tensor<?xi32>
  // CHECK: graph.positions %{{.*}} : tensor<?x?x2x8xf32> -> tensor<?x?xi32>
  %p = graph.positions %x : tensor<?x?x2x8xf32> -> tensor<?x?xi32>
  // CHECK: graph.positions %{{.*}} after %{{.*}} : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x?xi32>
  %q = graph.positions %x after %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x?xi32>
  // CHECK: graph.cache @k like %{{.*}} : tensor<?x?x2x8xf32> -> tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
  %s = graph.cache @k like %x : tensor<?x?x2x8xf32> -> tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
  // CHECK: graph.append %{{.*}} to %{{.*}} at %{{.*}} : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
  %t = graph.append %x to %s at %n : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x32x2x8xf32, #graph.layout<head_panels, 16>>
  return
}

// CHECK-LABEL: @contraction
func.func @contraction(%x: tensor<?x8xbf16>, %w: tensor<4x8xbf16>, %b: tensor<4xbf16>, %m: tensor<2x?x8xf16>, %n: tensor<2x8x?xf16>) {
  // CHECK: graph.linear %{{.*}}, %{{.*}} : tensor<?x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xbf16>
  %0 = graph.linear %x, %w : tensor<?x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xbf16>
  // CHECK: graph.linear %{{.*}}, %{{.*}} bias %{{.*}} : tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4xbf16> -> tensor<?x4xbf16>
  %1 = graph.linear %x, %w bias %b : tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4xbf16> -> tensor<?x4xbf16>
  // CHECK: graph.gated gelu_tanh %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xbf16>
  %2 = graph.gated gelu_tanh %x, %w, %w : tensor<?x8xbf16>, tensor<4x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xbf16>
  // CHECK: graph.matmul %{{.*}}, %{{.*}} : tensor<2x?x8xf16>, tensor<2x8x?xf16> -> tensor<2x?x?xf16>
  %3 = graph.matmul %m, %n : tensor<2x?x8xf16>, tensor<2x8x?xf16> -> tensor<2x?x?xf16>
  // CHECK: graph.matmul %{{.*}}, %{{.*}} transpose_b : tensor<2x?x8xf16>, tensor<2x?x8xf16> -> tensor<2x?x?xf16>
  %4 = graph.matmul %m, %m transpose_b : tensor<2x?x8xf16>, tensor<2x?x8xf16> -> tensor<2x?x?xf16>
  return
}

// CHECK-LABEL: @experts
func.func @experts(%x: tensor<?x8xbf16>, %l: tensor<?x6xf32>, %b: tensor<6xf32>, %g: tensor<6x4x8xbf16>, %d: tensor<6x8x4xbf16>, %h: tensor<?x6x8xf32>) {
  // CHECK: graph.route softmax %{{.*}} top 2 normalize : tensor<?x6xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %0, %1 = graph.route softmax %l top 2 normalize : tensor<?x6xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: graph.route sigmoid %{{.*}} bias %{{.*}} top 2 groups 3 limit 1 {scale = 2.500000e+00 : f64} : tensor<?x6xf32>, tensor<6xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  %2, %3 = graph.route sigmoid %l bias %b top 2 groups 3 limit 1 {scale = 2.5} : tensor<?x6xf32>, tensor<6xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
  // CHECK: graph.expert_gated silu %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x8xbf16>, tensor<?x2xi32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16> -> tensor<?x2x4xf32>
  %4 = graph.expert_gated silu %x, %0, %g, %g : tensor<?x8xbf16>, tensor<?x2xi32>, tensor<6x4x8xbf16>, tensor<6x4x8xbf16> -> tensor<?x2x4xf32>
  // CHECK: graph.grouped_linear %{{.*}}, %{{.*}} : tensor<?x6x8xf32>, tensor<6x4x8xbf16> -> tensor<?x6x4xf32>
  %6 = graph.grouped_linear %h, %g : tensor<?x6x8xf32>, tensor<6x4x8xbf16> -> tensor<?x6x4xf32>
  // CHECK: graph.grouped_linear %{{.*}}, %{{.*}} transposed : tensor<?x6x8xf32>, tensor<6x8x4xbf16> -> tensor<?x6x4xf32>
  %7 = graph.grouped_linear %h, %d transposed : tensor<?x6x8xf32>, tensor<6x8x4xbf16> -> tensor<?x6x4xf32>
  // CHECK: graph.expert_linear %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x2x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x8x4xbf16> -> tensor<?x8xf32>
  %5 = graph.expert_linear %4, %0, %1, %d : tensor<?x2x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<6x8x4xbf16> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @attention
func.func @attention(%q: tensor<?x?x4x8xf32>, %k: tensor<?x?x2x8xf32>, %v: tensor<?x?x2x16xf32>, %past: tensor<?xi32>, %mask: tensor<?x?xi32>, %p: tensor<?x?xi32>) {
  // CHECK: graph.attention %{{.*}}, %{{.*}}, %{{.*}} scale 1.250000e-01 : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  %0 = graph.attention %q, %k, %v scale 0.125 : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x16xf32> -> tensor<?x?x4x16xf32>
  // CHECK: graph.attention %{{.*}}, %{{.*}}, %{{.*}} past %{{.*}} mask %{{.*}} causal scale 1.250000e-01 softcap 5.000000e+01 window 512 : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x16xf32>, past tensor<?xi32> mask tensor<?x?xi32> -> tensor<?x?x4x16xf32>
  %1 = graph.attention %q, %k, %v past %past mask %mask causal scale 0.125 softcap 50.0 window 512 : tensor<?x?x4x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x16xf32>, past tensor<?xi32> mask tensor<?x?xi32> -> tensor<?x?x4x16xf32>
  // CHECK: graph.rope half %{{.*}}, %{{.*}} theta 1.000000e+04 dims 8 : tensor<?x?x4x8xf32>, tensor<?x?xi32> -> tensor<?x?x4x8xf32>
  %2 = graph.rope half %q, %p theta 1.0e4 dims 8 : tensor<?x?x4x8xf32>, tensor<?x?xi32> -> tensor<?x?x4x8xf32>
  // CHECK: graph.rope interleaved %{{.*}}, %{{.*}} theta 5.000000e+05 dims 4 scaling <llama3, factor = 8.000000e+00 : f64, low = 1.000000e+00 : f64, high = 4.000000e+00 : f64, original_length = 8192, attention = 1.000000e+00 : f64> :
  %3 = graph.rope interleaved %q, %p theta 5.0e5 dims 4 scaling <llama3, factor = 8.0 : f64, low = 1.0 : f64, high = 4.0 : f64, original_length = 8192, attention = 1.0 : f64> : tensor<?x?x4x8xf32>, tensor<?x?xi32> -> tensor<?x?x4x8xf32>
  return
}

// CHECK-LABEL: @normalization
func.func @normalization(%x: tensor<?x?x8xf32>, %w: tensor<8xf32>, %m: tensor<?x?xi32>) {
  // CHECK: graph.rms_norm %{{.*}}, %{{.*}} epsilon 1.000000e-05 : tensor<?x?x8xf32>, tensor<8xf32> -> tensor<?x?x8xf32>
  %0 = graph.rms_norm %x, %w epsilon 1.0e-5 : tensor<?x?x8xf32>, tensor<8xf32> -> tensor<?x?x8xf32>
  // CHECK: graph.rms_norm %{{.*}}, %{{.*}} epsilon 1.000000e-05 {offset = 1.000000e+00 : f64} :
  %1 = graph.rms_norm %x, %w epsilon 1.0e-5 {offset = 1.0} : tensor<?x?x8xf32>, tensor<8xf32> -> tensor<?x?x8xf32>
  // CHECK: graph.layer_norm %{{.*}}, %{{.*}}, %{{.*}} epsilon 1.000000e-05 : tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32> -> tensor<?x?x8xf32>
  %2 = graph.layer_norm %x, %w, %w epsilon 1.000000e-05 : tensor<?x?x8xf32>, tensor<8xf32>, tensor<8xf32> -> tensor<?x?x8xf32>
  // CHECK: graph.softmax %{{.*}} : tensor<?x?x8xf32>
  %3 = graph.softmax %x : tensor<?x?x8xf32>
  // CHECK: graph.normalize %{{.*}} : tensor<?x?x8xf32>
  %4 = graph.normalize %x : tensor<?x?x8xf32>
  // CHECK: graph.pool mean %{{.*}}, %{{.*}} : tensor<?x?x8xf32>, tensor<?x?xi32> -> tensor<?x8xf32>
  %5 = graph.pool mean %x, %m : tensor<?x?x8xf32>, tensor<?x?xi32> -> tensor<?x8xf32>
  return
}

// CHECK-LABEL: @elementwise
func.func @elementwise(%x: tensor<?x4xf32>, %y: tensor<4xf32>) {
  // CHECK: graph.neg %{{.*}} : tensor<?x4xf32>
  %0 = graph.neg %x : tensor<?x4xf32>
  // CHECK: graph.abs
  %1 = graph.abs %x : tensor<?x4xf32>
  // CHECK: graph.sqrt
  %2 = graph.sqrt %x : tensor<?x4xf32>
  // CHECK: graph.rsqrt
  %3 = graph.rsqrt %x : tensor<?x4xf32>
  // CHECK: graph.exp
  %4 = graph.exp %x : tensor<?x4xf32>
  // CHECK: graph.erf
  %5 = graph.erf %x : tensor<?x4xf32>
  // CHECK: graph.tanh
  %6 = graph.tanh %x : tensor<?x4xf32>
  // CHECK: graph.sigmoid
  %7 = graph.sigmoid %x : tensor<?x4xf32>
  // CHECK: graph.silu
  %8 = graph.silu %x : tensor<?x4xf32>
  // CHECK: graph.relu
  %9 = graph.relu %x : tensor<?x4xf32>
  // CHECK: graph.gelu %
  %10 = graph.gelu %x : tensor<?x4xf32>
  // CHECK: graph.gelu_tanh
  %11 = graph.gelu_tanh %x : tensor<?x4xf32>
  // CHECK: graph.add %{{.*}}, %{{.*}} : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  %12 = graph.add %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.sub
  %13 = graph.sub %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.mul
  %14 = graph.mul %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.div
  %15 = graph.div %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.max
  %16 = graph.max %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.min
  %17 = graph.min %x, %y : tensor<?x4xf32>, tensor<4xf32> -> tensor<?x4xf32>
  // CHECK: graph.cast %{{.*}} : tensor<?x4xf32> -> tensor<?x4xi32>
  %18 = graph.cast %x : tensor<?x4xf32> -> tensor<?x4xi32>
  return
}

// CHECK-LABEL: @movement
func.func @movement(%t: tensor<16x8xf32>, %i: tensor<?x?xi32>, %x: tensor<?x?x8xf32>, %n: tensor<?xi32>) {
  // CHECK: graph.gather %{{.*}}, %{{.*}} : tensor<16x8xf32>, tensor<?x?xi32> -> tensor<?x?x8xf32>
  %0 = graph.gather %t, %i : tensor<16x8xf32>, tensor<?x?xi32> -> tensor<?x?x8xf32>
  // CHECK: graph.last_token %{{.*}} : tensor<?x?x8xf32> -> tensor<?x8xf32>
  %1 = graph.last_token %x : tensor<?x?x8xf32> -> tensor<?x8xf32>
  // CHECK: graph.last_token %{{.*}} lengths %{{.*}} : tensor<?x?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  %2 = graph.last_token %x lengths %n : tensor<?x?x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
  // CHECK: graph.reshape %{{.*}} to [0, 0, 2, -1] : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %3 = graph.reshape %x to [0, 0, 2, -1] : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  // CHECK: graph.reshape %{{.*}} to [-1, 4] : tensor<?x?x8xf32> -> tensor<?x4xf32>
  %4 = graph.reshape %x to [-1, 4] : tensor<?x?x8xf32> -> tensor<?x4xf32>
  // CHECK: graph.transpose %{{.*}} by [1, 0, 2] : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %5 = graph.transpose %x by [1, 0, 2] : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  // CHECK: graph.slice %{{.*}} axis 2 start 2 size 3 : tensor<?x?x8xf32> -> tensor<?x?x3xf32>
  %6 = graph.slice %x axis 2 start 2 size 3 : tensor<?x?x8xf32> -> tensor<?x?x3xf32>
  // CHECK: graph.concat %{{.*}}, %{{.*}} axis 2 : tensor<?x?x8xf32>, tensor<?x?x3xf32> -> tensor<?x?x11xf32>
  %7 = graph.concat %x, %6 axis 2 : tensor<?x?x8xf32>, tensor<?x?x3xf32> -> tensor<?x?x11xf32>
  // CHECK: graph.concat %{{.*}}, %{{.*}} axis 0 : tensor<?x?x8xf32>, tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  %8 = graph.concat %x, %x axis 0 : tensor<?x?x8xf32>, tensor<?x?x8xf32> -> tensor<?x?x8xf32>
  // CHECK: graph.relayout %{{.*}} : tensor<16x8xf32> -> tensor<16x8xf32, #graph.layout<panels, 8>>
  %9 = graph.relayout %t : tensor<16x8xf32> -> tensor<16x8xf32, #graph.layout<panels, 8>>
  return
}
