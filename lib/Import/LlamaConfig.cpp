//===- LlamaConfig.cpp - config.json and GGUF metadata of Llama, Qwen -----===//
// Rotary scaling follows transformers' modeling_rope_utils.py.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "LlamaConfig.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

/// What both formats must satisfy before anything is built.
void trine::checkConfig(ModelBuilder &m, const LlamaConfig &c) {
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

/// Has a Qwen2 a bias here? Its files do not say.
static bool isQueryKeyOrValue(const std::string &node) {
  StringRef name = node;
  return name.ends_with(".q_proj") || name.ends_with(".k_proj") ||
         name.ends_with(".v_proj");
}

//===----------------------------------------------------------------------===//
// Hugging Face
//===----------------------------------------------------------------------===//

double trine::yarnScale(double factor, double mscale) {
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

void trine::readRope(ModelBuilder &m, const JsonReader &config,
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

static void readBiases(const JsonReader &config, LlamaFamily family,
                       LlamaConfig &c) {
  if (family == LlamaFamily::Qwen2) {
    c.hasBias = isQueryKeyOrValue;
    return;
  }
  bool attention = config.get<bool>("attention_bias", false);
  bool mlp =
      family == LlamaFamily::Llama && config.get<bool>("mlp_bias", false);
  c.hasBias = [attention, mlp](const std::string &node) {
    return node.find(".self_attn.") != std::string::npos ? attention : mlp;
  };
}

/// Qwen's: `sliding_window` keys in the layers that `layer_types` names, else
/// in those from `max_window_layers` on. Without `use_sliding_window`: in none.
static void readWindow(ModelBuilder &m, const JsonReader &config,
                       LlamaConfig &c) {
  if (config.get<bool>("use_sliding_window", false) &&
      config.maybe<int64_t>("sliding_window"))
    c.window = config.positive("sliding_window");
  auto types = config.maybe<std::vector<std::string>>("layer_types");
  if (!types) {
    c.hasWindow = [first = config.get<int64_t>("max_window_layers", 28)](
                      int64_t layer) { return layer >= first; };
    return;
  }
  if (int64_t(types->size()) != c.layers)
    m.bad(fmt::format("layer_types: expected one for each of {} layers, got {}",
                      c.layers, types->size()));
  for (const std::string &type : std::set(types->begin(), types->end()))
    if (type == "sliding_attention" && !c.window)
      m.bad("layer_types: 'sliding_attention' without use_sliding_window and "
            "a sliding_window");
    else if (type != "sliding_attention" && type != "full_attention")
      m.unsupported(fmt::format("layer type '{}'", type));
  c.hasWindow = [types = *std::move(types)](int64_t layer) {
    return types[size_t(layer)] == "sliding_attention";
  };
}

/// Mixtral's (arXiv 2401.04088), and its window in all layers.
static void readExperts(ModelBuilder &m, const JsonReader &config,
                        LlamaConfig &c) {
  ExpertsConfig experts;
  experts.count = config.positive("num_local_experts", 8);
  experts.top = config.positive("num_experts_per_tok", 2);
  experts.feedForward = c.feedForward;
  experts.activation = c.activation;
  experts.gate = "w1";
  experts.up = "w3";
  experts.down = "w2";
  checkExperts(m, experts, "num_local_experts");
  c.experts = std::move(experts);
  if (config.maybe<int64_t>("sliding_window"))
    c.window = config.positive("sliding_window");
}

LlamaConfig trine::readLlamaConfig(ModelBuilder &m, LlamaFamily family,
                                   const HFModel &files) {
  const JsonReader &config = files.config();
  LlamaConfig c;
  c.headNorms = family == LlamaFamily::Qwen3;
  c.hidden = config.positive("hidden_size");
  c.layers = config.positive("num_hidden_layers");
  c.heads = config.positive("num_attention_heads");
  c.keyValueHeads = config.positive("num_key_value_heads", c.heads);
  bool divided = family != LlamaFamily::Qwen3; // whose heads have 128
  if (divided && !config.has("head_dim") && c.hidden % c.heads != 0)
    m.bad(fmt::format("hidden_size {} is not a multiple of {} heads", c.hidden,
                      c.heads));
  c.headSize = config.positive(
      "head_dim", divided ? std::max<int64_t>(c.hidden / c.heads, 1) : 128);
  c.feedForward = config.positive("intermediate_size");
  c.vocabulary = config.positive("vocab_size");
  c.positions = config.positive("max_position_embeddings",
                                family == LlamaFamily::Llama ? 2048 : 32768);
  c.epsilon = config.get<double>("rms_norm_eps", 1e-6);
  c.activation = activation(m, config.get<std::string>("hidden_act", "silu"));
  c.tied = config.get<bool>("tie_word_embeddings", false);
  readRope(m, config, c);
  readBiases(config, family, c);
  if (family == LlamaFamily::Mixtral)
    readExperts(m, config, c);
  else if (family != LlamaFamily::Llama)
    readWindow(m, config, c);
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
      {"self_attn.q_norm", "attn_q_norm"},
      {"self_attn.k_norm", "attn_k_norm"},
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

namespace {
/// A file's metadata under its architecture's name: "llama.block_count".
struct Metadata {
  const GgufFile &file;

  std::string key(std::string_view name) const {
    return fmt::format(
        "{}.{}", file.get<std::string_view>("general.architecture"), name);
  }
  bool has(std::string_view name) const { return file.has(key(name)); }
  template <typename T> T get(std::string_view name) const {
    return file.get<T>(key(name));
  }
  template <typename T> T get(std::string_view name, T fallback) const {
    return file.get<T>(key(name), std::move(fallback));
  }
  int64_t positive(std::string_view name) const {
    return file.positive(key(name));
  }
  int64_t positive(std::string_view name, int64_t fallback) const {
    return has(name) ? positive(name) : fallback;
  }
};
} // namespace

static void readGgufRope(ModelBuilder &m, const Metadata &file,
                         LlamaConfig &c) {
  c.ropeTheta = file.get<double>("rope.freq_base", 10000);
  c.ropeDims = file.positive("rope.dimension_count", c.headSize);
  double factor = file.get<double>("rope.scaling.factor", 1);
  std::string type(file.get<std::string_view>("rope.scaling.type", "none"));
  int64_t original =
      file.positive("rope.scaling.original_context_length", c.positions);
  if (type == "linear")
    c.ropeScaling =
        scaling(m, RopeScalingKind::Linear, factor, 0, 0, original, 1);
  else if (type == "yarn")
    c.ropeScaling = scaling(m, RopeScalingKind::Yarn, factor, 1, 32, original,
                            file.get<double>("rope.scaling.attn_factor", 1) *
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
static int64_t perLayer(ModelBuilder &m, const Metadata &metadata,
                        std::string_view name, int64_t fallback) {
  std::string key = metadata.key(name);
  auto values = metadata.file.maybe<std::vector<int64_t>>(key);
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

LlamaConfig trine::readLlamaConfig(ModelBuilder &m, LlamaFamily family,
                                   const GgufFile &file) {
  Metadata metadata = {file};
  LlamaConfig c;
  c.hidden = metadata.positive("embedding_length");
  c.layers = metadata.positive("block_count");
  c.heads = perLayer(m, metadata, "attention.head_count", 0);
  c.keyValueHeads = perLayer(m, metadata, "attention.head_count_kv", c.heads);
  c.headSize = metadata.positive("attention.key_length",
                                 std::max<int64_t>(c.hidden / c.heads, 1));
  if (!metadata.has("attention.key_length") && c.hidden % c.heads != 0)
    m.bad(fmt::format("embedding length {} is not a multiple of {} heads",
                      c.hidden, c.heads));
  if (int64_t value =
          perLayer(m, metadata, "attention.value_length", c.headSize);
      value != c.headSize)
    m.unsupported(
        fmt::format("value heads of {}, key heads of {}", value, c.headSize));
  c.feedForward = perLayer(m, metadata, "feed_forward_length", 0);
  c.positions = metadata.positive("context_length");
  c.epsilon = metadata.get<double>("attention.layer_norm_rms_epsilon");
  c.headNorms = family == LlamaFamily::Qwen3;
  if (metadata.get<int64_t>("expert_count", 0) != 0)
    m.unsupported("mixture of experts");
  int64_t window = metadata.get<int64_t>("attention.sliding_window", 0);
  if (window > 0 && window < c.positions)
    m.unsupported(fmt::format("{} {}: the file does not say in which layers",
                              metadata.key("attention.sliding_window"),
                              window));
  // Llama's converters permute Q and K so that pairs are neighbours.
  if (family == LlamaFamily::Llama)
    c.ropeStyle = RopeStyle::Interleaved;
  readGgufRope(m, metadata, c);
  const StoredTensor *table = file.find("token_embd.weight");
  if (!table || table->shape.size() != 2)
    throw badInput(m.model.name, "tensor 'token_embd.weight' of rank 2 is "
                                 "missing");
  c.vocabulary = table->shape[0];
  m.storedName = ggufName;
  c.tied = !m.has("lm_head.weight");
  c.hasBias = [&m](const std::string &node) { return m.has(node + ".bias"); };
  if (family == LlamaFamily::Qwen2)
    c.hasBias = isQueryKeyOrValue;
  checkConfig(m, c);
  if (!c.ropeScaling)
    readRopeDivisors(m, file, c);
  m.checkLayers(metadata.key("block_count"), c.layers);
  return c;
}
