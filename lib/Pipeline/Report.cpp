//===- Report.cpp - what a compile cost and made --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Report.h"
#include "trine/Support/File.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

using namespace trine;
using nlohmann::json;

//===----------------------------------------------------------------------===//
// Time and memory
//===----------------------------------------------------------------------===//

static double wallSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

static double cpuSeconds() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](timeval t) { return double(t.tv_sec) + t.tv_usec * 1e-6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Anonymous resident memory of this process; 0 where /proc does not say.
static uint64_t anonymousBytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  uint64_t kilobytes = 0;
  while (status >> word)
    if (word == "RssAnon:") {
      status >> kilobytes;
      break;
    }
  return kilobytes * 1024;
}

PhaseClock::PhaseClock(bool show)
    : show(show && isatty(STDERR_FILENO)), sampler([this] { watch(); }) {}

PhaseClock::~PhaseClock() {
  stop = true;
  sampler.join();
  if (show)
    fmt::print(stderr, "\r\033[K");
}

void PhaseClock::watch() {
  while (!stop) {
    sample();
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

void PhaseClock::sample() {
  uint64_t now = anonymousBytes(), before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) {
  }
}

void PhaseClock::begin(std::string name) {
  current = std::move(name);
  peak = 0;
  sample();
  wallStart = wallSeconds();
  cpuStart = cpuSeconds();
  if (show)
    fmt::print(stderr, "\r\033[K{} …", current);
}

void PhaseClock::end() {
  sample();
  phases.push_back({{"name", current},
                    {"wall_seconds", wallSeconds() - wallStart},
                    {"cpu_seconds", cpuSeconds() - cpuStart},
                    {"anonymous_peak_bytes", peak.load()}});
}

//===----------------------------------------------------------------------===//
// Kernels, weights, placement
//===----------------------------------------------------------------------===//

/// A cost with every dimension 1 and nothing in the session.
static int64_t leastCost(const std::optional<Size> &cost, const Entry &entry) {
  std::vector<int64_t> ones(entry.symbols.size(), 1);
  ones.push_back(0);
  return cost ? cost->evaluate(ones) : 0;
}

static json kernelList(const Manifest &manifest) {
  json list = json::array();
  for (const Kernel &kernel : manifest.kernels)
    list.push_back({{"name", kernel.name},
                    {"target", kernel.device},
                    {"family", kernel.family},
                    {"uses", kernel.uses},
                    {"flops", 0},
                    {"bytes", 0}});
  for (const Entry &entry : manifest.entries)
    for (const Step &step : entry.steps)
      if (step.kind == Step::Kind::Kernel) {
        json &row = list[size_t(step.kernel)];
        row["flops"] = leastCost(step.flops, entry);
        row["bytes"] = leastCost(step.bytes, entry);
      }
  return list;
}

json trine::report(const Manifest &manifest, const json &phases,
                   const std::vector<std::string> &warnings) {
  int64_t uses = 0;
  for (const Kernel &kernel : manifest.kernels)
    uses += kernel.uses;
  uint64_t stored = 0;
  json byType = json::object();
  for (const Parameter &parameter : manifest.parameters) {
    stored += parameter.bytes;
    json &entry = byType[parameter.storage];
    entry = (entry.is_null() ? 0 : entry.get<uint64_t>()) + parameter.bytes;
  }
  json targets = json::array(), placement = json::array();
  for (const TargetInfo &target : manifest.targets)
    targets.push_back(target.kind);
  for (const Placement &place : manifest.fallbacks)
    placement.push_back({{"node", place.node},
                         {"op", place.op},
                         {"device", place.device},
                         {"reason", place.reason}});
  return {{"model", manifest.sourceName},
          {"targets", targets},
          {"phases", phases},
          {"kernels",
           {{"distinct", manifest.kernels.size()},
            {"total", uses},
            {"list", kernelList(manifest)}}},
          {"weights", {{"stored_bytes", stored}, {"by_type", byType}}},
          {"placement", placement},
          {"warnings", warnings}};
}
