//===- CpuFeatures.cpp - CPUID → LLVM's feature names ---------------------===//
// Bits: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "CpuFeatures.h"
#include "trine/Support/Error.h"

#include <cpuid.h>
#include <cstdint>
#include <cstring>
#include <sys/syscall.h>
#include <unistd.h>

using namespace trine;

namespace {

enum Register { EAX, EBX, ECX, EDX };
/// What the operating system must save on a task switch.
enum Saved : uint64_t { Any = 0, Ymm = 0x6, Zmm = 0xe6, Tile = 0x60000 };

struct Feature {
  const char *name;
  uint32_t leaf, subleaf;
  Register reg;
  int bit;
  Saved saved;
};

constexpr uint32_t kExtended = 0x80000001, kExtended8 = 0x80000008;

constexpr Feature features[] = {
    {"sse3", 1, 0, ECX, 0, Any},
    {"pclmul", 1, 0, ECX, 1, Any},
    {"ssse3", 1, 0, ECX, 9, Any},
    {"fma", 1, 0, ECX, 12, Ymm},
    {"cx16", 1, 0, ECX, 13, Any},
    {"sse4.1", 1, 0, ECX, 19, Any},
    {"sse4.2", 1, 0, ECX, 20, Any},
    {"crc32", 1, 0, ECX, 20, Any},
    {"movbe", 1, 0, ECX, 22, Any},
    {"popcnt", 1, 0, ECX, 23, Any},
    {"aes", 1, 0, ECX, 25, Any},
    {"xsave", 1, 0, ECX, 27, Any},
    {"avx", 1, 0, ECX, 28, Ymm},
    {"f16c", 1, 0, ECX, 29, Ymm},
    {"rdrnd", 1, 0, ECX, 30, Any},
    {"cx8", 1, 0, EDX, 8, Any},
    {"cmov", 1, 0, EDX, 15, Any},
    {"mmx", 1, 0, EDX, 23, Any},
    {"fxsr", 1, 0, EDX, 24, Any},
    {"sse", 1, 0, EDX, 25, Any},
    {"sse2", 1, 0, EDX, 26, Any},
    {"fsgsbase", 7, 0, EBX, 0, Any},
    {"sgx", 7, 0, EBX, 2, Any},
    {"bmi", 7, 0, EBX, 3, Any},
    {"avx2", 7, 0, EBX, 5, Ymm},
    {"bmi2", 7, 0, EBX, 8, Any},
    {"invpcid", 7, 0, EBX, 10, Any},
    {"rtm", 7, 0, EBX, 11, Any},
    {"avx512f", 7, 0, EBX, 16, Zmm},
    {"avx512dq", 7, 0, EBX, 17, Zmm},
    {"rdseed", 7, 0, EBX, 18, Any},
    {"adx", 7, 0, EBX, 19, Any},
    {"avx512ifma", 7, 0, EBX, 21, Zmm},
    {"clflushopt", 7, 0, EBX, 23, Any},
    {"clwb", 7, 0, EBX, 24, Any},
    {"avx512cd", 7, 0, EBX, 28, Zmm},
    {"sha", 7, 0, EBX, 29, Any},
    {"avx512bw", 7, 0, EBX, 30, Zmm},
    {"avx512vl", 7, 0, EBX, 31, Zmm},
    {"avx512vbmi", 7, 0, ECX, 1, Zmm},
    {"pku", 7, 0, ECX, 4, Any},
    {"waitpkg", 7, 0, ECX, 5, Any},
    {"avx512vbmi2", 7, 0, ECX, 6, Zmm},
    {"shstk", 7, 0, ECX, 7, Any},
    {"gfni", 7, 0, ECX, 8, Any},
    {"vaes", 7, 0, ECX, 9, Ymm},
    {"vpclmulqdq", 7, 0, ECX, 10, Ymm},
    {"avx512vnni", 7, 0, ECX, 11, Zmm},
    {"avx512bitalg", 7, 0, ECX, 12, Zmm},
    {"avx512vpopcntdq", 7, 0, ECX, 14, Zmm},
    {"rdpid", 7, 0, ECX, 22, Any},
    {"kl", 7, 0, ECX, 23, Any},
    {"cldemote", 7, 0, ECX, 25, Any},
    {"movdiri", 7, 0, ECX, 27, Any},
    {"movdir64b", 7, 0, ECX, 28, Any},
    {"enqcmd", 7, 0, ECX, 29, Any},
    {"uintr", 7, 0, EDX, 5, Any},
    {"avx512vp2intersect", 7, 0, EDX, 8, Zmm},
    {"serialize", 7, 0, EDX, 14, Any},
    {"tsxldtrk", 7, 0, EDX, 16, Any},
    {"pconfig", 7, 0, EDX, 18, Any},
    {"amx-bf16", 7, 0, EDX, 22, Tile},
    {"avx512fp16", 7, 0, EDX, 23, Zmm},
    {"amx-tile", 7, 0, EDX, 24, Tile},
    {"amx-int8", 7, 0, EDX, 25, Tile},
    {"sha512", 7, 1, EAX, 0, Ymm},
    {"sm3", 7, 1, EAX, 1, Ymm},
    {"sm4", 7, 1, EAX, 2, Ymm},
    {"raoint", 7, 1, EAX, 3, Any},
    {"avxvnni", 7, 1, EAX, 4, Ymm},
    {"avx512bf16", 7, 1, EAX, 5, Zmm},
    {"cmpccxadd", 7, 1, EAX, 7, Any},
    {"amx-fp16", 7, 1, EAX, 21, Tile},
    {"hreset", 7, 1, EAX, 22, Any},
    {"avxifma", 7, 1, EAX, 23, Ymm},
    {"movrs", 7, 1, EAX, 31, Any},
    {"avxvnniint8", 7, 1, EDX, 4, Ymm},
    {"avxneconvert", 7, 1, EDX, 5, Ymm},
    {"amx-complex", 7, 1, EDX, 8, Tile},
    {"avxvnniint16", 7, 1, EDX, 10, Ymm},
    {"prefetchi", 7, 1, EDX, 14, Any},
    {"usermsr", 7, 1, EDX, 15, Any},
    {"xsaveopt", 0xd, 1, EAX, 0, Any},
    {"xsavec", 0xd, 1, EAX, 1, Any},
    {"xsaves", 0xd, 1, EAX, 3, Any},
    {"ptwrite", 0x14, 0, EBX, 4, Any},
    {"widekl", 0x19, 0, EBX, 2, Any},
    {"sahf", kExtended, 0, ECX, 0, Any},
    {"lzcnt", kExtended, 0, ECX, 5, Any},
    {"sse4a", kExtended, 0, ECX, 6, Any},
    {"prfchw", kExtended, 0, ECX, 8, Any},
    {"xop", kExtended, 0, ECX, 11, Ymm},
    {"lwp", kExtended, 0, ECX, 15, Any},
    {"fma4", kExtended, 0, ECX, 16, Ymm},
    {"tbm", kExtended, 0, ECX, 21, Any},
    {"mwaitx", kExtended, 0, ECX, 29, Any},
    {"64bit", kExtended, 0, EDX, 29, Any},
    {"clzero", kExtended8, 0, EBX, 0, Any},
    {"rdpru", kExtended8, 0, EBX, 4, Any},
    {"wbnoinvd", kExtended8, 0, EBX, 9, Any},
};

/// XCR0, or 0 when the operating system does not use it.
uint64_t savedState() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
    return 0;
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t(high) << 32 | low;
}

