//===- ManifestCheck.cpp - what ties a manifest's fields ------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ManifestCheck.h"
#include "trine/Package/Package.h"
#include "trine/Support/Error.h"

#include <set>

using namespace trine;
using Origin = ProgramValue::Origin;

namespace {

/// Checks one entry against the manifest it belongs to.
class EntryCheck {
public:
  EntryCheck(const Manifest &manifest, const Entry &entry,
             const std::string &path)
      : manifest(manifest), entry(entry), path(path) {}

  void run() const {
    require(!entry.name.empty(), "has no name");
    require(entry.symbolLimits.size() == entry.symbols.size(),
            "has symbols without limits");
    require(entry.slots <= int64_t(entry.values.size()),
            "has more slots than values");
    bool counts = entry.appendSymbol >= 0 || entry.appendTokens > 0;
    require(entry.appendSymbol < int64_t(entry.symbols.size()) &&
                entry.lengthsInput < int64_t(entry.inputs.size()) &&
                (counts || (!entry.stateful && entry.lengthsInput < 0)),
            "does not say by how much a call appends");
    for (size_t i = 0; i < entry.values.size(); ++i)
      checkValue(i);
    checkInputs();
    checkOutputs();
    for (size_t i = 0; i < entry.steps.size(); ++i)
      checkStep(i);
    valueDevices(manifest, entry, path);
  }

private:
  template <typename... Args>
  void require(bool condition, fmt::format_string<Args...> text,
               Args &&...args) const {
    if (!condition)
      throw badInput(path, "manifest entry '{}' {}", entry.name,
                     fmt::format(text, std::forward<Args>(args)...));
  }

  bool isValue(int64_t index) const {
    return index >= 0 && index < int64_t(entry.values.size());
  }

  void checkSize(const Size &size, size_t more = 0) const {
    size_t symbols = entry.symbols.size() + more;
    for (const Size::Term &term : size.terms)
      for (uint32_t symbol : term.symbols)
        require(symbol < symbols, "uses symbol {} of {}", symbol, symbols);
    size.asConstant();
  }

  void checkValue(size_t index) const {
    const ProgramValue &value = entry.values[index];
    int64_t limit = 1;
    if (value.origin == Origin::Input)
      limit = int64_t(entry.inputs.size());
    else if (value.origin == Origin::Slot)
      limit = entry.slots;
    else if (value.origin == Origin::Parameter)
      limit = int64_t(manifest.parameters.size());
    else if (value.origin == Origin::State)
      limit = int64_t(manifest.states.size());
    require(value.index < limit, "value {} refers to number {} of {}", index,
            value.index, limit);
    for (const Size &size : value.shape)
      checkSize(size);
    checkSize(value.bytes);
    bool lengths = value.origin == Origin::Length;
    require(!lengths || (value.dtype == "i32" && value.shape.size() == 1),
            "value {} is no list of lengths", index);
    require(value.origin != Origin::State || value.shape.size() >= 2,
            "value {} is no state: it has no batch", index);
  }

  void checkInputs() const {
    std::set<std::string> names;
    std::vector<bool> bound(entry.symbols.size());
    for (size_t i = 0; i < entry.inputs.size(); ++i) {
      const EntryTensor &input = entry.inputs[i];
      require(names.insert(input.name).second, "has input '{}' twice",
              input.name);
      checkTensor(input);
      const ProgramValue &value = entry.values[size_t(input.value)];
      require(value.origin == Origin::Input && value.index == int64_t(i),
              "input '{}' has the value of another", input.name);
      for (const Size &size : input.shape)
        if (std::optional<uint32_t> symbol = size.asSymbol();
            symbol && !input.optional)
          bound[*symbol] = true;
      require(!input.optional || int64_t(i) == entry.lengthsInput,
              "input '{}' cannot be optional", input.name);
      require(input.indexLimit == 0 || input.dtype == "i32",
              "input '{}' has an index limit but is not i32", input.name);
    }
    for (size_t i = 0; i < bound.size(); ++i)
      require(bound[i], "has a dimension '{}' that no input gives",
              entry.symbols[i]);
    if (entry.lengthsInput >= 0) {
      const EntryTensor &lengths = entry.inputs[size_t(entry.lengthsInput)];
      require(lengths.dtype == "i32" && lengths.shape.size() == 1,
              "input '{}' is no list of lengths", lengths.name);
    }
  }

