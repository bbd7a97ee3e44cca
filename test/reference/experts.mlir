// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// Ties go to the lowest index; the bias chooses and weighs nothing.
// CHECK-LABEL: @route
func.func @route() -> (tensor<3x2xi32>, tensor<3x2xf32>, tensor<2xi32>, tensor<2xf32>) {
  %x = graph.constant dense<[[0.0, 0.0, 0.0, 0.0], [0.0, 9.0, 0.0, 9.0], [0x7FC00000, 0.0, 0.0, 0.0]]> : tensor<3x4xf32>
  %y = graph.constant dense<[0.0, 0.0, 0.0, 0.0]> : tensor<4xf32>
  %b = graph.constant dense<[0.0, 0.0, 1.0, -1.0]> : tensor<4xf32>
  %0, %1 = graph.route sigmoid %x top 2 normalize {scale = 3.0} : tensor<3x4xf32> -> tensor<3x2xi32>, tensor<3x2xf32>
  %2, %3 = graph.route softmax %y bias %b top 2 : tensor<4xf32>, tensor<4xf32> -> tensor<2xi32>, tensor<2xf32>
  // CHECK: dense<{{\[}}[0, 1], [1, 3], [1, 2]]> : tensor<3x2xi32>
  // CHECK: dense<1.500000e+00> : tensor<3x2xf32>
  // CHECK: dense<[2, 0]> : tensor<2xi32>
  // CHECK: dense<2.500000e-01> : tensor<2xf32>
  return %0, %1, %2, %3 : tensor<3x2xi32>, tensor<3x2xf32>, tensor<2xi32>, tensor<2xf32>
}

// The best expert is in group 0, but groups 1 and 2 have the better pairs.
// CHECK-LABEL: @groups
func.func @groups() -> (tensor<3xi32>, tensor<3xf32>) {
  %x = graph.constant dense<0.0> : tensor<8xf32>
  %b = graph.constant dense<[4.0, -9.0, 2.0, 3.0, 1.0, 3.0, -9.0, -9.0]> : tensor<8xf32>
  %0, %1 = graph.route sigmoid %x bias %b top 3 groups 4 limit 2 : tensor<8xf32>, tensor<8xf32> -> tensor<3xi32>, tensor<3xf32>
  // CHECK: dense<[3, 5, 2]> : tensor<3xi32>
  // CHECK: dense<5.000000e-01> : tensor<3xf32>
  return %0, %1 : tensor<3xi32>, tensor<3xf32>
}

// Expert 1 of the first token, 0 of both; expert 0 doubles, 1 swaps.
// CHECK-LABEL: @products
func.func @products() -> (tensor<2x2x2xf32>, tensor<2x2xf32>) {
  %x = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %i = graph.constant dense<[[1, 0], [0, 0]]> : tensor<2x2xi32>
  %w = graph.constant dense<[[[2.0, 0.0], [0.0, 2.0]], [[0.0, 1.0], [1.0, 0.0]]]> : tensor<2x2x2xf32>
  %f = graph.constant dense<[[1.0, 0.5], [0.25, 0.75]]> : tensor<2x2xf32>
  %0 = graph.expert_gated relu %x, %i, %w, %w : tensor<2x2xf32>, tensor<2x2xi32>, tensor<2x2x2xf32>, tensor<2x2x2xf32> -> tensor<2x2x2xf32>
  %1 = graph.expert_linear %0, %i, %f, %w : tensor<2x2x2xf32>, tensor<2x2xi32>, tensor<2x2xf32>, tensor<2x2x2xf32> -> tensor<2x2xf32>
  // CHECK: dense<{{\[}}{{\[}}[4.000000e+00, 1.000000e+00], [4.000000e+00, 1.600000e+01]], {{\[}}[3.600000e+01, 6.400000e+01], [3.600000e+01, 6.400000e+01]]]>
  // CHECK: dense<{{\[}}[5.000000e+00, 2.000000e+01], [7.200000e+01, 1.280000e+02]]>
  return %0, %1 : tensor<2x2x2xf32>, tensor<2x2xf32>
}
