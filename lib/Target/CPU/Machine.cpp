//===- Machine.cpp - CPU classes as data ----------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Machine.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/X86TargetParser.h"

using namespace trine::cpu;
using llvm::StringRef;

namespace {

/// A class of CPUs: the features that make it, and the shape of its code.
struct CpuClass {
  StringRef baseline;
  std::vector<StringRef> features;
  int64_t lanes, registers, panel, gatedPanel, keyPanel;
  /// {vectors a row takes, rows of the register tile}: rows·vectors
  /// accumulators, `vectors` weights and one activation fit the registers, and
  /// at least 12 accumulators hide the latency of two FMAs a cycle.
  std::vector<std::pair<int64_t, int64_t>> tiles;
};

const CpuClass &classOf(bool avx512) {
  static const std::vector<StringRef> v3 = {"avx2", "bmi",   "bmi2", "f16c",
                                            "fma",  "lzcnt", "movbe"};
  static const CpuClass haswell = {
      "x86-64-v3", v3, 8, 16, 16, 8, 16, {{1, 12}, {2, 6}, {4, 2}}};
  static const CpuClass skylake = {"x86-64-v4",
                                   {"avx2", "bmi", "bmi2", "f16c", "fma",
                                    "lzcnt", "movbe", "avx512bw", "avx512cd",
                                    "avx512dq", "avx512f", "avx512vl"},
                                   16,
                                   32,
                                   64,
                                   32,
                                   32,
                                   {{1, 14}, {2, 8}, {4, 6}}};
  return avx512 ? skylake : haswell;
}

/// Beyond the class; used where a CPU has them.
constexpr StringRef kOptionalFeatures[] = {"avx512bf16", "avx512vbmi",
                                           "avx512vnni"};

/// What the CPU has; empty when LLVM does not know its name.
llvm::StringSet<> featuresOf(StringRef cpu) {
  llvm::StringSet<> features;
  if (cpu == "native") {
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      if (feature.second)
        features.insert(feature.first());
  } else if (llvm::X86::parseArchX86(cpu, /*Only64Bit=*/true) !=
             llvm::X86::CK_None) {
    llvm::SmallVector<StringRef> names;
    llvm::X86::getFeaturesForCPU(cpu, names);
    // The table leaves out what others imply (avx512f of x86-64-v4).
    llvm::StringMap<bool> all;
    for (StringRef name : names)
      llvm::X86::updateImpliedFeatures(name, /*Enabled=*/true, all);
    for (const auto &feature : all)
      features.insert(feature.first());
    features.insert(names.begin(), names.end());
  }
  return features;
}

} // namespace

std::optional<MachineModel> MachineModel::get(StringRef cpu,
                                              std::string &error) {
  llvm::StringSet<> has = featuresOf(cpu);
  auto hasAll = [&](const CpuClass &c) {
    return llvm::all_of(c.features,
                        [&](StringRef f) { return has.contains(f); });
  };
  if (has.empty()) {
    error =
        "unknown cpu '" + cpu.str() +
        "'; use native, x86-64-v3, x86-64-v4 or a name llc -mcpu=help lists";
    return std::nullopt;
  }
  if (!hasAll(classOf(false))) {
    error = "cpu '" + cpu.str() + "' lacks AVX2 and FMA (x86-64-v3), which " +
            "every kernel needs";
    return std::nullopt;
  }
  const CpuClass &c = classOf(hasAll(classOf(true)));
  MachineModel machine;
  machine.cpu = c.baseline.str();
  machine.tune =
      cpu == "native" ? llvm::sys::getHostCPUName().str() : cpu.str();
  for (StringRef feature : c.features)
    machine.required.push_back(feature.str());
  if (c.lanes == 16)
    for (StringRef feature : kOptionalFeatures)
      if (has.contains(feature)) {
        machine.required.push_back(feature.str());
        machine.features +=
            (machine.features.empty() ? "+" : ",+") + feature.str();
      }
  machine.lanes = c.lanes;
  machine.registers = c.registers;
  machine.panel = c.panel;
  machine.gatedPanel = c.gatedPanel;
  machine.keyPanel = c.keyPanel;
  return machine;
}

int64_t MachineModel::rowBlock(int64_t vectors) const {
  for (auto [width, rows] : classOf(lanes == 16).tiles)
    if (width >= vectors)
      return rows;
  return 1;
}
