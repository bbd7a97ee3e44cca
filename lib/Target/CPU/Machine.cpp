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
/// `tools/dev/tune-tiles` measures the last six.
struct CpuClass {
  StringRef baseline;
  llvm::ArrayRef<StringRef> features;
  int64_t lanes, registers, panel, gatedPanel, keyPanel, keyRows;
  MachineModel::Tile tiles[3];
};

constexpr StringRef kAvx2[] = {"avx2", "bmi",   "bmi2", "f16c",
                               "fma",  "lzcnt", "movbe"};
constexpr StringRef kAvx512[] = {"avx2",     "bmi",      "bmi2",    "f16c",
                                 "fma",      "lzcnt",    "movbe",   "avx512bw",
                                 "avx512cd", "avx512dq", "avx512f", "avx512vl"};

// Shares of an FMA loop on 128x384x384, 128x1536x384, 128x384x1536,
// 128x768x768, 512x2048x2048 and 1024^3.

/// 6 x 16 on an Intel server: 99, 98, 99, 98, 96, 95 %.
constexpr CpuClass kTwoFmas256 = {
    "x86-64-v3", kAvx2, 8, 16, 16, 8, 16, 6, {{1, 12}, {2, 6}, {4, 2}}};
/// 6 x 64 on an Intel server: 99, 97, 96, 98, 93, 95 % (VDPBF16PS: 98, 98, 99,
/// 99, 99, 99 % of a loop of it); by hand on Zen 5: 98-100 % (bf16 97-99 %).
constexpr CpuClass kTwoFmas512 = {
    "x86-64-v4", kAvx512, 16, 32, 64, 32, 32, 12, {{1, 14}, {2, 8}, {4, 6}}};
/// 8 x 32 on Zen 4, of code like ours: 99, 99, 99, 100, 99, 98 % (bf16 99, 99,
/// 100, -, 98, 98 %); 6 x (32 + 32) as 6 x 64 of bf16: 98-99 %.
constexpr CpuClass kOneFma512 = {
    "x86-64-v4", kAvx512, 16, 32, 32, 32, 32, 12, {{1, 14}, {2, 8}, {4, 6}}};

/// LLVM's names of CPUs with AVX-512 and one multiply-add of 512 bits a cycle.
constexpr StringRef kOneFmaCpus[] = {"znver4", "cannonlake", "icelake-client",
                                     "tigerlake", "rocketlake"};

/// Beyond the class; used where a CPU has them.
constexpr StringRef kOptionalFeatures[] = {
    "avx512bf16", "avx512vbmi", "avx512vnni", "amx-tile", "amx-bf16"};

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
  if (!hasAll(kTwoFmas256)) {
    error = "cpu '" + cpu.str() + "' lacks AVX2 and FMA (x86-64-v3), which " +
            "every kernel needs";
    return std::nullopt;
  }
  MachineModel machine;
  machine.tune =
      cpu == "native" ? llvm::sys::getHostCPUName().str() : cpu.str();
  // A hypervisor may show a server under a client's name: only servers have
  // AMX.
  bool oneFma = llvm::is_contained(kOneFmaCpus, machine.tune) &&
                !has.contains("amx-tile");
  const CpuClass &c = !hasAll(kTwoFmas512) ? kTwoFmas256
                      : oneFma             ? kOneFma512
                                           : kTwoFmas512;
  machine.cpu = c.baseline.str();
  for (StringRef feature : c.features)
    machine.required.push_back(feature.str());
  if (c.lanes == 16)
    for (StringRef feature : kOptionalFeatures)
      if (has.contains(feature)) {
        machine.required.push_back(feature.str());
        machine.features +=
            (machine.features.empty() ? "+" : ",+") + feature.str();
      }
  machine.dotsBf16 = llvm::is_contained(machine.required, "avx512bf16");
  machine.dotsBytes = llvm::is_contained(machine.required, "avx512vnni");
  machine.tilesBf16 = llvm::is_contained(machine.required, "amx-bf16");
  machine.looksUpBytes = llvm::is_contained(machine.required, "avx512vbmi");
  // CPUs with AMX have 2 MiB of L2: 128x384x1536 in one slice, 92 -> 94 %.
  if (machine.tilesBf16)
    machine.sliceBytes = 384 << 10;
  machine.lanes = c.lanes;
  machine.registers = c.registers;
  machine.panel = c.panel;
  machine.gatedPanel = c.gatedPanel;
  machine.keyPanel = c.keyPanel;
  machine.tiles.assign(std::begin(c.tiles), std::end(c.tiles));
  machine.keyRows = c.keyRows;
  return machine;
}

int64_t MachineModel::rowBlock(int64_t vectors) const {
  for (const Tile &tile : tiles)
    if (tile.vectors >= vectors)
      return tile.rows;
  return 1;
}
