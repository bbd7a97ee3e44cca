//===- Bert.cpp - BertModel as an encoder ---------------------------------===//
// arXiv 1810.04805, with the pooling that the directory's modules.json asks
// for. The pooler layer of BertModel is no part of either entry.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"

#include <cmath>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

namespace {

class Bert {
public:
  explicit Bert(ModelBuilder &m);
  OwningOpRef<ModuleOp> build();

private:
  void readPooling();
  Value embeddings(Value tokens);
  Value layer(const std::string &at, Value x, Value mask);
  Value encode(Value tokens, Value mask);
  Value pool(Value hidden, Value mask);
  Value norm(const std::string &node, Value x);

  ModelBuilder &m;
  int64_t hidden, layers, heads, feedForward, vocabulary, positions, types;
  double epsilon;
  Activation gelu;
  PoolKind pooling = PoolKind::Mean;
  bool normalize = false;
};

} // namespace

Bert::Bert(ModelBuilder &m) : m(m) {
  const JsonReader &config = m.model.huggingFace->config();
  hidden = config.positive("hidden_size");
  layers = config.positive("num_hidden_layers");
  heads = config.positive("num_attention_heads");
  feedForward = config.positive("intermediate_size");
  vocabulary = config.positive("vocab_size");
  positions = config.positive("max_position_embeddings");
  types = config.positive("type_vocab_size", 2);
  epsilon = config.get<double>("layer_norm_eps", 1e-12);
  gelu = activation(m, config.get<std::string>("hidden_act", "gelu"));
  auto positionType =
      config.get<std::string>("position_embedding_type", "absolute");
  if (positionType != "absolute")
    m.unsupported(fmt::format("position embedding '{}'", positionType));
  for (const char *flag : {"is_decoder", "add_cross_attention"})
    if (config.get<bool>(flag, false))
      m.unsupported(fmt::format("{}: true", flag));
  if (hidden % heads != 0)
    m.bad(fmt::format("hidden_size {} is not a multiple of {} heads", hidden,
                      heads));
  if (!(epsilon >= 0) || !std::isfinite(epsilon))
    m.bad(fmt::format("layer_norm_eps: expected 0 or more, got {}", epsilon));
  m.checkLayers("num_hidden_layers", layers);
  // Checkpoints of models that contain a BertModel prefix its names.
  bool prefixed =
      m.model.weights().find("bert.embeddings.word_embeddings.weight");
  m.storedName = [prefixed](const std::string &parameter) {
    return (prefixed ? "bert." : "") + parameter;
  };
  readPooling();
  m.checkFaults();
}

void Bert::readPooling() {
  const auto &modules = m.model.huggingFace->modules();
  if (modules.empty())
    m.warn("no modules.json: entry 'embed' is the mean over the mask");
  static const std::pair<const char *, std::optional<PoolKind>> modes[] = {
      {"pooling_mode_mean_tokens", PoolKind::Mean},
      {"pooling_mode_cls_token", PoolKind::Cls},
      {"pooling_mode_max_tokens", PoolKind::Max},
      {"pooling_mode_mean_sqrt_len_tokens", std::nullopt},
      {"pooling_mode_weightedmean_tokens", std::nullopt},
      {"pooling_mode_lasttoken", std::nullopt}};
  for (const SentenceModule &module : modules) {
    if (module.type == "Transformer")
      continue;
    if (module.type == "Normalize") {
      normalize = true;
      continue;
    }
    if (module.type != "Pooling") {
      m.unsupported(fmt::format("module '{}' of modules.json", module.type));
      continue;
    }
    if (!module.config)
      throw badInput(m.model.name, "{}/config.json is missing", module.path);
    int64_t width = module.config->positive("word_embedding_dimension", hidden);
    if (width != hidden)
      m.bad(fmt::format("{}/config.json: expected word_embedding_dimension {}, "
                        "got {}",
                        module.path, hidden, width));
    int chosen = 0;
    for (auto [key, kind] : modes) {
      if (!module.config->get<bool>(key, false))
        continue;
      ++chosen;
      if (kind)
        pooling = *kind;
      else
        m.unsupported(key);
    }
    if (chosen != 1)
      m.unsupported(fmt::format("{} pooling modes at once", chosen));
  }
}

