//===- GraphDialect.cpp - registration, attributes, shape machinery -------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/Graph.h"
#include "dialects/graph/ShapeHelpers.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "trine/Formats/Blocks.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::graph;

#include "dialects/graph/GraphDialect.cpp.inc"
#include "dialects/graph/GraphEnums.cpp.inc"
#include "dialects/graph/GraphInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/graph/GraphAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/graph/GraphOps.cpp.inc"

void GraphDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/graph/GraphAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/graph/GraphOps.cpp.inc"
      >();
}

LogicalResult LayoutAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 LayoutKind kind, int64_t width,
                                 StringAttr format) {
  if (width < 1 || width > 1024)
    return emitError() << "expected a layout width of 1 to 1024, got " << width;
  if (kind == LayoutKind::Heads && width != 1)
    return emitError() << "expected width 1 for 'heads', got " << width;
  if (format && kind != LayoutKind::Panels)
    return emitError() << "expected panels for the codes of " << format;
  if (format && !blockFormat(format.getValue()))
    return emitError() << "unknown format of codes " << format;
  return success();
}

LogicalResult
LayoutAttr::verifyEncoding(ArrayRef<int64_t> shape, Type elementType,
                           function_ref<InFlightDiagnostic()> emitError) const {
  bool fits = getKind() == LayoutKind::Panels ? shape.size() >= 2
                                              : shape.size() == 4; // G9
  if (!fits)
    return emitError() << "expected a tensor of rank "
                       << (getKind() == LayoutKind::Panels ? "2 or more" : "4")
                       << " for layout '" << stringifyLayoutKind(getKind())
                       << "', got rank " << shape.size();
  const BlockFormat *format =
      getFormat() ? blockFormat(getFormat().getValue()) : nullptr;
  if (format && (shape.size() != 2 || !elementType.isF32() ||
                 ShapedType::isDynamic(shape[1]) || shape[1] % format->super))
    return emitError()
           << "expected a matrix of f32 whose rows are whole blocks "
              "of "
           << format->super << " for " << getFormat();
  return success();
}

LogicalResult
RopeScalingAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                        RopeScalingKind kind, FloatAttr factor, FloatAttr low,
                        FloatAttr high, int64_t originalLength,
                        FloatAttr attention) {
  for (auto [name, number] :
       {std::pair("factor", factor), std::pair("attention", attention)})
    if (!number.getValue().isFinite() || number.getValueAsDouble() <= 0) // G10
      return emitError() << "expected a positive " << name << ", got "
                         << number.getValueAsDouble();
  if (kind == RopeScalingKind::Linear)
    return success();
  // Llama 3 blends between wavelengths, YaRN between numbers of turns: both
  // need low < high and the length the model was trained for.
  double from = low.getValueAsDouble(), to = high.getValueAsDouble();
  if (!high.getValue().isFinite() || !(from > 0 && from < to))
    return emitError() << "expected 0 < low < high, got " << from << " and "
                       << to;
  if (originalLength < 1)
    return emitError() << "expected a positive original_length, got "
                       << originalLength;
  return success();
}

bool trine::graph::isStored(Type type) {
  Attribute encoding = cast<RankedTensorType>(type).getEncoding();
  return !encoding || isa<LayoutAttr>(encoding);
}

AffineExpr trine::graph::storedElements(ArrayRef<AffineExpr> shape,
                                        LayoutAttr layout, Type element) {
  AffineExpr total = getAffineConstantExpr(1, element.getContext());
  // Padded are N of [.., N, K] and T of [B, T, H, D] to the width, and the
  // dimension along which bf16 and codes lie in pairs, codes of panels in
  // fours.
  size_t rank = shape.size(), padded = rank, paired = rank;
  int64_t together = 2;
  bool codes = isa<FloatType>(element) && element.getIntOrFloatBitWidth() == 8;
  if (layout && layout.getKind() == LayoutKind::Panels)
    padded = rank - 2;
  if (layout && layout.getKind() == LayoutKind::HeadPanels)
    padded = 1;
  if (layout && (element.isBF16() || codes))
    paired = layout.getKind() == LayoutKind::Heads ? 1 : rank - 1;
  if (layout && codes && layout.getKind() == LayoutKind::Panels)
    together = 4;
  for (auto [index, dim] : llvm::enumerate(shape)) {
    int64_t unit = index == padded   ? layout.getWidth()
                   : index == paired ? together
                                     : 1;
    total = total * (dim.ceilDiv(unit) * unit);
  }
  return total;
}

StringRef trine::graph::nodeName(Location location) {
  if (auto named = location->findInstanceOf<NameLoc>())
    return named.getName().getValue();
  return "";
}

//===----------------------------------------------------------------------===//
// Shape inference
//===----------------------------------------------------------------------===//

SymbolicShape trine::graph::symbolicShape(RankedTensorType type,
                                          unsigned &nextSymbol) {
  SymbolicShape shape;
  for (int64_t dim : type.getShape())
    shape.push_back(ShapedType::isDynamic(dim)
                        ? getAffineSymbolExpr(nextSymbol++, type.getContext())
                        : getAffineConstantExpr(dim, type.getContext()));
  return shape;
}

static LogicalResult inferFromTypes(Operation *op,
                                    SmallVectorImpl<SymbolicShape> &results) {
  unsigned nextSymbol = 0;
  SmallVector<SymbolicShape> operands;
  for (Value operand : op->getOperands())
    operands.push_back(
        symbolicShape(cast<RankedTensorType>(operand.getType()), nextSymbol));
  return cast<ShapeInference>(op).inferShapes(
      operands, results, [op] { return op->emitOpError(); });
}

int64_t trine::graph::staticSize(AffineExpr dim) {
  auto constant = dyn_cast<AffineConstantExpr>(dim);
  return constant ? constant.getValue() : ShapedType::kDynamic;
}

FailureOr<SmallVector<SmallVector<int64_t>>>
trine::graph::inferStaticShapes(Operation *op) {
  SmallVector<SymbolicShape> symbolic;
  if (failed(inferFromTypes(op, symbolic)))
    return failure();
  SmallVector<SmallVector<int64_t>> shapes;
  for (const SymbolicShape &shape : symbolic)
    shapes.push_back(llvm::map_to_vector(shape, staticSize));
  return shapes;
}

LogicalResult trine::graph::verifyElementCount(Operation *op, Type type) {
  constexpr int64_t limit = int64_t(1) << 47;
  int64_t count = 1;
  for (int64_t dim : cast<RankedTensorType>(type).getShape())
    if (!ShapedType::isDynamic(dim) && dim > 0 &&
        (llvm::MulOverflow(count, dim, count) || count > limit))
      return op->emitOpError()
             << "expected at most 2^47 elements in a tensor, got " << type;
  return success();
}

LogicalResult trine::graph::verifyInferredShapes(Operation *op) {
  for (TypeRange types :
       {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (failed(verifyElementCount(op, type)))
        return failure();
  auto shapes = inferStaticShapes(op);
  if (failed(shapes))
    return failure();
  for (auto [index, inferred] : llvm::enumerate(*shapes)) {
    auto type = cast<RankedTensorType>(op->getResult(index).getType());
    if (failed(verifyCompatibleShape(ArrayRef<int64_t>(inferred),
                                     type.getShape())))
      return op->emitOpError() << "expected a result of shape "
                               << RankedTensorType::get(inferred,
                                                        type.getElementType())
                               << ", got " << type; // G1
  }
  return success();
}
