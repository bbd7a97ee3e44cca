//===- Experts.h - a mixture of experts instead of an MLP -------*- C++ -*-===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#pragma once

#include "ModelBuilder.h"

namespace trine {

struct ExpertsConfig {
  int64_t count = 0, top = 0; ///< experts, and how many a token chooses
  int64_t feedForward = 0;    ///< size of an expert's inner layer
  graph::Scoring scoring = graph::Scoring::Softmax;
  bool biased =
      false; ///< the choice has a bias, <gate>.e_score_correction_bias
  bool normalize = true;
  int64_t groups = 1, limit = 1;
  double scale = 1;
  graph::Activation activation = graph::Activation::Silu;
  /// An expert's three layers below <node>.experts.<number>.
  std::string gate, up, down;
};

/// Reports what cannot be routed. `countKey`: what config.json calls the count.
void checkExperts(ModelBuilder &model, const ExpertsConfig &config,
                  const char *countKey);

/// x [.., H] → [.., H]; the stored tensors of all experts are one parameter.
mlir::Value buildExperts(ModelBuilder &model, const std::string &node,
                         mlir::Value x, const ExpertsConfig &config);

} // namespace trine
