//===- Device.h - a simulated NVIDIA GPU ------------------------*- C++ -*-===//
// Memory, modules and launches, as a driver offers them. A launch runs to its
// end; whatever a kernel does wrong ends it with a Trap, not an exception.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "trine/Simulator/PTX/Module.h"

#include <array>
#include <map>
#include <optional>
#include <span>

namespace trine::ptx {

/// What an architecture offers; a row of Arch.cpp.
struct Arch {
  const char *name;        ///< "sm_80"
  unsigned number;         ///< 80
  char suffix;             ///< 'a': features of this chip alone; else 0
  uint32_t sharedPerBlock; ///< bytes a launch may ask for
  uint32_t processors;     ///< of the chip that is meant
};

std::span<const Arch> allArchs();
/// Null for an unknown name.
const Arch *findArch(std::string_view name);
/// "sm_80, sm_86, …"
std::string archNames();

/// Throws Environment where the host's CPU lacks what the simulator was built
/// for (AVX2, FMA, F16C).
void checkHost();

enum class TrapKind : uint8_t {
  OutOfBounds,
  Misaligned,
  ReadOnly,       ///< a store to constant memory or parameters
  Uninitialised,  ///< decides an address, a branch or a result, never written
  Race,           ///< of shared memory
  AsyncRace,      ///< bytes of cp.async touched before they are waited for
  Deadlock,       ///< every warp waits
  DivergentSync,  ///< lanes wait for lanes that will not come
  Barrier,        ///< a barrier's number or count
  InvalidOperand, ///< a value an instruction does not take
  BadInstruction, ///< trap, brkpt, unreachable
  Assertion,
  Limit, ///< of instructions
};

/// "out-of-bounds"
const char *nameOf(TrapKind kind);

struct Trap {
  TrapKind kind = TrapKind::BadInstruction;
  uint32_t line = 0;
  std::array<uint32_t, 3> cta = {};
  uint32_t warp = 0, lane = 0;
  uint64_t address = 0;
  uint32_t otherLine = 0; ///< of a race: the earlier access; 0 for none
  std::string source;     ///< "gemm.cu:12" where the PTX has .loc
  std::string what;
  std::vector<std::string> notes; ///< a deadlock: where each warp waits
};

enum class Async : uint8_t {
  Lazy,  ///< bytes land when they are waited for (by seed, some earlier)
  Eager, ///< bytes land at once
};

struct LaunchOptions {
  Dim3 grid, block, cluster;
  uint32_t dynamicShared = 0; ///< bytes
  Async async = Async::Lazy;
  /// 0: warps take turns in order; else a random legal order.
  uint64_t seed = 0;
  /// Warp instructions after which a launch counts as hung.
  uint64_t limit = uint64_t(4) << 30;
  bool races = true;     ///< check shared memory for races
  unsigned resident = 8; ///< blocks that run at the same time
};

/// Accesses of one line to shared memory.
struct BankUse {
  uint64_t accesses = 0, wavefronts = 0, ideal = 0;
};

struct LaunchResult {
  std::optional<Trap> trap;
  uint64_t instructions = 0;               ///< of warps
  uint64_t lanes = 0;                      ///< lanes of these that were active
  std::map<std::string, uint64_t> opcodes; ///< instructions of each
  std::map<uint32_t, BankUse> banks;       ///< by line
  uint64_t globalSectors = 0;              ///< of 32 bytes, moved
  /// The first line that stored an undefined value outside the block; or 0.
  uint32_t undefinedStore = 0;
};

struct Program;
class GlobalMemory;

/// A module on a device: its kernels decoded, its variables in memory.
class LoadedModule {
public:
  LoadedModule();
  ~LoadedModule();
  LoadedModule(LoadedModule &&) noexcept;

  const Program &kernel(std::string_view name) const;
  struct Global {
    uint64_t address, bytes;
  };
  /// Nothing for a name that is no .global or .const variable.
  std::optional<Global> global(std::string_view name) const;
  /// Static shared memory of a kernel, bytes.
  uint32_t sharedBytes(std::string_view kernel) const;

private:
  friend class Device;
  std::shared_ptr<const ast::Module> tree;
  std::map<std::string, std::unique_ptr<Program>, std::less<>> programs;
  std::map<std::string, Global, std::less<>> globals;
};

class Device {
public:
  explicit Device(const Arch &arch);
  ~Device();

  const Arch &arch() const { return chip; }

  /// Never 0; unwritten until written. Throws Environment when the host has no
  /// memory left.
  uint64_t allocate(uint64_t bytes);
  /// False for an address that is not the begin of an allocation. Freed
  /// addresses are not given out again.
  bool release(uint64_t address);
  /// False where [address, address + bytes) is not within one allocation.
  bool write(uint64_t address, std::span<const uint8_t> bytes);
  bool read(uint64_t address, std::span<uint8_t> bytes) const;
  bool fill(uint64_t address, uint64_t bytes, uint8_t value);
  /// Bytes of the range that no kernel or copy has given a value.
  uint64_t unwritten(uint64_t address, uint64_t bytes) const;

  /// Throws Unsupported with a note for every instruction that is unknown or
  /// beyond the device; BadInput for a module of a later target.
  LoadedModule load(const Module &module);

  /// Throws BadInput for a launch that a driver refuses (sizes, parameters).
  LaunchResult launch(const Program &kernel, const LaunchOptions &options,
                      std::span<const uint8_t> parameters);

private:
  const Arch &chip;
  std::unique_ptr<GlobalMemory> memory;
};

} // namespace trine::ptx
