// What the elementwise, rows, gather and movement families emit.
// RUN: trine-opt %s --split-input-file --cpu-emit-kernels=cpu=x86-64-v3 | FileCheck %s
// RUN: trine-opt %s --split-input-file --cpu-emit-kernels=cpu=x86-64-v4 | FileCheck %s --check-prefix=WIDE

// Nothing repeats: one loop over all elements, one load of each operand.
// CHECK-LABEL: launch.code @flat
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load {{.*}} -> vector<8xf32>
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: arith.negf
// CHECK: llvm.store {{.*}} : vector<8xf32>
// CHECK-NOT: scf.for
// WIDE-LABEL: launch.code @flat
// WIDE-NOT: vector<8x
// WIDE: arith.addf {{.*}} : vector<16xf32>
launch.kernel @flat on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>):
  %0 = graph.add %x, %y : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
  %1 = graph.neg %0 : tensor<?x?xf32>
  launch.return %1 : tensor<?x?xf32>
}

// -----

// A column operand is read once a row; whole registers need no mask.
// CHECK-LABEL: launch.code @column
// CHECK: scf.for
// CHECK: vector.broadcast
// CHECK-NOT: llvm.intr.masked
launch.kernel @column on "cpu" family "elementwise" ties [-1] {
^bb0(%x: tensor<?x64xf32>, %y: tensor<?x1xf32>):
  %0 = graph.mul %x, %y : tensor<?x64xf32>, tensor<?x1xf32> -> tensor<?x64xf32>
  launch.return %0 : tensor<?x64xf32>
}

// -----

// The sum before the norm is stored as a result and staged in scratch.
// CHECK-LABEL: launch.code @residual_norm
// CHECK-SAME: {
// CHECK: func.func @residual_norm({{.*}}, %[[TEAM:.*]]: !llvm.ptr)
// CHECK: %[[OFFSET:.*]] = arith.constant 16 : i64
// CHECK-NEXT: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[TEAM]][%[[OFFSET]]]
// CHECK-NEXT: %[[SCRATCH:.*]] = llvm.load %[[FIELD]]
// CHECK: scf.for
// CHECK: arith.addf {{.*}} : vector<8xf32>
// CHECK: llvm.store {{.*}} : vector<8xf32>
// CHECK: %[[STAGE:.*]] = llvm.getelementptr inbounds %[[SCRATCH]]
// CHECK: llvm.store {{.*}}, %[[STAGE]]
// CHECK: arith.extf {{.*}} : vector<8xf32> to vector<8xf64>
// CHECK-COUNT-3: vector.shuffle
// CHECK: math.sqrt {{.*}} : f64
launch.kernel @residual_norm on "cpu" family "elementwise" ties [-1, -1] {
^bb0(%x: tensor<?x64xf32>, %r: tensor<?x64xf32>, %w: tensor<64xf32>):
  %0 = graph.add %x, %r : tensor<?x64xf32>, tensor<?x64xf32> -> tensor<?x64xf32>
  %1 = graph.rms_norm %0, %w epsilon 1.0e-5 : tensor<?x64xf32>, tensor<64xf32> -> tensor<?x64xf32>
  launch.return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// -----

// Panels are gathered, a row-major table is read in place.
// CHECK-LABEL: launch.code @panels
// CHECK: llvm.intr.masked.gather
launch.kernel @panels on "cpu" family "gather" ties [-1] {
^bb0(%t: tensor<100x64xf32, #graph.layout<panels, 16>>, %i: tensor<?xi32>):
  %0 = graph.gather %t, %i : tensor<100x64xf32, #graph.layout<panels, 16>>, tensor<?xi32> -> tensor<?x64xf32>
  launch.return %0 : tensor<?x64xf32>
}

// -----

// CHECK-LABEL: launch.code @plain
// CHECK-NOT: gather
// CHECK: llvm.load {{.*}} -> vector<8xf32>
launch.kernel @plain on "cpu" family "gather" ties [-1] {
^bb0(%t: tensor<100x64xf32>, %i: tensor<?xi32>):
  %0 = graph.gather %t, %i : tensor<100x64xf32>, tensor<?xi32> -> tensor<?x64xf32>
  launch.return %0 : tensor<?x64xf32>
}

// -----

// Angles are f64, and no function of a library is asked for.
// CHECK-LABEL: launch.code @rope
// CHECK: math.roundeven {{.*}} : vector<8xf64>
// CHECK-NOT: math.{{sin|cos}}
// CHECK: math.fma {{.*}} : vector<8xf32>
launch.kernel @rope on "cpu" family "movement" ties [-1] {
^bb0(%x: tensor<?x?x4x64xf32>, %p: tensor<?x?xi32>):
  %0 = graph.rope half %x, %p theta 1.0e4 dims 64 : tensor<?x?x4x64xf32>, tensor<?x?xi32> -> tensor<?x?x4x64xf32>
  launch.return %0 : tensor<?x?x4x64xf32>
}

// -----

// The last dimension stays: rows are copied a register at a time.
// CHECK-LABEL: launch.code @swap_heads
// CHECK: llvm.load {{.*}} -> vector<8xf32>
// CHECK-NOT: -> f32
launch.kernel @swap_heads on "cpu" family "movement" ties [-1] {
^bb0(%x: tensor<?x?x4x64xf32>):
  %0 = graph.transpose %x by [0, 2, 1, 3] : tensor<?x?x4x64xf32> -> tensor<?x4x?x64xf32>
  launch.return %0 : tensor<?x4x?x64xf32>
}
