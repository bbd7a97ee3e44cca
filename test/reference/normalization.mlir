// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// CHECK-LABEL: @rms_norm
func.func @rms_norm() -> (tensor<2x2xf32>, tensor<2x2xf32>) {
  // mean(x²) = 25 and 1.
  %x = graph.constant dense<[[1.0, 7.0], [-1.0, 1.0]]> : tensor<2x2xf32>
  %w = graph.constant dense<[1.0, 2.0]> : tensor<2xf32>
  %0 = graph.rms_norm %x, %w epsilon 0.0 : tensor<2x2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  %1 = graph.rms_norm %x, %w epsilon 3.0 {offset = 1.0 : f64} : tensor<2x2xf32>, tensor<2xf32> -> tensor<2x2xf32>
  // CHECK: dense<{{\[}}[2.000000e-01, 2.800000e+00], [-1.000000e+00, 2.000000e+00]]>
  // 2/√28, 21/√28; -2/2, 3/2
  // CHECK: dense<{{\[}}[0.377964467, 3.96862698], [-1.000000e+00, 1.500000e+00]]>
  return %0, %1 : tensor<2x2xf32>, tensor<2x2xf32>
}

// Mean 3, biased variance 4.
// CHECK-LABEL: @layer_norm
func.func @layer_norm() -> tensor<1x2xf32> {
  %x = graph.constant dense<[[1.0, 5.0]]> : tensor<1x2xf32>
  %w = graph.constant dense<[2.0, 4.0]> : tensor<2xf32>
  %b = graph.constant dense<[10.0, 20.0]> : tensor<2xf32>
  %0 = graph.layer_norm %x, %w, %b epsilon 0.0 : tensor<1x2xf32>, tensor<2xf32>, tensor<2xf32> -> tensor<1x2xf32>
  // CHECK: dense<{{\[}}[8.000000e+00, 2.400000e+01]]>
  return %0 : tensor<1x2xf32>
}

// CHECK-LABEL: @softmax
func.func @softmax() -> tensor<2x3xf32> {
  %x = graph.constant dense<[[0.0, 0.693147182, 1.38629436], [1000.0, 0xFF800000, 1000.0]]> : tensor<2x3xf32>
  %0 = graph.softmax %x : tensor<2x3xf32>
  // CHECK: dense<{{\[}}[0.142857149, 0.285714298, 0.571428597], [5.000000e-01, 0.000000e+00, 5.000000e-01]]>
  return %0 : tensor<2x3xf32>
}

// CHECK-LABEL: @normalize
func.func @normalize() -> tensor<2x2xf32> {
  %x = graph.constant dense<[[3.0, -4.0], [0.0, 1.0e-13]]> : tensor<2x2xf32>
  %0 = graph.normalize %x : tensor<2x2xf32>
  // CHECK: dense<{{\[}}[6.000000e-01, -8.000000e-01], [0.000000e+00, 1.000000e-01]]>
  return %0 : tensor<2x2xf32>
}

// CHECK-LABEL: @pool
func.func @pool() -> (tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>) {
  %x = graph.constant dense<[[[1.0, -2.0], [3.0, -4.0], [50.0, 60.0]], [[7.0, 8.0], [9.0, 9.0], [9.0, 9.0]]]> : tensor<2x3x2xf32>
  %mask = graph.constant dense<[[1, 1, 0], [0, 0, 0]]> : tensor<2x3xi32>
  %0 = graph.pool mean %x, %mask : tensor<2x3x2xf32>, tensor<2x3xi32> -> tensor<2x2xf32>
  %1 = graph.pool cls %x, %mask : tensor<2x3x2xf32>, tensor<2x3xi32> -> tensor<2x2xf32>
  %2 = graph.pool max %x, %mask : tensor<2x3x2xf32>, tensor<2x3xi32> -> tensor<2x2xf32>
  // CHECK: dense<{{\[}}[2.000000e+00, -3.000000e+00], [0.000000e+00, 0.000000e+00]]>
  // CHECK: dense<{{\[}}[1.000000e+00, -2.000000e+00], [7.000000e+00, 8.000000e+00]]>
  // CHECK: dense<{{\[}}[3.000000e+00, -2.000000e+00], [0xFF800000, 0xFF800000]]>
  return %0, %1, %2 : tensor<2x2xf32>, tensor<2x2xf32>, tensor<2x2xf32>
}
