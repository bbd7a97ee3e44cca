// RUN: trine-opt %s -split-input-file --fp8-form-products -verify-diagnostics

// A recipe's group that lies in no block is refused, not left out.
func.func @no_divisor(%x: tensor<?x256xf32>, %q: tensor<64x256xf8E4M3FN>, %s: tensor<1x2xf32>) -> tensor<?x64xf32> {
  %w = fp8.dequantize %q, %s block [128, 128] : tensor<64x256xf8E4M3FN>, tensor<1x2xf32> -> tensor<64x256xf32>
  // expected-error @below {{expected a group inside one block of either side, got a group of 48}}
  %y = graph.linear %x, %w {fp8.group = 48 : i64} : tensor<?x256xf32>, tensor<64x256xf32> -> tensor<?x64xf32> // F5
  return %y : tensor<?x64xf32>
}

// -----

func.func @all_of_k(%x: tensor<?x256xf32>, %q: tensor<64x256xf8E4M3FN>, %s: tensor<1x2xf32>) -> tensor<?x64xf32> {
  %w = fp8.dequantize %q, %s block [128, 128] : tensor<64x256xf8E4M3FN>, tensor<1x2xf32> -> tensor<64x256xf32>
  // expected-error @below {{expected a group inside one block of either side, got a group of 256}}
  %y = graph.linear %x, %w {fp8.group = 0 : i64} : tensor<?x256xf32>, tensor<64x256xf32> -> tensor<?x64xf32> // F5
  return %y : tensor<?x64xf32>
}

// -----

// One group is as good as a longer one where K is no longer.
func.func @short(%x: tensor<?x64xf32>, %q: tensor<64x64xf8E4M3FN>, %s: tensor<1x1xf32>) -> tensor<?x64xf32> {
  %w = fp8.dequantize %q, %s block [128, 128] : tensor<64x64xf8E4M3FN>, tensor<1x1xf32> -> tensor<64x64xf32>
  %y = graph.linear %x, %w {fp8.group = 128 : i64} : tensor<?x64xf32>, tensor<64x64xf32> -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
