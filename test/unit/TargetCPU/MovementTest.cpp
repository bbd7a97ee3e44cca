//===- MovementTest.cpp - copies, gather and their indices ----------------===//
// Values move, so results are compared bit by bit.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <bit>
#include <numeric>

using namespace trine::test;

static const int64_t kLengths[] = {0, 1, 2, 7, 8, 9, 31, 33, 127, 129};

static std::string kernelOf(const std::string &family,
                            const std::string &arguments, const std::string &op,
                            const std::string &type) {
  return "launch.kernel @k on \"cpu\" family \"" + family +
         "\" ties [-1] {\n^bb0(" + arguments + "):\n  %r = graph." + op +
         "\n  launch.return %r : " + type + "\n}";
}

/// 0, 1, 2, ... as i32, so that every element is its own offset.
static Buffer numbered(std::vector<int64_t> dims) {
  Buffer buffer(std::move(dims));
  std::iota(buffer.data<int32_t>(), buffer.data<int32_t>() + buffer.count, 0);
  return buffer;
}

TEST(Movement, reshape) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(kernelOf("movement", "%x: tensor<?x?x4xi32>",
                           "reshape %x to [0, -1] : tensor<?x?x4xi32> -> "
                           "tensor<?x?xi32>",
                           "tensor<?x?xi32>"),
                  cpu);
    for (int64_t n : kLengths) {
      Buffer x = numbered({3, n, 4}), y({3, n * 4});
      kernel.run({x, y}, 3);
      for (int64_t i = 0; i < y.count; ++i)
        ASSERT_EQ(y.data<int32_t>()[i], i);
    }
  }
}

TEST(Movement, everyPermutation) {
  std::vector<int64_t> permutation = {0, 1, 2};
  do {
    std::string text = std::to_string(permutation[0]) + ", " +
                       std::to_string(permutation[1]) + ", " +
                       std::to_string(permutation[2]);
    std::string type = "tensor<?x?x?xi32>";
    std::string source = kernelOf(
        "movement", "%x: " + type,
        "transpose %x by [" + text + "] : " + type + " -> " + type, type);
    for (const std::string &cpu : runnableCpus()) {
      Kernel kernel(source, cpu);
      for (int64_t n : {0, 1, 9, 33}) {
        int64_t from[3] = {2, 3, n}, to[3];
        for (int i = 0; i < 3; ++i)
          to[i] = from[permutation[i]];
        Buffer x = numbered({2, 3, n}), y({to[0], to[1], to[2]});
        kernel.run({x, y}, 2);
        for (int64_t i = 0; i < y.count; ++i) {
          int64_t at[3],
              target[] = {i / to[2] / to[1], i / to[2] % to[1], i % to[2]};
          for (int d = 0; d < 3; ++d)
            at[permutation[d]] = target[d];
          ASSERT_EQ(y.data<int32_t>()[i], (at[0] * 3 + at[1]) * n + at[2])
              << text;
        }
      }
    }
  } while (std::next_permutation(permutation.begin(), permutation.end()));
}

TEST(Movement, sliceAlongEachAxis) {
  for (const std::string &cpu : runnableCpus())
    for (int axis : {0, 1, 2}) {
      std::string type = axis == 0   ? "tensor<2x?x7xi32>"
                         : axis == 1 ? "tensor<5x2x7xi32>"
                                     : "tensor<5x?x2xi32>";
      std::string input = axis == 1 ? "tensor<5x6x7xi32>" : "tensor<5x?x7xi32>";
      Kernel kernel(kernelOf("movement", "%x: " + input,
                             "slice %x axis " + std::to_string(axis) +
                                 " start 3 size 2 : " + input + " -> " + type,
                             type),
                    cpu);
      std::vector<int64_t> dims = {5, 6, 7};
      Buffer x = numbered(dims);
      dims[axis] = 2;
      Buffer y(dims);
      kernel.run({x, y}, 3);
      for (int64_t i = 0; i < y.count; ++i) {
        int64_t at[] = {i / dims[2] / dims[1], i / dims[2] % dims[1],
                        i % dims[2]};
        at[axis] += 3;
        ASSERT_EQ(y.data<int32_t>()[i], (at[0] * 6 + at[1]) * 7 + at[2]);
      }
    }
}

