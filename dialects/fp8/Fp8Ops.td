//===- Fp8Ops.td - codes, scales and products of them ---------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_FP8_OPS
#define TRINE_FP8_OPS

include "dialects/fp8/Fp8Enums.td"
include "dialects/graph/GraphDialect.td"

def Fp8Dialect : Dialect {
  let name = "fp8";
  let cppNamespace = "::trine::fp8";
  let summary = "Small floats with block scales that are values of their own";
  let description = [{
    A quantized tensor is two values: codes and the scales of their blocks.
    Rounding, the scale's rule, saturation and the order of sums are attributes
    whose meaning is fixed to the bit; no operation here changes a scale of codes
    that exist, but `requantize`, which says so. See dialects/fp8/README.md for
    the numbered invariants.
  }];
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::trine::graph::GraphDialect"];
}

class Fp8_EnumAttr<Fp8_Enum e, string mnemonic>
    : EnumAttr<Fp8Dialect, e, mnemonic>;

def OrderAttr : Fp8_EnumAttr<Order, "order">;

def SchemeAttr : AttrDef<Fp8Dialect, "Scheme"> {
  let mnemonic = "scheme";
  let summary = "how values become codes and scales";
  let description = [{
    Codes and scales are of these element types. `block` [rows, columns] of the
    last two dimensions (a vector has one row)
    shares a scale; 0 is the whole dimension, the last blocks may be cut off.
    `rule` and what follows are defined in include/trine/Support/BlockScales.h:
    `amax_floor` the least amax, `scale_rcp` and `element_rcp` multiply by a
    reciprocal instead of dividing, `overflow` lets values beyond the largest
    become NaN or infinity instead of the largest. Rules that clip exclude it
    (F4), scales of i8 are UE8M0 and take a rule of powers of two (F3).

    ```mlir
    #fp8.scheme<f8E4M3FN, i8, [1, 128], rceil>
    #fp8.scheme<f8E4M3FN, f32, [128, 128], amax, amax_floor = 1.0e-4 : f32, element_rcp>
    ```
  }];
  let parameters = (ins "::mlir::Type":$codes, "::mlir::Type":$scales,
      ArrayRefParameter<"int64_t">:$block,
      EnumParameter<Rule>:$rule, OptionalParameter<"::mlir::FloatAttr">:$amax_floor,
      DefaultValuedParameter<"bool", "false">:$scale_rcp,
      DefaultValuedParameter<"bool", "false">:$element_rcp,
      DefaultValuedParameter<"bool", "false">:$overflow);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

/// F1: codes are small floats, scales f32 or the bytes of UE8M0.
def Fp8_Codes : RankedTensorOf<[F8E4M3FN, F8E5M2], [Graph_IsStored],
                               "ranked tensor of codes">;
def Fp8_Scales : RankedTensorOf<[F32, I8], [Graph_IsStored],
                                "ranked tensor of scales (f32, or ue8m0 as i8)">;
def Fp8_Input : RankedTensorOf<[F32, F16, BF16, F8E4M3FN, F8E5M2], [Graph_IsPlain],
                               "row-major ranked tensor">;
def Fp8_Block : ConfinedAttr<DenseI64ArrayAttr, [DenseArrayCount<2>,
                             DenseArrayNonNegative<DenseI64ArrayAttr>]>;

class Fp8_Op<string mnemonic, list<Trait> traits = []>
    : Op<Fp8Dialect, mnemonic, traits # [DeclareOpInterfaceMethods<ShapeInference>]> {
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Codes and scales
//===----------------------------------------------------------------------===//

def QuantizeOp : Fp8_Op<"quantize", [Pure]> {
  let summary = "Values → codes and the scales of their blocks";
  let description = [{
    input [.., M, K] → codes of that shape and scales [.., ceil(M/rows),
    ceil(K/columns)] (of a vector [ceil(K/columns)]), as `scheme` says. It reads
    the input in its own type, exactly, and rounds a code once, to nearest even.
    A block with NaN or infinity becomes NaN.

    ```mlir
    %q, %s = fp8.quantize %x as <f8E4M3FN, i8, [1, 128], rceil>
       : tensor<?x576xf32> -> tensor<?x576xf8E4M3FN>, tensor<?x5xi8>
    ```
  }];
  let arguments = (ins Graph_StoredFloat:$input, SchemeAttr:$scheme);
  let results = (outs Fp8_Codes:$codes, Fp8_Scales:$scales);
  let assemblyFormat = [{
    $input `as` $scheme attr-dict `:` type($input) `->` type($codes) `,` type($scales)
  }];
}

def EncodeOp : Fp8_Op<"encode", [Pure]> {
  let summary = "Values → codes by given scales";
  let description = [{
    As `quantize` with scales from elsewhere: static ones of a calibration, or
    those of a state; of block [0, 0] one for all (F2). x / s, or x · (1/s) with
    `element_rcp`, is rounded once and saturates.

    ```mlir
    %q = fp8.encode %x, %s block [0, 0]
       : tensor<?x?x576xf32>, tensor<1xf32> -> tensor<?x?x576xf8E4M3FN>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input, Fp8_Scales:$scales, Fp8_Block:$block,
                       UnitAttr:$element_rcp);
  let results = (outs Fp8_Codes:$codes);
  let assemblyFormat = [{
    $input `,` $scales `block` $block (`element_rcp` $element_rcp^)? attr-dict `:`
    type($input) `,` type($scales) `->` type($codes)
  }];
}

def DequantizeOp : Fp8_Op<"dequantize", [Pure]> {
  let summary = "Codes and scales → values";
  let description = [{
    code · scale, rounded once to the result's type. The inverse of nothing:
    `dequantize(quantize(x))` stays, for it is where the rounding happens.

    ```mlir
    %w = fp8.dequantize %q, %s block [128, 128]
       : tensor<576x7168xf8E4M3FN>, tensor<5x56xi8> -> tensor<576x7168xf32>
    ```
  }];
  let arguments = (ins Fp8_Codes:$codes, Fp8_Scales:$scales, Fp8_Block:$block);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $codes `,` $scales `block` $block attr-dict `:` type($codes) `,` type($scales)
    `->` type($result)
  }];
}

def ConvertScalesOp : Fp8_Op<"convert_scales", [Pure]> {
  let summary = "The same scales for finer blocks, or in the other type";
  let description = [{
    Loses nothing: each block of `to` lies inside one of `from` (F6), whose
    scale is repeated; `like` are the codes. f32 becomes UE8M0 only where every
    scale is a power of two that a byte holds: anything else is an error where
    the values are known, naming the tensor. Codes stay as they are.

    ```mlir
    %b = fp8.convert_scales %s of %q from [128, 128] to [1, 32]
       : tensor<5x56xi8>, tensor<576x7168xf8E4M3FN> -> tensor<576x224xi8>
    ```
  }];
  let arguments = (ins Fp8_Scales:$scales, Fp8_Codes:$like, Fp8_Block:$from, Fp8_Block:$to);
  let results = (outs Fp8_Scales:$result);
  let assemblyFormat = [{
    $scales `of` $like `from` $from `to` $to attr-dict `:` type($scales) `,` type($like)
    `->` type($result)
  }];
}

def RequantizeOp : Fp8_Op<"requantize", [Pure]> {
  let summary = "Other scales for codes that exist: a second rounding";
  let description = [{
    `quantize(dequantize(codes, scales))` in f32. Rounding twice costs about 3 dB
    (31.6 → 28.5 of E4M3), so it takes `allow_lossy` (F7), which only a recipe
    that says `requantize: allow` gives.

    ```mlir
    %q1, %s1 = fp8.requantize %q, %s block [128, 128] as <f8E4M3FN, i8, [1, 32], rceil> allow_lossy
       : tensor<576x7168xf8E4M3FN>, tensor<5x56xf32>
       -> tensor<576x7168xf8E4M3FN>, tensor<576x224xi8>
    ```
  }];
  let arguments = (ins Fp8_Codes:$codes, Fp8_Scales:$scales, Fp8_Block:$block,
                       SchemeAttr:$scheme, UnitAttr:$allow_lossy);
  let results = (outs Fp8_Codes:$result, Fp8_Scales:$new_scales);
  let assemblyFormat = [{
    $codes `,` $scales `block` $block `as` $scheme (`allow_lossy` $allow_lossy^)?
    attr-dict `:` type($codes) `,` type($scales) `->` type($result) `,` type($new_scales)
  }];
}

//===----------------------------------------------------------------------===//
// Measuring
//===----------------------------------------------------------------------===//

def Fp8_Figures : RankedTensorOf<[F32], [Graph_IsPlain]>;

def ObserveOp : Fp8_Op<"observe", [Pure]> {
  let summary = "Largest magnitude of a tensor, for calibration";
  let description = [{
    max |x| as f32[1]; NaN where there is one; 0 of an empty tensor. A calibration
    build returns it from its entries under the observed node's name.

    ```mlir
    %m = fp8.observe %x : tensor<?x576xf32> -> tensor<1xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input);
  let results = (outs Fp8_Figures:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
}

def CompareOp : Fp8_Op<"compare", [Pure, SameTypeOperands]> {
  let summary = "What a tensor loses: sums that SQNR and cosine are made of";
  let description = [{
    f32[4] of sums over all elements, in double, each rounded once: Σ a², Σ (a-b)²,
    Σ a·b, Σ b². SQNR is 10·log10(Σ a² / Σ (a-b)²), the cosine
    Σ a·b / √(Σ a² · Σ b²).

    ```mlir
    %m = fp8.compare %a, %b : tensor<?x576xf32> -> tensor<4xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$a, Graph_FloatTensor:$b);
  let results = (outs Fp8_Figures:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `->` type($result)";
}

def CensusOp : Fp8_Op<"census", [Pure]> {
  let summary = "How many elements saturate or flush, and which scales there are";
  let description = [{
    f32[259] of counts: elements; those that round beyond the largest code; those
    not 0 whose code is 0; then, for each byte b, the scales in [2^(b-127), 2^(b-126)).

    ```mlir
    %m = fp8.census %x as %q, %s block [1, 128]
       : tensor<?x576xf32>, tensor<?x576xf8E4M3FN>, tensor<?x5xi8> -> tensor<259xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input, Fp8_Codes:$codes, Fp8_Scales:$scales,
                       Fp8_Block:$block);
  let results = (outs Fp8_Figures:$result);
  let assemblyFormat = [{
    $input `as` $codes `,` $scales `block` $block attr-dict `:` type($input) `,`
    type($codes) `,` type($scales) `->` type($result)
  }];
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

def ScaledMatmulOp : Fp8_Op<"scaled_matmul", [Pure, AttrSizedOperandSegments,
    NarrowOperandsInterface]> {
  let summary = "y = x · wᵀ (+ bias) of codes with scales";
  let description = [{
    input [.., K], weight [N, K], bias [N] → [.., N], as graph.linear. The weight
    is codes with scales of blocks `weight_block`; the input is codes with scales
    of blocks `input_block` [1, columns] (W8A8), or a float read exactly (W8A16).

    K is cut into groups of `group` elements; a group lies in one block of either
    side (F5); 0 is all of K. With c the codes' values (or x), products are exact:

        p_g = Σ c_x · c_w over the group, in f32, in `order`
        s_g = f32(scale_x · scale_w), or scale_w alone
        y   = round(Σ s_g · p_g, ascending g, each an f32 multiply-add, + bias)

    | order | a group's sum, in f32 |
    |---|---|
    | `free` | any; bound on targets 2·√K·2⁻²⁴·Σ s·\|c_x·c_w\| |
    | `chain` | multiply-adds in ascending k |
    | `pairs` | as VDPBF16PS: for each pair of k the odd product, then the even one, each a multiply-add; subnormal operands and results are 0 |
    | `hopper` | as wgmma: of 32 products and the sum, aligned to the largest exponent, bits below 2⁻¹³ of it are cut off |

    `pairs` and `hopper` read bf16 or codes (F8). `group = 128` with either is
    DeepSeek's promotion (arXiv 2412.19437 §3.3.2).

    ```mlir
    %y = fp8.scaled_matmul %x scales %xs [1, 128], %w scales %ws [128, 128] group 128
       : tensor<?x576xf8E4M3FN> scales tensor<?x5xi8>, tensor<192x576xf8E4M3FN>, tensor<2x5xi8>
       -> tensor<?x192xf32>
    ```
  }];
  let arguments = (ins Fp8_Input:$input, Optional<Fp8_Scales>:$input_scales,
      Fp8_Codes:$weight, Fp8_Scales:$weight_scales, Optional<Graph_FloatTensor>:$bias,
      OptionalAttr<Fp8_Block>:$input_block, Fp8_Block:$weight_block,
      DefaultValuedAttr<OrderAttr, "Order::Free">:$order, Graph_Index:$group);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`scales` $input_scales^ $input_block)? `,` $weight `scales` $weight_scales
    $weight_block (`bias` $bias^)? `group` $group (`order` $order^)? attr-dict `:`
    type($input) (`scales` type($input_scales)^)? `,` type($weight) `,` type($weight_scales)
    (`bias` type($bias)^)? `->` type($result)
  }];
}

def ScaledGatedOp : Fp8_Op<"scaled_gated", [Pure, NarrowOperandsInterface]> {
  let summary = "y = activation(x · gateᵀ) ⊙ (x · upᵀ) of codes with scales";
  let description = [{
    As graph.gated, each product as `scaled_matmul`; gate and up have scales of
    the same blocks. The activation and the product are f32; their bound on
    targets is graph.gated's.
  }];
  let arguments = (ins Fp8_Input:$input, Optional<Fp8_Scales>:$input_scales,
      Fp8_Codes:$gate, Fp8_Scales:$gate_scales, Fp8_Codes:$up, Fp8_Scales:$up_scales,
      OptionalAttr<Fp8_Block>:$input_block, Fp8_Block:$weight_block,
      DefaultValuedAttr<OrderAttr, "Order::Free">:$order, Graph_Index:$group,
      ActivationAttr:$activation);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $activation $input (`scales` $input_scales^ $input_block)? `,` $gate `scales`
    $gate_scales `,` $up `scales` $up_scales $weight_block `group` $group
    (`order` $order^)? attr-dict `:` type($input) (`scales` type($input_scales)^)? `,`
    type($gate) `,` type($gate_scales) `,` type($up) `,` type($up_scales) `->` type($result)
  }];
}

