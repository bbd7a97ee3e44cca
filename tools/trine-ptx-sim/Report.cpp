//===- Report.cpp - what trine-ptx-sim says about a launch ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Report.h"
#include "trine/Support/Error.h"

#include <cstdio>
#include <nlohmann/json.hpp>

using namespace trine;
using namespace trine::sim;
using Json = nlohmann::ordered_json;

static Json trapJson(const ptx::Trap &trap) {
  Json json = {{"kind", nameOf(trap.kind)}, {"line", trap.line},
               {"cta", trap.cta},           {"warp", trap.warp},
               {"lane", trap.lane},         {"address", trap.address},
               {"what", trap.what}};
  if (!trap.source.empty())
    json["source"] = trap.source;
  if (trap.otherLine)
    json["other_line"] = trap.otherLine;
  if (!trap.notes.empty())
    json["waiting"] = trap.notes;
  return json;
}

static ptx::BankUse total(const ptx::LaunchResult &result) {
  ptx::BankUse sum;
  for (const auto &[line, use] : result.banks) {
    sum.accesses += use.accesses;
    sum.wavefronts += use.wavefronts;
    sum.ideal += use.ideal;
  }
  return sum;
}

void sim::printJson(const ptx::LaunchResult &result) {
  ptx::BankUse banks = total(result);
  Json conflicts = Json::array();
  for (const auto &[line, use] : result.banks)
    if (use.wavefronts > use.ideal)
      conflicts.push_back({{"line", line},
                           {"accesses", use.accesses},
                           {"wavefronts", use.wavefronts},
                           {"ideal", use.ideal}});
  Json json = {{"schema", "trine.ptx-sim/1"},
               {"status", result.trap ? "trap" : "ok"},
               {"trap", result.trap ? trapJson(*result.trap) : Json()},
               {"instructions", result.instructions},
               {"counts",
                {{"lanes", result.lanes},
                 {"opcodes", result.opcodes},
                 {"shared",
                  {{"accesses", banks.accesses},
                   {"wavefronts", banks.wavefronts},
                   {"ideal", banks.ideal}}},
                 {"bank_conflicts", conflicts},
                 {"global_sectors", result.globalSectors}}}};
  fmt::print("{}\n", json.dump(2));
}

void sim::printText(const ptx::LaunchResult &result) {
  ptx::BankUse banks = total(result);
  fmt::print("{} instructions of warps, {:.1f} lanes active; {} sectors of "
             "global memory; {} wavefronts of shared memory, {} at best\n",
             result.instructions,
             result.instructions
                 ? double(result.lanes) / double(result.instructions)
                 : 0.0,
             result.globalSectors, banks.wavefronts, banks.ideal);
}

void sim::throwTrap(const ptx::Trap &trap, const std::string &file) {
  std::vector<std::string> notes;
  if (!trap.source.empty())
    notes.push_back("compiled from " + trap.source);
  if (trap.kind != ptx::TrapKind::Deadlock)
    notes.push_back(fmt::format("block ({}, {}, {}) warp {} lane {}",
                                trap.cta[0], trap.cta[1], trap.cta[2],
                                trap.warp, trap.lane));
  notes.insert(notes.end(), trap.notes.begin(), trap.notes.end());
  throw Error(ExitCode::Trap,
              trap.line ? fmt::format("{}:{}", file, trap.line) : file,
              fmt::format("{}: {}", nameOf(trap.kind), trap.what), notes);
}
