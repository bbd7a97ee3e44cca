//===- Sizes.cpp - symbolic sizes of an entry's values --------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "Sizes.h"

using namespace mlir;
using namespace trine;

//===----------------------------------------------------------------------===//
// Polynomials
//===----------------------------------------------------------------------===//

namespace {

/// Σ coefficient · Π symbols, all over one denominator.
struct Polynomial {
  std::map<std::vector<uint32_t>, int64_t> terms;
  int64_t denominator = 1;
};

/// Expands an expression; `overflow` and `inexact` say what went wrong.
class Expansion {
public:
  Polynomial expand(AffineExpr expression);
  bool failed = false, inexact = false;

private:
  int64_t times(int64_t a, int64_t b) {
    int64_t product = 0;
    failed |= __builtin_mul_overflow(a, b, &product);
    return product;
  }
  void addTerm(Polynomial &sum, const std::vector<uint32_t> &symbols,
               int64_t coefficient) {
    int64_t &term = sum.terms[symbols];
    failed |= __builtin_add_overflow(term, coefficient, &term);
  }
  Polynomial add(const Polynomial &a, const Polynomial &b);
  Polynomial multiply(const Polynomial &a, const Polynomial &b);
  Polynomial divide(Polynomial a, int64_t divisor, bool up);
};

} // namespace

Polynomial Expansion::add(const Polynomial &a, const Polynomial &b) {
  Polynomial sum;
  sum.denominator = times(a.denominator, b.denominator);
  for (const auto &[symbols, coefficient] : a.terms)
    addTerm(sum, symbols, times(coefficient, b.denominator));
  for (const auto &[symbols, coefficient] : b.terms)
    addTerm(sum, symbols, times(coefficient, a.denominator));
  return sum;
}

Polynomial Expansion::multiply(const Polynomial &a, const Polynomial &b) {
  Polynomial product;
  product.denominator = times(a.denominator, b.denominator);
  for (const auto &[left, x] : a.terms)
    for (const auto &[right, y] : b.terms) {
      std::vector<uint32_t> symbols = left;
      symbols.insert(symbols.end(), right.begin(), right.end());
      llvm::sort(symbols);
      addTerm(product, symbols, times(x, y));
    }
  return product;
}

Polynomial Expansion::divide(Polynomial a, int64_t divisor, bool up) {
  int64_t whole = times(a.denominator, divisor);
  if (failed || divisor <= 0) {
    failed = true;
    return a;
  }
  if (llvm::all_of(a.terms, [&](auto &t) { return t.second % whole == 0; })) {
    for (auto &[symbols, coefficient] : a.terms)
      coefficient /= whole;
    a.denominator = 1;
    return a;
  }
  inexact = true;
  if (up)
    addTerm(a, {}, times(divisor - 1, a.denominator));
  a.denominator = whole;
  return a;
}

Polynomial Expansion::expand(AffineExpr expression) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expression))
    return {{{{}, constant.getValue()}}, 1};
  if (auto symbol = dyn_cast<AffineSymbolExpr>(expression))
    return {{{{symbol.getPosition()}, 1}}, 1};
  auto binary = dyn_cast<AffineBinaryOpExpr>(expression);
  if (!binary) {
    failed = true;
    return {};
  }
  Polynomial left = expand(binary.getLHS());
  AffineExprKind kind = binary.getKind();
  if (kind == AffineExprKind::Add)
    return add(left, expand(binary.getRHS()));
  if (kind == AffineExprKind::Mul)
    return multiply(left, expand(binary.getRHS()));
  auto divisor = dyn_cast<AffineConstantExpr>(binary.getRHS());
  if (!divisor || kind == AffineExprKind::Mod) {
    failed = true;
    return {};
  }
  return divide(std::move(left), divisor.getValue(),
                kind == AffineExprKind::CeilDiv);
}

static std::optional<Size> toSize(AffineExpr expression, bool exact) {
  Expansion expansion;
  Polynomial polynomial = expansion.expand(expression);
  if (expansion.failed || (exact && expansion.inexact))
    return std::nullopt;
  Size size;
  for (const auto &[symbols, coefficient] : polynomial.terms)
    if (coefficient != 0)
      size.terms.push_back(
          {llvm::divideCeilSigned(coefficient, polynomial.denominator),
           symbols});
  return size;
}

std::optional<Size> trine::exactSize(AffineExpr expression) {
  return toSize(expression, /*exact=*/true);
}

std::optional<Size> trine::boundingSize(AffineExpr expression) {
  return toSize(expression, /*exact=*/false);
}

//===----------------------------------------------------------------------===//
// Shapes of an entry
//===----------------------------------------------------------------------===//

/// Sizes for the symbols of a trial, no two equal. Trial 0 is divisible by what
/// a reshape may ask for; 1 and 2 fit in a small state and share no size, so
/// that a static dimension can equal one of them by chance only.
static int64_t trialSize(unsigned trial, unsigned symbol) {
  static constexpr int64_t primes[][8] = {
      {1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049},
      {61, 59, 53, 47, 43, 41, 37, 31},
      {29, 23, 19, 17, 13, 11, 7, 5}};
  int64_t prime = primes[trial][symbol % 8] + 1050 * int64_t(symbol / 8);
  return trial == 0 ? prime * 5040 : prime;
}

