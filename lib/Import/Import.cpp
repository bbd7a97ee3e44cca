//===- Import.cpp - which builder a model gets ----------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Import/Import.h"
#include "ModelBuilder.h"
#include "dialects/fp8/Fp8.h"

#include <fmt/ranges.h>

using namespace mlir;
using namespace trine;

namespace {
struct Architecture {
  const char *name;
  OwningOpRef<ModuleOp> (*build)(ModelBuilder &);
};
} // namespace

static constexpr Architecture ggufArchitectures[] = {
    {"llama", buildLlama}, {"qwen2", buildQwen2}, {"qwen3", buildQwen3}};
static constexpr Architecture huggingFaceArchitectures[] = {
    {"LlamaForCausalLM", buildLlama},
    {"Qwen2ForCausalLM", buildQwen2},
    {"Qwen3ForCausalLM", buildQwen3},
    {"MixtralForCausalLM", buildMixtral},
    {"DeepseekV3ForCausalLM", buildDeepseek},
    {"BertModel", buildBert}};

/// "general.architecture", or the one entry of config.json's "architectures".
static std::string architectureOf(const Model &model) {
  if (model.gguf)
    return std::string(
        model.gguf->get<std::string_view>("general.architecture"));
  auto names = model.huggingFace->config().get<std::vector<std::string>>(
      "architectures");
  if (names.size() != 1)
    throw model.huggingFace->config().expected("architectures",
                                               "a list of one name");
  return names[0];
}

OwningOpRef<ModuleOp> trine::importModel(MLIRContext &context,
                                         const Model &model,
                                         const ImportOptions &options,
                                         std::vector<std::string> &warnings) {
  context
      .loadDialect<fp8::Fp8Dialect, graph::GraphDialect, func::FuncDialect>();
  ModelBuilder builder(context, model, options, warnings);
  ArrayRef<Architecture> known = model.gguf
                                     ? ArrayRef(ggufArchitectures)
                                     : ArrayRef(huggingFaceArchitectures);
  std::string name = architectureOf(model);
  for (const Architecture &architecture : known)
    if (name == architecture.name)
      return architecture.build(builder);
  std::vector<std::string> names;
  for (const Architecture &architecture : known)
    names.push_back(architecture.name);
  builder.unsupported(fmt::format("architecture '{}'; Trine imports {}", name,
                                  fmt::join(names, ", ")));
  builder.check();
  return {};
}