TEST(Movement, concat) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(kernelOf("movement",
                           "%x: tensor<?x?x3xi32>, %y: tensor<?x?x3xi32>",
                           "concat %x, %y axis 1 : tensor<?x?x3xi32>, "
                           "tensor<?x?x3xi32> -> tensor<?x?x3xi32>",
                           "tensor<?x?x3xi32>"),
                  cpu);
    for (int64_t n : kLengths)
      for (int64_t m : {0, 4}) {
        Buffer x = numbered({2, n, 3}), y = numbered({2, m, 3}),
               z({2, n + m, 3});
        kernel.run({x, y, z}, 2);
        for (int64_t b = 0; b < 2; ++b)
          for (int64_t i = 0; i < (n + m) * 3; ++i)
            ASSERT_EQ(z.data<int32_t>()[b * (n + m) * 3 + i],
                      i < n * 3 ? b * n * 3 + i : b * m * 3 + i - n * 3);
      }
  }
}

TEST(Movement, lastToken) {
  for (const std::string &cpu : runnableCpus()) {
    std::string ragged = "last_token %x lengths %l : tensor<?x?x?xf32>, "
                         "tensor<?xi32> -> tensor<?x?xf32>";
    std::string plain = "last_token %x : tensor<?x?x?xf32> -> tensor<?x?xf32>";
    Kernel withLengths(kernelOf("movement",
                                "%x: tensor<?x?x?xf32>, %l: tensor<?xi32>",
                                ragged, "tensor<?x?xf32>"),
                       cpu);
    Kernel without(
        kernelOf("movement", "%x: tensor<?x?x?xf32>", plain, "tensor<?x?xf32>"),
        cpu);
    for (int64_t n : kLengths) {
      Buffer x({3, 4, n}), lengths({3}), y({3, n});
      lengths.data<int32_t>()[0] = 4;
      lengths.data<int32_t>()[1] = 1;
      lengths.data<int32_t>()[2] = 2;
      withLengths.run({x.fill(1), lengths, y}, 2);
      for (int64_t i = 0; i < y.count; ++i)
        ASSERT_EQ(
            y.data()[i],
            x.data()[(i / n * 4 + lengths.data<int32_t>()[i / n] - 1) * n +
                     i % n]);
      without.run({x, y});
      for (int64_t i = 0; i < y.count; ++i)
        ASSERT_EQ(y.data()[i], x.data()[(i / n * 4 + 3) * n + i % n]);
    }
  }
}

TEST(Movement, positions) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel kernel(kernelOf("movement", "%x: tensor<?x?xi32>, %p: tensor<?xi32>",
                           "positions %x after %p : tensor<?x?xi32>, "
                           "tensor<?xi32> -> tensor<?x?xi32>",
                           "tensor<?x?xi32>"),
                  cpu);
    for (int64_t n : kLengths) {
      Buffer x({2, n}), past({2}), y({2, n});
      past.data<int32_t>()[0] = 0;
      past.data<int32_t>()[1] = 131000;
      kernel.run({x, past, y}, 2);
      for (int64_t i = 0; i < y.count; ++i)
        ASSERT_EQ(y.data<int32_t>()[i],
                  past.data<int32_t>()[i / n] + int32_t(i % n));
    }
  }
}

