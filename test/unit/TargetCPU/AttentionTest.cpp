//===- AttentionTest.cpp - attention and its layouts against float64 ------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace trine::test;

namespace {

int64_t keyPanel(const std::string &cpu) {
  return cpu == "x86-64-v4" ? 32 : 16;
}

/// [B, T, H, D] in the order of `kind` ("rows", "heads", "head_panels").
/// Positions at or beyond `length` stay unwritten (NaN).
Buffer inLayout(const Buffer &plain, const std::string &kind, int64_t width,
                int64_t length) {
  int64_t B = plain.dims[0], T = plain.dims[1], H = plain.dims[2],
          D = plain.dims[3], panels = (T + width - 1) / width;
  Buffer stored(plain.dims,
                kind == "head_panels" ? B * H * panels * width * D : -1);
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < length; ++t)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t d = 0; d < D; ++d) {
          int64_t row = ((b * T + t) * H + h) * D + d, at = row;
          if (kind == "heads")
            at = ((b * H + h) * T + t) * D + d;
          if (kind == "head_panels")
            at = (((b * H + h) * panels + t / width) * D + d) * width +
                 t % width;
          stored.data()[at] = plain.data()[row];
        }
  return stored;
}

std::string layout(const std::string &kind, int64_t width) {
  if (kind == "rows")
    return "";
  return fmt::format(", #graph.layout<{}, {}>", kind,
                     kind == "heads" ? 1 : width);
}

struct Case {
  int64_t D, Dv, heads, groups;
  bool causal = false, past = false, mask = false;
  double softcap = 0;
  int64_t window = 0;
  std::string value = "rows";
  double scale = 0.25;
};

std::string text(const Case &c, int64_t width) {
  std::string arguments, operands, types;
  auto optional = [&](bool present, std::string name, std::string type) {
    if (!present)
      return;
    arguments += fmt::format(", %{}: {}", name, type);
    operands += fmt::format(" {0} %{0}", name);
    types += fmt::format("{} {} {}", name == "past" ? "," : "", name, type);
  };
  optional(c.past, "past", "tensor<?xi32>");
  optional(c.mask, "mask", "tensor<?x?xi32>");
  std::string flags = c.causal ? "causal " : "";
  flags += fmt::format("scale {:e}", c.scale);
  if (c.softcap)
    flags += fmt::format(" softcap {:e}", c.softcap);
  if (c.window)
    flags += fmt::format(" window {}", c.window);
  std::string q = fmt::format("tensor<?x?x{}x{}xf32>", c.heads, c.D);
  std::string k = fmt::format("tensor<?x?x{}x{}xf32{}>", c.groups, c.D,
                              layout("head_panels", width));
  std::string v = fmt::format("tensor<?x?x{}x{}xf32{}>", c.groups, c.Dv,
                              layout(c.value, width));
  std::string o = fmt::format("tensor<?x?x{}x{}xf32>", c.heads, c.Dv);
  return fmt::format(R"(
    launch.kernel @k on "cpu" family "attention" ties [-1] {{
    ^bb0(%q: {0}, %k: {1}, %v: {2}{3}):
      %o = graph.attention %q, %k, %v{4} {5} : {0}, {1}, {2}{6} -> {7}
      launch.return %o : {7}
    }})",
                     q, k, v, arguments, operands, flags, types, o);
}

struct Problem {
  int64_t B, S, T;
  std::vector<int32_t> past;
};

