//===- ChipSpecTest.cpp - chips and what they execute ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/CUDA/ChipSpec.h"
#include "gtest/gtest.h"

using namespace trine::cuda;

TEST(ChipSpec, InstructionsNeedTheirGeneration) {
  const ChipSpec *ampere = ChipSpec::find("sm_80");
  const ChipSpec *ada = ChipSpec::find("sm_89");
  ASSERT_TRUE(ampere && ada);
  EXPECT_EQ(ampere->whyIllegal(Instruction::MmaBf16), "");
  EXPECT_EQ(ada->whyIllegal(Instruction::MmaF8), "");
  EXPECT_EQ(ampere->whyIllegal(Instruction::MmaF8),
            "mma.sync.m16n8k32.f32.e4m3.e4m3.f32 needs sm_89 or later, got "
            "sm_80");
  // What LLVM 22 aborts below.
  EXPECT_EQ(ptxVersionOf(Instruction::MmaF8), 84u);
}

TEST(ChipSpec, ListsAreInOrderAndKnown) {
  std::string error;
  auto chips = parseChips("sm_90,sm_80,sm_90", error);
  ASSERT_EQ(chips.size(), 2u);
  EXPECT_EQ(chips[0]->name, "sm_80");
  EXPECT_EQ(chips[1]->name, "sm_90");
  EXPECT_TRUE(parseChips("sm_80,sm_1", error).empty());
  EXPECT_EQ(error.find("unknown GPU architecture 'sm_1'; known are sm_80"), 0u);
}
