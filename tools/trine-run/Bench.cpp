//===- Bench.cpp - the last call again and again → times ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Run.h"
#include "lib/Runtime/CpuFeatures.h"
#include "lib/Runtime/Pool.h"
#include "trine/Runtime/Calibrate.h"

#include <algorithm>
#include <chrono>

using namespace trine;
using namespace trine::run;
using Json = nlohmann::json;

/// Ids the call brings; 0 when it is not about tokens.
static int64_t tokens(const Entry &entry, const std::vector<Array> &inputs) {
  for (const EntryTensor &input : entry.inputs)
    for (const Array &array : inputs)
      if (input.indexLimit && array.name == input.name)
        return array.elements();
  return 0;
}

static Json rate(double value) { return value > 0 ? Json(value) : Json(); }

/// The better of both: what disturbs one is not the machine's limit.
static Calibration better(Calibration a, const Calibration &b) {
  for (double Calibration::*of :
       {&Calibration::f32Gflops, &Calibration::bf16Gflops,
        &Calibration::tileGflops, &Calibration::int8Gops,
        &Calibration::streamGbs, &Calibration::clockGhz,
        &Calibration::fmaPerCycle})
    a.*of = std::max(a.*of, b.*of);
  return a;
}

Json trine::run::limitsJson(const Calibration &limits) {
  return {{"f32_gflops", rate(limits.f32Gflops)},
          {"bf16_gflops", rate(limits.bf16Gflops)},
          {"bf16_tile_gflops", rate(limits.tileGflops)},
          {"int8_gops", rate(limits.int8Gops)},
          {"stream_gbs", rate(limits.streamGbs)},
          {"clock_ghz", rate(limits.clockGhz)},
          {"fma_per_cycle", rate(limits.fmaPerCycle)}};
}

static std::vector<double> measure(rt::Session &session, const Entry &entry,
                                   const std::vector<Array> &inputs,
                                   int64_t runs, Profile *profile = nullptr) {
  std::vector<trine_tensor> tensors;
  for (const Array &array : inputs)
    tensors.push_back(array.tensor());
  std::vector<const char *> names;
  for (const EntryTensor &output : entry.outputs)
    names.push_back(output.name.c_str());
  // Every run starts where the calls before left the rows.
  int64_t length = session.length();
  std::vector<double> seconds;
  for (int64_t i = -2; i < runs; ++i) { // two to warm up
    if (i == 0 && profile)
      session.profile([&, again = false](const trine_call_times &call) mutable {
        profile->add(call, std::exchange(again, true));
      });
    auto start = std::chrono::steady_clock::now();
    session.run(entry.name.c_str(), tensors, names);
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    if (entry.stateful)
      session.truncate(length);
    if (i >= 0)
      seconds.push_back(elapsed.count());
  }
  std::ranges::sort(seconds);
  return seconds;
}

Json trine::run::bench(RuntimeBackend &backend, const Options &options,
                       const Entry &entry, const std::vector<Array> &inputs,
                       Profile *profile) {
  int threads = options.threads ? int(options.threads) : defaultThreads();
  // On both sides of the measurement: the clock may change.
  Calibration before = calibrate(threads);
  rt::Session &session = backend.session(entry, inputs);
  std::vector<double> seconds = measure(session, entry, inputs, options.bench);
  if (profile)
    measure(session, entry, inputs, options.bench, profile);
  session.profile(nullptr);
  Calibration limits = better(before, calibrate(threads));
  if (profile)
    profile->calibrated(limits);
  size_t middle = seconds.size() / 2;
  double median = seconds.size() % 2
                      ? seconds[middle]
                      : (seconds[middle - 1] + seconds[middle]) / 2;
  int64_t count = tokens(entry, inputs);
  const Json &made = backend.manifest.options;
  std::string compute = "f32";
  if (made.is_object() && made.contains("compute") &&
      made["compute"].is_string())
    compute = made["compute"].get<std::string>();
  return {{"schema", "trine.run/1"},
          {"entry", entry.name},
          {"device", options.device},
          {"threads", threads},
          {"compute", compute},
          {"runs", options.bench},
          {"median_seconds", median},
          {"best_seconds", seconds.front()},
          {"tokens_per_second", rate(double(count) / median)},
          {"cpu", {{"model", cpuModel()}, {"features", cpuFeatures()}}},
          {"calibration", limitsJson(limits)}};
}
