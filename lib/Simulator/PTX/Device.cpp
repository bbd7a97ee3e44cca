//===- Device.cpp - memory, modules, launches -----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Simulator/PTX/Device.h"
#include "Decode.h"
#include "Machine.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <fmt/ranges.h>

using namespace trine;
using namespace trine::ptx;

const char *trine::ptx::nameOf(TrapKind kind) {
  static constexpr const char *names[] = {
      "out-of-bounds", "misaligned",      "read-only",       "uninitialised",
      "race",          "async-race",      "deadlock",        "divergent-sync",
      "barrier",       "invalid-operand", "bad-instruction", "assertion",
      "limit"};
  return names[size_t(kind)];
}

//===----------------------------------------------------------------------===//
// Modules
//===----------------------------------------------------------------------===//

Module Module::parse(std::string_view text, const std::string &file) {
  Module module;
  auto tree = std::make_shared<ast::Module>(ast::parse(text, file));
  for (const ast::Function &function : tree->functions) {
    if (!function.kernel || !function.defined)
      continue;
    KernelInfo info;
    info.name = function.name;
    for (uint32_t id : function.parameters) {
      const ast::Variable &variable = tree->variables[id];
      uint32_t at = info.parameterBytes + variable.align - 1;
      at -= at % variable.align;
      info.parameters.push_back({variable.name, at, uint32_t(variable.bytes)});
      info.parameterBytes = at + uint32_t(variable.bytes);
    }
    module.list.push_back(std::move(info));
  }
  module.tree = std::move(tree);
  return module;
}

const KernelInfo &Module::kernel(std::string_view name) const {
  if (name.empty() && list.size() == 1)
    return list[0];
  std::vector<std::string> names;
  for (const KernelInfo &info : list) {
    if (info.name == name)
      return info;
    names.push_back(info.name);
  }
  throw badInput(tree->file, "{}; it has: {}",
                 name.empty() ? "expected one kernel, name which"
                              : fmt::format("no kernel '{}'", name),
                 fmt::join(names, ", "));
}

const std::string &Module::target() const { return tree->target; }

LoadedModule::LoadedModule() = default;
LoadedModule::~LoadedModule() = default;
LoadedModule::LoadedModule(LoadedModule &&) noexcept = default;

const Program &LoadedModule::kernel(std::string_view name) const {
  auto found = programs.find(name);
  if (found == programs.end())
    throw badInput(tree->file, "no kernel '{}'", name);
  return *found->second;
}

std::optional<LoadedModule::Global>
LoadedModule::global(std::string_view name) const {
  auto found = globals.find(name);
  if (found == globals.end())
    return std::nullopt;
  return found->second;
}

uint32_t LoadedModule::sharedBytes(std::string_view name) const {
  return kernel(name).sharedBytes;
}

//===----------------------------------------------------------------------===//
// The device
//===----------------------------------------------------------------------===//

Device::Device(const Arch &arch)
    : chip(arch), memory(std::make_unique<GlobalMemory>()) {}
Device::~Device() = default;

uint64_t Device::allocate(uint64_t bytes) {
  try {
    return memory->allocate(bytes).address;
  } catch (const std::bad_alloc &) {
    throw Error(ExitCode::Environment, "device memory",
                fmt::format("no memory for {} bytes", bytes));
  }
}
bool Device::release(uint64_t address) { return memory->release(address); }

bool Device::write(uint64_t address, std::span<const uint8_t> bytes) {
  Allocation *found = memory->find(address, bytes.size());
  if (found)
    found->storage.write(address - found->address, bytes.data(), bytes.size());
  return found;
}
bool Device::read(uint64_t address, std::span<uint8_t> bytes) const {
  const Allocation *found = memory->find(address, bytes.size());
  if (found && !bytes.empty())
    std::memcpy(bytes.data(), found->storage.data(address - found->address),
                bytes.size());
  return found;
}
bool Device::fill(uint64_t address, uint64_t bytes, uint8_t value) {
  Allocation *found = memory->find(address, bytes);
  if (found)
    found->storage.fill(address - found->address, value, bytes);
  return found;
}
uint64_t Device::unwritten(uint64_t address, uint64_t bytes) const {
  const Allocation *found = memory->find(address, bytes);
  return found ? found->storage.unwritten(address - found->address, bytes) : 0;
}