LogicalResult EntryShapes::infersWith(func::FuncOp function, unsigned trial) {
  EntryShapes shapes;
  return shapes.inferBody(function, [&](unsigned symbol) {
    return getAffineConstantExpr(trialSize(trial, symbol),
                                 function.getContext());
  });
}

FailureOr<EntryShapes> EntryShapes::infer(func::FuncOp function) {
  MLIRContext *context = function.getContext();
  EntryShapes result;
  if (failed(result.inferBody(function, [&](unsigned symbol) {
        return getAffineSymbolExpr(symbol, context);
      })))
    return failure();
  {
    ScopedDiagnosticHandler quiet(context, [](Diagnostic &) {});
    if (succeeded(infersWith(function, 0)))
      return result;
  }
  for (unsigned trial : {1, 2}) {
    if (succeeded(infersWith(function, trial)))
      continue;
    InFlightDiagnostic error = function.emitError(
        "dimensions that must be equal have different names, or only one of "
        "them is dynamic; see graph.dims");
    for (auto [index, name] : llvm::enumerate(result.names))
      error.attachNote() << "tried with " << name << " = "
                         << trialSize(trial, unsigned(index));
    return error;
  }
  return result;
}

LogicalResult EntryShapes::inferBody(func::FuncOp function, Dimension size) {
  if (failed(inferArguments(function, size)))
    return failure();
  for (Operation &op : function.getBody().front().without_terminator())
    if (failed(inferOp(&op)))
      return failure();
  return success();
}

LogicalResult EntryShapes::inferArguments(func::FuncOp function,
                                          Dimension size) {
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    unsigned index = argument.getArgNumber();
    auto dims = function.getArgAttrOfType<ArrayAttr>(index, "graph.dims");
    if (dims && dims.size() != size_t(type.getNumDynamicDims()))
      return function.emitError()
             << "argument " << index << " has " << type.getNumDynamicDims()
             << " dynamic dimensions, but graph.dims names " << dims.size();
    graph::SymbolicShape &shape = shapes[argument];
    size_t next = 0;
    for (auto [position, dim] : llvm::enumerate(type.getShape())) {
      if (!ShapedType::isDynamic(dim)) {
        shape.push_back(getAffineConstantExpr(dim, function.getContext()));
        continue;
      }
      std::string name = dims ? cast<StringAttr>(dims[next++]).str()
                              : fmt::format("d{}", position);
      // A dynamic dimension named by a number has that size: kernels stay
      // those of the other entries.
      if (int64_t fixed; llvm::to_integer(name, fixed)) {
        shape.push_back(getAffineConstantExpr(fixed, function.getContext()));
        continue;
      }
      auto known = llvm::find(names, name);
      shape.push_back(size(unsigned(known - names.begin())));
      if (known == names.end())
        names.push_back(name);
    }
  }
  return success();
}

LogicalResult EntryShapes::inferOp(Operation *op) {
  if (auto call = dyn_cast<launch::CallOp>(op))
    return inferCall(call);
  if (auto copy = dyn_cast<launch::CopyOp>(op)) {
    shapes[copy.getResult()] = graph::SymbolicShape(shapes[copy.getInput()]);
    return success();
  }
  auto inference = dyn_cast<graph::ShapeInference>(op);
  if (!inference) { // weights and constants
    for (Value result : op->getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      if (!type.hasStaticShape())
        return op->emitOpError("has a result of unknown shape");
      unsigned none = 0;
      shapes[result] = graph::symbolicShape(type, none);
    }
    return success();
  }
  SmallVector<graph::SymbolicShape> operands, results;
  for (Value operand : op->getOperands())
    operands.push_back(shapes[operand]);
  if (failed(inference.inferShapes(operands, results,
                                   [op] { return op->emitOpError(); })))
    return failure();
  for (auto [result, shape] : llvm::zip_equal(op->getResults(), results))
    shapes[result] = shape;
  return success();
}

LogicalResult EntryShapes::inferCall(launch::CallOp call) {
  auto kernel = SymbolTable::lookupNearestSymbolFrom<launch::KernelOp>(
      call, call.getKernelAttr());
  // The body's values are shared by all calls: the latest one's shapes win.
  for (auto [argument, operand] :
       llvm::zip_equal(kernel.getBlock().getArguments(), call.getOperands()))
    shapes[argument] = graph::SymbolicShape(shapes[operand]);
  for (Operation &op : kernel.getBlock().without_terminator())
    if (failed(inferOp(&op)))
      return failure();
  Operation *terminator = kernel.getBlock().getTerminator();
  for (auto [result, inner] :
       llvm::zip_equal(call.getResults(), terminator->getOperands()))
    shapes[result] = graph::SymbolicShape(shapes[inner]);
  return success();
}
