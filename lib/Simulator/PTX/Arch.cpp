//===- Arch.cpp - what each architecture offers ---------------------------===//
// Sizes: the table of compute capabilities in the CUDA C++ programming guide.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Simulator/PTX/Device.h"

using namespace trine::ptx;

static constexpr Arch archs[] = {
    {"sm_80", 80, 0, 163 << 10, 108},    // A100
    {"sm_86", 86, 0, 99 << 10, 84},      // RTX 3090
    {"sm_87", 87, 0, 163 << 10, 16},     // Orin
    {"sm_89", 89, 0, 99 << 10, 142},     // L40S
    {"sm_90", 90, 0, 227 << 10, 132},    // H100
    {"sm_90a", 90, 'a', 227 << 10, 132}, // H100
    {"sm_100", 100, 0, 227 << 10, 148},  // B200
    {"sm_120", 120, 0, 99 << 10, 188},   // RTX PRO 6000
};

std::span<const Arch> trine::ptx::allArchs() { return archs; }

std::string trine::ptx::archNames() {
  std::string names;
  for (const Arch &arch : archs)
    names += (names.empty() ? "" : ", ") + std::string(arch.name);
  return names;
}

const Arch *trine::ptx::findArch(std::string_view name) {
  for (const Arch &arch : archs)
    if (name == arch.name)
      return &arch;
  return nullptr;
}
