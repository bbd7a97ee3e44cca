// RUN: trine-opt %s --canonicalize | FileCheck %s

// CHECK-LABEL: @transposes
func.func @transposes(%x: tensor<2x3x4xf32>) -> (tensor<2x3x4xf32>, tensor<3x4x2xf32>) {
  // CHECK: %[[T:.*]] = graph.transpose %arg0 by [1, 2, 0]
  // CHECK-NEXT: return %arg0, %[[T]]
  %0 = graph.transpose %x by [2, 0, 1] : tensor<2x3x4xf32> -> tensor<4x2x3xf32>
  %1 = graph.transpose %0 by [1, 2, 0] : tensor<4x2x3xf32> -> tensor<2x3x4xf32>
  %2 = graph.transpose %0 by [2, 0, 1] : tensor<4x2x3xf32> -> tensor<3x4x2xf32>
  return %1, %2 : tensor<2x3x4xf32>, tensor<3x4x2xf32>
}

// The types differ in what is known: the operation stays.
// CHECK-LABEL: @transpose_forgets
func.func @transpose_forgets(%x: tensor<2x3xf32>) -> tensor<?x3xf32> {
  // CHECK: graph.transpose
  %0 = graph.transpose %x by [0, 1] : tensor<2x3xf32> -> tensor<?x3xf32>
  return %0 : tensor<?x3xf32>
}

// CHECK-LABEL: @reshape_back
func.func @reshape_back(%x: tensor<?x?x8xf32>) -> tensor<?x?x8xf32> {
  // CHECK-NEXT: return %arg0
  %0 = graph.reshape %x to [0, 0, 2, 4] : tensor<?x?x8xf32> -> tensor<?x?x2x4xf32>
  %1 = graph.reshape %0 to [0, 0, 8] : tensor<?x?x2x4xf32> -> tensor<?x?x8xf32>
  return %1 : tensor<?x?x8xf32>
}

// CHECK-LABEL: @reshapes
func.func @reshapes(%x: tensor<?x6x8xf32>) -> tensor<?x8x3xf32> {
  // CHECK-NEXT: graph.reshape %arg0 to [-1, 8, 3] : tensor<?x6x8xf32> -> tensor<?x8x3xf32>
  // CHECK-NEXT: return
  %0 = graph.reshape %x to [-1, 8] : tensor<?x6x8xf32> -> tensor<?x8xf32>
  %1 = graph.reshape %0 to [-1, 0, 3] : tensor<?x8xf32> -> tensor<?x8x3xf32>
  return %1 : tensor<?x8x3xf32>
}

// The dimension copied has no name in the first input.
// CHECK-LABEL: @reshapes_apart
func.func @reshapes_apart(%x: tensor<?x?x8xf32>) -> tensor<?x?xf32> {
  // CHECK-COUNT-2: graph.reshape
  %0 = graph.reshape %x to [-1, 8] : tensor<?x?x8xf32> -> tensor<?x8xf32>
  %1 = graph.reshape %0 to [0, 2, -1] : tensor<?x8xf32> -> tensor<?x2x4xf32>
  %2 = graph.reshape %1 to [0, -1] : tensor<?x2x4xf32> -> tensor<?x?xf32>
  return %2 : tensor<?x?xf32>
}

// Two dynamic dimensions, both split anew: the same type, other elements.
// CHECK-LABEL: @reshape_same_type
func.func @reshape_same_type(%x: tensor<?x?x2xf32>) -> tensor<?x?x2xf32> {
  // CHECK-NEXT: graph.reshape %arg0 to [-1, 2, 2]
  // CHECK-NEXT: return %0
  %0 = graph.reshape %x to [-1, 4] : tensor<?x?x2xf32> -> tensor<?x4xf32>
  %1 = graph.reshape %0 to [0, 2, 2] : tensor<?x4xf32> -> tensor<?x?x2xf32>
  return %1 : tensor<?x?x2xf32>
}

// What the middle type knew would be lost.
// CHECK-LABEL: @reshape_refined
func.func @reshape_refined(%x: tensor<?x?xf32>) -> tensor<2x3xf32> {
  // CHECK-COUNT-2: graph.reshape
  %0 = graph.reshape %x to [-1] : tensor<?x?xf32> -> tensor<6xf32>
  %1 = graph.reshape %0 to [2, 3] : tensor<6xf32> -> tensor<2x3xf32>
  return %1 : tensor<2x3xf32>
}

// CHECK-LABEL: @slice_of_concat
func.func @slice_of_concat(%x: tensor<?x4xf32>, %y: tensor<?x6xf32>) -> (tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x4xf32>) {
  // CHECK: %[[IN:.*]] = graph.slice %arg1 axis 1 start 3 size 2
  // CHECK: %[[ACROSS:.*]] = graph.slice %{{.*}} axis 1 start 2 size 4
  // CHECK: return %arg1, %[[IN]], %[[ACROSS]]
  %0 = graph.concat %x, %y axis 1 : tensor<?x4xf32>, tensor<?x6xf32> -> tensor<?x10xf32>
  %1 = graph.slice %0 axis 1 start 4 size 6 : tensor<?x10xf32> -> tensor<?x6xf32>
  %2 = graph.slice %0 axis 1 start 7 size 2 : tensor<?x10xf32> -> tensor<?x2xf32>
  %3 = graph.slice %0 axis 1 start 2 size 4 : tensor<?x10xf32> -> tensor<?x4xf32>
  return %1, %2, %3 : tensor<?x6xf32>, tensor<?x2xf32>, tensor<?x4xf32>
}

