//===- Session.cpp - a call: check, plan, copy, run -----------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Session.h"
#include "Tensor.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <chrono>
#include <cstring>

using namespace trine;

/// Prefills of changing lengths must not push out the decode step's plan.
static constexpr size_t kCachedPlans = 8;

static std::unique_lock<std::mutex> lock(Program &program) {
  return std::unique_lock(program.mutex);
}

Session::Session(std::shared_ptr<Program> owner, int64_t batch)
    : program(std::move(owner)), workspace((lock(*program), *program), batch),
      rowLengths(size_t(batch)) {}

Session::~Session() {
  // Devices are used by one thread at a time, for releasing as well.
  std::unique_lock<std::mutex> held = lock(*program);
  workspace.buffers.clear();
  workspace.deviceStates.clear();
}

void Session::truncate(int64_t length) {
  if (length < 0)
    throw badInput("session", "expected a length of at least 0, got {}",
                   length);
  for (int32_t &row : rowLengths)
    row = int32_t(std::min<int64_t>(row, length));
}

/// The entry's output of each of the caller's tensors, their shapes checked.
static std::vector<const EntryTensor *>
bindOutputs(const Entry &entry, const Plan &plan,
            std::span<const trine_tensor> outputs) {
  std::vector<const EntryTensor *> bound;
  for (const trine_tensor &tensor : outputs) {
    std::string_view name = tensor.name ? tensor.name : "";
    std::string known;
    const EntryTensor *found = nullptr;
    for (const EntryTensor &output : entry.outputs) {
      known += (known.empty() ? "" : ", ") + output.name;
      if (output.name == name)
        found = &output;
    }
    if (!found)
      throw badInput("entry '" + entry.name + "'",
                     "no output '{}'; it gives: {}", name, known);
    bound.push_back(found);
    if (!tensor.data)
      continue;
    const std::vector<int64_t> &shape = plan.values[size_t(found->value)].shape;
    if (tensor.rank != int32_t(shape.size()) ||
        !std::equal(shape.begin(), shape.end(), tensor.shape))
      throw badInput(
          "entry '" + entry.name + "'",
          "output '{}': expected room for {}, got {}", name,
          shapeText(shape.data(), shape.size()),
          shapeText(tensor.shape,
                    size_t(std::clamp(tensor.rank, 0, TRINE_MAX_RANK))));
  }
  return bound;
}

/// Plain bytes of a tensor; its shape has been checked for overflow.
static size_t plainBytes(const std::vector<int64_t> &shape,
                         std::string_view dtype) {
  return size_t(storedBytes(Layout{}, shape, dtype));
}

void Session::run(const std::string &name, std::span<const trine_tensor> inputs,
                  std::span<trine_tensor> outputs) {
  if (profiler)
    times.start();
  const Entry &entry = program->entry(name);
  Binding binding = bindInputs(*program, entry, inputs, rowLengths);
  std::unique_lock<std::mutex> held = lock(*program);
  Plan &plan = planFor(entry, binding.symbols);
  std::vector<const EntryTensor *> bound = bindOutputs(entry, plan, outputs);
  copyInputs(plan, binding);
  if (profiler)
    times.reserve(plan.steps.size(), program->pool->threads());
  observer ? executeObserved(plan) : execute(plan);
  held.unlock();

  for (size_t row = 0; row < binding.appended.size(); ++row)
    rowLengths[row] += binding.appended[row];
  for (size_t i = 0; i < bound.size(); ++i) {
    const PlanValue &value = plan.values[size_t(bound[i]->value)];
    outputs[i].dtype = dtypeFromName(bound[i]->dtype);
    outputs[i].rank = int32_t(value.shape.size());
    std::copy(value.shape.begin(), value.shape.end(), outputs[i].shape);
    if (outputs[i].data)
      std::memcpy(outputs[i].data, value.data,
                  plainBytes(value.shape, bound[i]->dtype));
    else
      outputs[i].data = value.data;
  }
  if (profiler)
    times.report(plan, *program, workspace, profiler, profilerData);
}

Plan &Session::planFor(const Entry &entry,
                       const std::vector<int64_t> &symbols) {
  auto usable = [&](const std::unique_ptr<Plan> &plan) {
    return plan->entry == &entry && plan->symbols == symbols;
  };
  std::erase_if(plans, [&](const std::unique_ptr<Plan> &plan) {
    return plan->generation != workspace.generation;
  });
  auto found = std::ranges::find_if(plans, usable);
  if (found == plans.end()) {
    auto plan = std::make_unique<Plan>(*program, entry, symbols, workspace);
    if (plans.size() == kCachedPlans)
      plans.pop_back();
    found = plans.insert(plans.end(), std::move(plan));
  }
  std::rotate(plans.begin(), found, found + 1);
  return *plans.front();
}

void Session::copyInputs(const Plan &plan, const Binding &binding) {
  for (size_t i = 0; i < binding.inputs.size(); ++i) {
    const EntryTensor &input = plan.entry->inputs[i];
    const PlanValue &value = plan.values[size_t(input.value)];
    if (const trine_tensor *tensor = binding.inputs[i]) {
      size_t bytes = plainBytes(value.shape, input.dtype);
      if (bytes)
        std::memcpy(value.data, tensor->data, bytes);
      continue;
    }
    auto *lengths = static_cast<int32_t *>(value.data);
    std::fill_n(lengths, value.shape[0], int32_t(binding.tokens));
  }
  std::memcpy(workspace.past.data(), rowLengths.data(),
              rowLengths.size() * sizeof(int32_t));
}

