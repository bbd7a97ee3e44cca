//===- GraphOps_Normalization.td - row reductions -------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_NORMALIZATION
#define TRINE_GRAPH_OPS_NORMALIZATION

def NormalizationGroup : OpDocGroup {
  let summary = "Normalization and pooling";
  let description = "Reductions over the last dimension or over tokens.";
}
let opDocGroup = NormalizationGroup in {

def RmsNormOp : Graph_PureOp<"rms_norm", [SameOperandsAndResultElementType]> {
  let summary = "x / sqrt(mean(x²) + epsilon) ⊙ (weight + offset)";
  let description = [{
    Over the last dimension H (arXiv 1910.07467); weight [H]. `offset` is 0, or
    1 for models that store weight - 1 (Gemma).
  }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$weight,
      Graph_NonNegativeF64:$epsilon, DefaultValuedAttr<Graph_FiniteF64, "0.0">:$offset);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight `epsilon` $epsilon attr-dict `:` type($input) `,`
    type($weight) `->` type($result)
  }];
}

def LayerNormOp : Graph_PureOp<"layer_norm", [SameOperandsAndResultElementType]> {
  let summary = "(x - mean(x)) / sqrt(var(x) + epsilon) ⊙ weight + bias";
  let description = [{ Over the last dimension H (arXiv 1607.06450), biased variance; weight and bias [H]. }];
  let arguments = (ins Graph_FloatTensor:$input, Graph_FloatTensor:$weight,
      Graph_FloatTensor:$bias, Graph_NonNegativeF64:$epsilon);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $weight `,` $bias `epsilon` $epsilon attr-dict `:` type($input)
    `,` type($weight) `,` type($bias) `->` type($result)
  }];
}

def SoftmaxOp : Graph_PureOp<"softmax", [SameOperandsAndResultType]> {
  let summary = "exp(x - max) / Σ exp(x - max) over the last dimension";
  let arguments = (ins Graph_FloatTensor:$input);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def NormalizeOp : Graph_PureOp<"normalize", [SameOperandsAndResultType]> {
  let summary = "x / max(‖x‖₂, 1e-12) over the last dimension";
  let arguments = (ins Graph_FloatTensor:$input);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
}

def PoolOp : Graph_PureOp<"pool", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "One vector for a sequence";
  let description = [{
    input [B, S, H], mask i32 [B, S] → [B, H]. `mean`: Σ mask·x / max(Σ mask,
    1e-9); `max`: over positions with mask ≠ 0; `cls`: position 0.
  }];
  let arguments = (ins PoolKindAttr:$kind, Graph_FloatTensor:$input, Graph_IntTensor:$mask);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    `` $kind $input `,` $mask attr-dict `:` type($input) `,` type($mask) `->` type($result)
  }];
}

} // opDocGroup

#endif
