// The loops over codes of small floats, one row times four words of 16 columns
// (the panel's other register is padding here, and gone): for each word two
// lookups, two placings of their bytes and a product for each pair of k, or one
// for each k; each line asked for twice ahead, and no register spilled.
// RUN: rm -rf %t && mkdir %t && sed s/TYPE/f32/ %s > %t/f32.mlir && sed s/TYPE/bf16/ %s > %t/bf16.mlir
// RUN: trine-compile %t/bf16.mlir --weights-from=%data/ggml/blocks.gguf --cpu=znver4 --emit=asm -o %t/dots
// RUN: %python %S/Inputs/loops.py %t/dots/scaled_matmul_0.s vdpbf16ps | FileCheck %s --check-prefix=DOTS
// RUN: trine-compile %t/f32.mlir --weights-from=%data/ggml/blocks.gguf --cpu=icelake-server --emit=asm -o %t/f32
// RUN: %python %S/Inputs/loops.py %t/f32/scaled_matmul_0.s | FileCheck %s --check-prefix=F32

// DOTS: prefetcht0 8
// DOTS-NEXT: prefetcht1 8
// DOTS-NEXT: stack 0
// DOTS-NEXT: vbroadcastss 8
// DOTS-NEXT: vdpbf16ps 8
// DOTS-NOT: mul
// DOTS: vperm{{[it]}}2b 16

// F32: loop: 16 multiply-adds, 0 dots, 16 prefetches, 0 on the stack
// F32-NOT: loop

!x = tensor<1x512xTYPE>
func.func @f(%x: !x {graph.name = "x"}) -> (tensor<1x2xf32> {graph.name = "y"}) {
  %w = graph.weight @w : tensor<2x512xf8E4M3FN>
  %s = graph.weight @s : tensor<2x4xf32>
  %y = fp8.scaled_matmul %x, %w scales %s [1, 128] group 128 : !x, tensor<2x512xf8E4M3FN>, tensor<2x4xf32> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
graph.parameter @w : tensor<2x512xf8E4M3FN> storage "q4_1" quantized #fp8.scheme<f8E4M3FN, f32, [1, 128], amax> from ["q4_1"]
graph.parameter @s : tensor<2x4xf32> storage "q4_1" quantized #fp8.scheme<f8E4M3FN, f32, [1, 128], amax> from ["q4_1"]