// CHECK-LABEL: @slice_of_slice
func.func @slice_of_slice(%x: tensor<8x8xf32>) -> (tensor<8x2xf32>, tensor<1x6xf32>) {
  // CHECK: graph.slice %arg0 axis 1 start 3 size 2
  // CHECK: graph.slice %{{.*}} axis 0
  %0 = graph.slice %x axis 1 start 1 size 6 : tensor<8x8xf32> -> tensor<8x6xf32>
  %1 = graph.slice %0 axis 1 start 2 size 2 : tensor<8x6xf32> -> tensor<8x2xf32>
  %2 = graph.slice %0 axis 0 start 0 size 1 : tensor<8x6xf32> -> tensor<1x6xf32>
  return %1, %2 : tensor<8x2xf32>, tensor<1x6xf32>
}

// CHECK-LABEL: @concat_of_one
func.func @concat_of_one(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: return %arg0
  %0 = graph.concat %x axis 0 : tensor<?x4xf32> -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// bf16 → f32 → bf16 is exact, f32 → bf16 → f32 is not.
// CHECK-LABEL: @casts
func.func @casts(%x: tensor<4xbf16>, %y: tensor<4xf32>) -> (tensor<4xbf16>, tensor<4xf32>) {
  // CHECK-NEXT: %[[NARROW:.*]] = graph.cast %arg1
  // CHECK-NEXT: %[[WIDE:.*]] = graph.cast %[[NARROW]]
  // CHECK-NEXT: return %arg0, %[[WIDE]]
  %0 = graph.cast %x : tensor<4xbf16> -> tensor<4xf32>
  %1 = graph.cast %0 : tensor<4xf32> -> tensor<4xbf16>
  %2 = graph.cast %y : tensor<4xf32> -> tensor<4xbf16>
  %3 = graph.cast %2 : tensor<4xbf16> -> tensor<4xf32>
  return %1, %3 : tensor<4xbf16>, tensor<4xf32>
}

// CHECK-LABEL: @neutral
func.func @neutral(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // CHECK-NEXT: return %arg0
  %minus = graph.constant dense<-0.0> : tensor<4xf32>
  %zero = graph.constant dense<0.0> : tensor<f32>
  %one = graph.constant dense<1.0> : tensor<1xf32>
  %0 = graph.add %minus, %x : tensor<4xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %1 = graph.sub %0, %zero : tensor<?x4xf32>, tensor<f32> -> tensor<?x4xf32>
  %2 = graph.mul %one, %1 : tensor<1xf32>, tensor<?x4xf32> -> tensor<?x4xf32>
  %3 = graph.div %2, %one : tensor<?x4xf32>, tensor<1xf32> -> tensor<?x4xf32>
  return %3 : tensor<?x4xf32>
}

// x + 0 is 0 for x = -0; 1 / x is no x; a repeated x is no x.
// CHECK-LABEL: @not_neutral
func.func @not_neutral(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>) {
  // CHECK: graph.add
  // CHECK: graph.div
  // CHECK: graph.mul
  %zero = graph.constant dense<0.0> : tensor<4xf32>
  %one = graph.constant dense<1.0> : tensor<4xf32>
  %ones = graph.constant dense<1.0> : tensor<2x4xf32>
  %0 = graph.add %x, %zero : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %1 = graph.div %one, %x : tensor<4xf32>, tensor<4xf32> -> tensor<4xf32>
  %2 = graph.mul %x, %ones : tensor<4xf32>, tensor<2x4xf32> -> tensor<2x4xf32>
  return %0, %1, %2 : tensor<4xf32>, tensor<4xf32>, tensor<2x4xf32>
}

// CHECK-LABEL: @relayouts
func.func @relayouts(%x: tensor<8x8xf32>) -> (tensor<8x8xf32>, tensor<8x8xf32, #graph.layout<panels, 16>>) {
  // CHECK-NEXT: %[[P:.*]] = graph.relayout %arg0 : tensor<8x8xf32> -> tensor<8x8xf32, #graph.layout<panels, 16>>
  // CHECK-NEXT: return %arg0, %[[P]]
  %0 = graph.relayout %x : tensor<8x8xf32> -> tensor<8x8xf32, #graph.layout<panels, 8>>
  %1 = graph.relayout %0 : tensor<8x8xf32, #graph.layout<panels, 8>> -> tensor<8x8xf32>
  %2 = graph.relayout %0 : tensor<8x8xf32, #graph.layout<panels, 8>> -> tensor<8x8xf32, #graph.layout<panels, 16>>
  return %1, %2 : tensor<8x8xf32>, tensor<8x8xf32, #graph.layout<panels, 16>>
}
