//===- LlamaConfig.cpp - config.json and GGUF metadata of Llama -----------===//
// Rotary scaling follows transformers' modeling_rope_utils.py.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "LlamaConfig.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

/// What both formats must satisfy before anything is built.
static void checkConfig(ModelBuilder &m, const LlamaConfig &c) {
  if (c.heads % c.keyValueHeads != 0)
    m.bad(fmt::format("{} attention heads are not a multiple of {} key/value "
                      "heads",
                      c.heads, c.keyValueHeads));
  if (c.ropeDims < 2 || c.ropeDims % 2 != 0 || c.ropeDims > c.headSize)
    m.bad(fmt::format("expected an even number of rotary dimensions within "
                      "the head's {}, got {}",
                      c.headSize, c.ropeDims));
  if (!(c.ropeTheta > 1) || !std::isfinite(c.ropeTheta))
    m.bad(fmt::format("expected a rotary base above 1, got {}", c.ropeTheta));
  if (!(c.epsilon >= 0) || !std::isfinite(c.epsilon))
    m.bad(
        fmt::format("expected a norm epsilon of 0 or more, got {}", c.epsilon));
}

/// Null after reporting numbers that give no frequencies.
static RopeScalingAttr scaling(ModelBuilder &m, RopeScalingKind kind,
                               double factor, double low, double high,
                               int64_t original, double attention) {
  MLIRContext *context = m.builder.getContext();
  ScopedDiagnosticHandler collect(context, [&](Diagnostic &diagnostic) {
    m.bad("rope scaling: " + diagnostic.str());
  });
  auto emit = [&] { return emitError(m.builder.getUnknownLoc()); };
  return RopeScalingAttr::getChecked(emit, context, kind, m.real(factor),
                                     m.real(low), m.real(high), original,
                                     m.real(attention));
}

//===----------------------------------------------------------------------===//
// Hugging Face
//===----------------------------------------------------------------------===//

/// arXiv 2309.00071, equation 22 (the "temperature" of attention).
static double yarnScale(double factor, double mscale = 1) {
  return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1;
}

static RopeScalingAttr yarnScaling(ModelBuilder &m, const JsonReader &rope,
                                   int64_t positions) {
  double factor = rope.get<double>("factor");
  double mscale = rope.get<double>("mscale", 0);
  double all = rope.get<double>("mscale_all_dim", 0);
  double attention = mscale != 0 && all != 0
                         ? yarnScale(factor, mscale) / yarnScale(factor, all)
                         : yarnScale(factor);
  if (!rope.get<bool>("truncate", true))
    m.unsupported("rope scaling 'yarn' with truncate: false");
  return scaling(m, RopeScalingKind::Yarn, factor,
                 rope.get<double>("beta_slow", 1),
                 rope.get<double>("beta_fast", 32),
                 rope.positive("original_max_position_embeddings", positions),
                 rope.get<double>("attention_factor", attention));
}

static void readRope(ModelBuilder &m, const JsonReader &config,
                     LlamaConfig &c) {
  // Newer files keep everything in rope_parameters.
  std::optional<JsonReader> rope = config.object("rope_parameters");
  if (!rope)
    rope = config.object("rope_scaling");
  c.ropeTheta = config.get<double>("rope_theta", 10000);
  c.ropeDims = c.headSize;
  double partial = config.get<double>("partial_rotary_factor", 1);
  if (rope) {
    c.ropeTheta = rope->get<double>("rope_theta", c.ropeTheta);
    partial = rope->get<double>("partial_rotary_factor", partial);
  }
  if (partial != 1)
    m.unsupported(fmt::format("partial_rotary_factor {}", partial));
  if (!rope)
    return;
  auto type = rope->get<std::string>("rope_type",
                                     rope->get<std::string>("type", "default"));
  if (type == "linear")
    c.ropeScaling = scaling(m, RopeScalingKind::Linear,
                            rope->get<double>("factor"), 0, 0, c.positions, 1);
  else if (type == "llama3")
    c.ropeScaling =
        scaling(m, RopeScalingKind::Llama3, rope->get<double>("factor"),
                rope->get<double>("low_freq_factor"),
                rope->get<double>("high_freq_factor"),
                rope->positive("original_max_position_embeddings"), 1);
  else if (type == "yarn")
    c.ropeScaling = yarnScaling(m, *rope, c.positions);
  else if (type != "default")
    m.unsupported(fmt::format("rope type '{}'", type));
}

