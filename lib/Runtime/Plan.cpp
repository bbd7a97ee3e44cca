//===- Plan.cpp - entry + sizes → addresses and arguments -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Plan.h"
#include "Tensor.h"
#include "trine/Support/Error.h"

#include <cstring>

using namespace trine;
using Origin = ProgramValue::Origin;

static constexpr uint64_t kPage = 4096;
static constexpr uint64_t kLargestArena = uint64_t(1) << 50;

static uint64_t roundUp(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

Workspace::Workspace(Program &program, int64_t batch)
    : past(uint64_t(batch) * sizeof(int32_t), Pages::Kind::Sparse,
           "the rows' lengths"),
      batch(batch) {
  // One mapping for all: the system limits their number.
  std::vector<uint64_t> offsets;
  uint64_t end = 0;
  for (const State &state : program.manifest.states) {
    uint64_t bytes = state.bytesPerRow * uint64_t(batch);
    Device *device = program.device(state.device);
    deviceStates.push_back(device ? DeviceBuffer(*device, bytes)
                                  : DeviceBuffer());
    offsets.push_back(end);
    if (!device)
      end = roundUp(end + bytes + kBufferAlign, kPage);
    if (end > kLargestArena)
      throw badInput(program.path, "the sequence state of {} rows is too large",
                     batch);
  }
  stateMemory = Pages(end, Pages::Kind::Sparse, "the sequence state");
  for (size_t i = 0; i < offsets.size(); ++i)
    states.push_back(deviceStates[i].data() ? deviceStates[i].data()
                                            : stateMemory.data() + offsets[i]);
}

Plan::Plan(Program &program, const Entry &entry,
           std::vector<int64_t> symbolValues, Workspace &workspace)
    : entry(&entry), symbols(std::move(symbolValues)),
      values(entry.values.size()) {
  measure(program);
  placeParameters(program);
  placeWork(program, workspace);
  placeRest(program, workspace);
  arrange(program);
  generation = workspace.generation;
}

/// Shapes and bytes; what lies in the program's own storage must fit there.
void Plan::measure(const Program &program) {
  for (size_t i = 0; i < values.size(); ++i) {
    const ProgramValue &value = entry->values[i];
    for (const Size &size : value.shape)
      values[i].shape.push_back(size.evaluate(symbols));
    int64_t least = storedBytes(value.layout, values[i].shape, value.dtype);
    values[i].bytes = value.bytes.evaluate(symbols);
    if (values[i].bytes < least)
      throw badInput(program.path,
                     "manifest entry '{}': value {} needs {} bytes, but has {}",
                     entry->name, i, least, values[i].bytes);
  }
  // What the caller gives and gets has the shape the entry declares.
  for (const std::vector<EntryTensor> *list : {&entry->inputs, &entry->outputs})
    for (const EntryTensor &tensor : *list)
      for (size_t dim = 0; dim < tensor.shape.size(); ++dim)
        if (tensor.shape[dim].evaluate(symbols) !=
            values[size_t(tensor.value)].shape[dim])
          throw badInput(program.path,
                         "manifest entry '{}': tensor '{}' has another shape "
                         "than its value",
                         entry->name, tensor.name);
}

void Workspace::reserve(uint64_t arenaBytes, uint64_t scratchBytes,
                        uint64_t sharedBytes, int threads) {
  if (arenaBytes > arena.size()) {
    ++generation;
    arena = Pages(); // first, so that both are never there at once
    arena = Pages(arenaBytes, Pages::Kind::Huge, "intermediate results");
  }
  if (scratchBytes > scratchStride) {
    scratchStride = roundUp(scratchBytes, kBufferAlign) + kBufferAlign;
    scratch =
        Pages(scratchStride * uint64_t(threads), Pages::Kind::Huge, "scratch");
  }
  if (sharedBytes > shared.size())
    shared = Pages(sharedBytes, Pages::Kind::Huge, "scratch");
}

void *Workspace::buffer(size_t storage, Device &device, uint64_t bytes) {
  DeviceBuffer &buffer = buffers[{storage, &device}];
  if (!buffer.data() || buffer.size() < bytes) {
    ++generation;
    buffer = DeviceBuffer();
    buffer = DeviceBuffer(device, bytes);
  }
  return buffer.data();
}

/// Copies of parameters on other devices are made once, not by a step.
void Plan::placeParameters(Program &program) {
  for (const Step &step : entry->steps) {
    Device *device = program.device(step.device);
    if (step.kind != Step::Kind::Copy || !device)
      continue;
    const ProgramValue &value = entry->values[size_t(step.operands[0])];
    if (value.origin != Origin::Parameter)
      continue;
    size_t result = size_t(step.results[0]), index = size_t(value.index);
    if (uint64_t(values[result].bytes) >
        program.manifest.parameters[index].bytes)
      throw badInput(program.path,
                     "manifest entry '{}': value {} is larger than its "
                     "parameter",
                     entry->name, result);
    values[result].data = program.onDevice(index, *device);
  }
}

/// Slots and inputs: one after the other in the arena, or in buffers of their
/// own on other devices.
void Plan::placeWork(const Program &program, Workspace &workspace) {
  const std::vector<Device *> &devices =
      program.valueDevices[size_t(entry - program.manifest.entries.data())];
  // Storage of a value: its slot; inputs follow the slots.
  constexpr size_t none = SIZE_MAX;
  auto storage = [&](size_t i) {
    const ProgramValue &value = entry->values[i];
    if (values[i].data) // a parameter
      return none;
    if (value.origin == Origin::Slot)
      return size_t(value.index);
    return value.origin == Origin::Input ? size_t(entry->slots + value.index)
                                         : none;
  };
  std::map<std::pair<size_t, Device *>, uint64_t> sizes;
  for (size_t i = 0; i < values.size(); ++i)
    if (storage(i) != none) {
      uint64_t &size = sizes[{storage(i), devices[i]}];
      size = std::max(size, uint64_t(values[i].bytes));
    }

  std::map<std::pair<size_t, Device *>, uint64_t> offsets;
  uint64_t end = 0, scratch = 0, shared = 0;
  for (const auto &[key, size] : sizes)
    if (!key.second) {
      offsets[key] = end;
      uint64_t room = roundUp(size, kBufferAlign) + kBufferAlign;
      // Buffers a multiple of the page size apart compete for cache sets.
      end += room % kPage == 0 ? room + kBufferAlign : room;
      if (end > kLargestArena)
        throw badInput(program.path,
                       "entry '{}' needs too much memory; use a "
                       "shorter sequence or a smaller batch",
                       entry->name);
    }
  for (const Step &step : entry->steps) {
    scratch = std::max(scratch, uint64_t(step.scratch.evaluate(symbols)));
    shared = std::max(shared, uint64_t(step.shared.evaluate(symbols)));
  }
  workspace.reserve(end, scratch, shared, program.pool->threads());

  for (size_t i = 0; i < values.size(); ++i)
    if (size_t index = storage(i); index == none)
      continue;
    else if (devices[i])
      values[i].data =
          workspace.buffer(index, *devices[i], sizes[{index, devices[i]}]);
    else
      values[i].data = workspace.arena.data() + offsets[{index, nullptr}];
}

/// Parameters, states and lengths: parts of storage that is there already.
void Plan::placeRest(const Program &program, const Workspace &workspace) {
  for (size_t i = 0; i < values.size(); ++i) {
    const ProgramValue &value = entry->values[i];
    size_t index = size_t(value.index);
    uint64_t room = 0;
    if (value.origin == Origin::Parameter) {
      const Parameter &parameter = program.manifest.parameters[index];
      // Kernels take addresses of one kind; these they only read.
      values[i].data =
          const_cast<uint8_t *>(program.weights.data()) + parameter.offset;
      room = parameter.bytes;
    } else if (value.origin == Origin::State) {
      values[i].data = workspace.states[index];
      room = program.manifest.states[index].bytesPerRow *
             uint64_t(workspace.batch);
    } else if (value.origin == Origin::Length) {
      values[i].data = workspace.past.data();
      room = uint64_t(workspace.batch) * sizeof(int32_t);
    } else {
      continue;
    }
    if (uint64_t(values[i].bytes) > room)
      throw badInput(program.path,
                     "manifest entry '{}': value {} needs {} bytes, but its "
                     "storage has {}",
                     entry->name, i, values[i].bytes, room);
  }
}

static trine_device_tensor deviceTensor(const PlanValue &value,
                                        const ProgramValue &declared) {
  return {value.data, int32_t(dtypeFromName(declared.dtype)),
          int32_t(value.shape.size()), value.shape.data()};
}

/// Arguments of every step; addresses and shapes are final by now.
void Plan::arrange(const Program &program) {
  std::vector<size_t> begins;
  for (const Step &step : entry->steps) {
    PlanStep &planned = steps.emplace_back();
    planned.step = &step;
    planned.device = program.device(step.device);
    bool copy = step.kind == Step::Kind::Copy;
    if (copy)
      planned.source = program.device(step.sourceDevice);
    else
      planned.function = program.functions[size_t(step.kernel)];
    begins.push_back(arguments.size());
    for (const std::vector<int64_t> *list : {&step.operands, &step.results})
      for (int64_t index : *list) {
        const PlanValue &value = values[size_t(index)];
        if (!planned.function) {
          planned.tensors.push_back(
              deviceTensor(value, entry->values[size_t(index)]));
          continue;
        }
        arguments.push_back(reinterpret_cast<int64_t>(value.data));
        arguments.insert(arguments.end(), value.shape.begin(),
                         value.shape.end());
      }
    if (!copy)
      continue;
    const ProgramValue &source = entry->values[size_t(step.operands[0])];
    planned.bytes = size_t(values[size_t(step.operands[0])].bytes);
    if (int64_t(planned.bytes) != values[size_t(step.results[0])].bytes)
      throw badInput(program.path,
                     "manifest entry '{}' copies between values of different "
                     "size",
                     entry->name);
    if (source.origin == Origin::Parameter && planned.device)
      planned.bytes = 0; // it is there
  }
  for (size_t i = 0; i < steps.size(); ++i)
    steps[i].arguments = arguments.data() + begins[i];
}
