//===- ChipSpec.cpp -------------------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ChipSpec.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <fmt/format.h>

using namespace trine::cuda;

static constexpr ChipSpec kChips[] = {
#define CHIP(name, compute, ptx, shared) {name, compute, ptx, shared},
#include "lib/Target/CUDA/ChipSpec.def"
};

namespace {
struct InstructionSpec {
  const char *text;
  unsigned compute, ptx;
};
} // namespace

static constexpr InstructionSpec kInstructions[] = {
#define INSTRUCTION(name, text, compute, ptx) {text, compute, ptx},
#include "lib/Target/CUDA/ChipSpec.def"
};

const ChipSpec *ChipSpec::find(llvm::StringRef name) {
  for (const ChipSpec &chip : kChips)
    if (chip.name == name)
      return &chip;
  return nullptr;
}

std::string ChipSpec::names() {
  return llvm::join(
      llvm::map_range(kChips, [](const ChipSpec &chip) { return chip.name; }),
      ", ");
}

std::string ChipSpec::whyIllegal(Instruction instruction) const {
  const InstructionSpec &spec = kInstructions[size_t(instruction)];
  if (compute >= spec.compute)
    return "";
  return fmt::format("{} needs sm_{} or later, got {}", spec.text, spec.compute,
                     name.str());
}

unsigned trine::cuda::ptxVersionOf(Instruction instruction) {
  return kInstructions[size_t(instruction)].ptx;
}

llvm::SmallVector<const ChipSpec *>
trine::cuda::parseChips(llvm::StringRef list, std::string &error) {
  llvm::SmallVector<const ChipSpec *> chips;
  for (llvm::StringRef name : llvm::split(list, ',')) {
    const ChipSpec *chip = ChipSpec::find(name);
    if (!chip) {
      error = fmt::format("unknown GPU architecture '{}'; known are {}",
                          name.str(), ChipSpec::names());
      return {};
    }
    if (!llvm::is_contained(chips, chip))
      chips.push_back(chip);
  }
  // By their rows: later ones run what is for earlier ones, but for the "a"s.
  llvm::sort(chips);
  return chips;
}
