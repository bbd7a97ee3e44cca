// Loops of products: what a launch is for, and what its loop has.
// RUN: trine-compile %s --target=cuda --emit=ptx -o %t
// RUN: FileCheck %s --check-prefix=MATRIX < %t/linear_0.ptx
// RUN: FileCheck %s --check-prefix=GATED < %t/gated_0.ptx
// RUN: FileCheck %s --check-prefix=PLAIN < %t/linear_1.ptx
// RUN: trine-opt %s --trine-phase-kernels --cuda-emit-kernels -o - | FileCheck %s --check-prefix=LAUNCH
module attributes {launch.targets = ["cuda"]} {

// One row: two columns a warp, eight elements of each at a time.
// MATRIX: .entry linear_0(
// MATRIX-COUNT-3: ld.global.nc.v4.b32
// MATRIX-COUNT-16: fma.rn.f32
// MATRIX: .entry linear_0_1(
// Blocks of 64 x 64: copies of three tiles before the loop, one in it.
// MATRIX: .entry linear_0_2(
// MATRIX-COUNT-12: cp.async.cg.shared.global
// MATRIX: cp.async.wait_group 2
// MATRIX-NEXT: bar.sync 0
// MATRIX-COUNT-4: cp.async.cg.shared.global
// MATRIX-NOT: cp.async.cg
// MATRIX-COUNT-4: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// MATRIX-COUNT-8: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// MATRIX-NOT: mma.sync
// MATRIX-COUNT-4: ldmatrix.sync.aligned.m8n8.x4.shared.b16
// MATRIX-COUNT-8: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// MATRIX-NOT: mma.sync
// MATRIX: cp.async.wait_group 0
// MATRIX: ld.global.nc.v2.b32
// MATRIX: st.global.v2.b32
// Blocks of 128 x 128.
// MATRIX: .entry linear_0_3(
// MATRIX-COUNT-24: cp.async.cg.shared.global
// MATRIX: cp.async.wait_group 2
// MATRIX-COUNT-64: mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32
// MATRIX-NOT: mma.sync
// LAUNCH: llvm.func @linear_0({{.*}}launch.guard = [array<i64: 1, 1, 0>, 0, 1]
// LAUNCH: llvm.func @linear_0_1({{.*}}launch.guard = [array<i64: 1, 1, 0>, 2, 16]
// LAUNCH: llvm.func @linear_0_2({{.*}}launch.grid = [array<i64: 1, 64, {{[0-9]+}}>, array<i64: 1, 64, 0>, array<i64: 1, 1>]{{.*}}launch.guard = [array<i64: 1, 1, 0>, 17, 2047], launch.shared = 32768
// LAUNCH: llvm.func @linear_0_3({{.*}}launch.guard = [array<i64: 1, 1, 0>, 2048, {{[0-9]+}}], launch.shared = 65536
func.func @matrix(%x: tensor<?x512xbf16> {graph.dims = ["B"]}, %w: tensor<1024x512xbf16>,
                  %r: tensor<?x1024xf32> {graph.dims = ["B"]}) -> tensor<?x1024xf32> {
  %0 = graph.linear %x, %w : tensor<?x512xbf16>, tensor<1024x512xbf16> -> tensor<?x1024xf32>
  %1 = graph.add %r, %0 : tensor<?x1024xf32>, tensor<?x1024xf32> -> tensor<?x1024xf32>
  return %1 : tensor<?x1024xf32>
}

// Both sides of a gated layer are one block's columns.
// GATED: .entry gated_0_2(
// GATED-COUNT-16: mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
// GATED-NOT: mma.sync
// GATED: div.rn.f32
// GATED: cvt.rn.f16
func.func @gated(%x: tensor<?x512xf16> {graph.dims = ["B"]}, %g: tensor<128x512xf16>,
                 %u: tensor<128x512xf16>) -> tensor<?x128xf16> {
  %0 = graph.gated silu %x, %g, %u : tensor<?x512xf16>, tensor<128x512xf16>, tensor<128x512xf16> -> tensor<?x128xf32>
  %1 = graph.cast %0 : tensor<?x128xf32> -> tensor<?x128xf16>
  return %1 : tensor<?x128xf16>
}

// f32, and a depth whose rows are not whole pieces: multiply-adds.
// PLAIN: .entry linear_1(
// PLAIN-NOT: cp.async
// PLAIN-NOT: mma.sync
// PLAIN: bar.sync
// PLAIN-COUNT-256: fma.rn.f32
func.func @plain(%x: tensor<?x33xf32> {graph.dims = ["B"]}, %w: tensor<40x33xf32>) -> tensor<?x40xf32> {
  %0 = graph.linear %x, %w : tensor<?x33xf32>, tensor<40x33xf32> -> tensor<?x40xf32>
  return %0 : tensor<?x40xf32>
}
}
