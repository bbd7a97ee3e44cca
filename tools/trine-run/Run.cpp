//===- Run.cpp - options → calls, comparisons, measurements ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Run.h"
#include "Dumps.h"
#include "lib/Runtime/Tensor.h"
#include "trine/Package/SelfTest.h"
#include "trine/Support/Error.h"
#include "trine/Support/File.h"

#include <chrono>
#include <cmath>
#include <sys/resource.h>

using namespace trine;
using namespace trine::run;
using Json = nlohmann::json;

namespace {

double seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since)
      .count();
}

/// What is worth knowing of a tensor at a glance.
Json summary(const Array &array) {
  Json json = {
      {"name", array.name}, {"dtype", array.dtype}, {"shape", array.shape}};
  double least = HUGE_VAL, most = -HUGE_VAL;
  int64_t where = -1, strange = 0;
  for (int64_t i = 0; i < array.elements(); ++i) {
    double value = readElement(array.dtype, array.bytes.data(), i);
    strange += !std::isfinite(value);
    least = std::min(least, value);
    if (value > most) {
      most = value;
      where = i;
    }
  }
  bool finite = where >= 0 && std::isfinite(least) && std::isfinite(most);
  json["min"] = finite ? Json(least) : Json();
  json["max"] = finite ? Json(most) : Json();
  json["argmax"] = where >= 0 ? Json(where) : Json();
  json["not_finite"] = strange;
  return json;
}

void printArray(const Array &array) {
  Json facts = summary(array);
  std::string text =
      fmt::format("{} {}{}", array.name, array.dtype,
                  shapeText(array.shape.data(), array.shape.size()));
  if (facts["max"].is_number())
    text +=
        fmt::format(" min {:.6g} max {:.6g} at {}", facts["min"].get<double>(),
                    facts["max"].get<double>(), facts["argmax"].get<int64_t>());
  if (facts["not_finite"] != 0)
    text += fmt::format(" ({} not finite)", facts["not_finite"].dump());
  text += ":";
  constexpr int64_t shown = 8;
  for (int64_t i = 0; i < std::min(array.elements(), shown); ++i)
    text +=
        fmt::format(" {:.6g}", readElement(array.dtype, array.bytes.data(), i));
  fmt::print("{}{}\n", text, array.elements() > shown ? " ..." : "");
}

/// Runs the calls one by one and keeps what they gave.
class Runner {
public:
  Runner(const Options &options, Backend &backend)
      : options(options), backend(backend) {}

  void run(const Call &call) {
    const Entry *entry = backend.entry(call.entry);
    std::vector<Array> inputs = readInputs(call, entry);
    std::vector<std::string> wanted;
    for (const auto *names : {&call.outputs, &call.expected})
      for (const auto &[name, file] : *names)
        if (std::ranges::find(wanted, name) == wanted.end())
          wanted.push_back(name);
    auto start = std::chrono::steady_clock::now();
    std::vector<Array> outputs =
        backend.call(entry ? entry->name : call.entry, inputs, wanted);
    Json report = {{"entry", entry ? entry->name : call.entry},
                   {"seconds", seconds(start)},
                   {"outputs", Json::array()}};
    for (const Array &output : outputs) {
      finish(call, output);
      report["outputs"].push_back(summary(output));
    }
    reports.push_back(std::move(report));
  }

  static std::vector<Array> readInputs(const Call &call, const Entry *entry) {
    std::vector<Array> inputs;
    for (const auto &[name, value] : call.inputs) {
      const EntryTensor *declared = nullptr;
      for (size_t i = 0; entry && i < entry->inputs.size(); ++i)
        if (entry->inputs[i].name == name)
          declared = &entry->inputs[i];
      inputs.push_back(readArray(name, value, declared));
    }
    return inputs;
  }

  Json reports = Json::array(), comparisons = Json::array();
  std::vector<std::string> mismatches;

private:
  void finish(const Call &call, const Array &output) {
    auto file = call.outputs.find(output.name);
    if (file != call.outputs.end())
      writeArray(output, file->second);
    else if (!options.json && !options.bench)
      printArray(output);
    auto expected = call.expected.find(output.name);
    if (expected == call.expected.end())
      return;
    double worst = 0;
    std::string message = compareArray(output, expected->second, options.atol,
                                       options.rtol, worst);
    comparisons.push_back(
        {{"name", output.name},
         {"file", expected->second},
         {"max_absolute_error", std::isfinite(worst) ? Json(worst) : Json()},
         {"pass", message.empty()}});
    if (!message.empty())
      mismatches.push_back(message);
  }

  const Options &options;
  Backend &backend;
};

uint64_t peakResidentBytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return uint64_t(usage.ru_maxrss) * 1024;
}

} // namespace

