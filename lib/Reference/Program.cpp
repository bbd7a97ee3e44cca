//===- Program.cpp - entries by name, inputs checked, one session ---------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/Program.h"
#include "dialects/fp8/Fp8.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "trine/Reference/Weights.h"
#include "trine/Support/Error.h"

using namespace mlir;
using namespace trine;
using namespace trine::reference;

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

OwningOpRef<ModuleOp> reference::parseModule(StringRef text, StringRef name,
                                             MLIRContext &context) {
  context
      .loadDialect<fp8::Fp8Dialect, graph::GraphDialect, launch::LaunchDialect,
                   func::FuncDialect, LLVM::LLVMDialect>();
  std::string where = name.str(), what;
  OwningOpRef<ModuleOp> module;
  {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (!what.empty() ||
          diagnostic.getSeverity() != DiagnosticSeverity::Error)
        return success();
      what = diagnostic.str();
      if (auto at = dyn_cast<FileLineColLoc>(diagnostic.getLocation()))
        where =
            fmt::format("{}:{}:{}", name.str(), at.getLine(), at.getColumn());
      return success();
    });
    module = parseSourceString<ModuleOp>(text, &context, name);
  }
  if (!module)
    throw badInput(where, "{}", what.empty() ? "does not parse" : what);
  return module;
}