Value Bert::norm(const std::string &node, Value x) {
  return m.make<LayerNormOp>(node, x, m.weight(node + ".weight", {hidden}),
                             m.weight(node + ".bias", {hidden}),
                             m.real(epsilon));
}

Value Bert::embeddings(Value tokens) {
  auto table = [&](const char *name, int64_t rows) {
    return m.weight(fmt::format("embeddings.{}.weight", name), {rows, hidden});
  };
  Value words = m.make<GatherOp>("embeddings.word_embeddings",
                                 table("word_embeddings", vocabulary), tokens);
  // One segment: every token is of type 0.
  Value type = m.make<SliceOp>("embeddings.token_type_embeddings",
                               table("token_type_embeddings", types),
                               m.integer(0), m.integer(0), m.integer(1));
  Value places = m.make<GatherOp>("embeddings.position_embeddings",
                                  table("position_embeddings", positions),
                                  m.positions(tokens, {}));
  Value sum = m.make<AddOp>("embeddings", words, type);
  sum = m.make<AddOp>("embeddings", sum, places);
  return norm("embeddings.LayerNorm", sum);
}

Value Bert::layer(const std::string &at, Value x, Value mask) {
  int64_t size = hidden / heads;
  auto project = [&](const char *name) {
    std::string node = at + ".attention.self." + name;
    return m.reshape(node, m.linear(node, x, hidden, true),
                     {0, 0, heads, size});
  };
  Value q = project("query"), k = project("key"), v = project("value");
  Value mixed = m.make<AttentionOp>(
      at + ".attention.self", q, k, v, Value(), mask, UnitAttr(),
      m.real(1 / std::sqrt(double(size))), FloatAttr(), IntegerAttr());
  mixed = m.reshape(at + ".attention.self", mixed, {0, 0, hidden});
  mixed = m.linear(at + ".attention.output.dense", mixed, hidden, true);
  x = norm(at + ".attention.output.LayerNorm",
           m.make<AddOp>(at + ".attention.output", mixed, x));
  Value wide = m.linear(at + ".intermediate.dense", x, feedForward, true);
  wide = m.activate(at + ".intermediate", wide, gelu);
  Value narrow = m.linear(at + ".output.dense", wide, hidden, true);
  return norm(at + ".output.LayerNorm",
              m.make<AddOp>(at + ".output", narrow, x));
}

Value Bert::encode(Value tokens, Value mask) {
  Value x = embeddings(tokens);
  for (int64_t i = 0; i < layers; ++i)
    x = layer(fmt::format("encoder.layer.{}", i), x, mask);
  return x;
}

Value Bert::pool(Value hidden, Value mask) {
  Value pooled = m.make<PoolOp>(
      "pooling", PoolKindAttr::get(m.builder.getContext(), pooling), hidden,
      mask);
  return normalize ? m.make<NormalizeOp>("normalize", pooled) : pooled;
}

OwningOpRef<ModuleOp> Bert::build() {
  m.maxSequence(positions, /*hard=*/true);
  std::vector<ModelBuilder::Argument> inputs = {
      {.name = "tokens", .dims = {"B", "S"}, .indexLimit = vocabulary},
      {.name = "mask", .dims = {"B", "S"}}};
  m.entry("encode", inputs, "hidden", [&](ArrayRef<BlockArgument> arguments) {
    return encode(arguments[0], arguments[1]);
  });
  m.entry("embed", inputs, "embedding", [&](ArrayRef<BlockArgument> arguments) {
    return pool(encode(arguments[0], arguments[1]), arguments[1]);
  });
  return m.finish("encoder", [](StringRef tensor) {
    tensor.consume_front("bert.");
    return tensor == "embeddings.position_ids" ||
           tensor.starts_with("pooler.") || tensor.starts_with("cls.");
  });
}

OwningOpRef<ModuleOp> trine::buildBert(ModelBuilder &model) {
  return Bert(model).build();
}
