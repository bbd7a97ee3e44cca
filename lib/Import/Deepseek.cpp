//===- Deepseek.cpp - DeepSeek-V3 as a causal language model --------------===//
// arXiv 2412.19437, numbers as transformers computes them: latent attention,
// experts behind the first layers, rotary embedding stretched by YaRN.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "LlamaConfig.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

namespace {

/// What LlamaConfig has not; of that, headSize and rope* are the rotated part
/// of a head, keyValueHeads is not used.
struct DeepseekConfig : LlamaConfig {
  int64_t queryRank = 0; ///< of the query's own compression; 0: none
  int64_t latent = 0;    ///< size of the compressed keys and values
  int64_t plainSize = 0; ///< of a head's part without rotation
  int64_t valueSize = 0;
  double scale = 0;        ///< of the logits of attention
  int64_t denseLayers = 0; ///< that have an MLP
  int64_t shared = 0;      ///< inner size of the shared experts; 0: none
  int64_t predictors = 0;  ///< layers of multi-token prediction
  bool attentionBias = false;
};

class Deepseek {
public:
  Deepseek(ModelBuilder &m, DeepseekConfig config)
      : m(m), c(std::move(config)) {}
  OwningOpRef<ModuleOp> build();

private:
  Value norm(const std::string &node, Value x, double epsilon) {
    int64_t size = cast<RankedTensorType>(x.getType()).getShape().back();
    return m.make<RmsNormOp>(node, x, m.weight(node + ".weight", {size}),
                             m.real(epsilon), m.real(0));
  }
  Value slice(const std::string &node, Value x, int64_t axis, int64_t start,
              int64_t size) {
    return m.make<SliceOp>(node, x, m.integer(axis), m.integer(start),
                           m.integer(size));
  }
  Value join(const std::string &node, Value a, Value b) {
    return m.make<ConcatOp>(node, ValueRange{a, b}, m.integer(3));
  }
  Value rotate(const std::string &node, Value x, Value positions) {
    auto style = RopeStyleAttr::get(m.builder.getContext(), c.ropeStyle);
    return m.make<RopeOp>(node, x, positions, style, m.real(c.ropeTheta),
                          m.integer(c.ropeDims), c.ropeScaling);
  }
  Value query(const std::string &at, Value x, Value positions);
  Value attention(int64_t layer, Value x, Value positions, Value past);
  Value mlp(const std::string &at, Value x, int64_t size);
  Value feedForward(int64_t layer, Value x);
  Value hidden(Value tokens, Value past);
  Value logits(Value x);
  Value embedding() {
    return m.weight("embed_tokens.weight", {c.vocabulary, c.hidden});
  }
  /// A tensor of a layer of multi-token prediction.
  bool predicts(StringRef tensor) const;

  ModelBuilder &m;
  DeepseekConfig c;
};

/// transformers' norms of compressed values do not take the model's epsilon.
constexpr double kLatentEpsilon = 1e-6;

} // namespace

/// Queries [B, S, heads, latent + rotated] of the compressed keys: a head's
/// plain part goes through its part of kv_b_proj, instead of every key.
Value Deepseek::query(const std::string &at, Value x, Value positions) {
  int64_t size = c.plainSize + c.headSize;
  Value q = x;
  if (c.queryRank) {
    q = m.linear(at + ".q_a_proj", q, c.queryRank, c.attentionBias);
    q = norm(at + ".q_a_layernorm", q, kLatentEpsilon);
    q = m.linear(at + ".q_b_proj", q, c.heads * size, /*bias=*/false);
  } else {
    q = m.linear(at + ".q_proj", q, c.heads * size, /*bias=*/false);
  }
  q = m.reshape(at + ".q_heads", q, {0, 0, c.heads, size});
  Value keys =
      m.weightRows(at + ".kv_b_proj.weight", "key", c.heads,
                   {0, c.plainSize, c.plainSize + c.valueSize}, c.latent);
  Value plain = slice(at + ".q_plain", q, 3, 0, c.plainSize);
  plain = m.make<GroupedLinearOp>(at + ".q_latent", plain, keys,
                                  m.builder.getUnitAttr());
  Value turned = slice(at + ".q_turned", q, 3, c.plainSize, c.headSize);
  return join(at + ".query", plain, rotate(at + ".q_rope", turned, positions));
}

