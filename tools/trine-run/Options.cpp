//===- Options.cpp - trine-run's command line -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Options.h"
#include "Arrays.h"
#include "trine/Support/CommandLine.h"
#include "trine/Support/Error.h"

#include <sstream>

using namespace trine;
using namespace trine::run;

static constexpr const char *kSummary =
    "Runs entries of a package, compares and measures them.\n\n"
    "  trine-run m.trine --entry=prefill --input tokens=1,2,3\n"
    "  trine-run m.trine --call \"prefill tokens=a.npy\" \\\n"
    "                    --call \"decode tokens=5 logits=>l.npy\"\n"
    "  trine-run m.trine --entry=prefill --input tokens=[1,128] --bench=20\n\n"
    "A VALUE is a file F.npy; numbers 1,2,3 (the last dimension, the others\n"
    "are 1); or a shape [1,128] of made-up numbers. bf16 travels as uint16.\n"
    "All calls run in one session, in the order given.";

static void assign(std::map<std::string, std::string> &map,
                   const std::string &name, const std::string &value) {
  if (!map.emplace(name, value).second)
    throw Error(ExitCode::Usage, "",
                fmt::format("'{}' is given twice; see trine-run --help", name));
}

/// "prefill tokens=a.npy logits=>l.npy"
static Call parseCall(const std::string &text) {
  std::istringstream words(text);
  Call call;
  words >> call.entry;
  for (std::string word; words >> word;) {
    size_t arrow = word.find("=>");
    if (arrow != std::string::npos && arrow > 0 && arrow + 2 < word.size()) {
      assign(call.outputs, word.substr(0, arrow), word.substr(arrow + 2));
      continue;
    }
    auto [name, value] = splitAssignment(word);
    assign(call.inputs, name, value);
  }
  return call;
}

bool trine::run::parseOptions(int argc, char **argv, Options &options) {
  std::string entry;
  std::vector<std::string> files, inputs, outputs, expected, calls, dumps;
  CommandLine line("trine-run", "PACKAGE [options]", kSummary);
  line.text("--entry", "E", entry,
            "the entry to run (default: the package's only one)")
      .list("--input", "NAME=VALUE", inputs, false, "an input of the entry")
      .list("--output", "NAME=F.npy", outputs, false,
            "write an output of the entry")
      .list("--expect", "NAME=F.npy", expected, false,
            "compare an output; exit code 3 where |got - expected| exceeds\n"
            "atol + rtol * |expected|")
      .number("--atol", "A", options.atol, "absolute tolerance (default 0)")
      .number("--rtol", "R", options.rtol, "relative tolerance (default 0)")
      .list("--call", "\"E NAME=VALUE NAME=>F.npy\"", calls, false,
            "run an entry, in the session of the calls before; --entry, if\n"
            "given, comes after them")
      .text("--device", "D", options.device,
            "cpu (default: each step where the package places it), or\n"
            "another device of the package, with :ARGUMENT for its plug-in")
      .integer("--threads", "N", options.threads, 0, 1024,
               "threads (default: the CPUs this process may use)")
      .list("--dump-node", "NAME=F.npy", dumps, false,
            "write the result of the model's node NAME, as plain rows")
      .flag("--self-test", options.selfTest,
            "run the package's own test; exit code 3 when it fails")
      .integer("--bench", "N", options.bench, 1, 1000000,
               "run the last call N times from the same state and print\n"
               "times and this machine's limits as JSON")
      .text("--profile", "F", options.profile,
            "time every kernel, against what this machine can do: a table\n"
            "on stderr, and F as JSON or, named F.perfetto-trace, as a trace\n"
            "for ui.perfetto.dev (docs/howto/profile.md)")
      .text("--report", "F.json", options.report,
            "write times, memory and the kernels' times as JSON")
      .flag("--json", options.json, "print one JSON object")
      .flag("--reference", options.reference,
            "interpret PACKAGE, or a FILE.mlir of the graph dialect, by the\n"
            "reference (exit code 5 when its plug-in is not installed)")
      .text("--weights-from", "MODEL", options.weightsFrom,
            "with --reference: the model FILE.mlir takes its weights from")
      .flag("--quiet", options.quiet, "no notes on stderr");
  if (!line.parse(argc, argv, files))
    return false;
  if (files.size() != 1)
    line.fail("expected one package, got " + std::to_string(files.size()));
  options.file = files[0];
  if (options.atol < 0 || options.rtol < 0)
    line.fail("--atol and --rtol: expected no negative number");
  for (const std::string &call : calls) {
    options.calls.push_back(parseCall(call));
    if (options.calls.back().entry.empty())
      line.fail("--call: expected \"ENTRY NAME=VALUE ...\", got nothing");
  }
  bool last = !entry.empty() || !inputs.empty() || calls.empty();
  if (last && !options.selfTest)
    options.calls.push_back({entry, {}, {}, {}});
  if (options.selfTest && !(entry.empty() && inputs.empty() && calls.empty()))
    line.fail("--self-test brings its own inputs");
  auto fill = [](const std::vector<std::string> &texts,
                 std::map<std::string, std::string> &map) {
    for (const std::string &text : texts) {
      auto [name, value] = splitAssignment(text);
      assign(map, name, value);
    }
  };
  if (!options.calls.empty()) {
    fill(inputs, options.calls.back().inputs);
    fill(outputs, options.calls.back().outputs);
    fill(expected, options.calls.back().expected);
  }
  fill(dumps, options.dumps);
  if (options.reference && (options.bench || options.selfTest ||
                            !options.profile.empty() || !options.dumps.empty()))
    line.fail("--reference takes no --bench, --self-test, --profile or "
              "--dump-node");
  return true;
}
