//===- Options.cpp - trine-compile's command line -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Options.h"
#include "trine/Formats/WeightSource.h"
#include "trine/Support/CommandLine.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <filesystem>
#include <fmt/ranges.h>
#include <thread>

using namespace trine;

nlohmann::json CompileOptions::recorded(nlohmann::json earlier) const {
  if (!earlier.is_object())
    earlier = {{"target", {"cpu"}},
               {"cpu", "native"},
               {"place", nlohmann::json::array()},
               {"entries", {"all"}},
               {"compute", "f32"},
               {"weights", "keep"},
               {"max_sequence", 0},
               {"max_batch", 0}};
  for (auto [key, value] :
       {std::pair{"compute", &compute}, {"weights", &weights}, {"kv", &kv}})
    if (!value->empty())
      earlier[key] = *value;
  for (auto [key, file] :
       {std::pair{"quantize", &quantize}, {"calibration", &calibration}})
    if (!file->empty())
      earlier[key] = std::filesystem::path(*file).filename().string();
  if (!observe.empty())
    earlier["observe"] = observe;
  if (!targets.empty())
    earlier["target"] = targets;
  if (!cpu.empty())
    earlier["cpu"] = cpu;
  if (!arch.empty())
    earlier["arch"] = arch;
  if (!place.empty())
    earlier["place"] = place;
  if (!entries.empty())
    earlier["entries"] = entries;
  if (maxSequence)
    earlier["max_sequence"] = maxSequence;
  if (maxBatch)
    earlier["max_batch"] = maxBatch;
  return earlier;
}

static void declare(CommandLine &line, CompileOptions &o) {
  line.text("-o", "OUT", o.output,
            "the package, or the directory of --emit=asm|object|ptx")
      .list(
          "--target", "DEVICE[,…]", o.targets, /*split=*/true,
          "devices in order of preference: cpu, cuda, reference (default\ncpu)")
      .text("--cpu", "CPU", o.cpu,
            "native (default), x86-64-v3, x86-64-v4 or an LLVM CPU name")
      .text("--chip", "CHIP", o.chip,
            "the NPU: 910b-like, 950-like, tiny or a FILE.yaml (not yet)")
      .text("--arch", "SM[,…]", o.arch,
            "the GPUs: sm_80 (default), sm_89, sm_90, …; PTX for the least, "
            "machine\n"
            "code for each where ptxas is found")
      .list("--place", "PATTERN=DEVICE", o.place, /*split=*/false,
            "place operations by name or by the model's node, e.g.\n"
            "graph.attention=reference, 'layers.3.*=cpu'; the last match wins")
      .text("--compute", "TYPE", o.compute,
            "operand precision of contractions: f32 (default), bf16, or int8:\n"
            "activations in 8 bits where weights are stored as integers")
      .text("--weights", "TYPE", o.weights,
            "how weights are stored: keep (default), f32, bf16, f16")
      .text("--kv", "TYPE", o.kv,
            "type of the key/value cache: f32, bf16, fp8 (E4M3; default: as\n"
            "--compute, f32 for int8)")
      .text("--quantize", "RECIPE", o.quantize,
            "quantize as a recipe file says, or a preset: FP8_DYNAMIC, "
            "FP8_BLOCK,\n"
            "DEEPSEEK, MXFP8, W8A16, FP8 (which needs --calibration)")
      .text("--calibration", "FILE.json", o.calibration,
            "what trine calibrate measured, for --quantize")
      .choice("--observe", {"absmax", "error"}, o.observe,
              "entries return, too, the largest magnitude of each layer's "
              "input,\nor what --quantize costs each layer")
      .list("--entries", "NAME[,…]", o.entries, /*split=*/true,
            "entries to compile (default: all the model has)")
      .integer("--max-sequence", "N", o.maxSequence, 1, 1 << 24,
               "longest sequence (default: the model's limit, at most 8192)")
      .integer("--max-batch", "N", o.maxBatch, 1, 1 << 16,
               "largest batch (default 16)")
      .text("--weights-from", "MODEL", o.weightsFrom,
            "where a .mlir input's parameters are stored")
      .choice("--emit", {"package", "graph", "asm", "object", "ptx"}, o.emit,
              "what to write (default package)")
      .flag("--print-phases", o.printPhases, "list the phases and stop")
      .text("--from", "PHASE", o.from,
            "IN is a module saved after the phase before PHASE")
      .text("--to", "PHASE", o.to, "stop after PHASE and write its module")
      .text("--save-phases", "DIR", o.savePhases,
            "write the module after each phase into DIR")
      .flag("--check", o.check, "only say what is unsupported")
      .integer("--jobs", "N", o.jobs, 1, 1024,
               "threads (default: all CPUs this process may use)")
      .text("--report", "FILE.json", o.report,
            "phase times, kernels, weights and placement as JSON")
      .flag("--quiet", o.quiet, "no progress on the terminal");
}

/// What the flags can name and this version does not have, with the reason.
static void refuseUnsupportedOptions(const CompileOptions &o) {
  std::vector<std::string> items;
  auto expect = [&](const char *flag, const std::string &value,
                    std::initializer_list<std::string_view> known) {
    if (!value.empty() && std::ranges::find(known, value) == known.end())
      items.push_back(fmt::format("{}={}: expected {}", flag, value,
                                  fmt::join(known, ", ")));
  };
  expect("--compute", o.compute, {"f32", "bf16", "int8"});
  expect("--weights", o.weights, {"keep", "f32", "bf16", "f16"});
  expect("--kv", o.kv, {"f32", "bf16", "fp8"});
  for (auto [flag, value, reason] :
       {std::tuple{"--chip", &o.chip, "there is no NPU target yet"}})
    if (!value->empty())
      items.push_back(fmt::format("{}={}: {}", flag, *value, reason));
  for (const std::string &target : o.targets)
    if (target != "cpu" && target != "cuda" && target != "reference")
      items.push_back(fmt::format("--target={}: there is no such target yet; "
                                  "use cpu, cuda or reference",
                                  target));
  refuseUnsupported("trine-compile", items);
}

std::optional<CompileOptions> trine::parseOptions(int argc, char **argv) {
  CompileOptions o;
  CommandLine line("trine-compile", "IN -o OUT.trine [options]",
                   "Compiles a transformer ahead of time into one package. IN "
                   "is a .gguf file, a\nHugging Face directory, or a .mlir "
                   "file in the graph dialect.");
  declare(line, o);
  std::vector<std::string> inputs;
  if (!line.parse(argc, argv, inputs))
    return std::nullopt;
  if (o.printPhases)
    return o;
  if (inputs.size() != 1 || inputs[0].empty())
    line.fail(inputs.size() < 2
                  ? "no input"
                  : fmt::format("expected one input, got {}", inputs.size()));
  o.input = inputs[0];
  if (!o.jobs)
    o.jobs = std::max(1u, std::thread::hardware_concurrency());
  if (o.output.empty() && !o.check && o.emit != "graph" && o.to.empty())
    line.fail("no output; give -o");
  if (o.quantize.empty() && (!o.calibration.empty() || o.observe == "error"))
    line.fail(fmt::format("{} is for --quantize", o.calibration.empty()
                                                      ? "--observe=error"
                                                      : "--calibration"));
  refuseUnsupportedOptions(o);
  return o;
}
