// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// CHECK-LABEL: @gather
func.func @gather() -> tensor<2x1x2xf32> {
  %table = graph.constant dense<[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]> : tensor<3x2xf32>
  %i = graph.constant dense<[[2], [0]]> : tensor<2x1xi32>
  %0 = graph.gather %table, %i : tensor<3x2xf32>, tensor<2x1xi32> -> tensor<2x1x2xf32>
  // CHECK: [5.000000e+00, 6.000000e+00]], {{\[}}[1.000000e+00, 2.000000e+00]
  return %0 : tensor<2x1x2xf32>
}

// CHECK-LABEL: @last_token
func.func @last_token() -> (tensor<2x1xf32>, tensor<2x1xf32>) {
  %x = graph.constant dense<[[[1.0], [2.0]], [[3.0], [4.0]]]> : tensor<2x2x1xf32>
  %lengths = graph.constant dense<[1, 2]> : tensor<2xi32>
  %0 = graph.last_token %x : tensor<2x2x1xf32> -> tensor<2x1xf32>
  %1 = graph.last_token %x lengths %lengths : tensor<2x2x1xf32>, tensor<2xi32> -> tensor<2x1xf32>
  // CHECK: dense<{{\[}}[2.000000e+00], [4.000000e+00]]>
  // CHECK: dense<{{\[}}[1.000000e+00], [4.000000e+00]]>
  return %0, %1 : tensor<2x1xf32>, tensor<2x1xf32>
}

// CHECK-LABEL: @shapes
func.func @shapes() -> (tensor<3x2xi32>, tensor<3x1x2xi32>, tensor<1x2x2xi32>, tensor<1x2x4xi32>) {
  %x = graph.constant dense<[[[1, 2, 3], [4, 5, 6]]]> : tensor<1x2x3xi32>
  %y = graph.constant dense<[[[7], [8]]]> : tensor<1x2x1xi32>
  %reshape = graph.reshape %x to [3, -1] : tensor<1x2x3xi32> -> tensor<3x2xi32>
  %transpose = graph.transpose %x by [2, 0, 1] : tensor<1x2x3xi32> -> tensor<3x1x2xi32>
  %slice = graph.slice %x axis 2 start 1 size 2 : tensor<1x2x3xi32> -> tensor<1x2x2xi32>
  %concat = graph.concat %x, %y axis 2 : tensor<1x2x3xi32>, tensor<1x2x1xi32> -> tensor<1x2x4xi32>
  // CHECK: dense<{{\[}}[1, 2], [3, 4], [5, 6]]>
  // CHECK: dense<{{\[\[}}[1, 4]], {{\[}}[2, 5]], {{\[}}[3, 6]]]>
  // CHECK: dense<{{\[\[}}[2, 3], [5, 6]]]>
  // CHECK: dense<{{\[\[}}[1, 2, 3, 7], [4, 5, 6, 8]]]>
  return %reshape, %transpose, %slice, %concat : tensor<3x2xi32>, tensor<3x1x2xi32>, tensor<1x2x2xi32>, tensor<1x2x4xi32>
}

// CHECK-LABEL: @relayout
func.func @relayout() -> tensor<2x1xf32> {
  %x = graph.constant dense<[[1.0], [2.0]]> : tensor<2x1xf32>
  %p = graph.relayout %x : tensor<2x1xf32> -> tensor<2x1xf32, #graph.layout<panels, 32>>
  %0 = graph.linear %x, %p : tensor<2x1xf32>, tensor<2x1xf32, #graph.layout<panels, 32>> -> tensor<2x2xf32>
  %1 = graph.slice %0 axis 1 start 1 size 1 : tensor<2x2xf32> -> tensor<2x1xf32>
  // CHECK: dense<{{\[}}[2.000000e+00], [4.000000e+00]]>
  return %1 : tensor<2x1xf32>
}
