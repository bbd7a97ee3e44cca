//===- AttentionBench.cpp - attention kernels beside an FMA loop ----------===//
// One thread; a causal encoder's operations are counted on all S x S logits, a
// decoder's on those it attends.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelBench.h"
#include "fmt/format.h"
#include <cstdio>

using namespace trine::test;

namespace {
struct Shape {
  std::string cpu, element;
  int64_t width, heads, groups, depth;

  Buffer operand(int64_t positions, int64_t of, uint32_t seed) const {
    Buffer plain = Buffer({1, positions, of, depth}).fill(seed);
    return element == "f32" ? plain : narrowed(plain);
  }
};

std::string text(const Shape &shape, const std::string &capacity,
                 const std::string &words, bool past) {
  auto [cpu, element, width, heads, groups, depth] = shape;
  std::string q = fmt::format("tensor<?x?x{}x{}x{}>", heads, depth, element);
  std::string keys =
      fmt::format("tensor<?x{}x{}x{}x{}", capacity, groups, depth, element);
  std::string k =
      fmt::format("{}, #graph.layout<head_panels, {}>>", keys, width);
  std::string v = keys + (past ? ", #graph.layout<heads, 1>>" : ">");
  return fmt::format(R"(
    launch.kernel @k on "cpu" family "attention" ties [-1] {{
    ^bb0(%q: {0}, %k: {1}, %v: {2}{4}):
      %o = graph.attention %q, %k, %v {5} {3} scale 0.125 : {0}, {1}, {2}{6} -> {0}
      launch.return %o : {0}
    }})",
                     q, k, v, words, past ? ", %p: tensor<?xi32>" : "",
                     past ? "past %p" : "", past ? ", past tensor<?xi32>" : "");
}

/// GFLOP/s of attention among `s` positions.
double encoder(const Shape &shape, bool causal, int64_t s) {
  Kernel kernel(text(shape, "?", causal ? "causal" : "", false), shape.cpu);
  auto operand = [&](uint32_t seed) {
    return shape.operand(s, shape.heads, seed);
  };
  double seconds =
      best(kernel.bind({operand(1), operand(2), operand(3), operand(4)}));
  return 4e-9 * double(s * s * shape.heads * shape.depth) / seconds;
}

/// Of `s` positions after `past` others.
double decoder(const Shape &shape, int64_t s, int64_t past) {
  Kernel kernel(text(shape, "2048", "causal", true), shape.cpu);
  Buffer length({1});
  *length.data<int32_t>() = int32_t(past);
  double seconds = best(kernel.bind(
      {shape.operand(s, shape.heads, 1), shape.operand(2048, shape.groups, 2),
       shape.operand(2048, shape.groups, 3), length,
       shape.operand(s, shape.heads, 4)}));
  double keys = double(s) * double(past) + double(s) * double(s + 1) / 2;
  return 4e-9 * keys * double(shape.heads * shape.depth) / seconds;
}
} // namespace

void trine::test::benchAttention(const std::string &cpu,
                                 const std::string &element, int64_t width,
                                 double peak) {
  for (auto [heads, s, depth] : {std::tuple{12, 128, 32},
                                 {12, 128, 64},
                                 {16, 512, 64},
                                 {8, 1024, 128}}) {
    Shape shape = {cpu, element, width, heads, heads, depth};
    double all = encoder(shape, false, s), causal = encoder(shape, true, s);
    printf("%s %s attention H %d S %d d %d: %.1f %% of FMA, causal %.0f %% of "
           "that\n",
           cpu.c_str(), element.c_str(), heads, s, depth, 100 * all / peak,
           100 * causal / all);
  }
  for (auto [s, past] : {std::pair{128, 0}, {512, 0}, {1, 512}, {1, 2047}})
    printf("%s %s attention of %d after %d, 9 heads on 3: %.1f %% of FMA\n",
           cpu.c_str(), element.c_str(), s, past,
           100 * decoder({cpu, element, width, 9, 3, 64}, s, past) / peak);
}
