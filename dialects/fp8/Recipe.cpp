//===- Recipe.cpp - recipe files ------------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Recipe.h"
#include "mlir/IR/Builders.h"
#include "trine/Support/Error.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/YAMLParser.h"

#include <cmath>
#include <set>

using namespace mlir;
using namespace trine;
using namespace trine::fp8;
namespace yaml = llvm::yaml;

namespace {
/// Walks a YAML document; whatever is wrong is an Error with its line.
class RecipeReader {
public:
  RecipeReader(MLIRContext *context, StringRef text, StringRef file)
      : context(context), file(file) {
    sources.setDiagHandler(
        [](const llvm::SMDiagnostic &diagnostic, void *self) {
          auto &reader = *static_cast<RecipeReader *>(self);
          if (reader.syntax.empty())
            reader.syntax = diagnostic.getMessage();
          reader.syntaxLine = diagnostic.getLineNo();
        },
        this);
    stream.emplace(text, sources, /*ShowColors=*/false);
  }

  Recipe read();

private:
  using Field = std::function<void(yaml::Node &)>;
  using Fields = std::vector<std::pair<StringRef, Field>>;

  [[noreturn]] void fail(yaml::Node &node, const std::string &what);
  /// Calls the field of each key; others, and keys twice, are errors.
  void mapping(yaml::Node &node, const Fields &fields);
  void list(yaml::Node &node, const Field &each);
  std::string text(yaml::Node &node);
  template <typename T> T number(yaml::Node &node);
  bool flag(yaml::Node &node);
  /// The value of `name` among (name, value) choices.
  template <typename T>
  T choice(yaml::Node &node, ArrayRef<std::pair<StringRef, T>> choices);

  Recipe::Side scheme(yaml::Node &node);
  Recipe::Side named(yaml::Node &node);
  Recipe::Rule rule(yaml::Node &node);

  MLIRContext *context;
  StringRef file;
  llvm::SourceMgr sources;
  std::optional<yaml::Stream> stream;
  std::string syntax;
  int syntaxLine = 0;
  llvm::StringMap<Recipe::Side> schemes;
};
} // namespace

//===----------------------------------------------------------------------===//
// YAML
//===----------------------------------------------------------------------===//

void RecipeReader::fail(yaml::Node &node, const std::string &what) {
  auto [line, column] =
      sources.getLineAndColumn(node.getSourceRange().Start, 1);
  throw badInput(fmt::format("{}:{}", file.str(), line), "{}", what);
}

void RecipeReader::mapping(yaml::Node &node, const Fields &fields) {
  auto *map = dyn_cast<yaml::MappingNode>(&node);
  if (!map)
    fail(node, "expected a mapping");
  std::set<std::string> seen;
  for (yaml::KeyValueNode &entry : *map) {
    yaml::Node *key = entry.getKey(), *value = entry.getValue();
    if (!key || !value)
      break; // a syntax error, reported at the end
    std::string name = text(*key);
    auto field = llvm::find_if(
        fields, [&](const auto &known) { return known.first == name; });
    if (field == fields.end()) {
      std::vector<std::string> known;
      for (auto &[known_, read] : fields)
        known.push_back(known_.str());
      fail(*key, fmt::format("unknown key '{}'; known: {}", name,
                             fmt::join(known, ", ")));
    }
    if (!seen.insert(name).second)
      fail(*key, fmt::format("key '{}' twice", name));
    field->second(*value);
  }
}

void RecipeReader::list(yaml::Node &node, const Field &each) {
  auto *items = dyn_cast<yaml::SequenceNode>(&node);
  if (!items)
    fail(node, "expected a list");
  for (yaml::Node &item : *items)
    each(item);
}

std::string RecipeReader::text(yaml::Node &node) {
  auto *scalar = dyn_cast<yaml::ScalarNode>(&node);
  if (!scalar)
    fail(node, "expected a word or number");
  SmallString<32> storage;
  return scalar->getValue(storage).str();
}

