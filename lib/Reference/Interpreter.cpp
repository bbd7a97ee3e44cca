//===- Interpreter.cpp - walks a function or kernel -----------------------===//
// Values live until their last use. Every operation's result shape comes from
// its own ShapeInference, applied to the shapes met at run time.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "trine/Reference/Interpreter.h"
#include "Ops.h"
#include "mlir/IR/AffineExpr.h"

using namespace mlir;
using namespace trine;
using namespace trine::reference;

std::string reference::describe(Operation *op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  Location loc = op->getLoc();
  if (auto fused = dyn_cast<FusedLoc>(loc);
      fused && !fused.getLocations().empty())
    loc = fused.getLocations().front();
  if (auto file = dyn_cast<FileLineColLoc>(loc))
    out << file.getFilename().getValue() << ":" << file.getLine() << ":"
        << file.getColumn() << ": ";
  else if (auto name = dyn_cast<NameLoc>(loc))
    out << name.getName().getValue() << ": ";
  out << "'" << op->getName() << "'";
  return text;
}

void Session::advance(const Tensor *rowLengths, int64_t tokens) {
  for (size_t row = 0; row < lengths.size(); ++row)
    lengths[row] += rowLengths ? rowLengths->ints()[row] : int32_t(tokens);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static std::string print(DType dtype, ArrayRef<int64_t> shape) {
  return fmt::format("{}[{}]", dtypeName(dtype).str(),
                     fmt::join(shape.begin(), shape.end(), ","));
}

/// A value has the element type, rank and static dimensions of its type.
static void checkType(Operation *op, StringRef what, const Tensor &tensor,
                      Type type) {
  auto expected = cast<RankedTensorType>(type);
  if (tensor.dtype == dtypeOf(expected.getElementType()) &&
      succeeded(verifyCompatibleShape(tensor.shape, expected.getShape())))
    return;
  std::string text;
  llvm::raw_string_ostream(text) << expected;
  throw fault(op, "expected {} of type {}, got {}", what.str(), text,
              print(tensor.dtype, tensor.shape));
}

static SmallVector<Shape> inferShapes(Operation *op, Operands operands) {
  MLIRContext *context = op->getContext();
  SmallVector<graph::SymbolicShape> shapes, results;
  for (const Tensor &operand : operands) {
    graph::SymbolicShape &shape = shapes.emplace_back();
    for (int64_t dim : operand.shape)
      shape.push_back(getAffineConstantExpr(dim, context));
  }
  std::string message;
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      message = diagnostic.str();
      return success();
    });
    if (failed(cast<graph::ShapeInference>(op).inferShapes(
            shapes, results, [op] { return op->emitError(); })) &&
        message.empty())
      message = "operand shapes do not fit";
  }
  if (!message.empty())
    throw fault(op, "{}", message);
  return llvm::map_to_vector(results, [](const graph::SymbolicShape &symbolic) {
    Shape shape;
    for (AffineExpr dim : symbolic)
      shape.push_back(cast<AffineConstantExpr>(dim).getValue());
    return shape;
  });
}

//===----------------------------------------------------------------------===//
// One activation
//===----------------------------------------------------------------------===//

/// The values of one function or kernel while it runs.
class Interpreter::Frame {
public:
  Frame(Interpreter &interpreter, Session *session)
      : interpreter(interpreter), session(session) {}

  void bind(Value value, Tensor tensor) {
    if (!value.use_empty())
      values[value] = std::move(tensor);
  }
  SmallVector<Tensor> operandsOf(Operation *op) const {
    return llvm::map_to_vector(op->getOperands(),
                               [&](Value value) { return values.at(value); });
  }
  void run(Operation *op);

private:
  SmallVector<Tensor> evaluate(Operation *op, Operands operands);
  SmallVector<Tensor> compute(Operation *op, Operands operands);
  Tensor cache(graph::CacheOp op, const Tensor &like);
  Tensor length(graph::LengthOp op, const Tensor &like);
  Session &sessionFor(Operation *op, const Tensor &like);

  Interpreter &interpreter;
  Session *session;
  DenseMap<Value, Tensor> values;
};

void Interpreter::Frame::run(Operation *op) {
  SmallVector<Tensor> operands = operandsOf(op);
  SmallVector<Tensor> results = evaluate(op, operands);
  for (auto [value, tensor] : llvm::zip_equal(op->getResults(), results)) {
    checkType(op, "a result", tensor, value.getType());
    bind(value, std::move(tensor));
  }
  for (Value operand : op->getOperands())
    if (llvm::all_of(operand.getUsers(), [&](Operation *user) {
          return user->getBlock() == op->getBlock() &&
                 !op->isBeforeInBlock(user);
        }))
      values.erase(operand);
}

