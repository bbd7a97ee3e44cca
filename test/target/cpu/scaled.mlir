// Layers of codes and scales end to end: packed, launched, and the same bits as
// the interpreter's where the order of sums is said. Nothing falls back but what
// no kernel does.
// RUN: rm -rf %t && mkdir %t
// RUN: trine-compile %s --weights-from=%data/tiny-llama -o %t/cpu.trine --report=%t/report.json
// RUN: trine-compile %s --weights-from=%data/tiny-llama --target=reference -o %t/reference.trine
// RUN: trine-run %t/reference.trine --input x=[1,5,48] --output y=%t/y.npy --output z=%t/z.npy --output h=%t/h.npy --output v=%t/v.npy
// RUN: trine-run %t/cpu.trine --input x=[1,5,48] --expect y=%t/y.npy --expect z=%t/z.npy --expect h=%t/h.npy --expect v=%t/v.npy
// RUN: FileCheck %s --check-prefix=PLACED < %t/report.json

// PLACED: "placement": [
// PLACED-NEXT: {
// PLACED-NEXT: "device": "reference",
// PLACED: "op": "fp8.scaled_matmul",
// PLACED-NEXT: "reason": "no kernel sums products of values in the order hopper"
// PLACED-NEXT: }
// PLACED-NEXT: ]

!x = tensor<1x?x48xf32>
!q = tensor<1x?x48xf8E4M3FN>
!s = tensor<1x?x3xi8>
!w = tensor<80x48xf8E4M3FN>
!ws = tensor<80x3xi8>
!y = tensor<1x?x80xf32>
!b = tensor<1x?x48xbf16>
func.func @f(%x: !x {graph.name = "x", graph.dims = ["S"]})
    -> (!y {graph.name = "y"}, !y {graph.name = "z"}, !y {graph.name = "h"}, !y {graph.name = "v"}) {
  %w = graph.weight @w : !w
  %ws = graph.weight @s : !ws
  %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 16], rceil> : !x -> !q, !s
  %y = fp8.scaled_matmul %x, %w scales %ws [1, 16] group 16 order chain : !x, !w, !ws -> !y
  %z = fp8.scaled_gated relu %q scales %s [1, 16], %w scales %ws, %w scales %ws [1, 16] group 16 order pairs
    : !q scales !s, !w, !ws, !w, !ws -> !y
  %h = fp8.scaled_matmul %q scales %s [1, 16], %w scales %ws [1, 16] group 16 order hopper : !q scales !s, !w, !ws -> !y
  %b = graph.cast %x : !x -> !b
  %v = fp8.scaled_matmul %b, %w scales %ws [1, 16] group 16 order hopper : !b, !w, !ws -> !y
  return %y, %z, %h, %v : !y, !y, !y, !y
}
graph.parameter @w : !w storage "bf16" quantized #fp8.scheme<f8E4M3FN, i8, [1, 16], rceil> from ["model.layers.0.mlp.gate_proj.weight"]
graph.parameter @s : !ws storage "bf16" quantized #fp8.scheme<f8E4M3FN, i8, [1, 16], rceil> from ["model.layers.0.mlp.gate_proj.weight"]
