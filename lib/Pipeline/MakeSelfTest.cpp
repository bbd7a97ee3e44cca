//===- MakeSelfTest.cpp - a package's own test vector ---------------------===//
// The quantize phase's module and the model's weights → inputs, sampled
// outputs. Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "MakeSelfTest.h"
#include "Types.h"
#include "trine/Reference/Weights.h"
#include "trine/Support/Error.h"

using namespace mlir;
using namespace trine;
using reference::Tensor;

static constexpr int64_t kTokens = 4, kSamples = 16;
/// The reference is never fast: a minute of compile time at most, and weights
/// that fit in memory one by one.
static constexpr int64_t kMostElements = int64_t(1) << 30,
                         kMostInOne = int64_t(1) << 27;

static bool isSmall(ModuleOp graph) {
  int64_t sum = 0;
  for (auto op : graph.getOps<graph::ParameterOp>()) {
    int64_t count = cast<RankedTensorType>(op.getType()).getNumElements();
    sum += count;
    if (count > kMostInOne || sum > kMostElements)
      return false;
  }
  return true;
}

/// The first public function without state and with named dimensions only.
static func::FuncOp chooseEntry(ModuleOp graph) {
  for (auto function : graph.getOps<func::FuncOp>()) {
    bool fits = function.isPublic();
    for (Operation &op : function.getBody().front())
      fits &= !isa<graph::CacheOp, graph::LengthOp>(op);
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      fits &= bool(function.getArgAttr(i, "graph.dims"));
    if (fits)
      return function;
  }
  return {};
}

/// Values that differ from each other and fit the argument: indices below its
/// limit, ones for a mask, small numbers.
static SelfTest::Input makeInput(func::FuncOp entry, unsigned index) {
  auto type = cast<RankedTensorType>(entry.getArgumentTypes()[index]);
  auto dims = entry.getArgAttrOfType<ArrayAttr>(index, "graph.dims");
  SelfTest::Input input;
  auto name = entry.getArgAttrOfType<StringAttr>(index, "graph.name");
  input.name = name ? name.str() : fmt::format("arg{}", index);
  input.dtype = dtypeOf(type);
  int64_t count = 1;
  size_t next = 0;
  for (int64_t size : type.getShape()) {
    if (ShapedType::isDynamic(size)) {
      StringRef dim = cast<StringAttr>(dims[next++]).getValue();
      size = dim == "B" || dim == "1" ? 1 : kTokens;
    }
    input.shape.push_back(size);
    count *= size;
  }
  auto limit = entry.getArgAttrOfType<IntegerAttr>(index, "graph.index_limit");
  for (int64_t i = 0; i < count; ++i) {
    int64_t scrambled = (i + 1) * 7919 + 17;
    if (limit)
      input.values.push_back(double(scrambled % limit.getInt()));
    else if (type.getElementType().isInteger())
      input.values.push_back(1);
    else
      input.values.push_back(double(scrambled % 256 - 128) / 64);
  }
  return input;
}

static Tensor asTensor(const SelfTest::Input &input) {
  Tensor tensor(*reference::parseDType(input.dtype), input.shape);
  tensor.store(0, tensor.elements(), input.values.data());
  return tensor;
}

/// The project's bound on a whole model's outputs, as a share of the largest.
/// Narrow operands: where f32 sums differ in the last bit, an operand now and
/// then rounds to the other side, half a percent of it (bf16), or a step of its
/// block (int8); seen on SmolLM2: 0.5 % and 1.8 %.
static double tolerance(ModuleOp graph) {
  auto compute = graph->getAttrOfType<StringAttr>("graph.compute");
  if (!compute || compute.getValue() == "f32")
    return 1e-4;
  return compute.getValue() == "bf16" ? 0.02 : 0.06;
}

static SelfTest::Output sample(const std::string &name, const Tensor &tensor,
                               double tolerance) {
  SelfTest::Output output;
  output.name = name;
  output.dtype = reference::dtypeName(tensor.dtype);
  output.shape.assign(tensor.shape.begin(), tensor.shape.end());
  int64_t count = tensor.elements();
  std::vector<double> values = tensor.load(0, count);
  double largest = 0;
  for (double value : values)
    largest = std::max(largest, std::abs(value));
  output.atol = tolerance * largest;
  int64_t step = std::max<int64_t>(count / kSamples, 1);
  for (int64_t i = 0; i < count; i += step) {
    // Not always the same column of a row.
    int64_t position = i + (i / step) * 37 % step;
    if (position >= count)
      break;
    output.positions.push_back(position);
    output.values.push_back(values[size_t(position)]);
  }
  return output;
}

std::optional<SelfTest> trine::makeSelfTest(ModuleOp graph,
                                            const WeightSource *weights) {
  func::FuncOp entry = chooseEntry(graph);
  if (!entry || !isSmall(graph))
    return std::nullopt;
  SelfTest test;
  test.entry = entry.getName();
  std::vector<Tensor> arguments;
  for (unsigned i = 0; i < entry.getNumArguments(); ++i) {
    test.inputs.push_back(makeInput(entry, i));
    arguments.push_back(asTensor(test.inputs.back()));
  }
  reference::Interpreter interpreter(graph, [&](graph::ParameterOp op) {
    return reference::readParameter(op, *weights);
  });
  reference::Session session;
  std::vector<Tensor> results;
  try {
    results = interpreter.call(entry, arguments, session);
  } catch (const Error &error) {
    // Made-up inputs may be out of an operation's range: no self-test then.
    if (error.code == ExitCode::BadInput)
      return std::nullopt;
    throw;
  }
  for (auto [index, result] : llvm::enumerate(results)) {
    auto name =
        entry.getResultAttrOfType<StringAttr>(unsigned(index), "graph.name");
    if (result.elements() > 0)
      test.outputs.push_back(
          sample(name ? name.str() : fmt::format("result{}", index), result,
                 tolerance(graph)));
  }
  if (test.outputs.empty())
    return std::nullopt;
  return test;
}
