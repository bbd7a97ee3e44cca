// RUN: trine-opt %s -split-input-file --place-ops --assign-layouts --convert-graph-to-launch | FileCheck %s

// Two equal layers: one kernel, bias and residual fused, launched twice.
module attributes {launch.cpu = "x86-64-v4"} {
  graph.parameter @w0 : tensor<16x16xf32> storage "f32" from ["w0"]
  graph.parameter @w1 : tensor<16x16xf32> storage "f32" from ["w1"]
  // CHECK-LABEL: func.func @equal_layers
  // CHECK: %[[A:.*]] = launch.call @linear_0({{.*}}) {node = "layers.0"}
  // CHECK: %[[B:.*]] = launch.call @linear_0(%[[A]], {{.*}}) {node = "layers.1"}
  // CHECK: return %[[B]]
  func.func @equal_layers(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
    %w0 = graph.weight @w0 : tensor<16x16xf32>
    %a = graph.linear %x, %w0 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32> loc("layers.0")
    %b = graph.add %a, %x : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
    %w1 = graph.weight @w1 : tensor<16x16xf32>
    %c = graph.linear %b, %w1 : tensor<?x16xf32>, tensor<16x16xf32> -> tensor<?x16xf32> loc("layers.1")
    %d = graph.add %c, %b : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
    return %d : tensor<?x16xf32>
  }
}
// CHECK-COUNT-1: launch.kernel @linear_0 on "cpu" family "contraction"
// CHECK: graph.linear
// CHECK-NEXT: graph.add
// CHECK-NOT: launch.kernel

// -----

// An append's result is tied to its state; a reshape stays in the host program.
module attributes {launch.cpu = "x86-64-v4"} {
  graph.state @k : tensor<?x64x1x4xf32>
  // CHECK-LABEL: func.func @state
  // CHECK: graph.reshape
  // CHECK: launch.call @append_0
  // CHECK: launch.call @attention_0
  func.func @state(%x: tensor<?x?x4xf32>) -> tensor<?x?x1x4xf32> {
    %r = graph.reshape %x to [0, 0, 1, 4] : tensor<?x?x4xf32> -> tensor<?x?x1x4xf32>
    %p = graph.length %x : tensor<?x?x4xf32> -> tensor<?xi32>
    %k = graph.cache @k like %x : tensor<?x?x4xf32> -> tensor<?x64x1x4xf32>
    %k1 = graph.append %r to %k at %p : tensor<?x?x1x4xf32>, tensor<?xi32> -> tensor<?x64x1x4xf32>
    %o = graph.attention %r, %k1, %r causal scale 0.5 : tensor<?x?x1x4xf32>, tensor<?x64x1x4xf32>, tensor<?x?x1x4xf32> -> tensor<?x?x1x4xf32>
    return %o : tensor<?x?x1x4xf32>
  }
}
// CHECK: launch.kernel @append_0 on "cpu" family "movement" ties [0]

// -----

// A producer with two users keeps its own kernel.
module attributes {launch.cpu = "x86-64-v4"} {
  // CHECK-LABEL: func.func @two_users
  // CHECK: %[[A:.*]] = launch.call @neg_0
  // CHECK: launch.call @exp_0(%[[A]])
  // CHECK: launch.call @abs_0(%[[A]])
  func.func @two_users(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
    %a = graph.neg %x : tensor<?x4xf32>
    %b = graph.exp %a : tensor<?x4xf32>
    %c = graph.abs %a : tensor<?x4xf32>
    return %b, %c : tensor<?x4xf32>, tensor<?x4xf32>
  }
}

// -----

// A cast is part of its producer's kernel, beside other users; layers of one
// input share a launch with their casts.
module attributes {launch.cpu = "x86-64-v4"} {
  graph.parameter @g : tensor<16xf32> storage "f32" from ["g"]
  graph.parameter @w : tensor<16x16xbf16> storage "bf16" from ["w"]
  // CHECK-LABEL: func.func @casts
  // CHECK: %[[N:.*]]:2 = launch.call @rms_norm_0
  // CHECK: %[[L:.*]]:2 = launch.call @linear_0(%[[N]]#1, {{.*}} -> (tensor<?x16xbf16>, tensor<?x16xbf16>)
  // CHECK-NEXT: launch.call @add_0(%[[N]]#0
  func.func @casts(%x: tensor<?x16xf32>) -> (tensor<?x16xbf16>, tensor<?x16xbf16>, tensor<?x16xf32>) {
    %b = graph.weight @w : tensor<16x16xbf16>
    %g = graph.weight @g : tensor<16xf32>
    %n = graph.rms_norm %x, %g epsilon 1.0e-5 : tensor<?x16xf32>, tensor<16xf32> -> tensor<?x16xf32>
    %c = graph.cast %n : tensor<?x16xf32> -> tensor<?x16xbf16>
    %0 = graph.linear %c, %b : tensor<?x16xbf16>, tensor<16x16xbf16> -> tensor<?x16xf32>
    %1 = graph.cast %0 : tensor<?x16xf32> -> tensor<?x16xbf16>
    %2 = graph.linear %c, %b : tensor<?x16xbf16>, tensor<16x16xbf16> -> tensor<?x16xf32>
    %3 = graph.cast %2 : tensor<?x16xf32> -> tensor<?x16xbf16>
    %4 = graph.add %n, %x : tensor<?x16xf32>, tensor<?x16xf32> -> tensor<?x16xf32>
    return %1, %3, %4 : tensor<?x16xbf16>, tensor<?x16xbf16>, tensor<?x16xf32>
  }
}

// -----

// A norm makes the codes of its rows; two products of one input are one kernel,
// their codes and scales packed alike.
module attributes {launch.cpu = "x86-64-v4"} {
  // CHECK: graph.parameter @w : tensor<32x64xf8E4M3FN, #graph.layout<panels, 32>>
  graph.parameter @w : tensor<32x64xf8E4M3FN> storage "f8_e4m3" from ["w"]
  // CHECK: graph.parameter @s : tensor<32x2xf32, #graph.layout<panels, 32>>
  graph.parameter @s : tensor<32x2xf32> storage "f32" from ["s"]
  // CHECK-LABEL: func.func @codes
  // CHECK: %[[Q:.*]]:2 = launch.call @rms_norm_0
  // CHECK: launch.call @scaled_matmul_0(%[[Q]]#0, %[[Q]]#1,
  // CHECK-NOT: launch.call
  func.func @codes(%x: tensor<?x64xf32>, %g: tensor<64xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
    %w = graph.weight @w : tensor<32x64xf8E4M3FN>
    %s = graph.weight @s : tensor<32x2xf32>
    %n = graph.rms_norm %x, %g epsilon 1.0e-05 : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
    %q, %qs = fp8.quantize %n as <f8E4M3FN, i8, [1, 32], rceil> : tensor<?x64xf32> -> tensor<?x64xf8E4M3FN>, tensor<?x2xi8>
    %y = fp8.scaled_matmul %q scales %qs [1, 32], %w scales %s [1, 32] group 32 : tensor<?x64xf8E4M3FN> scales tensor<?x2xi8>, tensor<32x64xf8E4M3FN>, tensor<32x2xf32> -> tensor<?x32xf32>
    %z = fp8.scaled_matmul %q scales %qs [1, 32], %w scales %s [1, 32] group 32 : tensor<?x64xf8E4M3FN> scales tensor<?x2xi8>, tensor<32x64xf8E4M3FN>, tensor<32x2xf32> -> tensor<?x32xf32>
    return %y, %z : tensor<?x32xf32>, tensor<?x32xf32>
  }
}
