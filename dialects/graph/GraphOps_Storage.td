//===- GraphOps_Storage.td - parameters and sequence state ----------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_GRAPH_OPS_STORAGE
#define TRINE_GRAPH_OPS_STORAGE

def StorageGroup : OpDocGroup {
  let summary = "Parameters, constants and state";
  let description = "Declarations a package keeps and the operations that read and write them.";
}
let opDocGroup = StorageGroup in {

def ParameterOp : Graph_Op<"parameter", [Symbol]> {
  let summary = "Declares a weight of the model by reference";
  let description = [{
    The bytes stay in the model's files. `sources` names the stored tensors;
    more than one are concatenated along dimension 0, and of one rank less than
    the parameter they are stacked along it. `storage` is the format
    they are stored in (`f32`, `bf16`, `q4_1`, ...); the value is their exact
    decoding into the tensor's element type. The type is static (G2); its
    encoding is the layout the package stores. `kept`: a target that can keeps
    the stored codes and scales in its package and decodes them in its kernels.

    `quantized` (an #fp8.scheme): the decoded values are quantized; a type of
    codes holds their codes, any other their scales. `repeat` r: each row stands
    r times, which brings the scales of blocks of r rows to every row; a source
    fills an equal part of the rows, so its last block may be cut off. A type of
    i8 holds UE8M0, whose values are powers of two or the model is refused.
    `rows` [f, n, e]: of every e rows of a source, n from the f-th on; any shape
    with as many rows of the sources' length is theirs.

    ```mlir
    graph.parameter @embed : tensor<49152x576xf32> storage "q8_0" from ["token_embd.weight"]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Graph_Stored>:$type,
                       StrAttr:$storage, StrArrayAttr:$sources, UnitAttr:$kept,
                       OptionalAttr<AnyAttr>:$quantized,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$repeat,
                       OptionalAttr<DenseI64ArrayAttr>:$rows);
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::RankedTensorType":$type,
      "::llvm::StringRef":$storage, "::mlir::ArrayAttr":$sources), [{
    build($_builder, $_state, name, type, storage, sources, /*kept=*/false,
          ::mlir::Attribute(), ::mlir::IntegerAttr(), ::mlir::DenseI64ArrayAttr());
  }]>];
  let assemblyFormat = [{
    $sym_name `:` $type `storage` $storage (`kept` $kept^)? (`quantized` $quantized^)?
    (`repeat` $repeat^)? (`rows` $rows^)? `from` $sources attr-dict
  }];
  let hasVerifier = 1;
}

def WeightOp : Graph_Op<"weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The value of a parameter";
  let description = [{ The type equals the parameter's (G3). }];
  let arguments = (ins FlatSymbolRefAttr:$parameter);
  let results = (outs Graph_Stored:$result);
  let assemblyFormat = "$parameter attr-dict `:` type($result)";
}

def ConstantOp : Graph_Op<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "A small constant written in the IR";
  let description = [{ Its elements are dense, never a resource blob. }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Graph_Plain:$result);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def StateOp : Graph_Op<"state", [Symbol]> {
  let summary = "Declares per-session state, such as a key/value cache";
  let description = [{
    Shape [batch, capacity, ...]: batch is dynamic (the session's), everything
    else static and not 0 (G4); capacity is the longest sequence. Position p of row b
    holds what `append` wrote there; positions at or beyond the row's length
    are unspecified.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<Graph_State>:$type);
  let assemblyFormat = "$sym_name `:` $type attr-dict";
  let hasVerifier = 1;
}

def CacheOp : Graph_Op<"cache", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>,
                                 DeclareOpInterfaceMethods<ShapeInference>]> {
  let summary = "The value of a state before this call";
  let description = [{
    `like` is any tensor whose dimension 0 is the batch. The type equals the
    state's (G3). Only `append` may use it, once (G22).
  }];
  let arguments = (ins FlatSymbolRefAttr:$state, Graph_Tensor:$like);
  let results = (outs Graph_State:$result);
  let assemblyFormat = "$state `like` $like attr-dict `:` type($like) `->` type($result)";
}

def AppendOp : Graph_Op<"append", [MemoryEffects<[MemWrite]>,
    DeclareOpInterfaceMethods<ShapeInference>, AllTypesMatch<["state", "result"]>,
    AllElementTypesMatch<["state", "values"]>]> {
  let summary = "Writes new positions into a state, in place";
  let description = [{
    `values` [B, S, ...] go to positions past[b] .. past[b]+S-1 of row b. The
    result is the whole state after the write and shares the operand's storage.
    It is written even if nobody reads the result: a later call does.
    The host refuses a call where past[b]+S exceeds the capacity.
  }];
  let arguments = (ins Graph_State:$state, Graph_StateValues:$values,
                       Graph_IntTensor:$past);
  let results = (outs Graph_State:$result);
  let assemblyFormat = [{
    $values `to` $state `at` $past attr-dict `:` type($values) `,` type($past)
    `->` type($state)
  }];
}

def LengthOp : Graph_PureOp<"length"> {
  let summary = "Tokens each row of the session holds before this call, i32[B]";
  let arguments = (ins Graph_Tensor:$like);
  let results = (outs Graph_IntTensor:$result);
  let assemblyFormat = "$like attr-dict `:` type($like) `->` type($result)";
}

def PositionsOp : Graph_PureOp<"positions"> {
  let summary = "Position of each token: past[b] + s, i32[B, S]";
  let description = [{ Without `past` counting starts at 0. `like` is [B, S, ...]. }];
  let arguments = (ins Graph_Tensor:$like, Optional<Graph_IntTensor>:$past);
  let results = (outs Graph_IntTensor:$result);
  let assemblyFormat = [{
    $like (`after` $past^)? attr-dict `:` type($like) (`,` type($past)^)?
    `->` type($result)
  }];
}

} // opDocGroup

#endif
