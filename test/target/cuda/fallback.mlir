// What has no kernels goes to the CPU, and the package says why.
// RUN: trine-opt %s --place-ops | FileCheck %s
// CHECK: launch.placement = [{device = "cpu", node = "", op = "graph.cast", reason = "cuda: elements of f8E4M3FN are not supported"}]
module attributes {launch.targets = ["cuda"]} {
  // CHECK: graph.neg {{.*}} {launch.device = "cuda"}
  // CHECK: graph.cast {{.*}} {launch.device = "cpu"}
  func.func @entry(%x: tensor<?x8xf32> {graph.dims = ["B"]}) -> tensor<?x8xf8E4M3FN> {
    %0 = graph.neg %x : tensor<?x8xf32>
    %1 = graph.cast %0 : tensor<?x8xf32> -> tensor<?x8xf8E4M3FN>
    return %1 : tensor<?x8xf8E4M3FN>
  }
}
