// The instructions of the inner loops: four steps of a tile's products, a load
// for each register of a weight and one for each row, and nothing on the stack.
// RUN: rm -rf %t && mkdir %t
// RUN: trine-compile %s --cpu=x86-64-v3 --emit=asm -o %t/v3
// RUN: trine-compile %s --cpu=x86-64-v4 --emit=asm -o %t/v4
// RUN: trine-compile %s --cpu=znver4 --emit=asm -o %t/zen4
// RUN: trine-compile %s --cpu=sapphirerapids --emit=asm -o %t/amx

// 6 rows x 2 registers.
// RUN: %python %S/Inputs/loops.py %t/v3/linear_0.s vfmadd231ps | FileCheck %s --check-prefix=V3
// V3: addq 4
// V3-NEXT: cmpq 1
// V3-NEXT: jb 1
// V3-NEXT: prefetcht1 4
// V3-NEXT: stack 0
// V3-NEXT: vbroadcastss 24
// V3-NEXT: vfmadd231ps 48
// V3-NEXT: vmovups 8

// 6 rows x 4 registers.
// RUN: %python %S/Inputs/loops.py %t/v4/linear_0.s vfmadd231ps | FileCheck %s --check-prefix=V4
// V4: addq 4
// V4-NEXT: cmpq 1
// V4-NEXT: jb 1
// V4-NEXT: prefetcht1 4
// V4-NEXT: stack 0
// V4-NEXT: vbroadcastss 24
// V4-NEXT: vfmadd231ps 96
// V4-NEXT: vmovups 16

// 8 rows x 2 registers; a pair of bf16 is one instruction.
// RUN: %python %S/Inputs/loops.py %t/zen4/linear_0.s vfmadd231ps | FileCheck %s --check-prefix=ZEN4
// ZEN4: stack 0
// ZEN4: vfmadd231ps 64
// ZEN4-NEXT: vmovups 8
// RUN: %python %S/Inputs/loops.py %t/zen4/linear_1.s vdpbf16ps | FileCheck %s --check-prefix=DOT
// DOT: prefetcht1 4
// DOT-NEXT: stack 0
// DOT-NEXT: vbroadcastss 32
// DOT-NEXT: vdpbf16ps 64
// DOT-NEXT: vmovups 8

// f32 x bf16 on 6 rows x 4 registers: both halves of a pair are widened once.
// RUN: %python %S/Inputs/loops.py %t/v4/linear_2.s vfmadd231ps | FileCheck %s --check-prefix=MIXED
// MIXED: prefetcht1 4
// MIXED-NEXT: stack 0
// MIXED: vbroadcastss {{48|49|50}}
// MIXED: vfmadd231ps 192
// MIXED: vpslld 16

// A single row is a stream: each line of it is asked for twice.
// RUN: %python %S/Inputs/loops.py %t/v4/linear_3.s vfmadd231ps | FileCheck %s --check-prefix=ROW
// ROW: prefetcht0 16
// ROW-NEXT: prefetcht1 16
// ROW-NEXT: stack 0
// ROW-NEXT: vbroadcastss 4
// ROW-NEXT: vfmadd231ps 16

// With AMX, two tiles of x and two of the weight, in each of two steps.
// RUN: %python %S/Inputs/loops.py %t/amx/linear_1.s tdpbf16ps | FileCheck %s --check-prefix=AMX
// AMX: stack 0
// AMX-NEXT: tdpbf16ps 8
// AMX-NEXT: tileloadd 4
// AMX-NEXT: tileloaddt1 4

func.func @f32(%x: tensor<?x384xf32> {graph.dims = ["N"]}, %w: tensor<256x384xf32>) -> tensor<?x256xf32> {
  %0 = graph.linear %x, %w : tensor<?x384xf32>, tensor<256x384xf32> -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
func.func @bf16(%x: tensor<?x384xbf16> {graph.dims = ["N"]}, %w: tensor<256x384xbf16>) -> tensor<?x256xf32> {
  %0 = graph.linear %x, %w : tensor<?x384xbf16>, tensor<256x384xbf16> -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
func.func @mixed(%x: tensor<?x384xf32> {graph.dims = ["N"]}, %w: tensor<256x384xbf16>) -> tensor<?x256xf32> {
  %0 = graph.linear %x, %w : tensor<?x384xf32>, tensor<256x384xbf16> -> tensor<?x256xf32>
  return %0 : tensor<?x256xf32>
}
func.func @row(%x: tensor<1x384xf32>, %w: tensor<256x384xf32>) -> tensor<1x256xf32> {
  %0 = graph.linear %x, %w : tensor<1x384xf32>, tensor<256x384xf32> -> tensor<1x256xf32>
  return %0 : tensor<1x256xf32>
}
