//===- GraphOps_Movement.td - gather and shape operations -----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_MOVEMENT
#define TRINE_GRAPH_OPS_MOVEMENT

def MovementGroup : OpDocGroup {
  let summary = "Gather and shape";
  let description = "Elements chosen, moved and renamed, never changed.";
}
let opDocGroup = MovementGroup in {

def GatherOp : Graph_PureOp<"gather"> {
  let summary = "Rows of a table: embedding lookup";
  let description = [{
    table [V, H], indices i32 [..] → [.., H]. Indices that come from an entry's
    input as they are, into a table of static V, are checked by the host
    (0 ≤ i < V); a kernel clamps the others, which the reference refuses. The
    table may be narrower than the result.
  }];
  let arguments = (ins Graph_StoredFloat:$table, Graph_IntTensor:$indices);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $table `,` $indices attr-dict `:` type($table) `,` type($indices) `->` type($result)
  }];
  let hasVerifier = 1;
}

def LastTokenOp : Graph_PureOp<"last_token", [AllElementTypesMatch<["input", "result"]>]> {
  let summary = "The last token's vector of each row";
  let description = [{
    input [B, S, H] → [B, H]: position lengths[b] - 1, or S - 1 without lengths.
    Lengths are 1 to S: a kernel clamps others (zeros when S = 0), which the
    reference refuses; the entry input named `lengths` of a stateful entry is
    checked by the host.
  }];
  let arguments = (ins Graph_FloatTensor:$input, Optional<Graph_IntTensor>:$lengths);
  let results = (outs Graph_FloatTensor:$result);
  let assemblyFormat = [{
    $input (`lengths` $lengths^)? attr-dict `:` type($input) (`,` type($lengths)^)?
    `->` type($result)
  }];
}

def ReshapeOp : Graph_PureOp<"reshape", [SameOperandsAndResultElementType]> {
  let summary = "The same elements in row-major order under another shape";
  let description = [{
    `shape`: a positive number is a static size, 0 copies the input's dimension
    at that index, -1 (once) is what remains. Dynamic dimensions are copied or
    part of what remains (G11).
  }];
  let arguments = (ins Graph_Value:$input, DenseI64ArrayAttr:$shape);
  let results = (outs Graph_Value:$result);
  let assemblyFormat = "$input `to` $shape attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def TransposeOp : Graph_PureOp<"transpose", [SameOperandsAndResultElementType]> {
  let summary = "Result dimension i is input dimension permutation[i]";
  let arguments = (ins Graph_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$input `by` $permutation attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def SliceOp : Graph_PureOp<"slice", [SameOperandsAndResultElementType]> {
  let summary = "Elements start .. start+size-1 along a static axis";
  let arguments = (ins Graph_Tensor:$input, Graph_Index:$axis, Graph_Index:$start,
                       Graph_Index:$size);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = [{
    $input `axis` $axis `start` $start `size` $size attr-dict `:` type($input) `->` type($result)
  }];
  let hasFolder = 1;
  let hasVerifier = 1;
}

def ConcatOp : Graph_PureOp<"concat", [SameOperandsAndResultElementType]> {
  let summary = "Operands one after another along `axis`";
  let arguments = (ins Variadic<Graph_Tensor>:$inputs, Graph_Index:$axis);
  let results = (outs Graph_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` type($inputs) `->` type($result)";
  let hasFolder = 1;
}

def RelayoutOp : Graph_PureOp<"relayout", [SameOperandsAndResultElementType]> {
  let summary = "The same value in another physical layout";
  let description = [{ Shapes and element types are equal; only the encoding differs. }];
  let arguments = (ins Graph_Stored:$input);
  let results = (outs Graph_Stored:$result);
  let assemblyFormat = "$input attr-dict `:` type($input) `->` type($result)";
  let hasFolder = 1;
}

} // opDocGroup

#endif