LlamaConfig trine::readLlamaConfig(ModelBuilder &m, const HFModel &files) {
  const JsonReader &config = files.config();
  LlamaConfig c;
  c.hidden = config.positive("hidden_size");
  c.layers = config.positive("num_hidden_layers");
  c.heads = config.positive("num_attention_heads");
  c.keyValueHeads = config.positive("num_key_value_heads", c.heads);
  if (!config.has("head_dim") && c.hidden % c.heads != 0)
    m.bad(fmt::format("hidden_size {} is not a multiple of {} heads", c.hidden,
                      c.heads));
  c.headSize =
      config.positive("head_dim", std::max<int64_t>(c.hidden / c.heads, 1));
  c.feedForward = config.positive("intermediate_size");
  c.vocabulary = config.positive("vocab_size");
  c.positions = config.positive("max_position_embeddings", 2048);
  c.epsilon = config.get<double>("rms_norm_eps", 1e-6);
  c.activation = activation(m, config.get<std::string>("hidden_act", "silu"));
  c.tied = config.get<bool>("tie_word_embeddings", false);
  readRope(m, config, c);
  bool attention = config.get<bool>("attention_bias", false);
  bool mlp = config.get<bool>("mlp_bias", false);
  c.hasBias = [attention, mlp](const std::string &node) {
    return node.find(".self_attn.") != std::string::npos ? attention : mlp;
  };
  m.storedName = [](const std::string &parameter) {
    return (parameter.starts_with("lm_head.") ? "" : "model.") + parameter;
  };
  checkConfig(m, c);
  m.checkLayers("num_hidden_layers", c.layers);
  return c;
}

//===----------------------------------------------------------------------===//
// GGUF
//===----------------------------------------------------------------------===//

/// "layers.3.self_attn.q_proj.weight" → "blk.3.attn_q.weight".
static std::string ggufName(const std::string &parameter) {
  static const std::pair<StringRef, StringRef> names[] = {
      {"embed_tokens", "token_embd"},
      {"norm", "output_norm"},
      {"lm_head", "output"},
      {"input_layernorm", "attn_norm"},
      {"post_attention_layernorm", "ffn_norm"},
      {"self_attn.q_proj", "attn_q"},
      {"self_attn.k_proj", "attn_k"},
      {"self_attn.v_proj", "attn_v"},
      {"self_attn.o_proj", "attn_output"},
      {"mlp.gate_proj", "ffn_gate"},
      {"mlp.up_proj", "ffn_up"},
      {"mlp.down_proj", "ffn_down"}};
  auto [node, kind] = StringRef(parameter).rsplit('.');
  std::string prefix;
  if (node.consume_front("layers.")) {
    auto [layer, inner] = node.split('.');
    prefix = "blk." + layer.str() + ".";
    node = inner;
  }
  for (auto [ours, theirs] : names)
    if (ours == node)
      node = theirs;
  return prefix + node.str() + "." + kind.str();
}

static void readRope(ModelBuilder &m, const GgufFile &file, LlamaConfig &c) {
  // Converters permute Q and K so that pairs are neighbours.
  c.ropeStyle = RopeStyle::Interleaved;
  c.ropeTheta = file.get<double>("llama.rope.freq_base", 10000);
  c.ropeDims = file.has("llama.rope.dimension_count")
                   ? file.positive("llama.rope.dimension_count")
                   : c.headSize;
  double factor = file.get<double>("llama.rope.scaling.factor", 1);
  std::string type(
      file.get<std::string_view>("llama.rope.scaling.type", "none"));
  int64_t original =
      file.has("llama.rope.scaling.original_context_length")
          ? file.positive("llama.rope.scaling.original_context_length")
          : c.positions;
  if (type == "linear")
    c.ropeScaling =
        scaling(m, RopeScalingKind::Linear, factor, 0, 0, original, 1);
  else if (type == "yarn")
    c.ropeScaling =
        scaling(m, RopeScalingKind::Yarn, factor, 1, 32, original,
                file.get<double>("llama.rope.scaling.attn_factor", 1) *
                    yarnScale(factor));
  else if (type != "none")
    m.unsupported(fmt::format("rope scaling '{}'", type));
}

