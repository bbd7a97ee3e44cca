// What the elementwise, rows, gather and movement families emit, as PTX.
// RUN: trine-compile %s --target=cuda --emit=ptx -o %t
// RUN: cat %t/add_0.ptx | FileCheck %s --check-prefix=FLAT
// RUN: cat %t/mul_0.ptx | FileCheck %s --check-prefix=VECTOR
// RUN: cat %t/rms_norm_0.ptx | FileCheck %s --check-prefix=NORM
// RUN: cat %t/softmax_0.ptx | FileCheck %s --check-prefix=SOFTMAX
// RUN: cat %t/gather_0.ptx | FileCheck %s --check-prefix=GATHER
// RUN: cat %t/rope_0.ptx | FileCheck %s --check-prefix=ROPE
// RUN: cat %t/append_0.ptx | FileCheck %s --check-prefix=APPEND

// The least version that knows the chip; addresses, then dynamic dimensions.
// FLAT: .version 7.0
// FLAT-NEXT: .target sm_80
// FLAT: .entry add_0(
// FLAT-COUNT-3: .param .u64 .ptr .global
// FLAT-COUNT-6: .param .u32
// FLAT: .maxntid 256
// FLAT-COUNT-2: ld.global.nc.b32
// FLAT-NOT: div.
// FLAT: add.rn.f32
// FLAT: neg.f32
// FLAT: st.global.b32
func.func @flat(%x: tensor<?x?xf32> {graph.dims = ["B", "S"]},
                %y: tensor<?x?xf32> {graph.dims = ["B", "S"]}) -> tensor<?x?xf32> {
  %0 = graph.add %x, %y : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = graph.neg %0 : tensor<?x?xf32>
  return %1 : tensor<?x?xf32>
}

// Eight bf16 are one access, rounded by pairs.
// VECTOR: ld.global.nc.v4.b32
// VECTOR-NOT: ld.global.nc.b16
// VECTOR-COUNT-4: cvt.rn.bf16x2.f32
// VECTOR: st.global.v4.b32
func.func @vector(%x: tensor<?x64xbf16> {graph.dims = ["B"]},
                  %y: tensor<64xbf16>) -> tensor<?x64xbf16> {
  %0 = graph.mul %x, %y : tensor<?x64xbf16>, tensor<64xbf16> -> tensor<?x64xbf16>
  return %0 : tensor<?x64xbf16>
}

// A row is read once and stays in registers; sums are f64, and warps meet in
// shared memory.
// NORM: .extern .shared .align 1024 .b8 shared_memory[]
// NORM: .maxntid 128
// NORM: ld.global.nc.v4.b32
// NORM: add.rn.f64
// NORM-COUNT-10: shfl.sync.bfly.b32
// NORM: bar.sync
// NORM: ld.shared
// NORM: sqrt.rn.f64
// NORM-NOT: param_0
// NORM: cvt.rn.bf16x2.f32
func.func @norm(%x: tensor<?x576xf32> {graph.dims = ["B"]},
                %w: tensor<576xf32>) -> tensor<?x576xbf16> {
  %0 = graph.rms_norm %x, %w epsilon 1.0e-5 : tensor<?x576xf32>, tensor<576xf32> -> tensor<?x576xf32>
  %1 = graph.cast %0 : tensor<?x576xf32> -> tensor<?x576xbf16>
  return %1 : tensor<?x576xbf16>
}

// A warp has a row: nothing is shared.
// SOFTMAX-NOT: .shared
// SOFTMAX: .maxntid 128
// SOFTMAX-NOT: bar.sync
// SOFTMAX-COUNT-15: shfl.sync.bfly.b32
// SOFTMAX-NOT: bar.sync
func.func @softmax(%x: tensor<?x40xf32> {graph.dims = ["B"]}) -> tensor<?x40xf32> {
  %0 = graph.softmax %x : tensor<?x40xf32>
  return %0 : tensor<?x40xf32>
}

// An index beyond the table names its last row.
// GATHER: max.s32 {{.*}}, 0;
// GATHER: min.s32 {{.*}}, 99;
// GATHER: ld.global.nc.v4.b16
// GATHER: st.global.v4.b32
func.func @gather(%t: tensor<100x64xbf16>,
                  %i: tensor<?xi32> {graph.dims = ["S"]}) -> tensor<?x64xf32> {
  %0 = graph.gather %t, %i : tensor<100x64xbf16>, tensor<?xi32> -> tensor<?x64xf32>
  return %0 : tensor<?x64xf32>
}

// Angles are f64, and no function of a library is asked for.
// ROPE: .global .align 16 .b8 rope_0_table_0
// ROPE-NOT: .extern .func
// ROPE: cvt.rni.f64.f64
// ROPE: fma.rn.f32
func.func @rope(%x: tensor<?x?x4x64xf32> {graph.dims = ["B", "S"]},
                %p: tensor<?x?xi32> {graph.dims = ["B", "S"]}) -> tensor<?x?x4x64xbf16> {
  %0 = graph.rope half %x, %p theta 1.0e4 dims 64 : tensor<?x?x4x64xf32>, tensor<?x?xi32> -> tensor<?x?x4x64xbf16>
  return %0 : tensor<?x?x4x64xbf16>
}

// The state is written in place: its address is the result's, which nothing may
// take for another's.
// APPEND: .entry append_0(
// APPEND-COUNT-4: .param .u64
// APPEND: ld.global.nc.v4.b32
// APPEND: st.global.v4.b32
graph.state @keys : tensor<?x128x2x64xbf16>
func.func @append(%x: tensor<?x?x2x64xbf16> {graph.dims = ["B", "S"]}) -> tensor<?x?x2x64xf32> {
  %length = graph.length %x : tensor<?x?x2x64xbf16> -> tensor<?xi32>
  %cache = graph.cache @keys like %x : tensor<?x?x2x64xbf16> -> tensor<?x128x2x64xbf16>
  %0 = graph.append %x to %cache at %length : tensor<?x?x2x64xbf16>, tensor<?xi32> -> tensor<?x128x2x64xbf16>
  %1 = graph.attention %x, %0, %0 past %length causal scale 0.125 : tensor<?x?x2x64xbf16>, tensor<?x128x2x64xbf16>, tensor<?x128x2x64xbf16>, past tensor<?xi32> -> tensor<?x?x2x64xf32>
  return %1 : tensor<?x?x2x64xf32>
}
