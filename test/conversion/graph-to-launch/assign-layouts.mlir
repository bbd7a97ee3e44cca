// RUN: trine-opt %s -split-input-file --place-ops --assign-layouts | FileCheck %s

// Two uses on the CPU share one packed image, the embedding's gather included.
// CHECK: graph.parameter @w : tensor<64x16xf32, #graph.layout<panels, {{[0-9]+}}>>
// CHECK-NOT: graph.parameter
module attributes {launch.cpu = "x86-64-v4"} {
  graph.parameter @w : tensor<64x16xf32> storage "f32" from ["w"]
  // CHECK-LABEL: func.func @tied_embedding
  func.func @tied_embedding(%t: tensor<?xi32>) -> tensor<?x64xf32> {
    %w = graph.weight @w : tensor<64x16xf32>
    // CHECK: graph.gather {{.*}} : tensor<64x16xf32, #graph.layout<panels, {{[0-9]+}}>>
    %x = graph.gather %w, %t : tensor<64x16xf32>, tensor<?xi32> -> tensor<?x16xf32>
    // CHECK: graph.linear {{.*}}tensor<64x16xf32, #graph.layout<panels, {{[0-9]+}}>>
    %y = graph.linear %x, %w : tensor<?x16xf32>, tensor<64x16xf32> -> tensor<?x64xf32>
    return %y : tensor<?x64xf32>
  }
}

// -----

// Devices that disagree get parameters of their own.
// CHECK-DAG: graph.parameter @w : tensor<64x16xf32, #graph.layout<panels, {{[0-9]+}}>>
// CHECK-DAG: graph.parameter @w.rows : tensor<64x16xf32> storage
module attributes {launch.cpu = "x86-64-v4", launch.place = ["there=reference"]} {
  graph.parameter @w : tensor<64x16xf32> storage "f32" from ["w"]
  // CHECK-LABEL: func.func @two_devices
  func.func @two_devices(%x: tensor<?x16xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %w = graph.weight @w : tensor<64x16xf32>
    %y = graph.linear %x, %w : tensor<?x16xf32>, tensor<64x16xf32> -> tensor<?x64xf32>
    // CHECK: graph.linear {{.*}}, tensor<64x16xf32> -> {{.*}}
    %z = graph.linear %x, %w : tensor<?x16xf32>, tensor<64x16xf32> -> tensor<?x64xf32> loc("there")
    return %y, %z : tensor<?x64xf32>, tensor<?x64xf32>
  }
}

// -----

// States take the layout of their attention; a weight that is no parameter is
// packed at run time.
// CHECK: graph.state @k : tensor<?x64x1x4xf32, #graph.layout<head_panels, {{[0-9]+}}>>
// CHECK: graph.state @v : tensor<?x64x1x4xf32, #graph.layout<heads, 1>>
module attributes {launch.cpu = "x86-64-v4"} {
  graph.state @k : tensor<?x64x1x4xf32>
  graph.state @v : tensor<?x64x1x4xf32>
  // CHECK-LABEL: func.func @cached
  func.func @cached(%x: tensor<?x?x1x4xf32>, %y: tensor<2x4xf32>, %w: tensor<3x4xf32>) -> (tensor<?x?x1x4xf32>, tensor<2x3xf32>) {
    %p = graph.length %x : tensor<?x?x1x4xf32> -> tensor<?xi32>
    %k = graph.cache @k like %x : tensor<?x?x1x4xf32> -> tensor<?x64x1x4xf32>
    %v = graph.cache @v like %x : tensor<?x?x1x4xf32> -> tensor<?x64x1x4xf32>
    %k1 = graph.append %x to %k at %p : tensor<?x?x1x4xf32>, tensor<?xi32> -> tensor<?x64x1x4xf32>
    %v1 = graph.append %x to %v at %p : tensor<?x?x1x4xf32>, tensor<?xi32> -> tensor<?x64x1x4xf32>
    // CHECK-NOT: relayout
    // CHECK: graph.attention
    %o = graph.attention %x, %k1, %v1 past %p causal scale 0.5 : tensor<?x?x1x4xf32>, tensor<?x64x1x4xf32>, tensor<?x64x1x4xf32>, past tensor<?xi32> -> tensor<?x?x1x4xf32>
    // CHECK: %[[W:.*]] = graph.relayout %arg2 {{.*}} -> tensor<3x4xf32, #graph.layout<panels, {{[0-9]+}}>>
    // CHECK: graph.linear %arg1, %[[W]]
    %l = graph.linear %y, %w : tensor<2x4xf32>, tensor<3x4xf32> -> tensor<2x3xf32>
    return %o, %l : tensor<?x?x1x4xf32>, tensor<2x3xf32>
  }
}
