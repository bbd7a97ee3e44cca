//===- Binding.cpp - a call's inputs → checked, sizes known ---------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Binding.h"
#include "Tensor.h"
#include "trine/Support/Error.h"

#include <algorithm>
#include <fmt/ranges.h>

using namespace trine;
using Origin = ProgramValue::Origin;

namespace {

class Binder {
public:
  Binder(const Program &program, const Entry &entry,
         const std::vector<int32_t> &lengths)
      : program(program), entry(entry), lengths(lengths) {}

  Binding run(std::span<const trine_tensor> inputs) {
    match(inputs);
    bindSymbols();
    checkShapes();
    checkLimits();
    checkBatch();
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      checkIds(i);
    binding.tokens = entry.appendSymbol < 0
                         ? entry.appendTokens
                         : binding.symbols[size_t(entry.appendSymbol)];
    checkLengths();
    if (entry.stateful)
      checkCapacity();
    return std::move(binding);
  }

private:
  template <typename... Args>
  Error bad(fmt::format_string<Args...> text, Args &&...args) const {
    return badInput("entry '" + entry.name + "'", "{}",
                    fmt::format(text, std::forward<Args>(args)...));
  }

  /// "tokens i32[B,S]"
  std::string signature(const EntryTensor &input) const {
    std::vector<std::string> dims;
    for (const Size &size : input.shape)
      if (std::optional<uint32_t> symbol = size.asSymbol())
        dims.push_back(entry.symbols[*symbol]);
      else
        dims.push_back(size.asConstant() ? std::to_string(*size.asConstant())
                                         : "?");
    return fmt::format("{}[{}]", input.dtype, fmt::join(dims, ","));
  }

  void match(std::span<const trine_tensor> tensors) {
    binding.inputs.resize(entry.inputs.size());
    for (const trine_tensor &tensor : tensors) {
      std::string_view name = tensor.name ? tensor.name : "";
      auto found = std::ranges::find(entry.inputs, name, &EntryTensor::name);
      if (found == entry.inputs.end())
        throw bad("no input '{}'; it takes: {}", name, inputNames());
      const trine_tensor *&slot =
          binding.inputs[size_t(found - entry.inputs.begin())];
      if (slot)
        throw bad("input '{}' is given twice", name);
      slot = &tensor;
      checkType(*found, tensor);
    }
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      if (!binding.inputs[i] && !entry.inputs[i].optional)
        throw bad("input '{}' is missing; it takes: {}", entry.inputs[i].name,
                  inputNames());
  }

  std::string inputNames() const {
    std::vector<std::string> names;
    for (const EntryTensor &input : entry.inputs)
      names.push_back(input.name + " " + signature(input) +
                      (input.optional ? " (optional)" : ""));
    return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
  }

  void checkType(const EntryTensor &input, const trine_tensor &tensor) const {
    if (tensor.rank != int32_t(input.shape.size()) ||
        dtypeName(dtypeCode(tensor)) != input.dtype)
      throw bad("input '{}': expected {}, got {} of rank {}", input.name,
                signature(input), dtypeName(dtypeCode(tensor)), tensor.rank);
    int64_t elements = 1;
    for (int32_t i = 0; i < tensor.rank; ++i)
      if (tensor.shape[i] < 0 ||
          __builtin_mul_overflow(elements, tensor.shape[i], &elements))
        throw bad("input '{}': shape {} is not possible", input.name,
                  shapeText(tensor.shape, size_t(tensor.rank)));
    if (!tensor.data && elements)
      throw bad("input '{}' has no data", input.name);
  }

  void bindSymbols() {
    binding.symbols.assign(entry.symbols.size(), -1);
    for (size_t i = 0; i < entry.inputs.size(); ++i)
      for (size_t dim = 0; dim < entry.inputs[i].shape.size(); ++dim)
        if (std::optional<uint32_t> symbol =
                entry.inputs[i].shape[dim].asSymbol();
            symbol && !entry.inputs[i].optional && binding.symbols[*symbol] < 0)
          binding.symbols[*symbol] = binding.inputs[i]->shape[dim];
  }

  void checkShapes() const {
    for (size_t i = 0; i < entry.inputs.size(); ++i) {
      const trine_tensor *tensor = binding.inputs[i];
      if (!tensor)
        continue;
      std::vector<int64_t> expected;
      for (const Size &size : entry.inputs[i].shape)
        expected.push_back(size.evaluate(binding.symbols));
      if (!std::equal(expected.begin(), expected.end(), tensor->shape))
        throw bad("input '{}': expected {} = {}, got {}", entry.inputs[i].name,
                  signature(entry.inputs[i]),
                  shapeText(expected.data(), expected.size()),
                  shapeText(tensor->shape, expected.size()));
    }
  }

