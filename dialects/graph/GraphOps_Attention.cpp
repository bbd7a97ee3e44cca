//===- GraphOps_Attention.cpp - attention and rotary embedding ------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#include "dialects/graph/ShapeHelpers.h"
#include <cmath>
#include <numbers>

using namespace mlir;
using namespace trine::graph;

SmallVector<OpOperand *> AttentionOp::getNarrowOperands() {
  return {&getQueryMutable(), &getKeyMutable(), &getValueMutable()};
}

LogicalResult AttentionOp::verify() {
  int64_t heads = getQuery().getType().getDimSize(2);
  int64_t groups = getKey().getType().getDimSize(2);
  if (ShapedType::isDynamic(heads) || ShapedType::isDynamic(groups) ||
      groups == 0 || heads % groups != 0) // G6
    return emitOpError() << "expected the query's static head count to be a "
                            "multiple of the key's, got "
                         << heads << " and " << groups;
  if (getQuery().getType().isDynamicDim(3) ||
      getValue().getType().isDynamicDim(3))
    return emitOpError("expected static head sizes"); // G6
  Type key = getElementTypeOrSelf(getKey().getType());
  Type value = getElementTypeOrSelf(getValue().getType());
  if (key != value) // G8
    return emitOpError("expected a value of ") << key << ", got " << value;
  return expectNarrower(*this, getOperands().take_front(2));
}

LogicalResult AttentionOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                       SmallVectorImpl<SymbolicShape> &results,
                                       ErrorEmitter emitError) {
  const SymbolicShape &q = operands[0], &k = operands[1], &v = operands[2];
  if (failed(expectRank(q, 4, "query", emitError)) ||
      failed(expectRank(k, 4, "key", emitError)) ||
      failed(expectRank(v, 4, "value", emitError)) ||
      failed(expectDim(k, 0, q[0], "key", emitError)) ||
      failed(expectDim(k, 3, q[3], "key", emitError)))
    return failure();
  for (size_t i = 0; i < 3; ++i)
    if (failed(expectDim(v, i, k[i], "value", emitError)))
      return failure();
  size_t next = 3;
  if (getPast() &&
      failed(expectVector(operands[next++], q[0], "past", emitError)))
    return failure();
  if (getMask()) {
    const SymbolicShape &mask = operands[next];
    if (failed(expectRank(mask, 2, "mask", emitError)) ||
        failed(expectDim(mask, 0, q[0], "mask", emitError)) ||
        failed(expectDim(mask, 1, k[1], "mask", emitError)))
      return failure();
  }
  results.push_back({q[0], q[1], q[2], v[3]});
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t head = getInput().getType().getShape().back();
  if (ShapedType::isDynamic(head)) // G7
    return emitOpError("expected a static head size");
  if (getDims() < 2 || getDims() % 2 != 0 || int64_t(getDims()) > head)
    return emitOpError() << "expected an even number of rotated dims within "
                            "the head's "
                         << head << ", got " << getDims();
  RopeScalingAttr scaling = getScalingAttr();
  if (scaling && scaling.getKind() == RopeScalingKind::Yarn &&
      !(getTheta().convertToDouble() > 1)) // YaRN divides by log(theta)
    return emitOpError() << "expected theta above 1 for yarn, got "
                         << getTheta().convertToDouble();
  Type input = getElementTypeOrSelf(getInput().getType());
  Type result = getElementTypeOrSelf(getType());
  if (input != result &&
      result.getIntOrFloatBitWidth() >= input.getIntOrFloatBitWidth()) // G8
    return emitOpError("expected a result of ")
           << input << " or narrower, got " << result;
  return success();
}

LogicalResult RopeOp::inferShapes(ArrayRef<SymbolicShape> operands,
                                  SmallVectorImpl<SymbolicShape> &results,
                                  ErrorEmitter emitError) {
  if (failed(expectRank(operands[0], 4, "input", emitError)) ||
      failed(expectRank(operands[1], 2, "positions", emitError)))
    return failure();
  for (size_t i = 0; i < 2; ++i)
    if (failed(
            expectDim(operands[1], i, operands[0][i], "positions", emitError)))
      return failure();
  results.push_back(operands[0]);
  return success();
}

static double llama3(double inverse, RopeScalingAttr scaling) {
  // Llama 3.1 reference code: keep short wavelengths, divide long ones, blend
  // between.
  double length = double(scaling.getOriginalLength());
  double wavelength = 2 * std::numbers::pi / inverse;
  if (wavelength < length / scaling.getHigh().getValueAsDouble())
    return inverse;
  if (wavelength > length / scaling.getLow().getValueAsDouble())
    return inverse / scaling.getFactor().getValueAsDouble();
  double smooth = (length / wavelength - scaling.getLow().getValueAsDouble()) /
                  (scaling.getHigh().getValueAsDouble() -
                   scaling.getLow().getValueAsDouble());
  return (1 - smooth) * inverse / scaling.getFactor().getValueAsDouble() +
         smooth * inverse;
}

static double yarn(double inverse, size_t pair, double theta, double dims,
                   RopeScalingAttr scaling) {
  // arXiv 2309.00071: pairs that turn often keep their frequency, pairs that
  // turn less than `low` times are interpolated, a ramp between.
  auto correction = [&](double turns) {
    return dims *
           std::log(double(scaling.getOriginalLength()) /
                    (turns * 2 * std::numbers::pi)) /
           (2 * std::log(theta));
  };
  double first = std::max(
      std::floor(correction(scaling.getHigh().getValueAsDouble())), 0.0);
  double last = std::min(
      std::ceil(correction(scaling.getLow().getValueAsDouble())), dims - 1);
  double span = first == last ? 0.001 : last - first;
  double ramp = std::clamp((double(pair) - first) / span, 0.0, 1.0);
  return inverse / scaling.getFactor().getValueAsDouble() * ramp +
         inverse * (1 - ramp);
}

RopeFrequencies trine::graph::ropeFrequencies(double theta, int64_t dims,
                                              RopeScalingAttr scaling) {
  RopeFrequencies frequencies;
  if (scaling)
    frequencies.attention = scaling.getAttention().getValueAsDouble();
  for (int64_t pair = 0; pair < dims / 2; ++pair) {
    double inverse = std::pow(theta, -2.0 * double(pair) / double(dims));
    if (scaling && scaling.getKind() == RopeScalingKind::Linear)
      inverse /= scaling.getFactor().getValueAsDouble();
    if (scaling && scaling.getKind() == RopeScalingKind::Llama3)
      inverse = llama3(inverse, scaling);
    if (scaling && scaling.getKind() == RopeScalingKind::Yarn)
      inverse = yarn(inverse, size_t(pair), theta, double(dims), scaling);
    frequencies.inverse.push_back(inverse);
  }
  return frequencies;
}

RopeFrequencies trine::graph::ropeFrequencies(RopeOp op) {
  return ropeFrequencies(op.getTheta().convertToDouble(), op.getDims(),
                         op.getScalingAttr());
}
