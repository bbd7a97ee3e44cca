//===- Fp8Dialect.cpp - registration, schemes, shapes of scales -----------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/fp8/Fp8.h"
#include "dialects/graph/ShapeHelpers.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace trine;
using namespace trine::fp8;
using graph::ErrorEmitter;
using graph::SymbolicShape;

#include "dialects/fp8/Fp8Dialect.cpp.inc"
#include "dialects/fp8/Fp8Enums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/fp8/Fp8Attrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/fp8/Fp8Ops.cpp.inc"

void Fp8Dialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/fp8/Fp8Attrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/fp8/Fp8Ops.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// Schemes
//===----------------------------------------------------------------------===//

/// `<f8E4M3FN, f32, [1, 128], rceil, amax_floor = 1.0e-4 : f32, scale_rcp>`
Attribute SchemeAttr::parse(AsmParser &parser, Type) {
  SMLoc loc = parser.getCurrentLocation();
  Type codes, scales;
  SmallVector<int64_t> block;
  StringRef rule;
  FloatAttr floor;
  bool scaleRcp = false, elementRcp = false, overflow = false;
  auto size = [&] { return parser.parseInteger(block.emplace_back()); };
  if (parser.parseLess() || parser.parseType(codes) || parser.parseComma() ||
      parser.parseType(scales) || parser.parseComma() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, size) ||
      parser.parseComma() || parser.parseKeyword(&rule))
    return {};
  std::optional<Rule> known = symbolizeRule(rule);
  if (!known)
    return parser.emitError(loc) << "unknown rule '" << rule << "'",
           Attribute();
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key;
    if (parser.parseKeyword(&key))
      return {};
    bool *flag = llvm::StringSwitch<bool *>(key)
                     .Case("scale_rcp", &scaleRcp)
                     .Case("element_rcp", &elementRcp)
                     .Case("overflow", &overflow)
                     .Default(nullptr);
    if (flag)
      *flag = true;
    else if (key != "amax_floor")
      return parser.emitError(loc) << "unknown key '" << key << "'",
             Attribute();
    else if (parser.parseEqual() || parser.parseAttribute(floor))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<SchemeAttr>(loc, parser.getContext(), codes, scales,
                                       block, *known, floor, scaleRcp,
                                       elementRcp, overflow);
}

void SchemeAttr::print(AsmPrinter &printer) const {
  printer << "<" << getCodes() << ", " << getScales() << ", [" << getBlock()
          << "], " << stringifyRule(getRule());
  if (getAmaxFloor())
    printer << ", amax_floor = " << getAmaxFloor();
  for (auto [set, name] : {std::pair(getScaleRcp(), "scale_rcp"),
                           std::pair(getElementRcp(), "element_rcp"),
                           std::pair(getOverflow(), "overflow")})
    if (set)
      printer << ", " << name;
  printer << ">";
}

LogicalResult SchemeAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 Type codes, Type scales,
                                 ArrayRef<int64_t> block, Rule rule,
                                 FloatAttr amaxFloor, bool scaleRcp,
                                 bool elementRcp, bool overflow) {
  if (!formatOf(codes)) // F1
    return emitError() << "expected codes of f8E4M3FN or f8E5M2, got " << codes;
  if (!scales.isF32() && !scales.isInteger(8))
    return emitError() << "expected scales of f32 or i8 (ue8m0), got "
                       << scales;
  if (block.size() != 2)
    return emitError() << "expected a block of 2 sizes, got " << block.size();
  if (amaxFloor && !amaxFloor.getType().isF32())
    return emitError() << "expected amax_floor as f32, got "
                       << amaxFloor.getType();
  BlockQuantizer q;
  q.scaleType = scaleTypeOf(scales);
  q.rule = ScaleRule(rule);
  q.blockRows = block[0];
  q.blockColumns = block[1];
  q.amaxFloor = amaxFloor ? amaxFloor.getValue().convertToFloat() : 0;
  q.saturate = !overflow;
  if (std::string fault = q.fault(); !fault.empty()) // F3, F4
    return emitError() << fault;
  return success();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

const Float8 *fp8::formatOf(Type element) {
  return isa<Float8E4M3FNType>(element) ? findFloat8("e4m3fn")
         : isa<Float8E5M2Type>(element) ? findFloat8("e5m2")
                                        : nullptr;
}

Type fp8::elementType(MLIRContext *context, const Float8 &format) {
  StringRef name = format.name;
  return name == "e4m3fn" ? Type(Float8E4M3FNType::get(context))
         : name == "e5m2" ? Type(Float8E5M2Type::get(context))
                          : Type();
}

ScaleType fp8::scaleTypeOf(Type scales) {
  return getElementTypeOrSelf(scales).isF32() ? ScaleType::F32
                                              : ScaleType::Ue8m0;
}

BlockQuantizer fp8::decoderOf(ArrayRef<int64_t> block, Type codes,
                              Type scales) {
  BlockQuantizer q;
  q.format = formatOf(getElementTypeOrSelf(codes));
  q.scaleType = scaleTypeOf(scales);
  q.blockRows = block[0];
  q.blockColumns = block[1];
  return q;
}

BlockQuantizer fp8::quantizerOf(SchemeAttr scheme) {
  BlockQuantizer q =
      decoderOf(scheme.getBlock(), scheme.getCodes(), scheme.getScales());
  q.rule = ScaleRule(scheme.getRule());
  if (FloatAttr floor = scheme.getAmaxFloor())
    q.amaxFloor = floor.getValue().convertToFloat();
  q.scaleRcp = scheme.getScaleRcp();
  q.elementRcp = scheme.getElementRcp();
  q.saturate = !scheme.getOverflow();
  return q;
}

SymbolicShape fp8::scaleShape(const SymbolicShape &codes,
                              ArrayRef<int64_t> block) {
  SymbolicShape shape = codes;
  for (size_t i = 0, tail = std::min<size_t>(codes.size(), 2); i < tail; ++i) {
    AffineExpr &dim = shape[codes.size() - 1 - i];
    int64_t size = block[1 - i];
    dim = size ? dim.ceilDiv(size) : getAffineConstantExpr(1, dim.getContext());
  }
  return shape;
}

LogicalResult fp8::expectScales(const SymbolicShape &scales,
                                const SymbolicShape &codes,
                                ArrayRef<int64_t> block, StringRef operand,
                                ErrorEmitter emitError) {
  SymbolicShape expected = scaleShape(codes, block);
  if (isOneScale(scales) && block[0] == 0 && block[1] == 0)
    return success();
  auto fits = [&](const SymbolicShape &shape) {
    return shape.size() == expected.size() &&
           llvm::all_of(llvm::zip_equal(shape, expected), [](auto pair) {
             return graph::unify(std::get<0>(pair), std::get<1>(pair));
           });
  };
  if (fits(scales))
    return success();
  auto print = [](InFlightDiagnostic &out, const SymbolicShape &shape) {
    out << "[";
    llvm::interleave(
        shape,
        [&](AffineExpr dim) {
          if (auto size = dyn_cast<AffineConstantExpr>(dim))
            out << size.getValue();
          else
            out << "?";
        },
        [&] { out << ", "; });
    out << "]";
  };
  InFlightDiagnostic error = emitError();
  error << "expected " << operand << " of shape ";
  print(error, expected);
  error << " for blocks of [" << block[0] << ", " << block[1] << "], got ";
  print(error, scales);
  SymbolicShape swapped = scales;
  if (swapped.size() >= 2)
    std::swap(swapped.back(), swapped[swapped.size() - 2]);
  if (fits(swapped))
    error << "; their axes are swapped";
  return error;
}
