// RUN: trine-opt %s --reference-evaluate | FileCheck %s

// A module after the kernels phase means the same as before it.
launch.kernel @linear_0 on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x2xf32>, %w: tensor<1x2xf32>):
  %y = graph.linear %x, %w : tensor<?x2xf32>, tensor<1x2xf32> -> tensor<?x1xf32>
  %z = graph.neg %y : tensor<?x1xf32>
  launch.return %z : tensor<?x1xf32>
}

// CHECK-LABEL: @call
func.func @call() -> tensor<2x1xf32> {
  %x = graph.constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  %w = graph.constant dense<[[10.0, 1.0]]> : tensor<1x2xf32>
  %0 = launch.call @linear_0(%x, %w) : (tensor<2x2xf32>, tensor<1x2xf32>) -> tensor<2x1xf32>
  %1 = launch.copy %0 to "reference" : tensor<2x1xf32> -> tensor<2x1xf32>
  // CHECK: graph.constant dense<{{\[}}[-1.200000e+01], [-3.400000e+01]]>
  // CHECK-NOT: launch
  return %1 : tensor<2x1xf32>
}