/// One key head of the latent and a rotated part, one value head of the latent:
/// both states hold what is compressed, and kv_b_proj is never applied to them.
Value Deepseek::attention(int64_t layer, Value x, Value positions, Value past) {
  std::string at = fmt::format("layers.{}.self_attn", layer);
  Value q = query(at, x, positions);
  Value all = m.linear(at + ".kv_a_proj_with_mqa", x, c.latent + c.headSize,
                       c.attentionBias);
  Value value = slice(at + ".kv_latent", all, 2, 0, c.latent);
  value = norm(at + ".kv_a_layernorm", value, kLatentEpsilon);
  value = m.reshape(at + ".value", value, {0, 0, 1, c.latent});
  Value turned = slice(at + ".k_turned", all, 2, c.latent, c.headSize);
  turned = m.reshape(at + ".k_head", turned, {0, 0, 1, c.headSize});
  Value key =
      join(at + ".key", value, rotate(at + ".k_rope", turned, positions));
  if (past) {
    key = m.append(at + ".k_cache", fmt::format("k.{}", layer), key, past);
    value = m.append(at + ".v_cache", fmt::format("v.{}", layer), value, past);
  }
  Value mixed = m.make<AttentionOp>(at, q, key, value, past, Value(),
                                    m.builder.getUnitAttr(), m.real(c.scale),
                                    FloatAttr(), IntegerAttr());
  Value values = m.weightRows(
      at + ".kv_b_proj.weight", "value", c.heads,
      {c.plainSize, c.valueSize, c.plainSize + c.valueSize}, c.latent);
  mixed = m.make<GroupedLinearOp>(at + ".values", mixed, values, UnitAttr());
  mixed = m.reshape(at + ".mixed", mixed, {0, 0, c.heads * c.valueSize});
  return m.linear(at + ".o_proj", mixed, c.hidden, c.attentionBias);
}

Value Deepseek::mlp(const std::string &at, Value x, int64_t size) {
  auto kind = ActivationAttr::get(m.builder.getContext(), c.activation);
  Value gate = m.weight(at + ".gate_proj.weight", {size, c.hidden});
  Value up = m.weight(at + ".up_proj.weight", {size, c.hidden});
  Value wide = m.make<GatedOp>(at + ".gate_up", x, gate, up, kind);
  return m.linear(at + ".down_proj", wide, c.hidden, /*bias=*/false);
}

Value Deepseek::feedForward(int64_t layer, Value x) {
  std::string at = fmt::format("layers.{}.mlp", layer);
  if (layer < c.denseLayers)
    return mlp(at, x, c.feedForward);
  Value routed = buildExperts(m, at, x, *c.experts);
  if (!c.shared)
    return routed;
  return m.make<AddOp>(at, routed, mlp(at + ".shared_experts", x, c.shared));
}

Value Deepseek::hidden(Value tokens, Value past) {
  Value positions = m.positions(tokens, past);
  Value x = m.make<GatherOp>("embed_tokens", embedding(), tokens);
  for (int64_t i = 0; i < c.layers; ++i) {
    std::string at = fmt::format("layers.{}", i);
    Value mixed = attention(i, norm(at + ".input_layernorm", x, c.epsilon),
                            positions, past);
    x = m.make<AddOp>(at + ".attn_residual", x, mixed);
    Value fed =
        feedForward(i, norm(at + ".post_attention_layernorm", x, c.epsilon));
    x = m.make<AddOp>(at + ".mlp_residual", x, fed);
  }
  return x;
}

Value Deepseek::logits(Value x) {
  x = norm("norm", x, c.epsilon);
  if (c.tied)
    return m.make<LinearOp>("lm_head", x, embedding(), Value());
  return m.linear("lm_head", x, c.vocabulary, /*bias=*/false);
}

bool Deepseek::predicts(StringRef tensor) const {
  int64_t layer = 0;
  return tensor.consume_front("model.layers.") &&
         !tensor.split('.').first.getAsInteger(10, layer) &&
         layer >= c.layers && layer < c.layers + c.predictors;
}

OwningOpRef<ModuleOp> Deepseek::build() {
  m.maxSequence(c.positions, /*hard=*/false);
  m.causalEntries(
      c.vocabulary,
      [&](Value tokens, Value past) { return hidden(tokens, past); },
      [&](Value x) { return logits(x); });
  for (int64_t i = c.layers; i < c.layers + c.predictors; ++i) {
    std::string first;
    int64_t count = 0;
    for (const StoredTensor &tensor : m.model.weights().tensors())
      if (StringRef(tensor.name)
              .starts_with(fmt::format("model.layers.{}.", i)) &&
          count++ == 0)
        first = tensor.name;
    if (count)
      m.warn(fmt::format("layer {} predicts further tokens (num_nextn_predict_"
                         "layers) and is left out: {} tensors, '{}' first",
                         i, count, first));
  }
  return m.finish("causal_lm", [&](StringRef tensor) {
    return tensor.ends_with(".rotary_emb.inv_freq") || predicts(tensor) ||
           (c.tied && tensor == "lm_head.weight");
  });
}

//===----------------------------------------------------------------------===//
// config.json
//===----------------------------------------------------------------------===//

