// RUN: trine-opt %s -split-input-file --cpu-emit-kernels=cpu=x86-64-v4 | FileCheck %s
// RUN: trine-opt %s -split-input-file --pass-pipeline="builtin.module(cpu-emit-kernels{cpu=x86-64-v4},launch.code(cpu-lower-to-llvm))" | FileCheck %s --check-prefix=LLVM

// One row streams each panel once: four accumulators and a pointer, four k an
// iteration.
// CHECK-LABEL: func.func @rows(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr)
// CHECK: scf.index_switch
// CHECK: case 1 {
// CHECK: %[[SUM:.*]]:5 = scf.for
// CHECK-COUNT-16: vector.fma
// CHECK-NOT: vector.fma
// CHECK: scf.yield
// CHECK-COUNT-4: llvm.store
// CHECK: case 2 {
// CHECK: default {
// CHECK-COUNT-96: vector.fma
// CHECK-NOT: llvm.intr.masked
// LLVM-LABEL: llvm.func @rows(
// LLVM-NOT: scf.
// LLVM-NOT: vector.
launch.kernel @rows on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x48xf32>, %w: tensor<128x48xf32, #graph.layout<panels, 64>>):
  %y = graph.linear %x, %w : tensor<?x48xf32>, tensor<128x48xf32, #graph.layout<panels, 64>> -> tensor<?x128xf32>
  launch.return %y : tensor<?x128xf32>
}

// -----

// The last panel of 100 columns is stored under masks.
// CHECK-LABEL: func.func @tail(
// CHECK: llvm.store
// CHECK: llvm.intr.masked.store
launch.kernel @tail on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x48xf32>, %w: tensor<100x48xf32, #graph.layout<panels, 64>>):
  %y = graph.linear %x, %w : tensor<?x48xf32>, tensor<100x48xf32, #graph.layout<panels, 64>> -> tensor<?x100xf32>
  launch.return %y : tensor<?x100xf32>
}

// -----

// A long K goes in slices of 928, whose sums wait in scratch.
// CHECK-LABEL: func.func @long(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[TEAM:.*]]: !llvm.ptr)
// CHECK: %[[OFFSET:.*]] = arith.constant 16 : i64
// CHECK-NEXT: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[TEAM]][%[[OFFSET]]]
// CHECK-NEXT: %[[SCRATCH:.*]] = llvm.load %[[FIELD]]
// CHECK: scf.for
// CHECK: llvm.getelementptr inbounds %[[SCRATCH]]
// CHECK: llvm.store
// CHECK: %[[SLICE:.*]] = arith.constant 928 : i64
// CHECK: %[[LENGTH:.*]] = arith.select %{{.*}}, %{{.*}}, %[[SLICE]] : i64
// CHECK: arith.minsi %[[LENGTH]],
// CHECK: default {
// CHECK-COUNT-24: llvm.load
// CHECK-COUNT-96: vector.fma
// CHECK-NOT: vector.fma
// CHECK-COUNT-24: llvm.store
launch.kernel @long on "cpu" family "contraction" ties [-1] {
^bb0(%x: tensor<?x4512xf32>, %w: tensor<128x4512xf32, #graph.layout<panels, 64>>):
  %y = graph.linear %x, %w : tensor<?x4512xf32>, tensor<128x4512xf32, #graph.layout<panels, 64>> -> tensor<?x128xf32>
  launch.return %y : tensor<?x128xf32>
}
