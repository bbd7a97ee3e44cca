//===- GraphDialect.td - the graph dialect, its types and attributes ------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_DIALECT_TD
#define TRINE_GRAPH_DIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def GraphDialect : Dialect {
  let name = "graph";
  let cppNamespace = "::trine::graph";
  let summary = "Whole-model tensor operations of transformers";
  let description = [{
    A transformer as its authors would write it down: linear layers, attention,
    normalization, rotary embedding, explicit key/value state. Values are ranked
    tensors with static rank; batch and length may be dynamic. Weights are
    referred to by name, never held in the IR. See dialects/graph/README.md for
    the numbered invariants.
  }];
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Enumerations
//===----------------------------------------------------------------------===//

class Graph_Enum<string name, string summary, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::trine::graph";
  let genSpecializedAttr = 0;
}
class Graph_EnumAttr<Graph_Enum e, string mnemonic>
    : EnumAttr<GraphDialect, e, mnemonic>;

def LayoutKind : Graph_Enum<"LayoutKind", "physical order of a tensor", [
  I32EnumAttrCase<"Panels", 0, "panels">,
  I32EnumAttrCase<"HeadPanels", 1, "head_panels">,
  I32EnumAttrCase<"Heads", 2, "heads">]>;

def Activation : Graph_Enum<"Activation", "activation of a gated layer", [
  I32EnumAttrCase<"Silu", 0, "silu">, I32EnumAttrCase<"Gelu", 1, "gelu">,
  I32EnumAttrCase<"GeluTanh", 2, "gelu_tanh">,
  I32EnumAttrCase<"Relu", 3, "relu">]>;
def ActivationAttr : Graph_EnumAttr<Activation, "activation">;

def Scoring : Graph_Enum<"Scoring", "how a router scores experts", [
  I32EnumAttrCase<"Softmax", 0, "softmax">,
  I32EnumAttrCase<"Sigmoid", 1, "sigmoid">]>;
def ScoringAttr : Graph_EnumAttr<Scoring, "scoring">;

def RopeStyle : Graph_Enum<"RopeStyle", "which elements of a head form a pair", [
  I32EnumAttrCase<"Half", 0, "half">,
  I32EnumAttrCase<"Interleaved", 1, "interleaved">]>;
def RopeStyleAttr : Graph_EnumAttr<RopeStyle, "rope_style">;

def RopeScalingKind : Graph_Enum<"RopeScalingKind", "how rotary frequencies are stretched", [
  I32EnumAttrCase<"Linear", 0, "linear">, I32EnumAttrCase<"Llama3", 1, "llama3">,
  I32EnumAttrCase<"Yarn", 2, "yarn">]>;

def PoolKind : Graph_Enum<"PoolKind", "how token vectors become one", [
  I32EnumAttrCase<"Mean", 0, "mean">, I32EnumAttrCase<"Cls", 1, "cls">,
  I32EnumAttrCase<"Max", 2, "max">]>;
def PoolKindAttr : Graph_EnumAttr<PoolKind, "pool_kind">;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def LayoutAttr : AttrDef<GraphDialect, "Layout",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let mnemonic = "layout";
  let summary = "physical layout of a tensor, carried as its encoding";
  let description = [{
    The logical shape never changes; no encoding means row-major. A layout fits
    the rank it is written for (G9).

    | layout | logical | stored |
    |---|---|---|
    | `<panels, W>` | [.., N, K] | [.., ceil(N/W)][K][W], zero padded in N |
    | `<panels, W, "q4_1">` | [N, K] | the codes and scales of a stored format: [ceil(N/W)][K/block], then as include/trine/Formats/Blocks.h says |
    | `<head_panels, W>` | [B, T, H, D] | [B][H][ceil(T/W)][D][W] |
    | `<heads, 1>` | [B, T, H, D] | [B][H][T][D] |

    bf16 elements lie in pairs along the dimension a product sums over, as dot
    product instructions read them: [.., ceil(N/W)][ceil(K/2)][W][2],
    [B][H][ceil(T/W)][ceil(D/2)][W][2] and [B][H][ceil(T/2)][D][2]. Four codes of
    8-bit floats along K are a word of a panel: [.., ceil(N/W)][ceil(K/4)][W][4].
  }];
  let parameters = (ins EnumParameter<LayoutKind>:$kind, "int64_t":$width,
                        OptionalParameter<"::mlir::StringAttr">:$format);
  let builders = [AttrBuilder<(ins "LayoutKind":$kind, "int64_t":$width), [{
    return $_get($_ctxt, kind, width, ::mlir::StringAttr());
  }]>];
  let assemblyFormat = "`<` $kind `,` $width (`,` $format^)? `>`";
  let genVerifyDecl = 1;
}