std::unique_ptr<Program> Program::open(const std::string &file,
                                       const std::string &weightsFrom) {
  std::unique_ptr<Program> program(new Program);
  program->file = file;
  WeightReader weights;
  if (StringRef(file).ends_with(".mlir")) {
    std::shared_ptr<const Model> model;
    if (!weightsFrom.empty())
      model = openModel(weightsFrom);
    weights = readModel(model);
    program->module = parseModule(readText(file), file, program->context);
  } else {
    auto package = std::make_shared<const PackageReader>(file);
    package->checkSections();
    weights = readPackage(package);
    program->module =
        parseModule(package->text(section::graph), file, program->context);
  }
  program->interpreter =
      std::make_unique<Interpreter>(*program->module, std::move(weights));
  return program;
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

func::FuncOp Program::entry(StringRef name) const {
  std::vector<std::string> names;
  func::FuncOp only;
  for (auto function : (*module).getOps<func::FuncOp>()) {
    if (!function.isPublic() || function.isDeclaration())
      continue;
    if (function.getName() == name)
      return function;
    only = function;
    names.push_back(function.getName().str());
  }
  if (name.empty() && names.size() == 1)
    return only;
  throw badInput(file, "expected one of the entries {}, got '{}'",
                 fmt::join(names, ", "), name.str());
}

static std::string nameOf(StringAttr attribute, const char *prefix,
                          unsigned index) {
  return attribute ? attribute.str() : fmt::format("{}{}", prefix, index);
}
static std::string argumentName(func::FuncOp entry, unsigned index) {
  return nameOf(entry.getArgAttrOfType<StringAttr>(index, "graph.name"), "arg",
                index);
}

static std::string resultName(func::FuncOp entry, unsigned index) {
  return nameOf(entry.getResultAttrOfType<StringAttr>(index, "graph.name"),
                "result", index);
}

/// Largest size of a named dimension; 0: none.
int64_t Program::limit(StringRef dim) const {
  StringRef key = dim == "B"   ? "graph.max_batch"
                  : dim == "S" ? "graph.max_sequence"
                               : "";
  auto limit =
      key.empty() ? IntegerAttr() : (*module)->getAttrOfType<IntegerAttr>(key);
  return limit ? limit.getInt() : 0;
}

/// Each dimension of an argument: a number, its name in `graph.dims`, or "?".
static std::vector<std::string> dimsOf(func::FuncOp entry, unsigned index) {
  auto type = cast<RankedTensorType>(entry.getArgumentTypes()[index]);
  auto names = entry.getArgAttrOfType<ArrayAttr>(index, "graph.dims");
  std::vector<std::string> dims;
  unsigned next = 0;
  for (int64_t dim : type.getShape()) {
    if (!ShapedType::isDynamic(dim))
      dims.push_back(std::to_string(dim));
    else if (names && next < names.size())
      dims.push_back(cast<StringAttr>(names[next++]).str());
    else
      dims.push_back("?");
  }
  return dims;
}

/// Element type, rank, fixed dimensions and the range of indices.
static void checkInput(func::FuncOp entry, unsigned index,
                       const Tensor &tensor) {
  std::string where = entry.getName().str(), name = argumentName(entry, index);
  auto type = cast<RankedTensorType>(entry.getArgumentTypes()[index]);
  std::vector<std::string> dims = dimsOf(entry, index);
  DType dtype = dtypeOf(type.getElementType());
  bool fits = tensor.dtype == dtype && tensor.shape.size() == dims.size();
  for (size_t d = 0; fits && d < dims.size(); ++d)
    if (int64_t fixed; llvm::to_integer(dims[d], fixed))
      fits = tensor.shape[d] == fixed;
  if (!fits)
    throw badInput(where, "input '{}': expected {}[{}], got {}[{}]", name,
                   dtypeName(dtype).str(), fmt::join(dims, ","),
                   dtypeName(tensor.dtype).str(), fmt::join(tensor.shape, ","));
  auto indices =
      entry.getArgAttrOfType<IntegerAttr>(index, "graph.index_limit");
  for (int64_t i = 0; indices && i < tensor.elements(); ++i)
    if (tensor.ints()[i] < 0 || tensor.ints()[i] >= indices.getInt())
      throw badInput(where, "input '{}': element {}: expected 0 to {}, got {}",
                     name, i, indices.getInt() - 1, tensor.ints()[i]);
}

/// Arguments in order. Named dimensions agree, stay within their limits, and
/// give an absent `lengths` its value: the whole of S.
std::vector<Tensor> Program::bind(func::FuncOp entry,
                                  const Named &inputs) const {
  std::string where = entry.getName().str();
  std::set<std::string> known;
  std::map<std::string, int64_t> sizes;
  std::vector<Tensor> arguments(entry.getNumArguments());
  for (unsigned i = 0; i < arguments.size(); ++i) {
    std::string name = argumentName(entry, i);
    known.insert(name);
    if (auto found = inputs.find(name); found != inputs.end()) {
      arguments[i] = found->second;
    } else if (entry.getArgAttr(i, "graph.optional") && sizes.count("B") &&
               sizes.count("S")) {
      arguments[i] = Tensor(TRINE_I32, {sizes["B"]});
      std::fill_n(arguments[i].ints(), sizes["B"], int32_t(sizes["S"]));
    } else {
      throw badInput(where, "input '{}' is missing", name);
    }
    checkInput(entry, i, arguments[i]);
    for (auto [dim, size] :
         llvm::zip_equal(dimsOf(entry, i), arguments[i].shape)) {
      if (int64_t most = limit(dim); most && size > most)
        throw badInput(where, "input '{}': expected {} of at most {}, got {}",
                       name, dim, most, size);
      if (dim != "?" && !sizes.emplace(dim, size).second && sizes[dim] != size)
        throw badInput(where, "input '{}': expected {} of {}, got {}", name,
                       dim, sizes[dim], size);
    }
  }
  for (auto &[name, tensor] : inputs)
    if (!known.count(name))
      throw badInput(where, "expected one of the inputs {}, got '{}'",
                     fmt::join(known, ", "), name);
  return arguments;
}

/// Every row has room for `tokens` more; `lengths`, if given, counts those of
/// them that are no padding.
void Program::checkTokens(int64_t tokens, const Tensor *lengths) const {
  int64_t most = limit("S");
  for (size_t row = 0; most && row < session.lengths.size(); ++row)
    if (session.lengths[row] + tokens > most)
      throw badInput(file,
                     "row {}: expected at most {} tokens, got {} after {}", row,
                     most, tokens, session.lengths[row]);
  for (int64_t row = 0; lengths && row < lengths->elements(); ++row)
    if (lengths->ints()[row] < 1 || lengths->ints()[row] > tokens)
      throw badInput(file, "input 'lengths': row {}: expected 1 to {}, got {}",
                     row, tokens, lengths->ints()[row]);
}

std::vector<std::pair<std::string, Tensor>> Program::run(func::FuncOp entry,
                                                         const Named &inputs) {
  std::vector<Tensor> arguments = bind(entry, inputs);
  bool stateful = false, fresh = session.lengths.empty();
  for (Operation &op : entry.getBody().front())
    stateful |= isa<graph::CacheOp, graph::LengthOp>(op);
  int64_t tokens = 0;
  const Tensor *lengths = nullptr;
  for (unsigned i = 0; stateful && i < arguments.size(); ++i) {
    if (argumentName(entry, i) == "lengths")
      lengths = &arguments[i];
    else if (tokens == 0 && arguments[i].rank() >= 2)
      tokens = arguments[i].dim(1);
  }
  std::vector<Tensor> results;
  try {
    checkTokens(tokens, lengths);
    results = interpreter->call(entry, arguments, session);
  } catch (const Error &) {
    if (fresh)
      session = {}; // the batch is open again
    throw;
  }
  if (stateful)
    session.advance(lengths, tokens);
  std::vector<std::pair<std::string, Tensor>> named;
  for (unsigned i = 0; i < results.size(); ++i)
    named.emplace_back(resultName(entry, i), std::move(results[i]));
  return named;
}
