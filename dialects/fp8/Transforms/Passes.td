//===- Passes.td - quantization passes ------------------------------------===//
// Part of Trine, under Apache-2.0 WITH LLVM-exception.
//===----------------------------------------------------------------------===//
#ifndef TRINE_FP8_PASSES_TD
#define TRINE_FP8_PASSES_TD

include "mlir/Pass/PassBase.td"

def AnnotatePass : Pass<"fp8-annotate", "::mlir::ModuleOp"> {
  let summary = "Say which layers a recipe quantizes, and how";
  let description = [{
    The recipe is the option, a preset's name or a file, else the module's
    attribute `fp8.recipe` with a recipe's text; without either nothing happens.
    The first rule found in a layer's node applies: the weight's scheme goes to
    `fp8.weight`, the input's to `fp8.input`, how products are summed to
    `fp8.order` and `fp8.group`. A weight that a checkpoint holds as codes keeps
    them: where the recipe asks for others, it must say `requantize: allow`. A
    static input takes `fp8.scale`, which follows from the node's amax in the
    module's attribute `fp8.calibration`.

    ```mlir
    %y = graph.linear %x, %w : ...
    // becomes, under W8A16
    %y = graph.linear %x, %w {fp8.weight = #fp8.scheme<f8E4M3FN, f32, [128, 128], amax>} : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
  let options = [Option<"recipe", "recipe", "std::string", "\"\"",
                        "a preset or a recipe file">];
  let statistics = [Statistic<"layers", "layers", "Layers to quantize">,
                    Statistic<"kept", "kept", "Layers the recipe keeps">];
}

def MaterializePass : Pass<"fp8-materialize", "::mlir::ModuleOp"> {
  let summary = "Round what annotations name to codes and scales";
  let description = [{
    An annotated operand becomes `dequantize(quantize(operand))`; layers of one
    input and scheme share its codes. The values change here and nowhere later.
    Of an input with `fp8.scale` it is `dequantize(encode(input, scale))`.

    ```mlir
    %y = graph.linear %x, %w {fp8.weight = #fp8.scheme<f8E4M3FN, f32, [128, 128], amax>} : ...
    // becomes
    %q, %s = fp8.quantize %w as <f8E4M3FN, f32, [128, 128], amax> : ...
    %d = fp8.dequantize %q, %s block [128, 128] : ...
    %y = graph.linear %x, %d : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
  let statistics = [Statistic<"quantized", "quantized", "Operands quantized">];
}

def ObservePass : Pass<"fp8-observe", "::mlir::ModuleOp"> {
  let summary = "Return the largest magnitude of each layer's input";
  let description = [{
    Where the module's attribute `fp8.observe` is "absmax", for a calibration:
    each entry has a result `observe.<node>` for each of its layers.

    ```mlir
    %y = graph.linear %x, %w : ... loc("layers.0.q_proj")
    return %y : ...
    // becomes
    %m = fp8.observe %x : ... -> tensor<1xf32>
    %y = graph.linear %x, %w : ...
    return %y, %m : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
  let statistics = [Statistic<"observed", "observed", "Layers observed">];
}

def ComparePass : Pass<"fp8-compare", "::mlir::ModuleOp"> {
  let summary = "Return what quantization costs each layer";
  let description = [{
    Where the module's attribute `fp8.observe` is "error", for a report: a layer
    of rounded operands gets a copy without, which the rest of the entry reads,
    so that each layer is judged alone. Results `compare.output.<node>`,
    `compare.input.<node>` and `census.input.<node>` say what it loses; those of
    weights (`weight`; `gate` and `up`) come from an entry `weights` of no inputs.

    ```mlir
    %d = fp8.dequantize %q, %s block [1, 128] : ...
    %y = graph.linear %d, %w : ...
    // becomes
    %m = fp8.compare %x, %d : ...
    %c = fp8.census %x as %q, %s block [1, 128] : ...
    %b = graph.linear %x, %w : ...
    %y = graph.linear %d, %w : ...
    %o = fp8.compare %b, %y : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
  let statistics = [Statistic<"compared", "compared", "Layers compared">];
}

def FoldWeightsPass : Pass<"fp8-fold-weights", "::mlir::ModuleOp"> {
  let summary = "Quantize weights when they are packed";
  let description = [{
    The codes and scales of a parameter become parameters, made from the same
    stored tensors; so do scales of a parameter that are repeated or changed to
    bytes. Nothing is quantized at run time that could be before.

    ```mlir
    %w = graph.weight @w : tensor<8x128xf32>
    %q, %s = fp8.quantize %w as <f8E4M3FN, f32, [8, 128], amax> : ...
    // becomes
    %q = graph.weight @w.codes : tensor<8x128xf8E4M3FN>
    %s = graph.weight @w.scales : tensor<1x1xf32>
    ```
  }];
  let statistics = [Statistic<"folded", "folded", "Parameters made">];
}

def FormProductsPass : Pass<"fp8-form-products", "::mlir::ModuleOp"> {
  let summary = "Multiply codes instead of dequantized values";
  let description = [{
    A linear or gated layer of dequantized weights becomes a product of codes,
    with an input of codes where that is dequantized, too. A group is the finest
    block along K unless `fp8.group` says otherwise. Inputs whose blocks do not
    lie in rows stay values.

    ```mlir
    %d = fp8.dequantize %q, %s block [128, 128] : ...
    %y = graph.linear %x, %d : ...
    // becomes
    %y = fp8.scaled_matmul %x, %q scales %s [128, 128] group 128 : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
  let statistics = [Statistic<"products", "products", "Products formed">];
}

def PackScalesPass : Pass<"fp8-pack-scales", "::mlir::ModuleOp"> {
  let summary = "Bring the scales of weights to one for each row";
  let description = [{
    Kernels read a scale for each row of a weight and block of columns, beside
    its codes. Repeating the scale of a block of rows loses nothing.

    ```mlir
    %y = fp8.scaled_matmul %x, %q scales %s [128, 128] group 128 : ...
    // becomes
    %r = fp8.convert_scales %s of %q from [128, 128] to [1, 128] : ...
    %y = fp8.scaled_matmul %x, %q scales %r [1, 128] group 128 : ...
    ```
  }];
  let dependentDialects = ["::trine::fp8::Fp8Dialect"];
}

def Fp8VerifyPass : Pass<"fp8-verify", "::mlir::ModuleOp"> {
  let summary = "Gate: small floats are computed with by fp8 alone";
  let description = [{
    MLIR 22 lowers arithmetic on 8-bit floats to nothing and leaves it, or casts
    around it, without an error. This pass makes one of each: an operation of
    arith, math, vector or the like on elements of 8 bits or less, and an
    unrealized cast of them. Moving, bitcasting and storing them is fine.
  }];
}

#endif
