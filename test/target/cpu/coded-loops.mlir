// The loops over stored codes, one row times a block of 32 k of 16 rows (the
// panel's other register is padding here, and gone): a product for each k, or
// two or four, the block's scale and minimum, its ten lines asked for twice ahead,
// and no register spilled. The first loop prepares the row.
// RUN: rm -rf %t && trine-compile %s --weights-from=%data/ggml/blocks.gguf --cpu=x86-64-v4 --emit=asm -o %t/f32
// RUN: %python %S/Inputs/loops.py %t/f32/linear_0.s | FileCheck %s --check-prefix=F32
// RUN: trine-compile %s --weights-from=%data/ggml/blocks.gguf --cpu=cooperlake --compute=bf16 --emit=asm -o %t/bf16
// RUN: %python %S/Inputs/loops.py %t/bf16/linear_0.s | FileCheck %s --check-prefix=BF16
// RUN: trine-compile %s --weights-from=%data/ggml/blocks.gguf --cpu=cooperlake --compute=int8 --emit=asm -o %t/int8
// RUN: %python %S/Inputs/loops.py %t/int8/linear_0.s | FileCheck %s --check-prefix=INT8

// F32: loop: 0 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// F32-NEXT: loop: 34 multiply-adds, 0 dots, 20 prefetches, 0 on the stack
// F32-NOT: loop
// BF16: loop: 0 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// BF16-NEXT: loop: 3 multiply-adds, 16 dots, 20 prefetches, 0 on the stack
// BF16-NOT: loop
// INT8: loop: 0 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// INT8-NEXT: loop: 2 multiply-adds, 8 dots, 20 prefetches, 0 on the stack
// INT8-NOT: loop

func.func @f(%x: tensor<1x512xf32> {graph.name = "x"}) -> (tensor<1x2xf32> {graph.name = "y"}) {
  %w = graph.weight @w : tensor<2x512xf32>
  %y = graph.linear %x, %w : tensor<1x512xf32>, tensor<2x512xf32> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}
graph.parameter @w : tensor<2x512xf32> storage "q4_1" from ["q4_1"]
