//===- Compilation.cpp - load and run the phases --------------------------===//
// A model file or a saved module → the module after the last phase wanted.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Compilation.h"
#include "Calibration.h"
#include "PackWeights.h"
#include "Sizes.h"
#include "dialects/fp8/Recipe.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "trine/Import/Import.h"
#include "trine/Pipeline/Registration.h"
#include "trine/Target/Targets.h"

#include <fmt/ranges.h>

using namespace mlir;
using namespace trine;
namespace fs = std::filesystem;

static DialectRegistry allDialects() {
  DialectRegistry registry;
  registerDialects(registry);
  return registry;
}

Compilation::Compilation(CompileOptions given)
    : options(std::move(given)),
      context(allDialects(), MLIRContext::Threading::DISABLED),
      pool(llvm::hardware_concurrency(unsigned(options.jobs))),
      diagnostics(context, fs::path(options.input).filename()),
      clock(!options.quiet) {
  if (options.jobs > 1)
    context.setThreadPool(pool);
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// The text that saved phases carry beside their module: the module after the
/// last phase of graphs, for the package's section `graph`.
static constexpr const char *kResource = "trine", *kGraphKey = "graph",
                            *kGraphPhase = "quantize";

/// The parser recurses: nesting beyond anything a model needs is refused first.
static void checkNesting(const std::string &text, const std::string &file) {
  constexpr int64_t limit = 256;
  int64_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (quoted)
      continue;
    else if (StringRef(text).substr(i).starts_with("//"))
      i = std::min(text.find('\n', i), text.size());
    else if (StringRef("{([<").contains(text[i]))
      ++depth;
    else if (StringRef("})]").contains(text[i]) ||
             (text[i] == '>' && i > 0 && text[i - 1] != '-'))
      --depth;
    if (depth > limit)
      throw badInput(file, "nested more than {} levels deep", limit);
  }
}

void Compilation::parseModule() {
  inputText = readText(options.input);
  checkNesting(inputText, options.input);
  ParserConfig config(&context);
  config.attachResourceParser(
      kResource, [this](AsmParsedResourceEntry &entry) -> LogicalResult {
        FailureOr<std::string> text = entry.parseAsString();
        if (succeeded(text) && entry.getKey() == kGraphKey)
          graphText = *text;
        return text;
      });
  // The base name: positions in the IR must not depend on the directory.
  module = parseSourceString<ModuleOp>(
      inputText, config, fs::path(options.input).filename().string());
}

void Compilation::setModuleAttribute(const char *name, Attribute value,
                                     bool given) {
  if (given || !(*module)->hasAttr(name))
    (*module)->setAttr(name, value);
}

/// A preset's or a file's, once it has been found good.
std::string Compilation::recipeText() {
  const std::string &name = options.quantize;
  std::string text = fp8::presetRecipe(name).str();
  if (text.empty() && !fs::exists(name))
    throw Error(ExitCode::Usage, "--quantize",
                fmt::format("'{}' is neither a file nor one of {}", name,
                            fp8::presetNames()));
  if (text.empty())
    text = readText(name);
  context.loadDialect<fp8::Fp8Dialect>(); // a recipe has its attributes
  fp8::parseRecipe(&context, text, name);
  return text;
}

/// A GPU computes in the model's own precision: bf16, unless it is stored as
/// f32.
void Compilation::choosePrecision() {
  if (!model || options.input.ends_with(".mlir") || options.targets.empty() ||
      options.targets.front() != "cuda" || !options.compute.empty() ||
      !options.quantize.empty())
    return;
  bool narrow = llvm::any_of(
      module->getOps<graph::ParameterOp>(), [](graph::ParameterOp parameter) {
        return cast<RankedTensorType>(parameter.getType()).getRank() > 1 &&
               parameter.getStorage() != "f32";
      });
  if (!narrow)
    return;
  options.compute = "bf16";
  if (options.weights.empty())
    options.weights = "bf16";
}