  void checkOutputs() const {
    std::set<std::string> names;
    for (const EntryTensor &output : entry.outputs) {
      require(names.insert(output.name).second, "has output '{}' twice",
              output.name);
      checkTensor(output);
    }
  }

  /// Inputs and outputs are plain; their values have the same type.
  void checkTensor(const EntryTensor &tensor) const {
    require(isValue(tensor.value), "tensor '{}' refers to value {} of {}",
            tensor.name, tensor.value, entry.values.size());
    const ProgramValue &value = entry.values[size_t(tensor.value)];
    require(value.dtype == tensor.dtype &&
                value.shape.size() == tensor.shape.size() &&
                value.layout.kind == "rows",
            "tensor '{}' is not the plain {} of rank {} its value is",
            tensor.name, tensor.dtype, tensor.shape.size());
    for (const Size &size : tensor.shape)
      checkSize(size);
  }

  void checkStep(size_t index) const {
    const Step &step = entry.steps[index];
    for (const std::vector<int64_t> *list : {&step.operands, &step.results})
      for (int64_t value : *list)
        require(isValue(value), "step {} refers to value {} of {}", index,
                value, entry.values.size());
    checkSize(step.scratch);
    checkSize(step.shared);
    for (const std::optional<Size> *cost : {&step.flops, &step.bytes})
      if (*cost)
        checkSize(**cost, 1);
    if (step.kind == Step::Kind::Copy) {
      require(step.operands.size() == 1 && step.results.size() == 1 &&
                  step.device != step.sourceDevice,
              "step {} is no copy between two devices", index);
      require(valueOf(step.results[0]).origin == Origin::Slot,
              "step {} writes a value that is not its own", index);
      return;
    }
    require(step.kernel < int64_t(manifest.kernels.size()),
            "step {} runs kernel {} of {}", index, step.kernel,
            manifest.kernels.size());
    const Kernel &kernel = manifest.kernels[size_t(step.kernel)];
    require(kernel.operands == int64_t(step.operands.size()) &&
                kernel.results == int64_t(step.results.size()) &&
                kernel.device == step.device,
            "step {} does not fit kernel '{}'", index, kernel.name);
    for (size_t i = 0; i < step.results.size(); ++i)
      checkResult(index, valueOf(step.results[i]), kernel.ties[i]);
  }

  void checkResult(size_t step, const ProgramValue &result, int64_t tie) const {
    if (tie < 0) {
      require(result.origin == Origin::Slot,
              "step {} writes a value that is not its own", step);
      return;
    }
    const ProgramValue &operand =
        valueOf(entry.steps[step].operands[size_t(tie)]);
    require(operand.origin == result.origin && operand.index == result.index,
            "step {} ties a result to other storage", step);
    require(result.origin != Origin::Parameter &&
                result.origin != Origin::Length,
            "step {} writes a value that is not its own", step);
  }

  const ProgramValue &valueOf(int64_t index) const {
    return entry.values[size_t(index)];
  }

  const Manifest &manifest;
  const Entry &entry;
  const std::string &path;
};

} // namespace

static void checkKernel(const Kernel &kernel, const std::string &path) {
  bool ties = int64_t(kernel.ties.size()) == kernel.results;
  for (int64_t tie : kernel.ties)
    ties &= tie < kernel.operands;
  if (kernel.name.empty() || !ties)
    throw badInput(path, "manifest kernel '{}' ties results it does not have",
                   kernel.name);
}