template <typename T> T RecipeReader::number(yaml::Node &node) {
  std::string word = text(node);
  double value;
  constexpr double most = std::numeric_limits<
      std::conditional_t<std::is_integral_v<T>, int32_t, float>>::max();
  if (StringRef(word).getAsDouble(value) || !(value >= 0 && value <= most) ||
      (std::is_integral_v<T> && value != double(int32_t(value))))
    fail(node,
         fmt::format("expected a number from 0 to {}, got '{}'", most, word));
  return T(value);
}

template <typename T>
T RecipeReader::choice(yaml::Node &node,
                       ArrayRef<std::pair<StringRef, T>> choices) {
  std::string word = text(node);
  std::vector<std::string> known;
  for (const auto &[name, value] : choices) {
    if (name == word)
      return value;
    known.push_back(name.str());
  }
  fail(node, fmt::format("expected one of {}, got '{}'", fmt::join(known, ", "),
                         word));
}

bool RecipeReader::flag(yaml::Node &node) {
  return choice<bool>(node, {{"true", true}, {"false", false}});
}

//===----------------------------------------------------------------------===//
// Schemes and rules
//===----------------------------------------------------------------------===//

Recipe::Side RecipeReader::scheme(yaml::Node &node) {
  Builder b(context);
  Type codes, scales = b.getF32Type();
  SmallVector<int64_t> block;
  std::optional<Rule> rule;
  FloatAttr floor;
  bool isDynamic = true, scaleRcp = false, elementRcp = false, overflow = false;
  mapping(
      node,
      {{"elem",
        [&](yaml::Node &n) {
          codes = choice<Type>(n, {{"e4m3fn", b.getType<Float8E4M3FNType>()},
                                   {"e5m2", b.getType<Float8E5M2Type>()}});
        }},
       {"block",
        [&](yaml::Node &n) {
          list(n, [&](yaml::Node &size) {
            block.push_back(number<int64_t>(size));
          });
          if (block.size() != 2)
            fail(n, "expected a block [rows, columns], 0 for all of them");
        }},
       {"scale",
        [&](yaml::Node &n) {
          scales = choice<Type>(
              n, {{"f32", b.getF32Type()}, {"ue8m0", b.getI8Type()}});
        }},
       {"rule",
        [&](yaml::Node &n) {
          std::vector<std::pair<StringRef, Rule>> rules;
          for (uint32_t i = 0; i <= getMaxEnumValForRule(); ++i)
            rules.push_back({stringifyRule(Rule(i)), Rule(i)});
          rule = choice<Rule>(n, rules);
        }},
       {"amax_floor",
        [&](yaml::Node &n) { floor = b.getF32FloatAttr(number<float>(n)); }},
       {"scale_divide",
        [&](yaml::Node &n) {
          scaleRcp = choice<bool>(n, {{"div", false}, {"rcp", true}});
        }},
       {"divide",
        [&](yaml::Node &n) {
          elementRcp = choice<bool>(n, {{"div", false}, {"rcp", true}});
        }},
       {"overflow",
        [&](yaml::Node &n) {
          overflow = choice<bool>(n, {{"saturate", false}, {"nan", true}});
        }},
       {"dynamic", [&](yaml::Node &n) { isDynamic = flag(n); }}});
  if (!codes || block.empty())
    fail(node, "expected elem and block");
  if (!rule)
    rule = scales.isF32() ? Rule::Amax : Rule::Rceil;
  if (!isDynamic && (block[0] != 0 || block[1] != 0))
    fail(node, "expected block: [0, 0] where scales are static");
  BlockQuantizer q;
  q.scaleType = scaleTypeOf(scales);
  q.rule = ScaleRule(*rule);
  q.saturate = !overflow;
  if (std::string fault = q.fault(); !fault.empty())
    fail(node, fault);
  auto made = SchemeAttr::get(context, codes, scales, block, *rule, floor,
                              scaleRcp, elementRcp, overflow);
  return {made, !isDynamic};
}

Recipe::Side RecipeReader::named(yaml::Node &node) {
  std::string name = text(node);
  auto found = schemes.find(name);
  if (found == schemes.end())
    fail(node,
         fmt::format("unknown scheme '{}'; declare it under schemes", name));
  return found->second;
}

