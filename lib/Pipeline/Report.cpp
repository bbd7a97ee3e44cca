//===- Report.cpp - what a compile cost and made --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Report.h"
#include "Types.h"
#include "dialects/graph/Graph.h"
#include "dialects/launch/Launch.h"
#include "trine/Support/File.h"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

using namespace mlir;
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

/// Elements with every dynamic dimension 1.
static int64_t elements(Type type) {
  int64_t count = 1;
  for (int64_t dim : cast<RankedTensorType>(type).getShape())
    count *= ShapedType::isDynamic(dim) ? 1 : dim;
  return count;
}

static int64_t lastDim(Value value) {
  int64_t dim = cast<RankedTensorType>(value.getType()).getShape().back();
  return ShapedType::isDynamic(dim) ? 1 : dim;
}

static int64_t flops(Operation *op) {
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<graph::LinearOp>([](auto linear) {
        return 2 * elements(linear.getType()) * lastDim(linear.getInput());
      })
      .Case<graph::GatedOp>([](auto gated) {
        return 4 * elements(gated.getType()) * lastDim(gated.getInput());
      })
      .Case<graph::MatmulOp>([](auto matmul) {
        return 2 * elements(matmul.getType()) * lastDim(matmul.getLhs());
      })
      .Case<graph::AttentionOp>([](auto attention) {
        // One key: a cache's capacity is no measure of the work.
        return 2 * (elements(attention.getQuery().getType()) +
                    elements(attention.getType()));
      })
      .Default([](Operation *other) {
        return other->getNumResults() ? elements(other->getResult(0).getType())
                                      : 0;
      });
}

static int64_t bytes(TypeRange types) {
  int64_t sum = 0;
  for (Type type : types)
    sum += elements(type) * dtypeBytes(dtypeOf(type));
  return sum;
}

static json kernelList(ModuleOp module, const Manifest &manifest) {
  json list = json::array();
  SymbolTable symbols(module);
  for (const Kernel &kernel : manifest.kernels) {
    auto op = symbols.lookup<launch::KernelOp>(kernel.name);
    int64_t work = 0;
    for (Operation &inner : op.getBlock().without_terminator())
      work += flops(&inner);
    SmallVector<Type> moved;
    for (auto [index, argument] : llvm::enumerate(op.getBlock().getArguments()))
      // Of a state a launch touches a part, of a table the rows it gathers.
      if (!llvm::is_contained(op.getTies(), int64_t(index)) &&
          llvm::none_of(argument.getUsers(), llvm::IsaPred<graph::GatherOp>))
        moved.push_back(argument.getType());
    for (auto [type, tie] : llvm::zip_equal(op.getResultTypes(), op.getTies()))
      if (tie < 0)
        moved.push_back(type);
    list.push_back({{"name", kernel.name},
                    {"target", kernel.device},
                    {"family", kernel.family},
                    {"uses", kernel.uses},
                    {"flops", work},
                    {"bytes", bytes(moved)}});
  }
  return list;
}

json trine::report(ModuleOp module, const Manifest &manifest,
                   const json &phases,
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
            {"list", kernelList(module, manifest)}}},
          {"weights", {{"stored_bytes", stored}, {"by_type", byType}}},
          {"placement", placement},
          {"warnings", warnings}};
}
