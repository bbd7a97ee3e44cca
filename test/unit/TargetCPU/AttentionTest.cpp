//===- AttentionTest.cpp - attention and its layouts against float64 ------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "KernelHarness.h"
#include "fmt/format.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

using namespace trine::test;

namespace {

int64_t keyPanel(const std::string &cpu) {
  return cpu == "x86-64-v4" || cpu == "sapphirerapids" ? 32 : 16;
}

/// [B, T, H, D] of f32 or bf16 in the order of `kind` ("rows", "heads",
/// "head_panels"). Positions at or beyond `length` stay unwritten (NaN).
template <typename T = float>
Buffer inLayout(const Buffer &plain, const std::string &kind, int64_t width,
                int64_t length) {
  int64_t B = plain.dims[0], N = plain.dims[1], H = plain.dims[2],
          D = plain.dims[3], panels = (N + width - 1) / width;
  // bf16 lies in pairs along the dimension of products.
  int64_t unit = sizeof(T) == 2 ? 2 : 1, rows = (D + unit - 1) / unit,
          pairs = (N + unit - 1) / unit;
  int64_t stored = kind == "head_panels" ? B * H * panels * width * rows * unit
                   : kind == "heads"     ? B * H * pairs * D * unit
                                         : -1;
  Buffer packed(plain.dims, stored, sizeof(T));
  for (int64_t b = 0; b < B; ++b)
    for (int64_t t = 0; t < length; ++t)
      for (int64_t h = 0; h < H; ++h)
        for (int64_t d = 0; d < D; ++d) {
          int64_t row = ((b * N + t) * H + h) * D + d, at = row;
          if (kind == "heads")
            at = (((b * H + h) * pairs + t / unit) * D + d) * unit + t % unit;
          if (kind == "head_panels")
            at = ((((b * H + h) * panels + t / width) * rows + d / unit) *
                      width +
                  t % width) *
                     unit +
                 d % unit;
          packed.template data<T>()[at] = plain.template data<T>()[row];
        }
  return packed;
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
  std::string query = "f32", cache = "f32", result = "f32";
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
  std::string q = fmt::format("tensor<?x?x{}x{}x{}>", c.heads, c.D, c.query);
  std::string k = fmt::format("tensor<?x?x{}x{}x{}{}>", c.groups, c.D, c.cache,
                              layout("head_panels", width));
  std::string v = fmt::format("tensor<?x?x{}x{}x{}{}>", c.groups, c.Dv, c.cache,
                              layout(c.value, width));
  std::string o = fmt::format("tensor<?x?x{}x{}x{}>", c.heads, c.Dv, c.result);
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

/// The output as f32.
std::vector<float> numbers(const Case &c, const Buffer &out) {
  std::vector<float> values(size_t(out.count));
  for (size_t i = 0; i < values.size(); ++i)
    values[i] =
        c.result == "f32"
            ? out.data()[i]
            : std::bit_cast<float>(uint32_t(out.data<uint16_t>()[i]) << 16);
  return values;
}

/// As the documentation of graph.attention has it, at values below 1.
double boundOf(const std::string &cpu, const Case &c, double exact) {
  bool dots = !cpu.starts_with("x86") && c.query == "bf16" && c.cache == "bf16";
  return 1e-6 + (dots ? 0x1p-8 : 0) +
         (c.result == "bf16" ? 0x1p-8 * std::fabs(exact) : 0);
}

void checkOn(const std::string &cpu, const Case &c,
             const std::vector<Problem> &problems) {
  int64_t width = keyPanel(cpu), bytes = c.result == "f32" ? 4 : 2;
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
    std::vector<Buffer> buffers = {c.query == "f32" ? q : narrowed(q)};
    for (auto [plain, kind] :
         {std::pair<Buffer *, std::string>{&k, "head_panels"}, {&v, c.value}})
      buffers.push_back(
          c.cache == "f32"
              ? inLayout(*plain, kind, width, length)
              : inLayout<uint16_t>(narrowed(*plain), kind, width, length));
    if (c.past)
      buffers.push_back(past);
    if (c.mask)
      buffers.push_back(mask);
    Buffer one({p.B, p.S, c.heads, c.Dv}, -1, bytes);
    Buffer three(one.dims, -1, bytes);
    buffers.push_back(one);
    kernel.run(buffers);
    buffers.back() = three;
    kernel.run(buffers, 3);
    ASSERT_EQ(memcmp(one.data(), three.data(), one.count * bytes), 0)
        << cpu << ": the number of threads changes the result";
    std::vector<float> values = numbers(c, one);
    for (int64_t i = 0; i < p.B * p.S * c.heads; ++i) {
      int64_t h = i % c.heads, s = i / c.heads % p.S, b = i / c.heads / p.S;
      std::vector<double> row = expected(c, p, q, k, v, mask, b, s, h);
      for (int64_t d = 0; d < c.Dv; ++d)
        ASSERT_NEAR(values[i * c.Dv + d], row[d], boundOf(cpu, c, row[d]))
            << cpu << " B " << p.B << " S " << p.S << " T " << p.T << " at "
            << b << "," << s << "," << h << "," << d;
    }
  }
}

void check(const std::vector<std::string> &cpus, const Case &c,
           const std::vector<Problem> &problems) {
  for (const std::string &cpu : cpus)
    checkOn(cpu, c, problems);
}

/// The CPU with AMX, if it is here.
std::vector<std::string> onTiles() {
  std::vector<std::string> cpus = tileCpus();
  std::erase_if(cpus, [](auto &cpu) { return cpu != "sapphirerapids"; });
  return cpus;
}

const std::vector<Problem> kPlain = {{1, 0, 0, {}},   {1, 1, 1, {}},
                                     {2, 7, 7, {}},   {1, 9, 9, {}},
                                     {1, 33, 33, {}}, {3, 70, 70, {}}};

} // namespace

