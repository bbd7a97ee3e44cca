//===- ModelBuilder.cpp - what every architecture builds with -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "ModelBuilder.h"
#include "dialects/fp8/Fp8.h"

#include <fmt/ranges.h>

using namespace mlir;
using namespace trine;
using namespace trine::graph;

ModelBuilder::ModelBuilder(MLIRContext &context, const Model &model,
                           const ImportOptions &options,
                           std::vector<std::string> &warnings)
    : model(model), builder(&context), f32(builder.getF32Type()),
      i32(builder.getI32Type()), options(options), warnings(warnings),
      module(ModuleOp::create(NameLoc::get(builder.getStringAttr(model.name)))),
      symbols(*module), missing(model.unsupported) {
  readQuantization();
}

void ModelBuilder::check() const {
  std::vector<std::string> items = missing;
  if (!items.empty()) {
    items.insert(items.end(), faults.begin(), faults.end());
    refuseUnsupported(model.name, items);
  }
  if (faults.size() == 1)
    throw Error(ExitCode::BadInput, model.name, faults[0]);
  if (!faults.empty())
    throw Error(ExitCode::BadInput, model.name,
                fmt::format("{} faults", faults.size()), faults);
}

void ModelBuilder::checkLayers(std::string_view key, int64_t layers,
                               const char *what) {
  size_t tensors = model.weights().tensors().size();
  if (layers > int64_t(tensors))
    bad(fmt::format("{}: {} {}, but the model has only {} tensors", key, layers,
                    what, tensors));
}

int64_t ModelBuilder::maxSequence(int64_t limit, bool hard) {
  sequenceLimit = options.maxSequence ? options.maxSequence
                                      : std::min<int64_t>(limit, 8192);
  if (sequenceLimit > limit) {
    warn(
        fmt::format("--max-sequence={} is beyond the model's own limit of {}{}",
                    sequenceLimit, limit, hard ? ", which is used" : ""));
    if (hard)
      sequenceLimit = limit;
  }
  return sequenceLimit;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

void ModelBuilder::entry(const std::string &name,
                         const std::vector<Argument> &arguments,
                         const std::string &result, const Body &body) {
  entryNames.push_back(name);
  if (!options.entries.empty() && !llvm::is_contained(options.entries, name))
    return;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, at(name), name,
                                       builder.getFunctionType({}, {}));
  Block *block = function.addEntryBlock();
  for (const Argument &argument : arguments) {
    SmallVector<int64_t> shape(argument.dims.size(), ShapedType::kDynamic);
    block->addArgument(RankedTensorType::get(shape, i32), at(argument.name));
  }
  builder.setInsertionPointToStart(block);
  Value value = body(block->getArguments());
  func::ReturnOp::create(builder, at(name), value);
  function.setFunctionType(
      builder.getFunctionType(block->getArgumentTypes(), value.getType()));
  for (auto [index, argument] : llvm::enumerate(arguments)) {
    SmallVector<StringRef> dims(argument.dims.begin(), argument.dims.end());
    function.setArgAttr(index, "graph.name",
                        builder.getStringAttr(argument.name));
    function.setArgAttr(index, "graph.dims", builder.getStrArrayAttr(dims));
    if (argument.indexLimit)
      function.setArgAttr(index, "graph.index_limit",
                          builder.getI64IntegerAttr(argument.indexLimit));
    if (argument.optional)
      function.setArgAttr(index, "graph.optional", builder.getUnitAttr());
  }
  function.setResultAttr(0, "graph.name", builder.getStringAttr(result));
}

void ModelBuilder::causalEntries(
    int64_t vocabulary, const std::function<Value(Value, Value)> &hidden,
    const std::function<Value(Value)> &logits) {
  Argument tokens = {
      .name = "tokens", .dims = {"B", "S"}, .indexLimit = vocabulary};
  Argument lengths = {.name = "lengths", .dims = {"B"}, .optional = true};
  Argument token = {
      .name = "tokens", .dims = {"B", "1"}, .indexLimit = vocabulary};
  using Arguments = ArrayRef<BlockArgument>;
  entry("forward", {tokens}, "logits",
        [&](Arguments arguments) { return logits(hidden(arguments[0], {})); });
  entry("prefill", {tokens, lengths}, "logits", [&](Arguments arguments) {
    Value x = hidden(arguments[0], pastLength(arguments[0]));
    return logits(make<LastTokenOp>("last_token", x, arguments[1]));
  });
  entry("decode", {token}, "logits", [&](Arguments arguments) {
    Value x = hidden(arguments[0], pastLength(arguments[0]));
    return logits(make<LastTokenOp>("last_token", x, Value()));
  });
}

