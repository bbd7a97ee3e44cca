//===- PlugIn.cpp - the interpreter behind trine-run --reference ----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/PlugIn.h"
#include "trine/Reference/Program.h"
#include "trine/Runtime/Guard.h"

#include <cstring>

using namespace mlir;
using namespace trine;
using namespace trine::reference;

struct trine_reference {
  std::unique_ptr<Program> program;
};

static Tensor inputOf(const trine_tensor &input) {
  if (!input.name || input.rank < 0 || input.rank > TRINE_MAX_RANK ||
      (!input.data && input.rank == 0))
    throw Error(ExitCode::Usage, "reference", "an input is malformed");
  return Tensor::view(input.dtype, ArrayRef(input.shape, size_t(input.rank)),
                      input.data);
}

static void fill(trine_tensor &output, const std::string &name,
                 const Tensor &tensor) {
  if (tensor.rank() > TRINE_MAX_RANK)
    throw Error(ExitCode::Unsupported, "output '" + name + "'",
                fmt::format("rank {}", tensor.rank()));
  size_t bytes = size_t(tensor.byteSize());
  output.name = strdup(name.c_str());
  output.dtype = tensor.dtype;
  output.rank = int32_t(tensor.rank());
  llvm::copy(tensor.shape, output.shape);
  output.data = std::malloc(bytes + 1);
  if (!output.name || !output.data)
    throw std::bad_alloc();
  std::memcpy(output.data, tensor.bytes.get(), bytes);
}

int trine_reference_open(const char *file, const char *weights_from,
                         trine_reference **reference, const char **error) {
  return guard(error, [&] {
    *reference = nullptr;
    *reference = new trine_reference{
        Program::open(file, weights_from ? weights_from : "")};
  });
}

void trine_reference_close(trine_reference *reference) { delete reference; }

int trine_reference_call(trine_reference *reference, const char *entry,
                         const trine_tensor *inputs, size_t input_count,
                         trine_tensor *outputs, size_t output_count,
                         const char **error) {
  return guard(error, [&] {
    Program &program = *reference->program;
    func::FuncOp function = program.entry(entry ? entry : "");
    Program::Named named;
    for (const trine_tensor &input : ArrayRef(inputs, input_count))
      if (!named.emplace(input.name, inputOf(input)).second)
        throw Error(ExitCode::Usage, "reference",
                    fmt::format("input '{}' is given twice", input.name));
    auto results = program.run(function, named);
    std::vector<size_t> chosen(output_count);
    for (size_t i = 0; i < output_count; ++i) {
      size_t &at = chosen[i];
      for (at = outputs[i].name ? 0 : i; at < results.size(); ++at)
        if (!outputs[i].name || results[at].first == outputs[i].name)
          break;
      if (at >= results.size())
        throw badInput(function.getName().str(), "no output '{}'",
                       outputs[i].name ? outputs[i].name : std::to_string(i));
    }
    for (size_t i = 0; i < output_count; ++i)
      fill(outputs[i], results[chosen[i]].first, results[chosen[i]].second);
  });
}

int trine_reference_run(const char *file, const char *weights_from,
                        const char *entry, const trine_tensor *inputs,
                        size_t input_count, trine_tensor *outputs,
                        size_t output_count, const char **error) {
  trine_reference *reference = nullptr;
  int code = trine_reference_open(file, weights_from, &reference, error);
  if (code == 0)
    code = trine_reference_call(reference, entry, inputs, input_count, outputs,
                                output_count, error);
  trine_reference_close(reference);
  return code;
}

void trine_reference_free(trine_tensor *outputs, size_t output_count) {
  for (size_t i = 0; i < output_count; ++i) {
    std::free(const_cast<char *>(outputs[i].name));
    std::free(outputs[i].data);
    outputs[i] = {};
  }
}