SmallVector<Tensor> Interpreter::Frame::evaluate(Operation *op,
                                                 Operands operands) {
  if (auto constant = dyn_cast<graph::ConstantOp>(op))
    return {
        Tensor::fromAttribute(cast<DenseElementsAttr>(constant.getValue()))};
  if (auto weight = dyn_cast<graph::WeightOp>(op))
    return {interpreter.weights(
        interpreter.symbols.lookup<graph::ParameterOp>(weight.getParameter()))};
  if (auto node = dyn_cast<graph::CacheOp>(op))
    return {cache(node, operands[0])};
  if (auto node = dyn_cast<graph::LengthOp>(op))
    return {length(node, operands[0])};
  if (isa<launch::CopyOp>(op))
    return {operands[0]};
  if (auto call = dyn_cast<launch::CallOp>(op)) {
    std::vector<Tensor> results = interpreter.call(
        interpreter.symbols.lookup<launch::KernelOp>(call.getKernel()),
        operands);
    return SmallVector<Tensor>(results.begin(), results.end());
  }
  return compute(op, operands);
}

SmallVector<Tensor> Interpreter::Frame::compute(Operation *op,
                                                Operands operands) {
  if (!isa<graph::ShapeInference>(op))
    throw Error(ExitCode::Unsupported, describe(op),
                "the reference does not interpret this operation");
  SmallVector<Tensor> results;
  for (auto [shape, type] :
       llvm::zip_equal(inferShapes(op, operands), op->getResultTypes()))
    results.emplace_back(dtypeOf(getElementTypeOrSelf(type)), shape);
  if (evaluateFp8(op, operands, results) ||
      evaluateExperts(op, operands, results))
    return results;
  for (auto evaluate :
       {evaluateContraction, evaluateAttention, evaluateNormalization,
        evaluateElementwise, evaluateMovement, evaluateStorage})
    if (evaluate(op, operands, results.front()))
      return results;
  throw Error(ExitCode::Unsupported, describe(op),
              "the reference does not interpret this operation");
}

//===----------------------------------------------------------------------===//
// Sequence state
//===----------------------------------------------------------------------===//

Session &Interpreter::Frame::sessionFor(Operation *op, const Tensor &like) {
  if (!session)
    throw fault(op, "a kernel has no sequence state of its own");
  if (like.rank() < 1)
    throw fault(op, "expected 'like' of rank 1 or more, got rank 0");
  if (session->lengths.empty())
    session->lengths.resize(size_t(like.dim(0)));
  if (int64_t(session->lengths.size()) != like.dim(0))
    throw fault(op, "expected the session's {} rows, got {}",
                session->lengths.size(), like.dim(0));
  return *session;
}

Tensor Interpreter::Frame::cache(graph::CacheOp op, const Tensor &like) {
  Session &state = sessionFor(op, like);
  Tensor &tensor = state.states[op.getState().str()];
  if (!tensor.bytes) {
    auto type = cast<RankedTensorType>(op.getType());
    Shape shape(type.getShape());
    shape[0] = like.dim(0);
    tensor = Tensor(dtypeOf(type.getElementType()), shape);
  }
  return tensor;
}

Tensor Interpreter::Frame::length(graph::LengthOp op, const Tensor &like) {
  Session &state = sessionFor(op, like);
  Tensor lengths(TRINE_I32, {like.dim(0)});
  llvm::copy(state.lengths, lengths.ints());
  return lengths;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

std::vector<Tensor> Interpreter::run(Operation *owner, Block &block,
                                     ArrayRef<Tensor> arguments,
                                     Session *session) {
  if (arguments.size() != block.getNumArguments())
    throw fault(owner, "expected {} arguments, got {}", block.getNumArguments(),
                arguments.size());
  Frame frame(*this, session);
  for (auto [value, tensor] :
       llvm::zip_equal(block.getArguments(), arguments)) {
    checkType(owner, fmt::format("argument {}", value.getArgNumber()), tensor,
              value.getType());
    frame.bind(value, tensor);
  }
  for (Operation &op : block.without_terminator())
    frame.run(&op);
  SmallVector<Tensor> results = frame.operandsOf(block.getTerminator());
  return {results.begin(), results.end()};
}

std::vector<Tensor> Interpreter::call(func::FuncOp function,
                                      ArrayRef<Tensor> arguments,
                                      Session &session) {
  if (function.isDeclaration() || !function.getBody().hasOneBlock())
    throw fault(function, "expected a function of one block");
  return run(function, function.getBody().front(), arguments, &session);
}

std::vector<Tensor> Interpreter::call(launch::KernelOp kernel,
                                      ArrayRef<Tensor> arguments) {
  return run(kernel, kernel.getBlock(), arguments, nullptr);
}
