// The types that --compute, --weights and --kv ask for.
// RUN: trine-opt %s -split-input-file --graph-set-precision | FileCheck %s

// CHECK-LABEL: module attributes {graph.compute = "bf16", graph.weights
// CHECK: graph.parameter @dense : tensor<4x8xbf16> storage "f32" from
// CHECK: graph.parameter @codes : tensor<4x32xf32> storage "q4_1" kept from
// CHECK: graph.parameter @tied : tensor<16x8xbf16> storage "f32" from
// CHECK: graph.parameter @tied.table : tensor<16x8xf32> storage "f32" from
// CHECK: graph.parameter @gain : tensor<8xf32>
module attributes {graph.compute = "bf16", graph.weights = "keep"} {
  graph.parameter @dense : tensor<4x8xf32> storage "f32" from ["d"]
  graph.parameter @codes : tensor<4x32xf32> storage "q4_1" from ["c"]
  graph.parameter @tied : tensor<16x8xf32> storage "f32" from ["t"]
  graph.parameter @gain : tensor<8xf32> storage "f32" from ["g"]
  // CHECK-LABEL: func.func @layers
  func.func @layers(%x: tensor<?x8xf32>, %y: tensor<?x32xf32>, %i: tensor<?xi32>) -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x16xf32>) {
    %d = graph.weight @dense : tensor<4x8xf32>
    %c = graph.weight @codes : tensor<4x32xf32>
    %t = graph.weight @tied : tensor<16x8xf32>
    %g = graph.weight @gain : tensor<8xf32>
    // CHECK: graph.linear %{{.*}}, %{{.*}} : tensor<?x8xbf16>, tensor<4x8xbf16> -> tensor<?x4xf32>
    %0 = graph.linear %x, %d : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    // CHECK: graph.linear %{{.*}}, %{{.*}} : tensor<?x32xbf16>, tensor<4x32xf32> -> tensor<?x4xf32>
    %1 = graph.linear %y, %c : tensor<?x32xf32>, tensor<4x32xf32> -> tensor<?x4xf32>
    // CHECK: graph.gather %{{.*}}, %{{.*}} : tensor<16x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    %e = graph.gather %t, %i : tensor<16x8xf32>, tensor<?xi32> -> tensor<?x8xf32>
    // CHECK: %[[N:.*]] = graph.rms_norm
    // CHECK: %[[B:.*]] = graph.cast %[[N]] : tensor<?x8xf32> -> tensor<?x8xbf16>
    %n = graph.rms_norm %e, %g epsilon 1.0e-5 : tensor<?x8xf32>, tensor<8xf32> -> tensor<?x8xf32>
    // CHECK: graph.linear %[[B]], %{{.*}} : tensor<?x8xbf16>, tensor<16x8xbf16> -> tensor<?x16xf32>
    %2 = graph.linear %n, %t : tensor<?x8xf32>, tensor<16x8xf32> -> tensor<?x16xf32>
    return %0, %1, %2 : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x16xf32>
  }
}

// -----

// The cast stands where the producer's epilogue can take it; states are bf16.
// CHECK-LABEL: module attributes {graph.compute = "bf16"} {
// CHECK: graph.state @k : tensor<?x64x2x8xbf16>
module attributes {graph.compute = "bf16"} {
  graph.state @k : tensor<?x64x2x8xf32>
  graph.state @v : tensor<?x64x2x8xf32>
  // CHECK-LABEL: func.func @attend
  // CHECK: %[[C:.*]] = graph.cast %arg1 : tensor<?x?x16xf32> -> tensor<?x?x16xbf16>
  func.func @attend(%q: tensor<?x?x16xf32>, %kv: tensor<?x?x16xf32>, %p: tensor<?x?xi32>) -> tensor<?x?x2x8xf32> {
    %past = graph.length %q : tensor<?x?x16xf32> -> tensor<?xi32>
    %q4 = graph.reshape %q to [0, 0, 2, 8] : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
    // CHECK: graph.rope half %{{.*}} -> tensor<?x?x2x8xbf16>
    %r = graph.rope half %q4, %p theta 1.0e4 dims 8 : tensor<?x?x2x8xf32>, tensor<?x?xi32> -> tensor<?x?x2x8xf32>
    // CHECK: graph.reshape %[[C]] to {{.*}} -> tensor<?x?x2x8xbf16>
    %k4 = graph.reshape %kv to [0, 0, 2, 8] : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
    %kc = graph.cache @k like %q : tensor<?x?x16xf32> -> tensor<?x64x2x8xf32>
    %ka = graph.append %k4 to %kc at %past : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x64x2x8xf32>
    %vc = graph.cache @v like %q : tensor<?x?x16xf32> -> tensor<?x64x2x8xf32>
    %va = graph.append %k4 to %vc at %past : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x64x2x8xf32>
    // CHECK: graph.attention {{.*}} tensor<?x?x2x8xbf16>, tensor<?x64x2x8xbf16>, tensor<?x64x2x8xbf16>, past tensor<?xi32> -> tensor<?x?x2x8xf32>
    %o = graph.attention %r, %ka, %va past %past causal scale 1.0 : tensor<?x?x2x8xf32>, tensor<?x64x2x8xf32>, tensor<?x64x2x8xf32>, past tensor<?xi32> -> tensor<?x?x2x8xf32>
    return %o : tensor<?x?x2x8xf32>
  }
}

// -----