/// Linux lets a process use AMX's tiles only after it asked to.
bool mayUseTiles() {
  constexpr int kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

bool present(const Feature &feature) {
  unsigned r[4] = {};
  if (!__get_cpuid_count(feature.leaf, feature.subleaf, &r[EAX], &r[EBX],
                         &r[ECX], &r[EDX]))
    return false;
  static const uint64_t saved = savedState();
  if (!(r[feature.reg] >> feature.bit & 1) ||
      (saved & feature.saved) != feature.saved)
    return false;
  if (feature.saved != Tile)
    return true;
  static const bool tiles = mayUseTiles();
  return tiles;
}

} // namespace

bool trine::hasCpuFeature(std::string_view name) {
  for (const Feature &feature : features)
    if (name == feature.name)
      return present(feature);
  return false;
}

std::vector<std::string> trine::cpuFeatures() {
  std::vector<std::string> names;
  for (const Feature &feature : features)
    if (present(feature))
      names.emplace_back(feature.name);
  return names;
}

std::string trine::cpuModel() {
  char name[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    unsigned r[4] = {};
    if (!__get_cpuid(0x80000002 + i, &r[EAX], &r[EBX], &r[ECX], &r[EDX]))
      return "unknown";
    std::memcpy(name + sizeof(r) * i, r, sizeof(r));
  }
  std::string text = name;
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

void trine::requireCpuFeatures(const std::vector<std::string> &needed,
                               const std::string &path) {
  std::string missing;
  for (const std::string &name : needed)
    if (!hasCpuFeature(name))
      missing += (missing.empty() ? "" : ", ") + name;
  if (missing.empty())
    return;
  // What even --cpu=x86-64-v3 needs; lib/Target/CPU/Machine.cpp.
  bool able = hasCpuFeature("avx2") && hasCpuFeature("fma");
  throw Error(ExitCode::Environment, path,
              fmt::format("this CPU ({}) lacks {}; {}", cpuModel(), missing,
                          able ? "compile the model on this machine with "
                                 "--cpu=native or for more machines with "
                                 "--cpu=x86-64-v3"
                               : "Trine's CPU code needs AVX2 and FMA: run it "
                                 "on another machine"));
}
