// RUN: trine-opt %s -split-input-file -verify-diagnostics --cpu-emit-kernels=cpu=x86-64-v4

launch.kernel @plain on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x48xf32>, %w: tensor<64x48xf32>):
  // expected-error @+1 {{expected a weight in panels of a multiple of 16, got 'tensor<64x48xf32>'}}
  %y = graph.linear %x, %w : tensor<?x48xf32>, tensor<64x48xf32> -> tensor<?x64xf32>
  launch.return %y : tensor<?x64xf32>
}

// -----

launch.kernel @two on "cpu" family "contraction" ties [-1, -1] {
^bb0(%x: tensor<?x48xf32>, %z: tensor<?x48xf32>, %w: tensor<64x48xf32, #graph.layout<panels, 64>>):
  %0 = graph.linear %x, %w : tensor<?x48xf32>, tensor<64x48xf32, #graph.layout<panels, 64>> -> tensor<?x64xf32>
  // expected-error @+1 {{expected one input for all of the kernel and arguments as operands}}
  %1 = graph.linear %z, %w : tensor<?x48xf32>, tensor<64x48xf32, #graph.layout<panels, 64>> -> tensor<?x64xf32>
  launch.return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// expected-error @+1 {{expected a rows kernel, got the root graph.linear}}
launch.kernel @family on "cpu" family "rows" ties [-1] {
^bb0(%x: tensor<?x48xf32>, %w: tensor<64x48xf32, #graph.layout<panels, 64>>):
  %y = graph.linear %x, %w : tensor<?x48xf32>, tensor<64x48xf32, #graph.layout<panels, 64>> -> tensor<?x64xf32>
  launch.return %y : tensor<?x64xf32>
}

// -----

launch.kernel @key on "cpu" family "attention" ties [-1] {
^bb0(%q: tensor<?x?x2x8xf32>, %k: tensor<?x?x2x8xf32>, %v: tensor<?x?x2x8xf32>):
  // expected-error @+1 {{expected the key in head panels}}
  %o = graph.attention %q, %k, %v scale 0.5 : tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32>, tensor<?x?x2x8xf32> -> tensor<?x?x2x8xf32>
  launch.return %o : tensor<?x?x2x8xf32>
}
