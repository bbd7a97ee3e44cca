//===- Profile.cpp - timed calls → tables and traces ----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Profile.h"
#include "Run.h"
#include "trine/Support/File.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <sstream>

using namespace trine;
using namespace trine::run;
using Json = nlohmann::json;

//===----------------------------------------------------------------------===//
// Adding up
//===----------------------------------------------------------------------===//

static double average(const double *values, int count) {
  return std::accumulate(values, values + count, 0.0) / count;
}

void Profile::Row::add(const trine_step_times &step, double busy, double wait) {
  kernel = step.kernel;
  family = step.family;
  device = step.device;
  compute = step.compute;
  nodes.insert(step.node);
  seconds.push_back(busy);
  total += busy;
  waiting += wait;
  costed &= step.flops >= 0 && step.bytes >= 0;
  flops += step.flops;
  bytes += step.bytes;
}

void Profile::add(const trine_call_times &call, bool again) {
  TracedCall current{call.entry, wall, call.seconds, {}};
  double inside = 0;
  for (size_t i = 0; i < call.step_count; ++i) {
    const trine_step_times &step = call.steps[i];
    double begin = average(step.begin, step.threads);
    double end = average(step.end, step.threads);
    // A step opens when the last thread has left the one before.
    double open =
        i + 1 < call.step_count
            ? average(call.steps[i + 1].begin, call.steps[i + 1].threads)
            : *std::max_element(step.end, step.end + step.threads);
    double busy = end - begin, wait = open - end;
    inside += busy + wait;
    waiting += wait;
    std::string device = step.device;
    for (auto [rows, node] : {std::pair(&byKernel, ""), {&byNode, step.node}}) {
      Row &row = (*rows)[{call.entry, device, step.kernel, node}];
      row.entry = call.entry;
      row.add(step, busy, wait);
    }
    for (int thread = 0; thread < step.threads; ++thread)
      current.spans.push_back({step.kernel, step.family, step.node, thread,
                               step.begin[thread], step.end[thread], step.flops,
                               step.bytes});
  }
  if (again && !traced.empty()) {
    current.begin = traced.back().begin;
    traced.pop_back();
  }
  traced.push_back(std::move(current));
  threads = call.threads;
  ++calls;
  wall += call.seconds;
  outside += call.seconds - inside;
}

//===----------------------------------------------------------------------===//
// Rates
//===----------------------------------------------------------------------===//

/// One name for the nodes of equal layers: differing parts become "*".
static std::string commonName(const std::set<std::string> &names) {
  std::vector<std::string> common;
  for (const std::string &name : names) {
    std::vector<std::string> parts;
    std::istringstream text(name);
    for (std::string part; std::getline(text, part, '.');)
      parts.push_back(part);
    if (common.empty())
      common = parts;
    if (parts.size() != common.size())
      return fmt::format("{} and {} more", *names.begin(), names.size() - 1);
    for (size_t i = 0; i < parts.size(); ++i)
      if (parts[i] != common[i])
        common[i] = "*";
  }
  return fmt::format("{}", fmt::join(common, "."));
}

/// Of the machine's fastest instruction for it.
static double bf16Peak(const Calibration &limits) {
  return std::max(limits.bf16Gflops, limits.tileGflops);
}

static Json known(bool is, double value) {
  return is && std::isfinite(value) ? Json(value) : Json();
}

Json Profile::Row::json(double wall, const Calibration &limits) const {
  std::vector<double> sorted = seconds;
  std::ranges::sort(sorted);
  double bf16 = bf16Peak(limits);
  double peak = compute == "bf16" && bf16 > 0 ? bf16 : limits.f32Gflops;
  // The machine needs at least the longer of the two.
  double least = std::max(flops / peak / 1e9, bytes / limits.streamGbs / 1e9);
  bool roofed = costed && device == "cpu" && flops + bytes > 0;
  return {{"name", kernel},
          {"entry", entry},
          {"family", family},
          {"device", device},
          {"node", commonName(nodes)},
          {"compute", compute.empty() ? Json() : Json(compute)},
          {"calls", seconds.size()},
          {"seconds", total},
          {"best_seconds", sorted.front()},
          {"median_seconds", sorted[sorted.size() / 2]},
          {"share", wall > 0 ? total / wall : 0},
          {"waiting_seconds", waiting},
          {"flops", known(costed, flops)},
          {"bytes", known(costed, bytes)},
          {"gflops", known(costed, flops / total / 1e9)},
          {"gbs", known(costed, bytes / total / 1e9)},
          {"intensity", known(costed, flops / bytes)},
          {"roofline_gflops", known(roofed && flops > 0, flops / least / 1e9)},
          {"roofline_share", known(roofed, least / total)}};
}