  void checkLimits() const {
    for (size_t i = 0; i < entry.symbols.size(); ++i) {
      const std::string &name = entry.symbols[i];
      int64_t value = binding.symbols[i], limit = entry.symbolLimits[i];
      bool model = program.manifest.modelKind != "mlir";
      if (value == 0 && (model || entry.stateful))
        throw bad("expected at least one {}, got {} = 0",
                  name == "S"   ? "token a row"
                  : name == "B" ? "row"
                                : "element",
                  name);
      if (!limit || value <= limit)
        continue;
      if (name == "S")
        throw bad("sequence of {} exceeds --max-sequence={}; compile with a "
                  "larger one",
                  value, limit);
      if (name == "B")
        throw bad("batch of {} exceeds --max-batch={}; compile with a larger "
                  "one",
                  value, limit);
      throw bad("dimension {} = {} exceeds its limit {}", name, value, limit);
    }
  }

  /// The session's rows and the call's must be the same ones.
  void checkBatch() const {
    for (const ProgramValue &value : entry.values) {
      if (value.origin != Origin::State && value.origin != Origin::Length)
        continue;
      int64_t batch = value.shape[0].evaluate(binding.symbols);
      if (batch != int64_t(lengths.size()))
        throw bad("expected the session's batch of {}, got {}", lengths.size(),
                  batch);
    }
  }

  void checkIds(size_t index) const {
    const EntryTensor &input = entry.inputs[index];
    const trine_tensor *tensor = binding.inputs[index];
    if (!tensor || !input.indexLimit)
      return;
    auto *ids = static_cast<const int32_t *>(tensor->data);
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; ++i)
      count *= tensor->shape[i];
    for (int64_t i = 0; i < count; ++i) {
      if (ids[i] >= 0 && ids[i] < input.indexLimit)
        continue;
      std::vector<int64_t> at(size_t(tensor->rank));
      int64_t rest = i;
      for (int32_t dim = tensor->rank; dim-- > 0;) {
        at[size_t(dim)] = rest % tensor->shape[dim];
        rest /= tensor->shape[dim];
      }
      throw bad("input '{}': expected ids from 0 to {}, got {} at {}",
                input.name, input.indexLimit - 1, ids[i],
                shapeText(at.data(), at.size()));
    }
  }

  void checkLengths() {
    const trine_tensor *given =
        entry.lengthsInput < 0 ? nullptr
                               : binding.inputs[size_t(entry.lengthsInput)];
    if (!given) {
      if (entry.stateful)
        binding.appended.assign(lengths.size(), int32_t(binding.tokens));
      return;
    }
    auto *values = static_cast<const int32_t *>(given->data);
    for (int64_t row = 0; row < given->shape[0]; ++row)
      if (values[row] < 1 || values[row] > binding.tokens)
        throw bad("input '{}': expected 1 to {}, got {} at [{}]", given->name,
                  binding.tokens, values[row], row);
    if (entry.stateful)
      binding.appended.assign(values, values + given->shape[0]);
  }

  /// All positions are written, padding included, so all must fit.
  void checkCapacity() const {
    if (binding.appended.size() != lengths.size())
      throw bad("expected the session's batch of {}, got {}", lengths.size(),
                binding.appended.size());
    int64_t capacity = INT32_MAX;
    if (program.manifest.maxSequence)
      capacity = program.manifest.maxSequence;
    for (const State &state : program.manifest.states)
      capacity = std::min(capacity, state.capacity);
    for (size_t row = 0; row < lengths.size(); ++row)
      if (lengths[row] + binding.tokens > capacity)
        throw bad("sequence of {} exceeds --max-sequence={}: row {} holds {} "
                  "tokens and {} are to be appended; truncate or reset the "
                  "session, or compile with a larger one",
                  lengths[row] + binding.tokens, capacity, row, lengths[row],
                  binding.tokens);
  }

  const Program &program;
  const Entry &entry;
  const std::vector<int32_t> &lengths;
  Binding binding;
};

} // namespace

Binding trine::bindInputs(const Program &program, const Entry &entry,
                          std::span<const trine_tensor> inputs,
                          const std::vector<int32_t> &lengths) {
  return Binder(program, entry, lengths).run(inputs);
}