/// The scale of attention grows with YaRN's `mscale_all_dim`.
static double attentionScale(const JsonReader &config,
                             const DeepseekConfig &c) {
  double scale = 1 / std::sqrt(double(c.plainSize + c.headSize));
  std::optional<JsonReader> rope = config.object("rope_parameters");
  if (!rope)
    rope = config.object("rope_scaling");
  if (!rope || !c.ropeScaling)
    return scale;
  double all = rope->get<double>("mscale_all_dim", 0);
  double mscale = all == 0 ? 1 : yarnScale(rope->get<double>("factor"), all);
  return scale * mscale * mscale;
}

static ExpertsConfig readExperts(ModelBuilder &m, const JsonReader &config,
                                 const DeepseekConfig &c) {
  ExpertsConfig experts;
  experts.count = config.positive("n_routed_experts");
  experts.top = config.positive("num_experts_per_tok");
  experts.feedForward = config.positive("moe_intermediate_size");
  experts.groups = config.positive("n_group", 1);
  experts.limit = config.positive("topk_group", 1);
  experts.normalize = config.get<bool>("norm_topk_prob", true);
  experts.scale = config.get<double>("routed_scaling_factor", 1);
  experts.scoring = Scoring::Sigmoid;
  experts.biased = true;
  experts.activation = c.activation;
  experts.gate = "gate_proj";
  experts.up = "up_proj";
  experts.down = "down_proj";
  for (auto [key, known] :
       {std::pair("scoring_func", "sigmoid"), {"topk_method", "noaux_tc"}})
    if (auto name = config.get<std::string>(key, known); name != known)
      m.unsupported(fmt::format("{} '{}'", key, name));
  if (config.get<int64_t>("moe_layer_freq", 1) != 1)
    m.unsupported("moe_layer_freq other than 1");
  if (!std::isfinite(experts.scale))
    m.bad("routed_scaling_factor: expected a finite number");
  checkExperts(m, experts, "n_routed_experts");
  return experts;
}

static void checkSizes(ModelBuilder &m, const JsonReader &config,
                       const DeepseekConfig &c) {
  for (auto [key, size] : {std::pair("qk_rope_head_dim", c.headSize),
                           {"qk_nope_head_dim", c.plainSize},
                           {"v_head_dim", c.valueSize}})
    if (size > 1 << 16)
      m.bad(fmt::format("{}: expected at most 65536, got {}", key, size));
  if (int64_t heads = config.positive("num_key_value_heads", c.heads);
      heads != c.heads)
    m.bad(fmt::format("num_key_value_heads: expected {}, as many as there are "
                      "heads, got {}",
                      c.heads, heads));
  if (c.denseLayers < 0)
    m.bad(fmt::format("first_k_dense_replace: expected 0 or more, got {}",
                      c.denseLayers));
  if (c.predictors < 0 || c.predictors > 1024)
    m.bad(fmt::format("num_nextn_predict_layers: expected 0 to 1024, got {}",
                      c.predictors));
}

static DeepseekConfig readConfig(ModelBuilder &m, const JsonReader &config) {
  DeepseekConfig c;
  c.hidden = config.positive("hidden_size");
  c.layers = config.positive("num_hidden_layers");
  c.heads = c.keyValueHeads = config.positive("num_attention_heads");
  if (config.maybe<int64_t>("q_lora_rank"))
    c.queryRank = config.positive("q_lora_rank");
  c.latent = config.positive("kv_lora_rank");
  c.headSize = config.positive("qk_rope_head_dim");
  c.plainSize = config.positive("qk_nope_head_dim");
  c.valueSize = config.positive("v_head_dim");
  c.feedForward = config.positive("intermediate_size");
  c.vocabulary = config.positive("vocab_size");
  c.positions = config.positive("max_position_embeddings", 4096);
  c.epsilon = config.get<double>("rms_norm_eps", 1e-6);
  c.activation = activation(m, config.get<std::string>("hidden_act", "silu"));
  c.tied = config.get<bool>("tie_word_embeddings", false);
  c.attentionBias = config.get<bool>("attention_bias", false);
  c.denseLayers = config.get<int64_t>("first_k_dense_replace", 3);
  c.predictors = config.get<int64_t>("num_nextn_predict_layers", 1);
  if (config.get<bool>("rope_interleave", true))
    c.ropeStyle = RopeStyle::Interleaved;
  readRope(m, config, c);
  c.scale = attentionScale(config, c);
  c.experts = readExperts(m, config, c);
  if (config.get<int64_t>("n_shared_experts", 0) != 0)
    c.shared = config.positive("n_shared_experts") * c.experts->feedForward;
  checkSizes(m, config, c);
  checkConfig(m, c);
  m.checkLayers("num_hidden_layers", c.layers);
  m.storedName = [](const std::string &parameter) {
    return (parameter.starts_with("lm_head.") ? "" : "model.") + parameter;
  };
  return c;
}

OwningOpRef<ModuleOp> trine::buildDeepseek(ModelBuilder &model) {
  DeepseekConfig config = readConfig(model, model.model.huggingFace->config());
  model.checkFaults();
  return Deepseek(model, std::move(config)).build();
}
