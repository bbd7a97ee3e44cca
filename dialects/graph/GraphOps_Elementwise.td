//===- GraphOps_Elementwise.td - elementwise operations -------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_ELEMENTWISE
#define TRINE_GRAPH_OPS_ELEMENTWISE

def ElementwiseGroup : OpDocGroup {
  let summary = "Elementwise";
  let description = "One result element from the operand elements at the same place.";
}
let opDocGroup = ElementwiseGroup in {

class Graph_Unary<string mnemonic, string formula>
    : Graph_PureOp<mnemonic, [SameOperandsAndResultType,
                              DeclareOpInterfaceMethods<ElementwiseInterface>]> {
  let summary = "Elementwise " # formula;
  let arguments = (ins Graph_FloatTensor:$input);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def NegOp : Graph_Unary<"neg", "-x">;
def AbsOp : Graph_Unary<"abs", "|x|">;
def SqrtOp : Graph_Unary<"sqrt", "√x">;
def RsqrtOp : Graph_Unary<"rsqrt", "1/√x">;
def ExpOp : Graph_Unary<"exp", "eˣ">;
def ErfOp : Graph_Unary<"erf", "erf(x)">;
def TanhOp : Graph_Unary<"tanh", "tanh(x)">;
def SigmoidOp : Graph_Unary<"sigmoid", "1 / (1 + e⁻ˣ)">;
def SiluOp : Graph_Unary<"silu", "x / (1 + e⁻ˣ)">;
def ReluOp : Graph_Unary<"relu", "max(x, 0)">;
def GeluOp : Graph_Unary<"gelu", "x/2 · (1 + erf(x/√2))"> {
  let description = [{
    Bound on targets: 4 ulp of |x|, not of the result: for x below about -1 the
    sum 1 + erf cancels, and torch's own f32 kernel shows the same absolute error.
  }];
}
def GeluTanhOp : Graph_Unary<"gelu_tanh", "x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))"> {
  let description = [{ Bound on targets: 4 ulp of |x|, as for `gelu`. }];
}

/// `folds`: the operation returns its other operand when one is the constant
/// that changes no bit (add -0, sub +0, mul 1, div 1).
class Graph_Binary<string mnemonic, string formula, bit folds = 0>
    : Graph_PureOp<mnemonic, [SameOperandsAndResultElementType,
                              DeclareOpInterfaceMethods<ElementwiseInterface>]> {
  let summary = "Elementwise " # formula # ", NumPy broadcasting";
  let description = [{
    Shapes are aligned at the last dimension; a dimension of 1 (static) or a
    missing one is repeated. Two dynamic dimensions must be equal.
  }];
  let arguments = (ins Graph_FloatTensor:$lhs, Graph_FloatTensor:$rhs);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasFolder = folds;
}

def AddOp : Graph_Binary<"add", "a + b", 1>;
def SubOp : Graph_Binary<"sub", "a - b", 1>;
def MulOp : Graph_Binary<"mul", "a · b", 1>;
def DivOp : Graph_Binary<"div", "a / b", 1>;
def MaxOp : Graph_Binary<"max", "max(a, b)">;
def MinOp : Graph_Binary<"min", "min(a, b)">;

def CastOp : Graph_PureOp<"cast"> {
  let summary = "Element type conversion";
  let description = [{
    To a narrower float: round to nearest, ties to even; to f8 saturating, NaN
    stays. Float to i32: toward zero, saturating, NaN to 0. i32 to float: nearest,
    ties to even.
  }];
  let arguments = (ins Graph_Value:$input);
  let results = (outs Graph_Value:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

} // opDocGroup

#endif