namespace {
/// A thread of the pool, as kernels see it.
struct Team : KernelTeam {
  Pool &pool;

  Team(Pool &pool, const Workspace &workspace, int thread)
      : KernelTeam{thread, pool.threads(),
                   workspace.scratch.data() +
                       workspace.scratchStride * uint64_t(thread),
                   workspace.shared.data(), meet},
        pool(pool) {}

  static void meet(const KernelTeam *team) {
    static_cast<const Team *>(team)->pool.barrier();
  }
};
} // namespace

void Session::runOnDevice(const PlanStep &step) {
  if (step.step->kind == Step::Kind::Kernel) {
    const Kernel &kernel = program->manifest.kernels[size_t(step.step->kernel)];
    std::span<const trine_device_tensor> tensors = step.tensors;
    size_t operands = step.step->operands.size();
    step.device->launch(kernel.name.c_str(), tensors.first(operands),
                        tensors.subspan(operands));
    return;
  }
  void *from = step.tensors[0].data, *to = step.tensors[1].data;
  size_t bytes = step.bytes;
  if (step.source && step.device) {
    std::vector<uint8_t> host(bytes);
    step.source->fromDevice(host.data(), from, bytes);
    step.device->toDevice(to, host.data(), bytes);
  } else if (step.source) {
    step.source->fromDevice(to, from, bytes);
  } else {
    step.device->toDevice(to, from, bytes);
  }
}

void Session::runStep(const Plan &plan, size_t index, const KernelTeam &team) {
  const PlanStep &step = plan.steps[index];
  int thread = int(team.thread);
  if (profiler)
    times.begin(index, thread);
  if (step.function)
    step.function(step.arguments, &team);
  else
    runOnDevice(step);
  if (profiler && step.device) // a launch may return before its work is done
    step.device->fromDevice(nullptr, nullptr, 0);
  if (profiler)
    times.end(index, thread);
}

void Session::execute(const Plan &plan) {
  Pool &pool = *program->pool;
  std::exception_ptr failure;
  // By number: a slow thread may ask about a step when a later one has failed.
  std::atomic<size_t> failed{SIZE_MAX};
  const PlanStep *steps = plan.steps.data();
  size_t count = plan.steps.size();
  pool.run([&](int thread) {
    Team team(pool, workspace, thread);
    for (size_t i = 0; i < count; ++i) {
      bool shared = steps[i].function;
      if (shared || thread == 0)
        try {
          runStep(plan, i, team);
        } catch (...) { // only a device's step, on the first thread
          failure = std::current_exception();
          failed = i;
        }
      if (i + 1 < count)
        pool.barrier();
      if (!shared && failed == i)
        return;
    }
  });
  if (failure)
    std::rethrow_exception(failure);
}

void Session::executeObserved(const Plan &plan) {
  Pool &pool = *program->pool;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const PlanStep &step = plan.steps[i];
    auto part = [&](int thread) {
      runStep(plan, i, Team(pool, workspace, thread));
    };
    auto start = std::chrono::steady_clock::now();
    if (step.function)
      pool.run(part);
    else
      part(0); // may throw
    std::chrono::duration<double> elapsed =
        std::chrono::steady_clock::now() - start;
    report(plan, step, elapsed.count());
  }
}

void Session::report(const Plan &plan, const PlanStep &planned,
                     double seconds) {
  const Step &step = *planned.step;
  bool copy = step.kind == Step::Kind::Copy;
  static const Kernel copyKernel = [] {
    Kernel kernel;
    kernel.name = kernel.family = "copy";
    return kernel;
  }();
  const Kernel &kernel =
      copy ? copyKernel : program->manifest.kernels[size_t(step.kernel)];
  std::vector<trine_tensor> results;
  std::vector<std::string> layouts;
  std::vector<std::vector<uint8_t>> host;
  for (int64_t index : step.results) {
    const PlanValue &value = plan.values[size_t(index)];
    const ProgramValue &declared = plan.entry->values[size_t(index)];
    trine_tensor tensor{"",
                        dtypeFromName(declared.dtype),
                        int32_t(value.shape.size()),
                        {},
                        value.data};
    std::copy(value.shape.begin(), value.shape.end(), tensor.shape);
    if (planned.device) {
      host.emplace_back(size_t(value.bytes));
      planned.device->fromDevice(host.back().data(), value.data,
                                 host.back().size());
      tensor.data = host.back().data();
    }
    results.push_back(tensor);
    layouts.push_back(declared.layout.text());
  }
  std::vector<const char *> names;
  for (const std::string &layout : layouts)
    names.push_back(layout.c_str());
  trine_step_event event{kernel.name.c_str(),
                         kernel.family.c_str(),
                         step.device.c_str(),
                         step.node.c_str(),
                         seconds,
                         results.size(),
                         results.data(),
                         names.data()};
  observer(&event, observerData);
}