/// sm_80 code runs on what is later, sm_90a code on sm_90a alone.
static void checkTarget(const ast::Module &module, const Arch &arch) {
  unsigned number = 0;
  std::string_view target = module.target;
  for (char c : target.substr(std::min<size_t>(3, target.size())))
    if (c >= '0' && c <= '9')
      number = number * 10 + unsigned(c - '0');
  bool special = target.ends_with('a') || target.ends_with('f');
  if (!target.starts_with("sm_") || number > arch.number ||
      (special && target != arch.name))
    throw badInput(module.file, "target {} does not run on {}", target,
                   arch.name);
}

LoadedModule Device::load(const Module &module) {
  const ast::Module &tree = module.ast();
  checkTarget(tree, chip);
  LoadedModule loaded;
  loaded.tree = module.tree;
  std::map<uint32_t, uint64_t> addresses;
  for (uint32_t id = 0; id < tree.variables.size(); ++id) {
    const ast::Variable &variable = tree.variables[id];
    if (variable.space != Space::Global && variable.space != Space::Const)
      continue;
    Allocation &made = memory->allocate(variable.bytes);
    made.constant = variable.space == Space::Const;
    // What has no initialiser is zero.
    made.storage.fill(0, 0, variable.bytes);
    if (variable.initialised)
      made.storage.write(0, variable.data.data(), variable.data.size());
    addresses[id] = made.address;
    loaded.globals[variable.name] = {made.address, variable.bytes};
  }
  for (const auto &[id, address] : addresses)
    for (const ast::Variable::Relocation &r : tree.variables[id].relocations) {
      uint64_t value = addresses.at(r.variable) + uint64_t(r.addend);
      Allocation *in = memory->find(address + r.offset, 8);
      if (in)
        in->storage.write(address + r.offset - in->address, &value, 8);
    }
  std::vector<std::string> unsupported;
  for (const ast::Function &function : tree.functions)
    if (function.kernel && function.defined)
      loaded.programs[function.name] =
          Decoder(tree, chip, addresses, unsupported).run(function);
  if (!unsupported.empty()) {
    std::ranges::sort(unsupported);
    auto rest = std::ranges::unique(unsupported);
    unsupported.erase(rest.begin(), rest.end());
    throw Error(ExitCode::Unsupported, tree.file,
                fmt::format("{} instructions are not supported on {}",
                            unsupported.size(), chip.name),
                unsupported);
  }
  return loaded;
}

LaunchResult Device::launch(const Program &kernel, const LaunchOptions &options,
                            std::span<const uint8_t> parameters) {
  auto refuse = [&](const std::string &what) {
    throw Error(ExitCode::BadInput, kernel.name, what);
  };
  uint64_t threads = options.block.count();
  if (threads == 0 || threads > 1024 || options.block.z > 64)
    refuse(
        fmt::format("expected a block of 1 to 1024 threads, got {}", threads));
  if (options.grid.count() == 0 || options.grid.y > 65535 ||
      options.grid.z > 65535 || options.grid.count() > uint64_t(1) << 31)
    refuse("expected a grid of 1 to 2^31 blocks, y and z at most 65535");
  if (options.cluster.count() != 1)
    refuse("clusters are not supported");
  if (kernel.sharedBytes + uint64_t(options.dynamicShared) >
      chip.sharedPerBlock)
    refuse(fmt::format("expected at most {} bytes of shared memory on {}, got "
                       "{} + {}",
                       chip.sharedPerBlock, chip.name, kernel.sharedBytes,
                       options.dynamicShared));
  if (parameters.size() != kernel.parameterBytes)
    refuse(fmt::format("expected {} bytes of parameters, got {}",
                       kernel.parameterBytes, parameters.size()));
  return Machine(kernel, chip, *memory, options, parameters).run();
}