Json Profile::table(const Rows &rows) const {
  std::vector<const Row *> sorted;
  for (const auto &[key, row] : rows)
    sorted.push_back(&row);
  std::ranges::sort(sorted, std::greater(), &Row::total);
  Json list = Json::array();
  for (const Row *row : sorted)
    list.push_back(row->json(wall, limits));
  return list;
}

Json Profile::kernels() const { return table(byKernel); }

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

/// A number in a column of its own width; "-" when it is not known.
static std::string cell(const Json &value, double scale, int digits) {
  return value.is_number()
             ? fmt::format("{:.{}f}", value.get<double>() * scale, digits)
             : "-";
}

void Profile::printTable() const {
  fmt::print(stderr,
             "{:<10} {:<16} {:<12} {:>6} {:>9} {:>9} {:>9} {:>6} {:>7} {:>8} "
             "{:>8} {:>6} {:>8}  {}\n",
             "entry", "kernel", "family", "calls", "ms", "best us", "median us",
             "share", "GB/s", "GFLOP/s", "FLOP/B", "roof", "wait ms", "node");
  auto text = [](const Json &row, const char *key) {
    return row[key].get<std::string>();
  };
  auto percent = [](double part) { return fmt::format("{:.1f}%", part * 100); };
  for (const Json &row : kernels())
    fmt::print(
        stderr,
        "{:<10} {:<16} {:<12} {:>6} {:>9} {:>9} {:>9} {:>6} {:>7} {:>8} {:>8} "
        "{:>6} {:>8}  {}\n",
        text(row, "entry"), text(row, "name"), text(row, "family"),
        row["calls"].get<int64_t>(), cell(row["seconds"], 1e3, 3),
        cell(row["best_seconds"], 1e6, 1), cell(row["median_seconds"], 1e6, 1),
        percent(row["share"].get<double>()), cell(row["gbs"], 1, 1),
        cell(row["gflops"], 1, 1), cell(row["intensity"], 1, 2),
        row["roofline_share"].is_number()
            ? fmt::format("{:.0f}%", row["roofline_share"].get<double>() * 100)
            : "-",
        cell(row["waiting_seconds"], 1e3, 3), text(row, "node"));
  auto total = [&](const char *name, double seconds) {
    fmt::print(stderr, "{:<47}{:>10.3f}{:>27}\n", name, seconds * 1e3,
               wall > 0 ? percent(seconds / wall) : "-");
  };
  total("threads waiting for each other", waiting);
  total("outside of kernels", outside);
  total(fmt::format("{} calls, {} threads", calls, threads).c_str(), wall);
  fmt::print(stderr,
             "limits of this machine: {:.0f} GFLOP/s f32, {:.0f} bf16, {:.1f} "
             "GB/s from memory\n",
             limits.f32Gflops, bf16Peak(limits), limits.streamGbs);
}

/// The Trace Event format, which Perfetto and Chrome read: a track for the
/// calls and one for each thread.
Json Profile::trace() const {
  Json list = Json::array();
  auto name = [&](int track, const std::string &text) {
    list.push_back({{"name", "thread_name"},
                    {"ph", "M"},
                    {"pid", 1},
                    {"tid", track},
                    {"args", {{"name", text}}}});
  };
  name(0, "calls");
  for (int thread = 0; thread < threads; ++thread)
    name(thread + 1, fmt::format("thread {}", thread));
  auto add = [&](const std::string &label, const std::string &category,
                 int track, double begin, double seconds, Json arguments) {
    list.push_back({{"name", label},
                    {"cat", category},
                    {"ph", "X"},
                    {"ts", begin * 1e6},
                    {"dur", seconds * 1e6},
                    {"pid", 1},
                    {"tid", track},
                    {"args", std::move(arguments)}});
  };
  for (const TracedCall &call : traced) {
    add(call.entry, "call", 0, call.begin, call.seconds, Json::object());
    for (const Span &span : call.spans)
      add(span.kernel, span.family, span.thread + 1, call.begin + span.begin,
          span.end - span.begin,
          {{"node", span.node},
           {"flops", known(span.flops >= 0, span.flops)},
           {"bytes", known(span.bytes >= 0, span.bytes)}});
  }
  return {{"displayTimeUnit", "ns"}, {"traceEvents", std::move(list)}};
}

void Profile::write(const std::string &file) const {
  Json json = file.ends_with(".perfetto-trace")
                  ? trace()
                  : Json{{"schema", "trine.profile/1"},
                         {"seconds", wall},
                         {"calls", calls},
                         {"threads", threads},
                         {"waiting_seconds", waiting},
                         {"outside_seconds", outside},
                         {"calibration", limitsJson(limits)},
                         {"kernels", kernels()},
                         {"nodes", table(byNode)}};
  writeText(file, json.dump(-1, ' ', true, Json::error_handler_t::replace));
}