def RopeScalingAttr : AttrDef<GraphDialect, "RopeScaling"> {
  let mnemonic = "rope_scaling";
  let summary = "scaling of rotary frequencies for longer contexts";
  let description = [{
    `linear`: inv_freq / factor. `llama3`: Llama 3.1's smooth blend between the
    wavelengths original_length/low and original_length/high. `yarn`: YaRN
    (arXiv 2309.00071) with its ramp between `high` (beta_fast) and `low`
    (beta_slow); `attention` multiplies cos and sin.
  }];
  let parameters = (ins EnumParameter<RopeScalingKind>:$kind, "::mlir::FloatAttr":$factor,
      "::mlir::FloatAttr":$low, "::mlir::FloatAttr":$high, "int64_t":$original_length,
      "::mlir::FloatAttr":$attention);
  let assemblyFormat = "`<` $kind `,` struct($factor, $low, $high, $original_length, $attention) `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Types and base classes
//===----------------------------------------------------------------------===//

/// G9: most values are row-major; a layout stands only where a kernel reads or
/// writes stored images ("Stored" types).
def Graph_IsPlain : CPred<"!::llvm::cast<::mlir::RankedTensorType>($_self).getEncoding()">;
def Graph_IsStored : CPred<"::trine::graph::isStored($_self)">;

def Graph_FloatTensor : RankedTensorOf<[F32, F16, BF16], [Graph_IsPlain],
                                       "row-major ranked tensor">;
def Graph_IntTensor : RankedTensorOf<[I32], [Graph_IsPlain],
                                     "row-major ranked tensor">;
def Graph_Tensor : RankedTensorOf<[F32, F16, BF16, I32], [Graph_IsPlain],
                                  "row-major ranked tensor">;
def Graph_StoredFloat : RankedTensorOf<[F32, F16, BF16], [Graph_IsStored],
                                       "ranked tensor, row-major or in a graph layout,">;
/// What is moved or cast: small floats, too.
def Graph_Value : RankedTensorOf<[F32, F16, BF16, I32, F8E4M3FN, F8E5M2],
                                 [Graph_IsPlain], "row-major ranked tensor">;
/// Values of a state, and what goes there: keys and values may be small floats.
def Graph_State : RankedTensorOf<[F32, F16, BF16, F8E4M3FN, F8E5M2], [Graph_IsStored],
                                 "ranked tensor, row-major or in a graph layout,">;
def Graph_StateValues : RankedTensorOf<[F32, F16, BF16, F8E4M3FN, F8E5M2],
                                       [Graph_IsPlain], "row-major ranked tensor">;
def Graph_Plain : RankedTensorOf<[F32, F16, BF16, I32, F8E4M3FN, F8E5M2, I8],
                                 [Graph_IsPlain], "row-major ranked tensor">;
/// Weights and states may be codes of small floats (f8) and their scales (i8).
def Graph_Stored : RankedTensorOf<[F32, F16, BF16, I32, F8E4M3FN, F8E5M2, I8],
                                  [Graph_IsStored],
                                  "ranked tensor, row-major or in a graph layout,">;

/// G10: numbers in attributes mean something.
def Graph_FiniteF64 : ConfinedAttr<F64Attr, [AttrConstraint<
    CPred<"::llvm::cast<::mlir::FloatAttr>($_self).getValue().isFinite()">,
    "whose value is finite">]>;
def Graph_NonNegativeF64 : ConfinedAttr<Graph_FiniteF64, [AttrConstraint<
    CPred<"!(::llvm::cast<::mlir::FloatAttr>($_self).getValueAsDouble() < 0)">,
    "and not negative">]>;
def Graph_PositiveF64 : ConfinedAttr<Graph_FiniteF64, [AttrConstraint<
    CPred<"::llvm::cast<::mlir::FloatAttr>($_self).getValueAsDouble() > 0">,
    "and positive">]>;
def Graph_Index : ConfinedAttr<I64Attr, [IntNonNegative]>;

include "dialects/graph/GraphInterfaces.td"

class Graph_Op<string mnemonic, list<Trait> traits = []>
    : Op<GraphDialect, mnemonic, traits>;

/// An operation on values: pure, shapes inferred (G1). Element types are equal
/// (G8) by a trait of the operation.
class Graph_PureOp<string mnemonic, list<Trait> traits = []>
    : Graph_Op<mnemonic, traits # [Pure, DeclareOpInterfaceMethods<ShapeInference>]>;

#endif
