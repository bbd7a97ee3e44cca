//===- ElementwiseTest.cpp - elementwise kernels against scalar loops -----===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"

using namespace trine::test;

TEST(Elementwise, chainOnRaggedRows) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(R"(
      launch.kernel @k on "cpu" family "elementwise" ties [-1] {
      ^bb0(%x: tensor<?x?xf32>, %y: tensor<?x?xf32>):
        %s = graph.add %x, %y : tensor<?x?xf32>, tensor<?x?xf32> -> tensor<?x?xf32>
        %n = graph.neg %s : tensor<?x?xf32>
        launch.return %n : tensor<?x?xf32>
      })",
                  cpu);
    for (int64_t columns : {0, 1, 7, 8, 9, 16, 31, 33})
      for (int threads : {1, 3}) {
        Buffer x({5, columns}), y({5, columns}), z({5, columns});
        kernel.run({x.fill(1), y.fill(2), z}, threads);
        for (int64_t i = 0; i < z.count; ++i)
          ASSERT_EQ(z.data()[i], -(x.data()[i] + y.data()[i]))
              << cpu << " columns " << columns << " element " << i;
      }
  }
}
