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

def LinearOp : Graph_PureOp<"linear", [SameOperandsAndResultElementType]> {
  let summary = "y = x · wᵀ (+ bias)";
  let description = [{
    x [.., K], weight [N, K], bias [N] → [.., N], as torch.nn.Linear.
    Error bound on every target: 2·√K·2⁻²⁴·Σ|x·w| at f32.

    ```mlir
    %y = graph.linear %x, %w : tensor<?x?x576xf32>, tensor<192x576xf32> -> tensor<?x?x192xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_StoredFloat:$weight,
                       Optional<Graph_FloatTensor>:$bias);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict `:` type($input) `,`
    type($weight) (`,` type($bias)^)? `->` type($result)
  }];
}

def GatedOp : Graph_PureOp<"gated", [SameOperandsAndResultElementType]> {
  let summary = "y = activation(x · gateᵀ) ⊙ (x · upᵀ)";
  let description = [{
    The first half of a gated MLP (SwiGLU, GeGLU; arXiv 2002.05202):
    x [.., K], gate and up [N, K] → [.., N].

    Bound on targets, at f32: with c(w) = 2·√K·2⁻²⁴·Σ|x·w| for each product, and
    no activation steeper than 1.13 nor larger than its argument,
    (1.13·c(gate) + 4 ulp of |g|)·|u| + |g|·c(up) + 4 ulp of |g·u|.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_StoredFloat:$gate,
                       Graph_StoredFloat:$up, ActivationAttr:$activation);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $activation $input `,` $gate `,` $up attr-dict `:` type($input) `,`
    type($gate) `,` type($up) `->` type($result)
  }];
}

def MatmulOp : Graph_PureOp<"matmul", [SameOperandsAndResultElementType]> {
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