/// One output vector in float64, from the documentation of graph.attention.
std::vector<double> expected(const Case &c, const Problem &p, const Buffer &q,
                             const Buffer &k, const Buffer &v,
                             const Buffer &mask, int64_t b, int64_t s,
                             int64_t h) {
  int64_t g = h / (c.heads / c.groups), past = c.past ? p.past[b] : 0;
  int64_t position = past + s, limit = c.past ? past + p.S : p.T;
  std::vector<std::pair<int64_t, double>> logits;
  double highest = -INFINITY;
  for (int64_t t = 0; t < limit; ++t) {
    if ((c.causal && t > position) || (c.window && position - t >= c.window) ||
        (c.mask && !mask.data<int32_t>()[b * p.T + t]))
      continue;
    double x = 0;
    for (int64_t d = 0; d < c.D; ++d)
      x += double(q.data()[((b * p.S + s) * c.heads + h) * c.D + d]) *
           k.data()[((b * p.T + t) * c.groups + g) * c.D + d];
    x *= c.scale;
    if (c.softcap)
      x = c.softcap * std::tanh(x / c.softcap);
    logits.push_back({t, x});
    highest = std::max(highest, x);
  }
  double sum = 0;
  std::vector<double> result(c.Dv, 0.0);
  for (auto [t, x] : logits) {
    double weight = std::exp(x - highest);
    sum += weight;
    for (int64_t d = 0; d < c.Dv; ++d)
      result[d] += weight * v.data()[((b * p.T + t) * c.groups + g) * c.Dv + d];
  }
  for (double &x : result)
    x = logits.empty() ? 0 : x / sum;
  return result;
}

void check(const std::string &cpu, const Case &c,
           const std::vector<Problem> &problems) {
  int64_t width = keyPanel(cpu);
  Kernel kernel(text(c, width), cpu);
  for (const Problem &p : problems) {
    Buffer q = Buffer({p.B, p.S, c.heads, c.D}).fill(1);
    Buffer k = Buffer({p.B, p.T, c.groups, c.D}).fill(2);
    Buffer v = Buffer({p.B, p.T, c.groups, c.Dv}).fill(3);
    Buffer past({p.B}), mask({p.B, p.T});
    int64_t length = p.T;
    if (c.past) {
      std::copy(p.past.begin(), p.past.end(), past.data<int32_t>());
      length = *std::max_element(p.past.begin(), p.past.end()) + p.S;
    }
    // The second row of the batch attends nothing.
    for (int64_t i = 0; i < mask.count; ++i)
      mask.data<int32_t>()[i] =
          i / std::max<int64_t>(p.T, 1) != 1 && i % 5 != 2;
    std::vector<Buffer> buffers = {q, inLayout(k, "head_panels", width, length),
                                   inLayout(v, c.value, width, length)};
    if (c.past)
      buffers.push_back(past);
    if (c.mask)
      buffers.push_back(mask);
    Buffer one({p.B, p.S, c.heads, c.Dv}), three = Buffer(one.dims);
    buffers.push_back(one);
    kernel.run(buffers);
    buffers.back() = three;
    kernel.run(buffers, 3);
    ASSERT_EQ(memcmp(one.data(), three.data(), one.count * 4), 0)
        << cpu << ": the number of threads changes the result";
    for (int64_t i = 0; i < p.B * p.S * c.heads; ++i) {
      int64_t h = i % c.heads, s = i / c.heads % p.S, b = i / c.heads / p.S;
      std::vector<double> row = expected(c, p, q, k, v, mask, b, s, h);
      for (int64_t d = 0; d < c.Dv; ++d)
        ASSERT_NEAR(one.data()[i * c.Dv + d], row[d], 1e-6)
            << cpu << " B " << p.B << " S " << p.S << " T " << p.T << " at "
            << b << "," << s << "," << h << "," << d;
    }
  }
}

const std::vector<Problem> kPlain = {{1, 0, 0, {}},   {1, 1, 1, {}},
                                     {2, 7, 7, {}},   {1, 9, 9, {}},
                                     {1, 33, 33, {}}, {3, 70, 70, {}}};

} // namespace

TEST(Attention, bidirectionalWithPaddingMask) {
  for (const std::string &cpu : runnableCpus())
    check(cpu, {.D = 32, .Dv = 32, .heads = 2, .groups = 2, .mask = true},
          kPlain);
}