// What only a cast reads, attention rounds itself.
module attributes {graph.compute = "bf16"} {
  graph.parameter @o : tensor<4x8xf32> storage "f32" from ["o"]
  // CHECK-LABEL: func.func @output
  // CHECK: %[[A:.*]] = graph.attention {{.*}} -> tensor<?x?x2x4xbf16>
  // CHECK-NEXT: %[[F:.*]] = graph.reshape %[[A]] to [0, 0, 8]
  // CHECK-NEXT: %[[R:.*]] = graph.reshape %[[F]] to [0, 0, 8]
  // CHECK-NOT: graph.cast
  // CHECK: graph.linear %[[R]]
  func.func @output(%q: tensor<?x?x2x4xbf16>) -> tensor<?x?x4xf32> {
    %a = graph.attention %q, %q, %q scale 1.0 : tensor<?x?x2x4xbf16>, tensor<?x?x2x4xbf16>, tensor<?x?x2x4xbf16> -> tensor<?x?x2x4xf32>
    %f = graph.reshape %a to [0, 0, 8] : tensor<?x?x2x4xf32> -> tensor<?x?x8xf32>
    %r = graph.reshape %f to [0, 0, 8] : tensor<?x?x8xf32> -> tensor<?x?x8xf32>
    %w = graph.weight @o : tensor<4x8xf32>
    %0 = graph.linear %r, %w : tensor<?x?x8xf32>, tensor<4x8xf32> -> tensor<?x?x4xf32>
    return %0 : tensor<?x?x4xf32>
  }
}

// -----

// fp8 states hold E4M3 codes; attention reads them as they are.
// CHECK-LABEL: module attributes {graph.kv = "fp8"} {
// CHECK: graph.state @k : tensor<?x64x2x8xf8E4M3FN>
module attributes {graph.kv = "fp8"} {
  graph.state @k : tensor<?x64x2x8xf32>
  graph.state @v : tensor<?x64x2x8xf32>
  // CHECK-LABEL: func.func @decode
  func.func @decode(%q: tensor<?x?x2x8xf32>, %k: tensor<?x?x16xf32>) -> tensor<?x?x2x8xf32> {
    %past = graph.length %q : tensor<?x?x2x8xf32> -> tensor<?xi32>
    // The cast goes before the view, where a producer can take it.
    // CHECK: %[[C:.*]] = graph.cast %arg1 : tensor<?x?x16xf32> -> tensor<?x?x16xf8E4M3FN>
    // CHECK: %[[R:.*]] = graph.reshape %[[C]] {{.*}} -> tensor<?x?x2x8xf8E4M3FN>
    %heads = graph.reshape %k to [0, 0, 2, 8] : tensor<?x?x16xf32> -> tensor<?x?x2x8xf32>
    %k0 = graph.cache @k like %q : tensor<?x?x2x8xf32> -> tensor<?x64x2x8xf32>
    %v0 = graph.cache @v like %q : tensor<?x?x2x8xf32> -> tensor<?x64x2x8xf32>
    // CHECK: graph.append %[[R]] to %{{.*}} at %{{.*}} : tensor<?x?x2x8xf8E4M3FN>, tensor<?xi32> -> tensor<?x64x2x8xf8E4M3FN>
    %k1 = graph.append %heads to %k0 at %past : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x64x2x8xf32>
    %v1 = graph.append %heads to %v0 at %past : tensor<?x?x2x8xf32>, tensor<?xi32> -> tensor<?x64x2x8xf32>
    // CHECK: graph.attention {{.*}} : tensor<?x?x2x8xf32>, tensor<?x64x2x8xf8E4M3FN>, tensor<?x64x2x8xf8E4M3FN>
    %o = graph.attention %q, %k1, %v1 past %past causal scale 0.25
      : tensor<?x?x2x8xf32>, tensor<?x64x2x8xf32>, tensor<?x64x2x8xf32>, past tensor<?xi32> -> tensor<?x?x2x8xf32>
    return %o : tensor<?x?x2x8xf32>
  }
}

// -----

// Experts compute as asked, what chooses them in f32.
// CHECK-LABEL: module attributes {graph.compute = "bf16"} {
// CHECK: graph.parameter @gate : tensor<4x8xf32> storage "f32" from
// CHECK: graph.parameter @up : tensor<4x6x8xbf16> storage "f32" from
// CHECK: graph.parameter @down : tensor<4x8x6xbf16> storage "bf16" from
module attributes {graph.compute = "bf16"} {
  graph.parameter @gate : tensor<4x8xf32> storage "f32" from ["g"]
  graph.parameter @up : tensor<4x6x8xf32> storage "f32" from ["u"]
  graph.parameter @down : tensor<4x8x6xf32> storage "bf16" from ["d"]
  // CHECK-LABEL: func.func @experts
  func.func @experts(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %g = graph.weight @gate : tensor<4x8xf32>
    %u = graph.weight @up : tensor<4x6x8xf32>
    %d = graph.weight @down : tensor<4x8x6xf32>
    // CHECK: graph.linear %arg0, %{{.*}} : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %l = graph.linear %x, %g : tensor<?x8xf32>, tensor<4x8xf32> -> tensor<?x4xf32>
    %i, %w = graph.route softmax %l top 2 : tensor<?x4xf32> -> tensor<?x2xi32>, tensor<?x2xf32>
    // CHECK: graph.expert_gated silu %{{.*}} : tensor<?x8xbf16>, tensor<?x2xi32>, tensor<4x6x8xbf16>, tensor<4x6x8xbf16> -> tensor<?x2x6xf32>
    %y = graph.expert_gated silu %x, %i, %u, %u : tensor<?x8xf32>, tensor<?x2xi32>, tensor<4x6x8xf32>, tensor<4x6x8xf32> -> tensor<?x2x6xf32>
    // CHECK: graph.expert_linear %{{.*}} : tensor<?x2x6xbf16>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x8x6xbf16> -> tensor<?x8xf32>
    %z = graph.expert_linear %y, %i, %w, %d : tensor<?x2x6xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x8x6xf32> -> tensor<?x8xf32>
    return %z : tensor<?x8xf32>
  }
}
