//===- GraphOps_Experts.td - mixtures of experts --------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_EXPERTS
#define TRINE_GRAPH_OPS_EXPERTS

def ExpertsGroup : OpDocGroup {
  let summary = "Experts and groups";
  let description = "The choice of experts and the products with those chosen.";
}
let opDocGroup = ExpertsGroup in {

def RouteOp : Graph_PureOp<"route"> {
  let summary = "The experts of each token and their weights";
  let description = [{
    logits [.., E] → indices i32 [.., k] and weights [.., k], k = `top`.
    Scores s are the softmax of the logits (arXiv 2401.04088) or their sigmoids
    (arXiv 2412.19437). The choice goes by c = s + bias, bias [E], or by s: the
    k largest, largest first, of equal ones the lowest index first; NaN and
    -∞ count as the lowest number of f32, as do sums below it. The weights are the scores of those chosen, never the biased ones;
    `normalize` divides them by their sum + 1e-20. They are multiplied by
    `scale`.

    With `groups` n `limit` m the experts are n groups of E/n neighbours, and
    only those of m groups can be chosen: the groups with the largest sums of
    their two largest c, of equal sums the lowest group. k experts fit into m
    groups, and a group has two at least (G25).

    Bound on targets, at f32: 4e-6 of a token's largest weight. Where scores
    differ by less than 1e-6 of its largest, which comes first is the target's.

    ```mlir
    %i, %w = graph.route softmax %logits top 2 normalize : tensor<?x?x8xf32> -> tensor<?x?x2xi32>, tensor<?x?x2xf32>
    ```
  }];
  let arguments = (ins ScoringAttr:$scoring, Graph_FloatTensor:$logits,
      Optional<Graph_FloatTensor>:$bias,
      ConfinedAttr<I64Attr, [IntPositive]>:$top, UnitAttr:$normalize,
      OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$groups,
      OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$limit,
      DefaultValuedAttr<Graph_FiniteF64, "1.0">:$scale);
  let results = (outs Graph_IntTensor:$indices, Graph_FloatTensor:$weights);
  let assemblyFormat = [{
    $scoring $logits (`bias` $bias^)? `top` $top (`groups` $groups^)?
    (`limit` $limit^)? (`normalize` $normalize^)? attr-dict `:` type($logits)
    (`,` type($bias)^)? `->` type($indices) `,` type($weights)
  }];
  let hasVerifier = 1;
}

class Graph_ExpertProduct<string mnemonic> : Graph_PureOp<mnemonic,
    [NarrowOperandsInterface]> {
  let hasVerifier = 1;
}

def ExpertGatedOp : Graph_ExpertProduct<"expert_gated"> {
  let summary = "A gated layer for each expert chosen";
  let description = [{
    x [.., K], indices i32 [.., k], gate and up [E, N, K] → [.., k, N]: result j
    of a token is `graph.gated` of its x with gate[i] and up[i], i = indices[j].
    Indices are 0 to E - 1: a kernel clamps others, which the reference refuses.
    Only weights of experts that are chosen are read. Bound: as `gated`.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_IntTensor:$indices,
      Graph_StoredFloat:$gate, Graph_StoredFloat:$up, ActivationAttr:$activation);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $activation $input `,` $indices `,` $gate `,` $up attr-dict `:` type($input) `,`
    type($indices) `,` type($gate) `,` type($up) `->` type($result)
  }];
}

def ExpertLinearOp : Graph_ExpertProduct<"expert_linear"> {
  let summary = "The weighted sum of linear layers of the experts chosen";
  let description = [{
    x [.., k, K], indices i32 [.., k], weights [.., k], weight [E, N, K]
    → [.., N]: Σⱼ weights[j] · (x[j] · weight[indices[j]]ᵀ), one result rounded
    once. Indices as for `expert_gated`.

    Bound on targets, at f32: Σⱼ |weights[j]| · (c(j) + (k + 1)·2⁻²⁴·|p(j)|), with
    p(j) the product and c(j) = 2·√K·2⁻²⁴·Σ|x·w| its bound.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_IntTensor:$indices,
      Graph_FloatTensor:$weights, Graph_StoredFloat:$weight);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $indices `,` $weights `,` $weight attr-dict `:` type($input) `,`
    type($indices) `,` type($weights) `,` type($weight) `->` type($result)
  }];
}

def GroupedLinearOp : Graph_ExpertProduct<"grouped_linear"> {
  let summary = "A linear layer for each group of elements";
  let description = [{
    x [.., G, K], weight [G, N, K], or [G, K, N] with `transposed`
    → [.., G, N]: group g of every token goes through the weight's g-th matrix.
    The heads of latent attention (arXiv 2405.04434) are such groups. Bound: as
    `linear`.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_StoredFloat:$weight,
      UnitAttr:$transposed);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight (`transposed` $transposed^)? attr-dict `:` type($input) `,`
    type($weight) `->` type($result)
  }];
}

} // opDocGroup

#endif