/// Scales of a weight that was asked for: where faults kept it from being read
/// they are left over.
bool ModelBuilder::isScaleOfUsed(StringRef tensor) const {
  return tensor.consume_back("_scale_inv") && used.count(tensor.str());
}

OwningOpRef<ModuleOp>
ModelBuilder::finish(StringRef kind,
                     const std::function<bool(StringRef)> &ignored) {
  for (const std::string &name : options.entries)
    if (!llvm::is_contained(entryNames, name))
      throw Error(ExitCode::Usage, "--entries",
                  fmt::format("'{}' has no entry '{}'; it has {}", model.name,
                              name, fmt::join(entryNames, ", ")));
  for (const StoredTensor &tensor : model.weights().tensors())
    if (!used.count(tensor.name) && !ignored(tensor.name) &&
        (faults.empty() || !isScaleOfUsed(tensor.name)))
      unsupported(fmt::format("tensor '{}' has no place in this architecture",
                              tensor.name));
  check();
  ModuleOp op = *module;
  op->setAttr("graph.kind", builder.getStringAttr(kind));
  op->setAttr("graph.model", builder.getStringAttr(model.name));
  op->setAttr("graph.max_sequence", builder.getI64IntegerAttr(sequenceLimit));
  op->setAttr("graph.max_batch", builder.getI64IntegerAttr(options.maxBatch));
  return std::move(module);
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

void ModelBuilder::addDeclaration(Operation *op) {
  symbols.insert(op, lastDeclaration
                         ? std::next(Block::iterator(lastDeclaration))
                         : module->getBody()->begin());
  lastDeclaration = op;
}

std::string ModelBuilder::useStored(const std::string &stored,
                                    ArrayRef<int64_t> shape) {
  bool reported = !used.insert(stored).second;
  const StoredTensor *tensor = model.weights().find(stored);
  if (!tensor && !reported)
    bad(fmt::format("tensor '{}' is missing", stored));
  if (!tensor || tensor->storage == Storage::Unsupported)
    return "f32";
  std::string storage = storageName(tensor->storage);
  if (reported)
    return storage;
  if (!storageInfo(tensor->storage).decodable)
    unsupported(
        fmt::format("tensor '{}': expected floating-point elements, got {}",
                    stored, storage));
  if (ArrayRef<int64_t>(tensor->shape) != shape)
    bad(fmt::format("tensor '{}': expected shape [{}], got [{}]", stored,
                    fmt::join(shape, ", "), fmt::join(tensor->shape, ", ")));
  return storage;
}

void ModelBuilder::declareParameter(const std::string &parameter,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<std::string> sources,
                                    const std::string &storage,
                                    DenseI64ArrayAttr rows) {
  SmallVector<StringRef> names(sources.begin(), sources.end());
  OpBuilder detached(builder.getContext());
  auto op = ParameterOp::create(detached, at(parameter), parameter,
                                RankedTensorType::get(shape, f32), storage,
                                builder.getStrArrayAttr(names));
  op.setRowsAttr(rows);
  addDeclaration(op);
}

static bool isFloat8(const StoredTensor *tensor) {
  return tensor && (tensor->storage == Storage::E4M3FN ||
                    tensor->storage == Storage::E5M2);
}

Value ModelBuilder::weight(const std::string &parameter,
                           std::vector<int64_t> shape) {
  const StoredTensor *stored = model.weights().find(storedName(parameter));
  if (isFloat8(stored))
    return scaledWeight(parameter, shape, stored, /*stacked=*/false);
  if (!symbols.lookup(parameter)) {
    std::string name = storedName(parameter);
    declareParameter(parameter, shape, name, useStored(name, shape));
  }
  return WeightOp::create(builder, at(parameter),
                          RankedTensorType::get(shape, f32), parameter);
}

Value ModelBuilder::stackedWeight(const std::string &parameter,
                                  ArrayRef<std::string> parts,
                                  ArrayRef<int64_t> shape) {
  SmallVector<int64_t> whole = {int64_t(parts.size())};
  llvm::append_range(whole, shape);
  std::vector<std::string> names;
  SmallVector<const StoredTensor *> tensors;
  for (const std::string &part : parts) {
    names.push_back(storedName(part));
    if (const StoredTensor *tensor = model.weights().find(names.back()))
      tensors.push_back(tensor);
  }
  if (tensors.size() == parts.size() && isFloat8(tensors[0]))
    return scaledWeight(parameter, shape, tensors, /*stacked=*/true);
  if (!symbols.lookup(parameter)) {
    std::vector<std::string> storages;
    for (const std::string &name : names)
      storages.push_back(useStored(name, shape));
    areAlike(tensors);
    declareParameter(parameter, whole, names, storages.front());
  }
  return WeightOp::create(builder, at(parameter),
                          RankedTensorType::get(whole, f32), parameter);
}

Value ModelBuilder::weightRows(const std::string &parameter,
                               const std::string &part, int64_t groups,
                               Rows rows, int64_t columns) {
  std::string name = storedName(parameter);
  int64_t all = groups * rows.every;
  const StoredTensor *stored = model.weights().find(name);
  std::string own = parameter + "." + part;
  SmallVector<int64_t> shape = {groups, rows.count, columns};
  if (!symbols.lookup(own)) {
    declareParameter(
        own, shape, name, useStored(name, {all, columns}),
        builder.getDenseI64ArrayAttr({rows.first, rows.count, rows.every}));
    // Blocks of scales span the groups: packed as values.
    if (isFloat8(stored))
      if (const StoredTensor *scales = scalesOf(*stored, {all, columns})) {
        lastDeclaration->setAttr(fp8::kScales,
                                 builder.getStrArrayAttr({scales->name}));
        lastDeclaration->setAttr(fp8::kBlock,
                                 builder.getDenseI64ArrayAttr(scaleBlock));
      }
  }
  return WeightOp::create(builder, at(own), RankedTensorType::get(shape, f32),
                          own);
}

Value ModelBuilder::linear(const std::string &node, Value x, int64_t features,
                           bool bias) {
  int64_t inputs = cast<RankedTensorType>(x.getType()).getShape().back();
  Value w = weight(node + ".weight", {features, inputs});
  return make<LinearOp>(node, x, w,
                        bias ? weight(node + ".bias", {features}) : Value());
}

Value ModelBuilder::reshape(const std::string &node, Value x,
                            ArrayRef<int64_t> shape) {
  return make<ReshapeOp>(node, x, builder.getDenseI64ArrayAttr(shape));
}

Value ModelBuilder::activate(const std::string &node, Value x,
                             Activation kind) {
  switch (kind) {
  case Activation::Silu:
    return make<SiluOp>(node, x);
  case Activation::Gelu:
    return make<GeluOp>(node, x);
  case Activation::GeluTanh:
    return make<GeluTanhOp>(node, x);
  case Activation::Relu:
    return make<ReluOp>(node, x);
  }
  llvm_unreachable("covered switch");
}

Value ModelBuilder::positions(Value tokens, Value past) {
  return graph::build<PositionsOp>(builder, at("positions"), i32, tokens, past);
}

Value ModelBuilder::pastLength(Value tokens) {
  return graph::build<LengthOp>(builder, at("past"), i32, tokens);
}

Value ModelBuilder::append(const std::string &node, const std::string &state,
                           Value values, Value past) {
  SmallVector<int64_t> shape(
      cast<RankedTensorType>(values.getType()).getShape());
  shape[0] = ShapedType::kDynamic;
  // The kernels read the cache in blocks; the limit itself is the host's.
  shape[1] = llvm::alignTo(sequenceLimit, 64);
  auto type = RankedTensorType::get(shape, f32);
  OpBuilder detached(builder.getContext());
  if (!symbols.lookup(state))
    addDeclaration(StateOp::create(detached, at(node), state, type));
  Value cache = CacheOp::create(builder, at(node), type, state, values);
  return make<AppendOp>(node, cache, values, past);
}

Activation trine::activation(ModelBuilder &model, const std::string &name) {
  if (name == "silu" || name == "swish")
    return Activation::Silu;
  if (name == "gelu")
    return Activation::Gelu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh")
    return Activation::GeluTanh;
  if (name == "relu")
    return Activation::Relu;
  model.unsupported(fmt::format("activation '{}'", name));
  return Activation::Silu;
}