/// The choices that passes read. A saved module keeps its own unless the
/// command line has others.
void Compilation::configureModule() {
  choosePrecision();
  Builder builder(&context);
  auto list = [&](const std::vector<std::string> &items) {
    SmallVector<StringRef> strings(items.begin(), items.end());
    return builder.getStrArrayAttr(strings);
  };
  nlohmann::json recorded = options.recorded();
  if (auto saved = (*module)->getAttrOfType<StringAttr>("launch.options"))
    recorded = options.recorded(parseJson(saved.getValue(), options.input));
  (*module)->setAttr("launch.options", builder.getStringAttr(recorded.dump()));
  setModuleAttribute(
      "launch.cpu",
      builder.getStringAttr(options.cpu.empty() ? "native" : options.cpu),
      !options.cpu.empty());
  if (!options.arch.empty())
    (*module)->setAttr("launch.arch", builder.getStringAttr(options.arch));
  setModuleAttribute("launch.targets",
                     list(options.targets.empty()
                              ? std::vector<std::string>{"cpu"}
                              : options.targets),
                     !options.targets.empty());
  setModuleAttribute("launch.place", list(options.place),
                     !options.place.empty());
  for (auto [name, value] : {std::pair{"graph.compute", &options.compute},
                             {"graph.weights", &options.weights},
                             {"graph.kv", &options.kv}})
    if (!value->empty())
      (*module)->setAttr(name, builder.getStringAttr(*value));
  if (!options.quantize.empty())
    (*module)->setAttr("fp8.recipe", builder.getStringAttr(recipeText()));
  if (!options.observe.empty())
    (*module)->setAttr("fp8.observe", builder.getStringAttr(options.observe));
  if (!options.calibration.empty())
    (*module)->setAttr(
        "fp8.calibration",
        readCalibration(context, options.calibration, sourceDigest()));
  if (options.maxSequence)
    setModuleAttribute("graph.max_sequence",
                       builder.getI64IntegerAttr(options.maxSequence), false);
  if (options.maxBatch)
    setModuleAttribute("graph.max_batch",
                       builder.getI64IntegerAttr(options.maxBatch), false);
}

/// The phase a saved module has been through, taken off it; "" for a new one.
std::string Compilation::takePhase() {
  auto attr = (*module)->getAttrOfType<StringAttr>("launch.phase");
  if (!attr)
    return "";
  (*module)->removeAttr("launch.phase");
  if (!findPhase(attr.getValue()))
    throw badInput(options.input, "unknown phase '{}' in launch.phase",
                   attr.str());
  return attr.str();
}

void Compilation::load() {
  bool isModule = options.input.ends_with(".mlir");
  if (!isModule && !options.weightsFrom.empty())
    throw Error(ExitCode::Usage, "--weights-from",
                "only a .mlir input takes its weights from elsewhere");
  if (!isModule && !options.from.empty())
    throw Error(ExitCode::Usage, "--from",
                fmt::format("expected a saved module (.mlir), got '{}'",
                            options.input));
  if (isModule) {
    parseModule();
    if (!options.weightsFrom.empty())
      model = openModel(options.weightsFrom);
    return;
  }
  model = openModel(options.input);
  module =
      importModel(context, *model,
                  {options.maxSequence,
                   options.maxBatch ? options.maxBatch : 16, options.entries},
                  warnings);
}

//===----------------------------------------------------------------------===//
// Phases
//===----------------------------------------------------------------------===//

static size_t phaseIndex(const char *option, const std::string &name) {
  if (std::optional<size_t> index = findPhase(name))
    return *index;
  std::vector<std::string> names;
  for (const Phase &phase : phases())
    names.push_back(phase.name.str());
  throw Error(ExitCode::Usage, option,
              fmt::format("unknown phase '{}'; there are {}", name,
                          fmt::join(names, ", ")));
}

/// First and last phase to run. A saved module goes on after the phase it has
/// been through; --from names that phase or the next one.
std::pair<size_t, size_t>
Compilation::phaseRange(const std::string &finished) const {
  size_t first = finished.empty() ? 0 : phaseIndex("", finished) + 1;
  if (!options.from.empty()) {
    size_t from = phaseIndex("--from", options.from);
    if (finished.empty())
      first = from;
    else if (from != first && from + 1 != first)
      throw Error(ExitCode::Usage, "--from",
                  fmt::format("'{}' has been through phase '{}'; use --from={}",
                              options.input, finished, finished));
  }
  size_t last = phases().size() - 1;
  if (options.emit == "graph")
    last = phaseIndex("", "graph");
  if (options.check)
    last = phaseIndex("", "kernels");
  if (!options.to.empty())
    last = phaseIndex("--to", options.to);
  if (last + 1 < first)
    throw Error(ExitCode::Usage, options.to.empty() ? "--emit" : "--to",
                fmt::format("phase '{}' comes before '{}'",
                            phases()[last].name.str(),
                            phases()[first].name.str()));
  return {first, last};
}