TEST(Attention, bidirectionalWithPaddingMask) {
  check(runnableCpus(),
        {.D = 32, .Dv = 32, .heads = 2, .groups = 2, .mask = true}, kPlain);
}

TEST(Attention, causalGroupsOnState) {
  check(runnableCpus(),
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
  check(runnableCpus(),
        {.D = 16, .Dv = 16, .heads = 4, .groups = 2, .causal = true}, kPlain);
}

TEST(Attention, oddDepthsWindowAndSoftcap) {
  check(runnableCpus(),
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
  check(runnableCpus(),
        {.D = 8,
         .Dv = 256,
         .heads = 2,
         .groups = 1,
         .causal = true,
         .mask = true},
        {{2, 35, 35, {}}});
}

// More keys than a chunk holds, whose highest logit rises from chunk to
// chunk.
TEST(Attention, chunksOfKeys) {
  check(runnableCpus(),
        {.D = 16, .Dv = 48, .heads = 1, .groups = 1, .scale = 2},
        {{1, 30, 600, {}}, {1, 5, 600, {}}});
  check(runnableCpus(),
        {.D = 16,
         .Dv = 16,
         .heads = 3,
         .groups = 1,
         .causal = true,
         .past = true,
         .window = 300,
         .value = "heads"},
        {{2, 1, 700, {690, 3}}, {1, 40, 700, {513}}});
}

TEST(Attention, bf16Encoder) {
  for (std::string result : {"f32", "bf16"})
    check(tileCpus(),
          {.D = 32,
           .Dv = 24,
           .heads = 2,
           .groups = 2,
           .mask = true,
           .query = "bf16",
           .cache = "bf16",
           .result = result},
          kPlain);
}

TEST(Attention, bf16OnState) {
  for (std::string query : {"f32", "bf16"})
    check(tileCpus(),
          {.D = 64,
           .Dv = 64,
           .heads = 9,
           .groups = 3,
           .causal = true,
           .past = true,
           .value = "heads",
           .query = query,
           .cache = "bf16"},
          {{1, 1, 257, {0}},
           {2, 1, 256, {31, 200}},
           {1, 128, 256, {0}},
           {2, 33, 255, {5, 129}}});
}

TEST(Attention, bf16OddDepthsAndWindow) {
  for (std::string value : {"heads", "rows"})
    check(tileCpus(),
          {.D = 13,
           .Dv = 20,
           .heads = 3,
           .groups = 1,
           .causal = true,
           .past = value == "heads",
           .softcap = 2,
           .window = 9,
           .value = value,
           .query = "bf16",
           .cache = "bf16"},
          value == "heads" ? std::vector<Problem>{{2, 1, 96, {0, 60}},
                                                  {1, 40, 96, {50}},
                                                  {2, 3, 97, {7, 33}}}
                           : kPlain);
}

// Products on tiles: blocks of 16 rows and less, keys that do not fill the last
// 32 or begin in the middle of a chunk.
TEST(Attention, tilesOfEncoders) {
  for (auto [D, Dv] : {std::pair{32, 64}, {64, 32}, {128, 128}})
    for (bool mask : {false, true})
      check(onTiles(),
            {.D = D,
             .Dv = Dv,
             .heads = 2,
             .groups = 2,
             .mask = mask,
             .scale = 2. / D,
             .query = "bf16",
             .cache = "bf16"},
            {{1, 13, 13, {}},
             {1, 32, 32, {}},
             {2, 33, 33, {}},
             {1, 17, 1, {}},
             {1, 40, 255, {}},
             {2, 17, 257, {}},
             {1, 33, 543, {}}});
}

TEST(Attention, tilesOnState) {
  for (auto [window, softcap, value] :
       {std::tuple{0, 0., "heads"}, {40, 0., "rows"}, {300, 1.5, "heads"}})
    check(onTiles(),
          {.D = 64,
           .Dv = 64,
           .heads = 6,
           .groups = 2,
           .causal = true,
           .past = true,
           .softcap = softcap,
           .window = window,
           .value = value,
           .query = "bf16",
           .cache = "bf16",
           .result = "bf16"},
          {{1, 5, 64, {0}},
           {2, 7, 99, {24, 92}},
           {1, 31, 31, {0}},
           {2, 33, 333, {255, 223}},
           {1, 130, 131, {0}},
           {1, 22, 700, {500}}});
}

/// Two heads of depth D.
template <typename T> void checkLayouts(const std::string &type, int64_t D) {
  for (const std::string &cpu : runnableCpus())
    for (std::string kind : {"rows", "heads", "head_panels"}) {
      int64_t width = keyPanel(cpu);
      std::string plain = fmt::format("tensor<?x?x2x{}x{}>", D, type);
      std::string state =
          fmt::format("tensor<?x80x2x{}x{}{}>", D, type, layout(kind, width));
      Kernel append(fmt::format(R"(
        launch.kernel @k on "cpu" family "movement" ties [0] {{
        ^bb0(%s: {0}, %v: {1}, %past: tensor<?xi32>):
          %r = graph.append %v to %s at %past : {1}, tensor<?xi32> -> {0}
          launch.return %r : {0}
        }})",
                                state, plain),
                    cpu);
      Buffer whole({2, 80, 2, D}, -1, sizeof(T));
      for (T &x : whole.template elements<T>()) // small, and never NaN
        x = T(1 + (&x - whole.template data<T>()) % 30011);
      Buffer target = inLayout<T>(whole, kind, width, 0), past({2});
      std::vector<T> before(target.template data<T>(),
                            target.template data<T>() + target.count);
      // Appends of unequal sizes; row 1 stands 4 positions later.
      for (auto [from, size] : {std::pair{0, 1}, {1, 70}, {71, 1}}) {
        Buffer values({2, size, 2, D}, -1, sizeof(T));
        for (int64_t b = 0; b < 2; ++b) {
          past.data<int32_t>()[b] = from + 4 * b;
          memcpy(values.template data<T>() + b * size * 2 * D,
                 whole.template data<T>() + (b * 80 + from + 4 * b) * 2 * D,
                 size * 2 * D * sizeof(T));
        }
        append.run({target, values, past, target}, 2);
      }
      // Nothing else has changed.
      Buffer expected = inLayout<T>(whole, kind, width, 80);
      int64_t written = 0;
      for (int64_t i = 0; i < target.count; ++i) {
        T x = target.template data<T>()[i];
        if (memcmp(&x, &before[i], sizeof(T)) == 0)
          continue;
        ++written;
        ASSERT_EQ(x, expected.template data<T>()[i]) << kind << " at " << i;
      }
      ASSERT_EQ(written, 2 * 72 * 2 * D) << kind;
      if (kind == "rows")
        continue;
      std::string packed =
          fmt::format("tensor<?x?x2x{}x{}{}>", D, type, layout(kind, width));
      Kernel relayout(fmt::format(R"(
        launch.kernel @k on "cpu" family "movement" ties [-1] {{
        ^bb0(%x: {0}):
          %r = graph.relayout %x : {0} -> {1}
          launch.return %r : {1}
        }})",
                                  plain, packed),
                      cpu);
      Buffer copied = inLayout<T>(whole, kind, width, 0);
      relayout.run({whole, copied}, 3);
      for (int64_t i = 0; i < copied.count; ++i) {
        T x = expected.template data<T>()[i];
        ASSERT_TRUE(memcmp(&x, &before[i], sizeof(T)) == 0 ||
                    copied.template data<T>()[i] == x)
            << kind << " at " << i;
      }
    }
}

// Odd depths go element by element, others are transposed in registers.
TEST(Layout, relayoutAndAppend) {
  for (int64_t depth : {5, 32})
    checkLayouts<float>("f32", depth);
}

TEST(Layout, relayoutAndAppendOfPairs) {
  for (int64_t depth : {5, 32})
    checkLayouts<uint16_t>("bf16", depth);
}