static void checkParameter(const Parameter &parameter, const std::string &path,
                           uint64_t weightBytes) {
  if (parameter.offset % kPackagePage || parameter.offset > weightBytes ||
      parameter.bytes > weightBytes - parameter.offset)
    throw badInput(path,
                   "manifest parameter '{}': {} bytes at {} do not lie in a "
                   "page-aligned part of the {} bytes of section 'weights'",
                   parameter.name, parameter.bytes, parameter.offset,
                   weightBytes);
  int64_t least =
      storedBytes(parameter.layout, parameter.shape, parameter.dtype);
  if (parameter.bytes < uint64_t(least))
    throw badInput(path,
                   "manifest parameter '{}': expected at least {} bytes, got "
                   "{}",
                   parameter.name, least, parameter.bytes);
}

static void checkState(const State &state, const std::string &path) {
  std::vector<int64_t> row = {1};
  row.insert(row.end(), state.shape.begin(), state.shape.end());
  int64_t least = storedBytes(state.layout, row, state.dtype);
  if (state.shape.empty() || state.capacity != state.shape[0] ||
      state.bytesPerRow < uint64_t(least) ||
      state.bytesPerRow > (uint64_t(1) << 44))
    throw badInput(path,
                   "manifest state '{}': expected {} positions in at least {} "
                   "bytes a row, got {} bytes",
                   state.name, state.capacity, least, state.bytesPerRow);
}

void trine::checkManifest(const Manifest &manifest, const std::string &path,
                          uint64_t weightBytes) {
  for (const Kernel &kernel : manifest.kernels)
    checkKernel(kernel, path);
  for (const Parameter &parameter : manifest.parameters)
    checkParameter(parameter, path, weightBytes);
  for (const State &state : manifest.states)
    checkState(state, path);
  std::set<std::string> names;
  for (const Entry &entry : manifest.entries) {
    EntryCheck(manifest, entry, path).run();
    if (!names.insert(entry.name).second)
      throw badInput(path, "manifest has entry '{}' twice", entry.name);
  }
}

std::vector<std::string> trine::valueDevices(const Manifest &manifest,
                                             const Entry &entry,
                                             const std::string &path) {
  std::vector<std::string> devices(entry.values.size());
  // Where a slot's content lies after the steps so far; "" before any.
  std::vector<std::string> slots(size_t(entry.slots));
  auto locate = [&](int64_t index) -> std::string & {
    const ProgramValue &value = entry.values[size_t(index)];
    std::string &device = devices[size_t(index)];
    if (device.empty() && value.origin == Origin::Slot)
      device = slots[size_t(value.index)];
    else if (device.empty())
      device = value.origin == Origin::State
                   ? manifest.states[size_t(value.index)].device
                   : "cpu";
    return device;
  };
  auto use = [&](int64_t index, const std::string &device,
                 const std::string &user) {
    const std::string &home = locate(index);
    if (home != device)
      throw badInput(path,
                     "manifest entry '{}': {} uses value {} on device '{}', "
                     "but it is {}",
                     entry.name, user, index, device,
                     home.empty() ? "not written yet" : "on '" + home + "'");
  };
  for (size_t i = 0; i < entry.steps.size(); ++i) {
    const Step &step = entry.steps[i];
    std::string user = fmt::format("step {}", i);
    bool copy = step.kind == Step::Kind::Copy;
    for (int64_t operand : step.operands)
      use(operand, copy ? step.sourceDevice : step.device, user);
    for (int64_t result : step.results) {
      const ProgramValue &value = entry.values[size_t(result)];
      if (value.origin == Origin::Slot)
        slots[size_t(value.index)] = devices[size_t(result)] = step.device;
      use(result, step.device, user);
    }
  }
  for (const EntryTensor &output : entry.outputs)
    use(output.value, "cpu", "output '" + output.name + "'");
  return devices;
}