std::string Compilation::print(const std::string &finished) const {
  ModuleOp op = *module;
  if (!finished.empty())
    op->setAttr("launch.phase", StringAttr::get(op.getContext(), finished));
  std::string text;
  llvm::raw_string_ostream stream(text);
  AsmState state(op, OpPrintingFlags().enableDebugInfo());
  if (!finished.empty() && !graphText.empty() && finished != kGraphPhase)
    state.attachResourcePrinter(
        kResource, [this](Operation *, AsmResourceBuilder &builder) {
          builder.buildString(kGraphKey, graphText);
        });
  op.print(stream, state);
  op->removeAttr("launch.phase");
  return text + "\n";
}

/// What no type says: dimensions that an entry needs to be equal have one name.
static LogicalResult checkDimensions(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    if (function.isPublic() && failed(EntryShapes::infer(function)))
      return failure();
  return success();
}

LogicalResult Compilation::afterPhase(const Phase &phase, ModuleOp op) {
  if (phase.name == "import" && failed(checkDimensions(op)))
    return failure();
  clock.end();
  if (phase.name == kGraphPhase)
    graphText = print("");
  saved = print(phase.name.str());
  if (!options.savePhases.empty() && phase.name != "package")
    writeText(fs::path(options.savePhases) / (phase.name.str() + ".mlir"),
              saved);
  size_t next = *findPhase(phase.name) + 1;
  if (next < phases().size())
    clock.begin(currentPhase = phases()[next].name.str());
  return success();
}

/// Whose fault a failed phase is.
ExitCode Compilation::failureCode() const {
  if (diagnostics.sawUnsupported())
    return ExitCode::Unsupported;
  bool userWrote = options.input.ends_with(".mlir") || !options.place.empty() ||
                   (!options.quantize.empty() && currentPhase == kGraphPhase);
  size_t index = *findPhase(currentPhase);
  if (!options.place.empty() && currentPhase == "kernels")
    return ExitCode::Usage;
  return userWrote && index <= *findPhase("kernels") ? ExitCode::BadInput
                                                     : ExitCode::Internal;
}

int Compilation::runPhases(size_t first, size_t last) {
  if (first > last)
    return 0;
  if (!options.savePhases.empty())
    makeFolder(options.savePhases);
  currentPhase = phases()[first].name.str();
  if (first != 0)
    clock.begin(currentPhase);
  LogicalResult result = trine::runPhases(
      *module, first, last, [this](const Phase &phase, ModuleOp op) {
        return afterPhase(phase, op);
      });
  if (succeeded(result))
    return 0;
  ExitCode code = failureCode();
  if (code == ExitCode::Internal)
    throw Error(code, options.input,
                fmt::format("phase '{}' failed", currentPhase));
  return int(code);
}

int Compilation::run() {
  clock.begin("import");
  load();
  if (!module)
    return int(ExitCode::BadInput);
  std::string finished = takePhase();
  auto [first, last] = phaseRange(finished);
  if (first > phaseIndex("", kGraphPhase))
    for (auto [flag, value] : {std::pair{"--compute", &options.compute},
                               {"--weights", &options.weights},
                               {"--kv", &options.kv}})
      if (!value->empty())
        throw Error(ExitCode::Usage, flag,
                    fmt::format("'{}' has its precision since phase '{}'; give "
                                "it to the compile that goes through that",
                                options.input, kGraphPhase));
  configureModule();
  if (failed(TargetSet::of(*module)))
    return int(options.cpu.empty() && options.arch.empty() ? ExitCode::BadInput
                                                           : ExitCode::Usage);
  if (model)
    checkParameters(*module, model->weights());
  if (first == phaseIndex("", kGraphPhase) + 1 && graphText.empty())
    graphText = print("");
  // `package` is ours: it writes files, which no pass does.
  size_t packageIndex = phases().size() - 1;
  if (int code = runPhases(first, std::min(last, packageIndex - 1)))
    return code;
  if (options.check)
    return 0;
  if (last < packageIndex) {
    std::string text = print(phases()[last].name.str());
    if (options.output.empty())
      fmt::print("{}", text);
    else
      writeText(options.output, text);
    return 0;
  }
  return emit();
}

std::string Compilation::sourceDigest() const {
  if (model)
    return hex(model->weights().digest());
  return hex(sha256(
      {reinterpret_cast<const uint8_t *>(inputText.data()), inputText.size()}));
}