Recipe::Rule RecipeReader::rule(yaml::Node &node) {
  Recipe::Rule rule;
  bool matched = false;
  mapping(node,
          {{"match",
            [&](yaml::Node &n) {
              matched = true;
              try {
                rule.pattern.assign(text(n));
              } catch (const std::regex_error &error) {
                fail(n, fmt::format("no regular expression: {}", error.what()));
              }
            }},
           {"keep",
            [&](yaml::Node &n) {
              rule.keep = choice<bool>(n, {{"source", true}});
            }},
           {"weight", [&](yaml::Node &n) { rule.weight = named(n); }},
           {"input", [&](yaml::Node &n) { rule.input = named(n); }}});
  if (!matched)
    fail(node, "expected match");
  if (rule.keep == bool(rule.weight.scheme || rule.input.scheme))
    fail(node, "expected either keep: source, or a weight or input scheme");
  if (rule.weight.isStatic)
    fail(node, "weights have no static scales: leave out dynamic: false");
  // A group of products has one scale of the input for each row.
  if (SchemeAttr input = rule.input.scheme;
      input && input.getBlock()[0] != 1 && !rule.input.isStatic)
    fail(node, "expected an input block of one row, [1, columns]");
  return rule;
}

Recipe RecipeReader::read() {
  Recipe recipe;
  recipe.name = file.str();
  yaml::Node *root = nullptr;
  if (auto document = stream->begin(); document != stream->end())
    root = document->getRoot();
  if (!root || isa<yaml::NullNode>(root))
    throw badInput(file.str(), "empty recipe");
  int64_t version = 0;
  mapping(
      *root,
      {{"version",
        [&](yaml::Node &n) {
          if (version = number<int64_t>(n); version != 1)
            fail(n, fmt::format("expected version 1, got {}", version));
        }},
       {"metadata",
        [&](yaml::Node &n) {
          mapping(n, {{"name", [&](yaml::Node &v) { recipe.name = text(v); }},
                      {"description", [&](yaml::Node &v) { text(v); }}});
        }},
       {"schemes",
        [&](yaml::Node &n) {
          auto *map = dyn_cast<yaml::MappingNode>(&n);
          if (!map)
            fail(n, "expected a mapping");
          for (yaml::KeyValueNode &entry : *map) {
            std::string name = text(*entry.getKey());
            if (!schemes.try_emplace(name, scheme(*entry.getValue())).second)
              fail(*entry.getKey(), fmt::format("scheme '{}' twice", name));
          }
        }},
       {"rules",
        [&](yaml::Node &n) {
          list(n,
               [&](yaml::Node &item) { recipe.rules.push_back(rule(item)); });
        }},
       {"accumulate",
        [&](yaml::Node &n) {
          mapping(n, {{"order",
                       [&](yaml::Node &v) {
                         recipe.order =
                             choice<Order>(v, {{"free", Order::Free},
                                               {"chain", Order::Chain},
                                               {"pairs", Order::Pairs},
                                               {"hopper", Order::Hopper}});
                       }},
                      {"group", [&](yaml::Node &v) {
                         recipe.group = number<int64_t>(v);
                       }}});
        }},
       {"requantize", [&](yaml::Node &n) {
          using Requantize = Recipe::Requantize;
          recipe.requantize = choice<Requantize>(
              n, {{"forbid", Requantize::Forbid},
                  {"lossless_only", Requantize::LosslessOnly},
                  {"allow", Requantize::Allow}});
        }}});
  if (stream->failed())
    throw badInput(fmt::format("{}:{}", file.str(), syntaxLine), "{}",
                   syntax.empty() ? "no YAML" : syntax);
  if (version == 0)
    throw badInput(file.str(), "expected version: 1");
  if (recipe.rules.empty())
    throw badInput(file.str(), "expected rules");
  return recipe;
}

Recipe fp8::parseRecipe(MLIRContext *context, StringRef text, StringRef file) {
  return RecipeReader(context, text, file).read();
}

const Recipe::Rule *Recipe::find(StringRef node) const {
  for (const Rule &rule : rules)
    if (std::regex_search(node.begin(), node.end(), rule.pattern))
      return &rule;
  return nullptr;
}
