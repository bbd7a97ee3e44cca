//===- GraphOps_Contraction.td - linear layers and matrix products --------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_CONTRACTION
#define TRINE_GRAPH_OPS_CONTRACTION

def ContractionGroup : OpDocGroup {
  let summary = "Contractions";
  let description = "Products with weights and between activations.";
}
let opDocGroup = ContractionGroup in {

/// Operands may be narrower than the result: they are read exactly, products
/// are summed in f32 and the sum, with its bias, is rounded once to the result.
class Graph_Contraction<string mnemonic, list<Trait> traits = [NarrowOperandsInterface]>
    : Graph_PureOp<mnemonic, traits> {
  let hasVerifier = 1;
}

def LinearOp : Graph_Contraction<"linear"> {
  let summary = "y = x · wᵀ (+ bias)";
  let description = [{
    x [.., K], weight [N, K], bias [N] → [.., N], as torch.nn.Linear.
    The operands may be narrower than the result (G8): they are read exactly,
    and the sum with its bias is rounded once.
    Error bound on every target: 2·√K·2⁻²⁴·Σ|x·w|, and half a unit in the last
    place of a narrower result. Where the weight's codes are kept (a format in
    its layout) w = d·q + m, and the bound holds with |x·d·q| + |x·m| for
    |x·w|; few rows are summed a block at a time as d·Σq·x + m·Σx.

    With `int8` (only where codes are kept) the input is first quantized by
    blocks of 32 along K: s = max|x| · f32(1/127), c = rne(x · (1/s)) in f32
    arithmetic, and x stands for s·c.

    ```mlir
    %y = graph.linear %x, %w : tensor<?x?x576xf32>, tensor<192x576xf32> -> tensor<?x?x192xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_StoredFloat:$weight,
                       Optional<Graph_FloatTensor>:$bias, UnitAttr:$int8);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? (`int8` $int8^)? attr-dict `:` type($input) `,`
    type($weight) (`,` type($bias)^)? `->` type($result)
  }];
}

def GatedOp : Graph_Contraction<"gated"> {
  let summary = "y = activation(x · gateᵀ) ⊙ (x · upᵀ)";
  let description = [{
    The first half of a gated MLP (SwiGLU, GeGLU; arXiv 2002.05202):
    x [.., K], gate and up [N, K] → [.., N].

    Bound on targets, at f32: with c(w) = 2·√K·2⁻²⁴·Σ|x·w| for each product, and
    no activation steeper than 1.13 nor larger than its argument,
    (1.13·c(gate) + 4 ulp of |g|)·|u| + |g|·c(up) + 4 ulp of |g·u|.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_StoredFloat:$gate,
                       Graph_StoredFloat:$up, ActivationAttr:$activation,
                       UnitAttr:$int8);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $activation $input `,` $gate `,` $up (`int8` $int8^)? attr-dict `:` type($input) `,`
    type($gate) `,` type($up) `->` type($result)
  }];
}

def MatmulOp : Graph_Contraction<"matmul",
    [DeclareOpInterfaceMethods<NarrowOperandsInterface, ["getNarrowOperands"]>]> {
  let summary = "Batched matrix product of two activations";
  let description = [{
    a [batch.., M, K]; b [batch.., K, N], or [batch.., N, K] with `transpose_b`
    → [batch.., M, N]. The batch dimensions are equal (no broadcast).
  }];
  let arguments = (ins Graph_FloatTensor:$lhs, Graph_StoredFloat:$rhs,
                       UnitAttr:$transpose_b);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transpose_b` $transpose_b^)? attr-dict `:` type($lhs) `,`
    type($rhs) `->` type($result)
  }];
}

} // opDocGroup

#endif