def ScaledExpertGatedOp : Fp8_Op<"scaled_expert_gated", [Pure, NarrowOperandsInterface]> {
  let summary = "A gated layer of codes with scales for each expert chosen";
  let description = [{
    As graph.expert_gated of gate and up [E, N, K], whose products are those of
    `scaled_matmul` of values in order `free`. Only codes and scales of experts
    that are chosen are read.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_IntTensor:$indices,
      Fp8_Codes:$gate, Fp8_Scales:$gate_scales, Fp8_Codes:$up, Fp8_Scales:$up_scales,
      Fp8_Block:$weight_block, Graph_Index:$group, ActivationAttr:$activation);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $activation $input `,` $indices `,` $gate `scales` $gate_scales `,` $up `scales`
    $up_scales $weight_block `group` $group attr-dict `:` type($input) `,` type($indices)
    `,` type($gate) `,` type($gate_scales) `,` type($up) `,` type($up_scales) `->`
    type($result)
  }];
}

def ScaledExpertLinearOp : Fp8_Op<"scaled_expert_linear", [Pure, NarrowOperandsInterface]> {
  let summary = "The weighted sum of layers of codes with scales of the experts chosen";
  let description = [{
    As graph.expert_linear of a weight [E, N, K], whose products are those of
    `scaled_matmul` of values in order `free`.

    ```mlir
    %y = fp8.scaled_expert_linear %x, %i, %f, %w scales %ws [128, 128] group 128
       : tensor<?x8x2048xf32>, tensor<?x8xi32>, tensor<?x8xf32>,
         tensor<256x7168x2048xf8E4M3FN>, tensor<256x56x16xf32> -> tensor<?x7168xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_IntTensor:$indices,
      Graph_FloatTensor:$weights, Fp8_Codes:$weight, Fp8_Scales:$weight_scales,
      Fp8_Block:$weight_block, Graph_Index:$group);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $indices `,` $weights `,` $weight `scales` $weight_scales $weight_block
    `group` $group attr-dict `:` type($input) `,` type($indices) `,` type($weights) `,`
    type($weight) `,` type($weight_scales) `->` type($result)
  }];
}

#endif