TEST(Movement, constants) {
  for (const std::string &cpu : runnableCpus()) {
    Kernel floats(kernelOf("movement", "",
                           "constant dense<[[1.5, -2.0, 3.0]]> : "
                           "tensor<1x3xf32>",
                           "tensor<1x3xf32>"),
                  cpu);
    Buffer y({1, 3});
    floats.run({y}, 2);
    EXPECT_EQ(std::vector(y.data(), y.data() + 3),
              (std::vector<float>{1.5, -2, 3}));
    Kernel integers(kernelOf("movement", "",
                             "constant dense<-7> : tensor<19xi32>",
                             "tensor<19xi32>"),
                    cpu);
    Buffer z({19});
    integers.run({z}, 3);
    for (int i = 0; i < 19; ++i)
      EXPECT_EQ(z.data<int32_t>()[i], -7);
  }
}

TEST(Gather, rowsAndPanels) {
  for (const std::string &cpu : runnableCpus())
    for (int64_t width : {1, 16}) {
      std::string table = width == 1
                              ? "tensor<?x?xf32>"
                              : "tensor<?x?xf32, #graph.layout<panels, 16>>";
      Kernel kernel(kernelOf("gather", "%t: " + table + ", %i: tensor<?x?xi32>",
                             "gather %t, %i : " + table +
                                 ", tensor<?x?xi32> -> tensor<?x?x?xf32>",
                             "tensor<?x?x?xf32>"),
                    cpu);
      int64_t rows = 21, stored = (rows + width - 1) / width * width;
      for (int64_t n : kLengths) {
        Buffer t({rows, n}, stored * n), indices({2, 3}), y({2, 3, n});
        t.fill(1);
        // The last two lie outside and are clamped.
        const int32_t values[] = {0, 20, 7, 16, -5, 1000};
        std::copy_n(values, 6, indices.data<int32_t>());
        kernel.run({t, indices, y}, 2);
        for (int64_t i = 0; i < y.count; ++i) {
          int64_t row = std::clamp<int64_t>(values[i / n], 0, rows - 1);
          int64_t at = (row / width * n + i % n) * width + row % width;
          ASSERT_EQ(y.data()[i], t.data()[at]) << width << cpu;
        }
      }
    }
}

// A narrow table, and the scale that follows in some models.
TEST(Gather, narrowTableThenScale) {
  for (const std::string &cpu : runnableCpus())
    for (std::string layout : {"", ", #graph.layout<panels, 8>"}) {
      std::string table = "tensor<?x9xbf16" + layout + ">";
      Kernel kernel("launch.kernel @k on \"cpu\" family \"gather\" ties [-1] {"
                    "^bb0(%t: " +
                        table +
                        ", %i: tensor<?xi32>):\n"
                        "%c = graph.constant dense<3.0> : tensor<bf16>\n"
                        "%e = graph.gather %t, %i : " +
                        table +
                        ", tensor<?xi32> -> tensor<?x9xbf16>\n"
                        "%r = graph.mul %e, %c : tensor<?x9xbf16>, "
                        "tensor<bf16> -> tensor<?x9xbf16>\n"
                        "launch.return %r : tensor<?x9xbf16>\n}",
                    cpu);
      int64_t width = layout.empty() ? 1 : 8;
      // In panels two columns lie side by side: [1][5][8][2].
      Buffer t({8, 9}, 80, 2), indices({2}), y({2, 9}, -1, 2);
      for (int64_t i = 0; i < 80; ++i) // 1 + i/128, exact
        t.data<uint16_t>()[i] = uint16_t(0x3f80 + i);
      indices.data<int32_t>()[0] = 5;
      indices.data<int32_t>()[1] = 2;
      kernel.run({t, indices, y});
      for (int64_t i = 0; i < 18; ++i) {
        int64_t row = indices.data<int32_t>()[i / 9];
        int64_t column = i % 9, at = row * 9 + column;
        if (width == 8)
          at = (column / 2 * 8 + row) * 2 + column % 2;
        float exact = (1 + at / 128.f) * 3;
        float got = std::bit_cast<float>(uint32_t(y.data<uint16_t>()[i]) << 16);
        EXPECT_NEAR(got, exact, exact * 0x1p-8) << cpu << layout;
      }
    }
}
