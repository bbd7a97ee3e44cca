//===- Fp8Enums.td - rules of scales, orders of sums ----------------------===//
// A file of its own: enumerations are generated for everything included.
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_FP8_ENUMS
#define TRINE_FP8_ENUMS

include "mlir/IR/EnumAttr.td"

class Fp8_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::trine::fp8";
  let genSpecializedAttr = 0;
}
/// As trine::ScaleRule (include/trine/Support/BlockScales.h), in its order.
def Rule : Fp8_Enum<"Rule", "how a scale follows from a block's amax", [
  I32EnumAttrCase<"Amax", 0, "amax">, I32EnumAttrCase<"Rceil", 1, "rceil">,
  I32EnumAttrCase<"Floor", 2, "floor">, I32EnumAttrCase<"Even", 3, "even">,
  I32EnumAttrCase<"Ceil", 4, "ceil">, I32EnumAttrCase<"CtEven", 5, "ct_even">,
  I32EnumAttrCase<"Neuron", 6, "neuron">]>;

def Order : Fp8_Enum<"Order", "how the products of a group are summed", [
  I32EnumAttrCase<"Free", 0, "free">, I32EnumAttrCase<"Chain", 1, "chain">,
  I32EnumAttrCase<"Pairs", 2, "pairs">, I32EnumAttrCase<"Hopper", 3, "hopper">]>;

#endif