void trine::run::selfTest(RuntimeBackend &backend, const std::string &file) {
  if (!backend.program.has("selftest"))
    throw badInput(file, "the package has no test of its own: its model is too "
                         "large for one, or every entry keeps state; run it "
                         "with --expect");
  SelfTest test = SelfTest::parse(backend.program.section("selftest"), file);
  std::vector<Array> inputs;
  std::vector<std::string> wanted;
  for (const SelfTest::Input &input : test.inputs)
    inputs.push_back({input.name, input.dtype, input.shape, input.bytes()});
  for (const SelfTest::Output &output : test.outputs)
    wanted.push_back(output.name);
  std::vector<Array> results = backend.call(test.entry, inputs, wanted);
  for (size_t i = 0; i < results.size(); ++i) {
    const SelfTest::Output &expected = test.outputs[i];
    std::string message =
        results[i].shape != expected.shape || results[i].dtype != expected.dtype
            ? fmt::format("output '{}' has another type than expected",
                          expected.name)
            : expected.compare(results[i].bytes.data());
    if (!message.empty())
      throw Error(ExitCode::Mismatch, file, "the self-test failed: " + message,
                  {"is every byte of the package right? trine-inspect "
                   "--verify tells"});
  }
}

static void writeReport(const Options &options, double loadSeconds,
                        const Runner &runner, const Profile *profile) {
  Json json = {{"schema", "trine.run.report/1"},
               {"package", options.file},
               {"device", options.reference ? "reference" : options.device},
               {"load_seconds", loadSeconds},
               {"calls", runner.reports},
               {"peak_resident_bytes", peakResidentBytes()}};
  if (profile)
    json["kernels"] = profile->kernels();
  writeText(options.report, json.dump(2) + "\n");
}

static void printJson(const Json &json) {
  fmt::print("{}\n", json.dump(2, ' ', false, Json::error_handler_t::replace));
}

static int finish(const Options &options, const Runner &runner,
                  const Json &benchmark) {
  if (options.bench)
    printJson(benchmark);
  else if (options.json)
    printJson({{"schema", "trine.run/1"},
               {"calls", runner.reports},
               {"comparisons", runner.comparisons}});
  if (runner.mismatches.empty())
    return 0;
  throw Error(ExitCode::Mismatch, "", runner.mismatches[0],
              {runner.mismatches.begin() + 1, runner.mismatches.end()});
}

static int runReference(const Options &options) {
  auto start = std::chrono::steady_clock::now();
  std::unique_ptr<Backend> backend =
      makeReferenceBackend(options.file, options.weightsFrom);
  double loadSeconds = seconds(start);
  Runner runner(options, *backend);
  for (const Call &call : options.calls)
    runner.run(call);
  if (!options.report.empty())
    writeReport(options, loadSeconds, runner, nullptr);
  return finish(options, runner, Json());
}

int trine::run::runAll(const Options &options) {
  if (options.reference)
    return runReference(options);
  auto start = std::chrono::steady_clock::now();
  RuntimeBackend backend(options.file, options.device, int(options.threads));
  double loadSeconds = seconds(start);
  if (options.selfTest) {
    selfTest(backend, options.file);
    if (options.json)
      printJson({{"schema", "trine.run/1"}, {"self_test", "passed"}});
    else if (!options.quiet)
      fmt::print(stderr, "self-test passed\n");
    return 0;
  }

  Profile profile;
  Dumps dumps(options.dumps);
  bool profiling = !options.profile.empty();
  auto observe = [&](bool on) {
    backend.observer = nullptr;
    backend.profiler = nullptr;
    if (on && !options.dumps.empty())
      backend.observer = [&](const trine_step_event &event) {
        dumps.add(event);
      };
    if (on && profiling)
      backend.profiler = [&](const trine_call_times &call) {
        profile.add(call, false);
      };
  };
  observe(true);
  Runner runner(options, backend);
  // Of a benchmark the last call is what is measured.
  size_t before = options.calls.size() - (options.bench ? 1 : 0);
  for (size_t i = 0; i < before; ++i)
    runner.run(options.calls[i]);
  Json benchmark;
  if (options.bench) {
    const Call &call = options.calls.back();
    const Entry &entry = *backend.entry(call.entry);
    observe(false);
    benchmark = bench(backend, options, entry, Runner::readInputs(call, &entry),
                      profiling ? &profile : nullptr);
    observe(true);
    backend.profiler = nullptr; // has seen it
    if (!options.dumps.empty() || !call.outputs.empty() ||
        !call.expected.empty())
      runner.run(call);
  } else if (profiling) {
    profile.calibrated(calibrate(int(options.threads)));
  }
  dumps.finish();
  if (profiling) {
    if (!options.quiet)
      profile.printTable();
    profile.write(options.profile);
  }
  if (!options.report.empty())
    writeReport(options, loadSeconds, runner, profiling ? &profile : nullptr);
  return finish(options, runner, benchmark);
}