TEST(Attention, causalGroupsOnState) {
  for (const std::string &cpu : runnableCpus())
    check(cpu,
          {.D = 64,
           .Dv = 64,
           .heads = 9,
           .groups = 3,
           .causal = true,
           .past = true,
           .value = "heads"},
          {{1, 1, 256, {0}},
           {2, 1, 256, {31, 200}},
           {1, 128, 256, {0}},
           {2, 33, 256, {5, 129}}});
}

TEST(Attention, causalWithoutState) {
  for (const std::string &cpu : runnableCpus())
    check(cpu, {.D = 16, .Dv = 16, .heads = 4, .groups = 2, .causal = true},
          kPlain);
}

TEST(Attention, oddDepthsWindowAndSoftcap) {
  for (const std::string &cpu : runnableCpus())
    check(cpu,
          {.D = 12,
           .Dv = 20,
           .heads = 3,
           .groups = 1,
           .causal = true,
           .past = true,
           .softcap = 2,
           .window = 9,
           .value = "heads"},
          {{2, 1, 96, {0, 60}}, {1, 40, 96, {50}}, {2, 3, 96, {7, 33}}});
}

TEST(Attention, maskOnStateAndManyColumns) {
  for (const std::string &cpu : runnableCpus())
    check(cpu,
          {.D = 8,
           .Dv = 256,
           .heads = 2,
           .groups = 1,
           .causal = true,
           .mask = true},
          {{2, 35, 35, {}}});
}

TEST(Layout, relayoutAndAppend) {
  for (const std::string &cpu : runnableCpus())
    for (std::string kind : {"rows", "heads", "head_panels"}) {
      int64_t width = keyPanel(cpu);
      std::string state =
          fmt::format("tensor<?x40x3x5xf32{}>", layout(kind, width));
      Kernel append(fmt::format(R"(
        launch.kernel @k on "cpu" family "movement" ties [0] {{
        ^bb0(%s: {0}, %v: tensor<?x?x3x5xf32>, %past: tensor<?xi32>):
          %r = graph.append %v to %s at %past : tensor<?x?x3x5xf32>, tensor<?xi32> -> {0}
          launch.return %r : {0}
        }})",
                                state),
                    cpu);
      Buffer whole = Buffer({2, 40, 3, 5}).fill(1);
      Buffer target = inLayout(whole, kind, width, 0), past({2});
      // Three appends of unequal sizes; row 1 stands 4 positions later.
      for (auto [from, size] : {std::pair{0, 1}, {1, 34}, {35, 1}}) {
        Buffer values({2, size, 3, 5});
        for (int64_t b = 0; b < 2; ++b) {
          past.data<int32_t>()[b] = from + 4 * b;
          memcpy(values.data() + b * size * 15,
                 whole.data() + (b * 40 + from + 4 * b) * 15, size * 60);
        }
        append.run({target, values, past, target}, 2);
      }
      Buffer expected = inLayout(whole, kind, width, 40);
      int64_t written = 0;
      for (int64_t i = 0; i < target.count; ++i) {
        if (std::isnan(target.data()[i]))
          continue;
        ++written;
        ASSERT_EQ(target.data()[i], expected.data()[i]) << kind << " at " << i;
      }
      ASSERT_EQ(written, 2 * 36 * 15) << kind;
      if (kind == "rows")
        continue;
      std::string packed =
          fmt::format("tensor<?x?x3x5xf32{}>", layout(kind, width));
      Kernel relayout(fmt::format(R"(
        launch.kernel @k on "cpu" family "movement" ties [-1] {{
        ^bb0(%x: tensor<?x?x3x5xf32>):
          %r = graph.relayout %x : tensor<?x?x3x5xf32> -> {0}
          launch.return %r : {0}
        }})",
                                  packed),
                      cpu);
      Buffer copied = inLayout(whole, kind, width, 0);
      relayout.run({whole, copied}, 3);
      for (int64_t i = 0; i < copied.count; ++i)
        ASSERT_TRUE(std::isnan(expected.data()[i]) ||
                    copied.data()[i] == expected.data()[i])
            << kind << " at " << i;
    }
}
