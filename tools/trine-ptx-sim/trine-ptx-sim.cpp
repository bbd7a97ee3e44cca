//===- trine-ptx-sim.cpp - execute a kernel of a PTX file -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Arguments.h"
#include "Report.h"
#include "trine/Support/CommandLine.h"
#include "trine/Support/Error.h"
#include "trine/Support/File.h"

#include <charconv>

using namespace trine;
using namespace trine::sim;

namespace {

struct Options {
  std::string file, arch, kernel, grid = "1", block = "1", cluster = "1",
                                  async = "lazy", races = "on";
  int64_t shared = 0, seed = 0, limit = int64_t(4) << 30, resident = 8;
  std::vector<std::string> arguments;
  bool json = false;
};

bool parse(int argc, char **argv, Options &options) {
  CommandLine line("trine-ptx-sim", "FILE.ptx [options]",
                   "Executes a kernel of a PTX file without a GPU and checks "
                   "what it does.");
  std::vector<std::string> files;
  line.text("--kernel", "NAME", options.kernel,
            "the kernel to launch (default: the only one)")
      .text("--arch", "sm_NN", options.arch,
            "the GPU to simulate (default: the file's target)")
      .text("--grid", "X[,Y[,Z]]", options.grid, "blocks (default 1)")
      .text("--block", "X[,Y[,Z]]", options.block,
            "threads of a block (default 1)")
      .text("--cluster", "X[,Y[,Z]]", options.cluster,
            "blocks of a cluster (default 1)")
      .integer("--smem", "BYTES", options.shared, 0, 1 << 20,
               "dynamic shared memory of a block")
      .list("--arg", "ARGUMENT", options.arguments, false, argumentHelp)
      .choice("--async", {"lazy", "eager"}, options.async,
              "when bytes of cp.async arrive: once they are waited for, or at "
              "once\n(default lazy)")
      .integer("--seed", "N", options.seed, 0, INT64_MAX,
               "order of blocks, warps and diverged lanes: 0 takes turns, "
               "another\nnumber a random legal order")
      .choice("--races", {"on", "off"}, options.races,
              "check shared memory for races (default on)")
      .integer("--limit", "N", options.limit, 1, INT64_MAX,
               "instructions of warps after which the kernel counts as hung")
      .integer("--resident", "N", options.resident, 1, 1 << 20,
               "blocks that run at the same time (default 8)")
      .flag("--json", options.json, "print one JSON object");
  if (!line.parse(argc, argv, files))
    return false;
  if (files.size() != 1)
    line.fail(fmt::format("expected one PTX file, got {}", files.size()));
  options.file = files[0];
  return true;
}

ptx::Dim3 dimensions(const char *option, const std::string &text) {
  uint32_t sizes[3] = {1, 1, 1};
  const char *at = text.data(), *end = at + text.size();
  for (uint32_t &size : sizes) {
    auto [rest, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size == 0)
      break;
    if (rest == end)
      return {sizes[0], sizes[1], sizes[2]};
    if (*rest != ',')
      break;
    at = rest + 1;
  }
  throw Error(
      ExitCode::Usage, option,
      fmt::format("expected X, X,Y or X,Y,Z of 1 or more, got '{}'", text));
}

int simulate(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options))
    return 0;
  ptx::checkHost();
  ptx::LaunchOptions launch;
  launch.grid = dimensions("--grid", options.grid);
  launch.block = dimensions("--block", options.block);
  launch.cluster = dimensions("--cluster", options.cluster);
  launch.dynamicShared = uint32_t(options.shared);
  launch.async = options.async == "lazy" ? ptx::Async::Lazy : ptx::Async::Eager;
  launch.seed = uint64_t(options.seed);
  launch.limit = uint64_t(options.limit);
  launch.races = options.races == "on";
  launch.resident = unsigned(options.resident);

  ptx::Module module = ptx::Module::parse(readText(options.file), options.file);
  const std::string &name =
      options.arch.empty() ? module.target() : options.arch;
  const ptx::Arch *arch = ptx::findArch(name);
  if (!arch)
    throw Error(ExitCode::Unsupported, options.file,
                fmt::format("no simulated device '{}'; there are: {}", name,
                            ptx::archNames()));
  const ptx::KernelInfo &kernel = module.kernel(options.kernel);
  ptx::Device device(*arch);
  ptx::LoadedModule loaded = device.load(module);
  std::vector<Argument> arguments = bindArguments(options.arguments, device);
  std::vector<uint8_t> parameters =
      packArguments(arguments, kernel, options.file);
  ptx::LaunchResult result =
      device.launch(loaded.kernel(kernel.name), launch, parameters);

  uint64_t bytes = 0;
  if (!result.trap)
    if (const Argument *bad = findUnwritten(arguments, device, bytes)) {
      result.trap.emplace();
      result.trap->kind = ptx::TrapKind::Uninitialised;
      result.trap->address = bad->address;
      result.trap->line = result.undefinedStore;
      result.trap->what =
          fmt::format("{} of {} bytes of the result '{}' were given no value",
                      bytes, bad->size, bad->text);
    }
  if (options.json)
    printJson(result);
  if (result.trap)
    throwTrap(*result.trap, options.file);
  writeResults(arguments, device);
  if (!options.json)
    printText(result);
  return 0;
}

} // namespace

int main(int argc, char **argv) { return runMain(simulate, argc, argv); }
