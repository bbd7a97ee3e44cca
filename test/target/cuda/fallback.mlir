// What has no kernels goes to the CPU, and the package says why.
// RUN: trine-opt %s --place-ops | FileCheck %s
// CHECK: launch.placement = [{device = "cpu", node = "", op = "graph.pool", reason = "cuda: there are no kernels for graph.pool"}]
module attributes {launch.targets = ["cuda"]} {
  // CHECK: graph.neg {{.*}} {launch.device = "cuda"}
  // CHECK: graph.pool {{.*}} {launch.device = "cpu"}
  func.func @entry(%x: tensor<?x?x8xf32> {graph.dims = ["B", "S"]},
                   %m: tensor<?x?xi32> {graph.dims = ["B", "S"]}) -> tensor<?x8xf32> {
    %0 = graph.neg %x : tensor<?x?x8xf32>
    %1 = graph.pool mean %0, %m : tensor<?x?x8xf32>, tensor<?x?xi32> -> tensor<?x8xf32>
    return %1 : tensor<?x8xf32>
  }
}
