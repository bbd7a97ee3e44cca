//===- Llama.cpp - Llama and Qwen as causal language models ---------------===//
// arXiv 2302.13971 and 2407.21783: pre-norm, grouped-query attention with
// rotary embedding, gated MLP. Qwen2 (2407.10671) adds biases, Qwen3
// (2505.09388) a norm of each query and key head. Part of Trine, under
// Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "LlamaConfig.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

namespace {

class Llama {
public:
  Llama(ModelBuilder &m, LlamaConfig config) : m(m), c(std::move(config)) {}
  OwningOpRef<ModuleOp> build();

private:
  /// Where this call's tokens stand. `past` is null in the stateless entry.
  struct Context {
    Value positions, past;
  };
  Value linear(const std::string &node, Value x, int64_t features) {
    return m.linear(node, x, features, c.hasBias(node));
  }
  /// Over the last dimension.
  Value norm(const std::string &node, Value x) {
    int64_t size = cast<RankedTensorType>(x.getType()).getShape().back();
    return m.make<RmsNormOp>(node, x, m.weight(node + ".weight", {size}),
                             m.real(c.epsilon), m.real(0));
  }
  Value heads(const std::string &node, Value x, int64_t count) {
    return m.reshape(node, linear(node, x, count * c.headSize),
                     {0, 0, count, c.headSize});
  }
  Value rotate(const std::string &node, Value x, Value positions);
  Value attention(int64_t layer, Value x, const Context &context);
  Value mlp(int64_t layer, Value x);
  Value hidden(Value tokens, Value past);
  Value logits(Value x);
  Value embedding() {
    return m.weight("embed_tokens.weight", {c.vocabulary, c.hidden});
  }

  ModelBuilder &m;
  LlamaConfig c;
};

} // namespace

Value Llama::rotate(const std::string &node, Value x, Value positions) {
  return m.make<RopeOp>(node, x, positions,
                        RopeStyleAttr::get(m.builder.getContext(), c.ropeStyle),
                        m.real(c.ropeTheta), m.integer(c.ropeDims),
                        c.ropeScaling);
}

Value Llama::attention(int64_t layer, Value x, const Context &context) {
  std::string at = fmt::format("layers.{}.self_attn", layer);
  Value q = heads(at + ".q_proj", x, c.heads);
  Value k = heads(at + ".k_proj", x, c.keyValueHeads);
  Value v = heads(at + ".v_proj", x, c.keyValueHeads);
  if (c.headNorms) {
    q = norm(at + ".q_norm", q);
    k = norm(at + ".k_norm", k);
  }
  q = rotate(at + ".q_rope", q, context.positions);
  k = rotate(at + ".k_rope", k, context.positions);
  if (context.past) {
    k = m.append(at + ".k_cache", fmt::format("k.{}", layer), k, context.past);
    v = m.append(at + ".v_cache", fmt::format("v.{}", layer), v, context.past);
  }
  bool windowed = c.window && (!c.hasWindow || c.hasWindow(layer));
  Value mixed = m.make<AttentionOp>(
      at, q, k, v, context.past, Value(), m.builder.getUnitAttr(),
      m.real(1 / std::sqrt(double(c.headSize))), FloatAttr(),
      windowed ? m.integer(c.window) : IntegerAttr());
  mixed = m.reshape(at, mixed, {0, 0, c.heads * c.headSize});
  return linear(at + ".o_proj", mixed, c.hidden);
}

Value Llama::mlp(int64_t layer, Value x) {
  if (c.experts)
    return buildExperts(m, fmt::format("layers.{}.block_sparse_moe", layer), x,
                        *c.experts);
  std::string at = fmt::format("layers.{}.mlp", layer);
  auto kind = ActivationAttr::get(m.builder.getContext(), c.activation);
  Value wide;
  if (!c.hasBias(at + ".gate_proj") && !c.hasBias(at + ".up_proj")) {
    std::vector<int64_t> shape = {c.feedForward, c.hidden};
    Value gate = m.weight(at + ".gate_proj.weight", shape);
    Value up = m.weight(at + ".up_proj.weight", shape);
    wide = m.make<GatedOp>(at + ".gate_up", x, gate, up, kind);
  } else {
    Value gate = linear(at + ".gate_proj", x, c.feedForward);
    Value up = linear(at + ".up_proj", x, c.feedForward);
    gate = m.activate(at + ".act_fn", gate, c.activation);
    wide = m.make<MulOp>(at, gate, up);
  }
  return linear(at + ".down_proj", wide, c.hidden);
}

Value Llama::hidden(Value tokens, Value past) {
  Context context = {m.positions(tokens, past), past};
  Value x = m.make<GatherOp>("embed_tokens", embedding(), tokens);
  for (int64_t i = 0; i < c.layers; ++i) {
    std::string at = fmt::format("layers.{}", i);
    Value mixed = attention(i, norm(at + ".input_layernorm", x), context);
    x = m.make<AddOp>(at + ".attn_residual", x, mixed);
    Value fed = mlp(i, norm(at + ".post_attention_layernorm", x));
    x = m.make<AddOp>(at + ".mlp_residual", x, fed);
  }
  return x;
}

Value Llama::logits(Value x) {
  x = norm("norm", x);
  if (c.tied)
    return m.make<LinearOp>("lm_head", x, embedding(), Value());
  return m.linear("lm_head", x, c.vocabulary, /*bias=*/false);
}

OwningOpRef<ModuleOp> Llama::build() {
  m.maxSequence(c.positions, /*hard=*/false);
  m.causalEntries(
      c.vocabulary,
      [&](Value tokens, Value past) { return hidden(tokens, past); },
      [&](Value x) { return logits(x); });
  return m.finish("causal_lm", [&](StringRef tensor) {
    return tensor.ends_with(".rotary_emb.inv_freq") ||
           (tensor == "rope_freqs.weight" && c.ropeScaling &&
            c.ropeScaling.getKind() == RopeScalingKind::Llama3) ||
           (c.tied && tensor == "lm_head.weight");
  });
}

static OwningOpRef<ModuleOp> build(ModelBuilder &m, LlamaFamily family) {
  LlamaConfig config = m.model.gguf
                           ? readLlamaConfig(m, family, *m.model.gguf)
                           : readLlamaConfig(m, family, *m.model.huggingFace);
  m.checkFaults();
  return Llama(m, std::move(config)).build();
}

OwningOpRef<ModuleOp> trine::buildLlama(ModelBuilder &model) {
  return ::build(model, LlamaFamily::Llama);
}

OwningOpRef<ModuleOp> trine::buildMixtral(ModelBuilder &model) {
  return ::build(model, LlamaFamily::Mixtral);
}

OwningOpRef<ModuleOp> trine::buildQwen2(ModelBuilder &model) {
  return ::build(model, LlamaFamily::Qwen2);
}

OwningOpRef<ModuleOp> trine::buildQwen3(ModelBuilder &model) {
  return ::build(model, LlamaFamily::Qwen3);
}
