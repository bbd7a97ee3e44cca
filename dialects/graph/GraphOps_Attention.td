//===- GraphOps_Attention.td - attention and rotary embedding -------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_ATTENTION
#define TRINE_GRAPH_OPS_ATTENTION

def AttentionGroup : OpDocGroup {
  let summary = "Attention";
  let description = "Attention and the positions it sees.";
}
let opDocGroup = AttentionGroup in {

def AttentionOp : Graph_PureOp<"attention", [AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<NarrowOperandsInterface, ["getNarrowOperands"]>]> {
  let summary = "softmax(scale · q · kᵀ + mask) · v";
  let description = [{
    q [B, S, Hq, D], k [B, T, Hkv, D], v [B, T, Hkv, Dv] → [B, S, Hq, Dv]; query
    head h reads key/value head h / (Hq / Hkv). Logits x become
    softcap·tanh(x/softcap) where `softcap` is given, before masking.

    Query s of row b stands at position p = past[b] + s (past = 0 if absent).
    It attends key t when all hold: t < past[b] + S if `past` is given, else
    t < T; t ≤ p if `causal`; p - t < window if `window` is given;
    mask[b, t] ≠ 0 if `mask` i32 [B, T] is given. A query that attends no key
    yields zeros. Head counts and sizes are static, Hq a multiple of Hkv (G6).

    Query, key and value may be narrower than the result and are read exactly;
    where key and value are bf16 or f8 the probabilities p·Σ are rounded to bf16, too,
    and the bound grows by 2⁻⁸·max |v|.

    Bound on targets, at f32: a logit is a contraction, so it errs by at most
    d = 2·√D·2⁻²⁴·max Σ|scale·q·k|. That moves a probability p by at most
    p·(e^2d - 1); probabilities sum to 1, so the result moves by at most
    (e^2d - 1 + 1e-6 + 2·√T·2⁻²⁴)·max |v|, where 1e-6 is softmax's own bound and
    the last term that of the product with v.

    ```mlir
    %o = graph.attention %q, %k, %v past %past causal scale 0.125
       : tensor<?x?x9x64xf32>, tensor<?x8192x3x64xf32>, tensor<?x8192x3x64xf32>, tensor<?xi32> -> tensor<?x?x9x64xf32>
    ```
  }];
  let arguments = (ins Graph_FloatTensor:$query, Graph_State:$key,
      Graph_State:$value, Optional<Graph_IntTensor>:$past,
      Optional<Graph_IntTensor>:$mask, UnitAttr:$causal, Graph_FiniteF64:$scale,
      OptionalAttr<Graph_PositiveF64>:$softcap,
      OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$window);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $query `,` $key `,` $value (`past` $past^)? (`mask` $mask^)?
    (`causal` $causal^)? `scale` $scale (`softcap` $softcap^)?
    (`window` $window^)? attr-dict `:` type($query) `,` type($key) `,`
    type($value) (`,` `past` type($past)^)? (`mask` type($mask)^)?
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def RopeOp : Graph_PureOp<"rope"> {
  let summary = "Rotary position embedding (arXiv 2104.09864)";
  let description = [{
    input [B, S, H, D], positions i32 [B, S]. The first `dims` elements of each
    head are rotated in pairs, (i, i + dims/2) for `half`, (2i, 2i+1) for
    `interleaved`, by positions·inv_freq[i], inv_freq[i] = theta^(-2i/dims),
    changed as `scaling` says (`ropeFrequencies` in Graph.h is the one
    implementation); the other elements are copied. The result may be narrower
    than the input. The head size is static (G7).
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_IntTensor:$positions,
      RopeStyleAttr:$style, Graph_PositiveF64:$theta, Graph_Index:$dims,
      OptionalAttr<RopeScalingAttr>:$scaling);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $style $input `,` $positions `theta` $theta `dims` $dims (`scaling` $scaling^)?
    attr-dict `:` type($input) `,` type($positions) `->` type($result)
  }];
  let hasVerifier = 1;
}

} // opDocGroup

#endif
