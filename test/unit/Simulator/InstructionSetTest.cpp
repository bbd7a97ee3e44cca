//===- InstructionSetTest.cpp - patterns of mnemonics ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Simulator/PTX/InstructionSet.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

using namespace trine::ptx;

static bool fits(const char *pattern, std::string_view opcode) {
  Form form = {pattern, "", 0, 0, nullptr};
  Modifiers modifiers;
  return matches(form, opcode, modifiers);
}

TEST(PtxInstructionSet, PatternsTakeTheirModifiersInOrder) {
  const char *add = "add[.rn][.ftz][.sat].(f32|f64)";
  EXPECT_TRUE(fits(add, ".f32"));
  EXPECT_TRUE(fits(add, ".rn.sat.f64"));
  EXPECT_FALSE(fits(add, ".sat.rn.f32"));
  EXPECT_FALSE(fits(add, ".f16"));
  EXPECT_FALSE(fits(add, ".f32.rn"));
  EXPECT_FALSE(fits(add, ""));
  EXPECT_TRUE(fits("exit", ""));
  EXPECT_TRUE(fits("cp.async.cg[.shared|shared::cta].global",
                   ".async.cg.shared::cta.global"));
}

TEST(PtxInstructionSet, ModifiersKeepThePlacesOfThePattern) {
  Form form = {"cvt[.rn|rz][.sat].(f16|f32).(f32|f64)", "", 0, 0, nullptr};
  Modifiers m;
  ASSERT_TRUE(matches(form, ".rz.f16.f64", m));
  EXPECT_EQ(m[0], "rz");
  EXPECT_EQ(m[1], "");
  EXPECT_EQ(m.type(0), Type::F16);
  EXPECT_EQ(m.type(), Type::F64);
  EXPECT_TRUE(m.has("rz"));
  EXPECT_FALSE(m.has("sat"));
}

TEST(PtxInstructionSet, EveryRowIsWhole) {
  std::set<std::string> seen;
  size_t rows = 0;
  for (std::span<const Form> table : instructionTables())
    for (const Form &form : table) {
      ++rows;
      EXPECT_NE(form.select, nullptr) << form.pattern;
      EXPECT_LE(form.arch, 120u) << form.pattern;
      EXPECT_GE(form.version, 10u) << form.pattern;
      EXPECT_TRUE(seen.insert(form.pattern).second) << form.pattern;
      // An instruction that gathers the lanes of a mask has it last.
      if (form.gather == Gather::Members)
        EXPECT_TRUE(std::string_view(form.operands).ends_with("32"))
            << form.pattern;
    }
  EXPECT_GT(rows, 250u);
}
