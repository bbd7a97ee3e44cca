// RUN: trine-opt %s -split-input-file --place-ops | FileCheck %s

// The last matching rule wins; node names and operation names both match.
// CHECK: launch.placement = [{device = "reference", node = "layers.1.act", op = "graph.silu", reason = "placed by request"}]
module attributes {launch.cpu = "x86-64-v4", launch.place = ["graph.silu=reference", "layers.0.*=cpu"]} {
  // CHECK-LABEL: func.func @by_name_and_node
  func.func @by_name_and_node(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
    // CHECK: graph.neg {{.*}}launch.device = "cpu"
    %a = graph.neg %x : tensor<?x4xf32>
    // CHECK: graph.silu {{.*}}launch.device = "cpu"
    %b = graph.silu %a : tensor<?x4xf32> loc("layers.0.act")
    // CHECK: graph.silu {{.*}}launch.device = "reference"
    %c = graph.silu %b : tensor<?x4xf32> loc("layers.1.act")
    return %c : tensor<?x4xf32>
  }
}

// -----

module attributes {launch.cpu = "x86-64-v4", launch.place = ["graph.attention=reference"]} {
  graph.state @k : tensor<?x64x1x4xf32>
  // The append goes where the attention that reads it goes.
  // CHECK-LABEL: func.func @append_follows_attention
  func.func @append_follows_attention(%x: tensor<?x?x1x4xf32>) -> tensor<?x?x1x4xf32> {
    %p = graph.length %x : tensor<?x?x1x4xf32> -> tensor<?xi32>
    %s = graph.cache @k like %x : tensor<?x?x1x4xf32> -> tensor<?x64x1x4xf32>
    // CHECK: graph.append {{.*}}launch.device = "reference"
    %t = graph.append %x to %s at %p : tensor<?x?x1x4xf32>, tensor<?xi32> -> tensor<?x64x1x4xf32>
    %o = graph.attention %x, %t, %t past %p causal scale 0.5 : tensor<?x?x1x4xf32>, tensor<?x64x1x4xf32>, tensor<?x64x1x4xf32>, past tensor<?xi32> -> tensor<?x?x1x4xf32>
    return %o : tensor<?x?x1x4xf32>
  }
}