/// Converters write Llama 3's scaling as a divisor for each frequency. The
/// scaling is recognised by computing the divisors again; others are refused.
static void readRopeDivisors(ModelBuilder &m, const GgufFile &file,
                             LlamaConfig &c) {
  const StoredTensor *stored = file.find("rope_freqs.weight");
  if (!stored || stored->storage != Storage::F32 ||
      stored->shape != std::vector<int64_t>{c.ropeDims / 2})
    return; // absent, or refused as a tensor without a place
  auto refuse = [&] {
    m.unsupported("tensor 'rope_freqs.weight': its divisors are not those of "
                  "Llama 3");
  };
  std::vector<float> divisors(size_t(c.ropeDims / 2));
  decodeRows(*stored, 0, 1, divisors.data());
  if (!(divisors.back() > 0) || !std::isfinite(divisors.back()))
    return refuse();
  RopeScalingAttr llama3 =
      scaling(m, RopeScalingKind::Llama3, divisors.back(), 1, 4, 8192, 1);
  auto plain = ropeFrequencies(c.ropeTheta, c.ropeDims, {}).inverse;
  auto scaled = ropeFrequencies(c.ropeTheta, c.ropeDims, llama3).inverse;
  for (size_t i = 0; i < divisors.size(); ++i)
    if (!(std::abs(plain[i] / scaled[i] / divisors[i] - 1) < 1e-5))
      return refuse();
  c.ropeScaling = llama3;
}

/// A number that may be stored once for each layer; 0: no fallback.
static int64_t perLayer(ModelBuilder &m, const GgufFile &file, const char *key,
                        int64_t fallback) {
  auto values = file.maybe<std::vector<int64_t>>(key);
  if (!values && !fallback)
    throw badInput(m.model.name, "metadata '{}' is missing", key);
  if (!values)
    return fallback;
  if (values->empty() || values->front() < 1 || values->front() > INT32_MAX)
    throw badInput(m.model.name, "metadata '{}': expected a positive integer",
                   key);
  if (!llvm::all_equal(*values))
    m.unsupported(fmt::format("{}: layers differ", key));
  return values->front();
}

LlamaConfig trine::readLlamaConfig(ModelBuilder &m, const GgufFile &file) {
  LlamaConfig c;
  c.hidden = file.positive("llama.embedding_length");
  c.layers = file.positive("llama.block_count");
  c.heads = perLayer(m, file, "llama.attention.head_count", 0);
  c.keyValueHeads = perLayer(m, file, "llama.attention.head_count_kv", c.heads);
  c.headSize = file.has("llama.attention.key_length")
                   ? file.positive("llama.attention.key_length")
                   : std::max<int64_t>(c.hidden / c.heads, 1);
  if (!file.has("llama.attention.key_length") && c.hidden % c.heads != 0)
    m.bad(fmt::format("embedding length {} is not a multiple of {} heads",
                      c.hidden, c.heads));
  if (int64_t value =
          perLayer(m, file, "llama.attention.value_length", c.headSize);
      value != c.headSize)
    m.unsupported(
        fmt::format("value heads of {}, key heads of {}", value, c.headSize));
  c.feedForward = perLayer(m, file, "llama.feed_forward_length", 0);
  c.positions = file.positive("llama.context_length");
  c.epsilon = file.get<double>("llama.attention.layer_norm_rms_epsilon");
  if (file.get<int64_t>("llama.expert_count", 0) != 0)
    m.unsupported("mixture of experts");
  readRope(m, file, c);
  const StoredTensor *table = file.find("token_embd.weight");
  if (!table || table->shape.size() != 2)
    throw badInput(m.model.name, "tensor 'token_embd.weight' of rank 2 is "
                                 "missing");
  c.vocabulary = table->shape[0];
  m.storedName = ggufName;
  c.tied = !m.has("lm_head.weight");
  c.hasBias = [&m](const std::string &node) { return m.has(node + ".bias"); };
  checkConfig(m, c);
  if (!c.ropeScaling)
    readRopeDivisors(m, file, c);
  m.checkLayers("llama.block_count", c.layers);
  return c;
}
