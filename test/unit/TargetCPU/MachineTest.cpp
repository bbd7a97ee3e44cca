//===- MachineTest.cpp - CPU names to classes -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "lib/Target/CPU/Machine.h"
#include "gtest/gtest.h"

using trine::cpu::MachineModel;

static MachineModel machineOf(const std::string &cpu) {
  std::string error;
  auto machine = MachineModel::get(cpu, error);
  EXPECT_TRUE(machine) << error;
  return machine.value_or(MachineModel());
}

TEST(Machine, aClassFollowsFromTheName) {
  struct {
    const char *cpu;
    int64_t lanes, panel, rows; // of a linear layer's tile
    bool dotsBf16;
  } expected[] = {
      {"x86-64-v3", 8, 16, 6, false},       {"haswell", 8, 16, 6, false},
      {"znver3", 8, 16, 6, false},          {"x86-64-v4", 16, 64, 6, false},
      {"skylake-avx512", 16, 64, 6, false}, {"cooperlake", 16, 64, 6, true},
      {"sapphirerapids", 16, 64, 6, true},  {"znver5", 16, 64, 6, true},
      {"znver4", 16, 32, 8, true},          {"tigerlake", 16, 32, 8, false},
  };
  for (const auto &row : expected) {
    MachineModel machine = machineOf(row.cpu);
    EXPECT_EQ(machine.lanes, row.lanes) << row.cpu;
    EXPECT_EQ(machine.panel, row.panel) << row.cpu;
    EXPECT_EQ(machine.rowBlock(row.panel / row.lanes), row.rows) << row.cpu;
    EXPECT_EQ(machine.dotsBf16, row.dotsBf16) << row.cpu;
  }
}

TEST(Machine, aTileFitsTheRegisters) {
  for (const char *cpu : {"x86-64-v3", "x86-64-v4", "znver4"}) {
    MachineModel machine = machineOf(cpu);
    for (auto [vectors, rows] : machine.tiles)
      EXPECT_LE(rows * vectors + vectors + 1, machine.registers) << cpu;
  }
}
