// The loops of attention's machine code: multiply-adds of four steps of a tile
// of 12 x 32 (6 x 16), nothing else that counts, and no register spilled.
// RUN: rm -rf %t && split-file %s %t
// RUN: trine-compile %t/f32.mlir --cpu=x86-64-v4 --emit=asm -o %t/v4
// RUN: %python %S/Inputs/loops.py %t/v4/attention_0.s | FileCheck %s --check-prefixes=CHECK,V4
// RUN: sed s/1x2x6x64/1x1x6x64/g %t/f32.mlir > %t/one.mlir
// RUN: trine-compile %t/one.mlir --cpu=x86-64-v3 --emit=asm -o %t/v3
// RUN: %python %S/Inputs/loops.py %t/v3/attention_0.s | FileCheck %s --check-prefixes=CHECK,V3
// RUN: trine-compile %t/bf16.mlir --cpu=cooperlake --emit=asm -o %t/bf16
// RUN: %python %S/Inputs/loops.py %t/bf16/attention_0.s | FileCheck %s --check-prefixes=CHECK,BF16
// RUN: trine-compile %t/tiles.mlir --cpu=sapphirerapids --emit=asm -o %t/amx
// RUN: %python %S/Inputs/loops.py %t/amx/attention_0.s tdpbf16ps | FileCheck %s --check-prefix=AMX

// The queries.
// CHECK: loop: 0 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// Queries times keys, without and with a mask, which the last panel may need.
// V4-NEXT: loop: 96 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V4-NEXT: loop: 96 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V3-NEXT: loop: 48 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V3-NEXT: loop: 48 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// BF16-NEXT: loop: 0 multiply-adds, 96 dots, 0 prefetches, 0 on the stack
// BF16-NEXT: loop: 0 multiply-adds, 96 dots, 0 prefetches, 0 on the stack
// Their maximum, their exponentials.
// CHECK-NEXT: loop: 0 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V4-NEXT: loop: 12 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V3: loop: 12 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// BF16-NEXT: loop: 6 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// The exponentials times the values.
// V4-NEXT: loop: 96 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// V3-NEXT: loop: 48 multiply-adds, 0 dots, 0 prefetches, 0 on the stack
// BF16-NEXT: loop: 0 multiply-adds, 96 dots, 0 prefetches, 0 on the stack
// CHECK-NOT: loop

// With AMX, three loads of tiles for two products, and no sum leaves its tile.
// AMX: tdpbf16ps 16
// AMX-NEXT: tileloadd 24
// AMX-NOT: tile

//--- f32.mlir
func.func @f(%q: tensor<1x2x6x64xf32> {graph.name = "q"}, %k: tensor<1x256x1x64xf32> {graph.name = "k"},
             %v: tensor<1x256x1x64xf32> {graph.name = "v"}) -> (tensor<1x2x6x64xf32> {graph.name = "result"}) {
  %o = graph.attention %q, %k, %v scale 0.125 : tensor<1x2x6x64xf32>, tensor<1x256x1x64xf32>, tensor<1x256x1x64xf32> -> tensor<1x2x6x64xf32>
  return %o : tensor<1x2x6x64xf32>
}
//--- bf16.mlir
func.func @f(%q: tensor<1x2x6x64xbf16> {graph.name = "q"}, %k: tensor<1x256x1x64xbf16> {graph.name = "k"},
             %v: tensor<1x256x1x64xbf16> {graph.name = "v"}) -> (tensor<1x2x6x64xbf16> {graph.name = "result"}) {
  %o = graph.attention %q, %k, %v scale 0.125 : tensor<1x2x6x64xbf16>, tensor<1x256x1x64xbf16>, tensor<1x256x1x64xbf16> -> tensor<1x2x6x64xbf16>
  return %o : tensor<1x2x6x64xbf16>
}
//--- tiles.mlir
func.func @f(%q: tensor<1x?x6x64xbf16> {graph.name = "q", graph.dims = ["S"]}, %k: tensor<1x?x1x64xbf16> {graph.name = "k", graph.dims = ["T"]},
             %v: tensor<1x?x1x64xbf16> {graph.name = "v", graph.dims = ["T"]}) -> (tensor<1x?x6x64xbf16> {graph.name = "result"}) {
  %o = graph.attention %q, %k, %v scale 0.125 : tensor<1x?x6x64xbf16>, tensor<1x?x1x64xbf16>, tensor<1x?x1x64xbf16> -> tensor<1x?x6x64xbf16>
  return %o : tensor<1x?x6x64xbf16>
}
