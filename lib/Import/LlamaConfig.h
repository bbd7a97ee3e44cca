//===- LlamaConfig.h - sizes of a model built like Llama --------*- C++ -*-===//
// Read and checked from config.json or GGUF metadata.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "Experts.h"

namespace trine {

/// Who reads the sizes: what a family always or never has, files do not say.
enum class LlamaFamily { Llama, Mixtral, Qwen2, Qwen3 };

struct LlamaConfig {
  int64_t hidden = 0, layers = 0, heads = 0, keyValueHeads = 0, headSize = 0;
  int64_t feedForward = 0, vocabulary = 0, positions = 0;
  double epsilon = 0, ropeTheta = 10000;
  int64_t ropeDims = 0;
  graph::RopeStyle ropeStyle = graph::RopeStyle::Half;
  graph::RopeScalingAttr ropeScaling; ///< null: none
  graph::Activation activation = graph::Activation::Silu;
  int64_t window = 0; ///< keys a query sees at most; 0: all before it
  /// Does the window hold in the layer? Null: in all.
  std::function<bool(int64_t layer)> hasWindow;
  std::optional<ExpertsConfig> experts; ///< in place of every MLP
  bool headNorms = false; ///< q_norm and k_norm of each head, before rope
  bool tied = false;      ///< the output projection is the embedding table
  /// Does the node ("layers.0.mlp.up_proj") have a bias?
  std::function<bool(const std::string &node)> hasBias;
};

/// Both report what is unsupported or contradictory to `model`, set its
/// `storedName` and throw what makes reading on pointless.
LlamaConfig readLlamaConfig(ModelBuilder &model, LlamaFamily family,
                            const HFModel &files);
LlamaConfig readLlamaConfig(ModelBuilder &model, LlamaFamily family,
                            const GgufFile &file);

/// What any config of this kind must satisfy; reports what does not.
void checkConfig(ModelBuilder &model, const LlamaConfig &config);
/// Rotary base, dimensions (headSize) and scaling of config.json.
void readRope(ModelBuilder &model, const JsonReader &config, LlamaConfig &to);
/// The "temperature" of attention, arXiv 2309.00071 equation 22.
double yarnScale(double factor, double mscale = 1);

} // namespace trine
