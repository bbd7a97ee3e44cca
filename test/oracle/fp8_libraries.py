"""Goldens of a layer's weight and input in FP8, as torchao, compressed-tensors and
NVIDIA's ModelOpt quantize them (the versions are in the file).

test/data/fp8/layer.npz: of SmolLM2-135M-Instruct's layers.5.self_attn.k_proj the
weight [192, 576] and the input [16, 576] (of TEXT), both rounded to bf16, as u16;
`edges` f32 [n, 32], blocks whose amax lies where rules differ.
test/data/fp8/libraries.json: a list of {library, call, tensor, columns, read,
trine: arguments of trine.fp8.quantize, codes, scales}: SHA-256 of the bytes that
the call gives, scales as f32 or as bytes of ue8m0.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import sys

import llama_gguf
import numpy as np
import torch
import torchao.float8.float8_utils as training
from compressed_tensors.quantization import QuantizationArgs, quantize
from compressed_tensors.quantization.utils import calculate_qparams
from modelopt.torch.quantization.qtensor.fp8_tensor import FP8QTensor
from modelopt.torch.quantization.qtensor.mxfp8_tensor import MXFP8QTensor
from torchao.prototype.mx_formats.mx_tensor import ScaleCalculationMode, to_mx
from torchao.quantization import quant_primitives as affine

TEXT = "Scales of blocks are chosen so that no value is clipped: the largest one"
LAYER = "model.layers.5.self_attn.k_proj"
E4M3 = torch.float8_e4m3fn


def layer(path: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The weight [N, K] and the input [16, K], bf16."""
    model = llama_gguf.load_model(path)
    seen = []
    module = model.get_submodule(LAYER)
    module.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    ids = llama_gguf.load_tokenizer(path).encode(TEXT).ids
    with torch.no_grad():
        model(torch.tensor([ids[:16]]))
    assert seen[0].shape[0] == 16, "the text has fewer than 16 tokens"
    return module.weight.detach().bfloat16(), seen[0].bfloat16()


def edges() -> torch.Tensor:
    """Rows of 32 values, the first one the amax, the others fractions of it."""
    tops = [np.float32(0)]
    for power in (-140, -30, 0, 30, 100):
        for fraction in (1.0, 1.5, 1.75, 1.9375):
            top = np.ldexp(np.float32(fraction), power)
            tops += [np.nextafter(top, np.float32(0)), top]
            tops.append(np.nextafter(top, np.float32(np.inf)))
    rows = np.array(tops, np.float32)[:, None] * np.linspace(1, -1, 32)
    return torch.from_numpy(rows.astype(np.float32))


def mx(mode: str):
    def call(x):
        scales, codes = to_mx(x, E4M3, 32, ScaleCalculationMode(mode))
        return codes, scales.view(torch.uint8)

    return call


def torchao_blocks(rows: int, columns: int):
    def call(x):
        block = [rows or x.shape[0], columns or x.shape[1]]
        scales = affine._choose_scale_float8(x, block)
        return affine._quantize_affine_float8(x, scales), scales

    return call


def torchao_training(x):
    amax = training.tensor_to_amax(x)
    scale = training.amax_to_scale(amax, E4M3)
    return training.to_fp8_saturated(x.float() * scale, E4M3), 1 / scale


def compressed(**arguments):
    args = QuantizationArgs(num_bits=8, type="float", **arguments)

    def call(x):
        block = args.block_structure or [1, args.group_size or x.shape[1]]
        if args.strategy == "tensor":
            block = list(x.shape)
        padded = torch.nn.functional.pad(
            x, (0, -x.shape[1] % block[1], 0, -x.shape[0] % block[0])
        )
        tiles = padded.unflatten(1, (-1, block[1])).unflatten(0, (-1, block[0]))
        least, most = tiles.amin((1, 3)), tiles.amax((1, 3))
        scales, zero = calculate_qparams(least, most, args)
        codes = quantize(x, scales, zero, args, dtype=E4M3)
        if args.scale_dtype == torch.uint8:
            scales = (scales.float().log2() + 127).to(torch.uint8)
        return codes, scales.float() if scales.is_floating_point() else scales

    return call


def modelopt_mx(x):
    made, scales = MXFP8QTensor.quantize(x)
    return made._quantized_data, scales


def modelopt_blocks(x):
    made, scales = FP8QTensor.quantize(x, block_sizes={0: 128, 1: 128})
    return made._quantized_data, scales


def pow2(rule: str) -> dict:
    return {"block": [1, 32], "scale": "ue8m0", "rule": rule}


def f32(rows: int, columns: int) -> dict:
    return {"block": [rows, columns], "scale": "f32", "rule": "amax"}


MX32 = {"strategy": "group", "group_size": 32, "scale_dtype": torch.uint8}
# Library, call, function, arguments of trine.fp8.quantize, tensors, columns.
BOTH, ALL = ("weight", "input"), ("weight", "input", "edges")
CASES = (
    *(
        ("torchao", f"to_mx {rule.upper()}", mx(rule), pow2(rule), ALL, None)
        for rule in ("rceil", "floor", "ceil", "even")
    ),
    ("torchao", "float8 per row", torchao_blocks(1, 0), f32(1, 0), BOTH, None),
    ("torchao", "float8 per tensor", torchao_blocks(0, 0), f32(0, 0), BOTH, None),
    ("torchao", "float8 blocks", torchao_blocks(1, 128), f32(1, 128), BOTH, 512),
    ("torchao", "training", torchao_training, f32(0, 0), ("input",), None),
    (
        "compressed-tensors",
        "FP8",
        compressed(strategy="tensor"),
        f32(0, 0),
        BOTH,
        None,
    ),
    (
        "compressed-tensors",
        "FP8_DYNAMIC",
        compressed(strategy="channel"),
        f32(1, 0),
        BOTH,
        None,
    ),
    (
        "compressed-tensors",
        "FP8_BLOCK weights",
        compressed(strategy="block", block_structure=[128, 128]),
        f32(128, 128),
        ("weight",),
        None,
    ),
    (
        "compressed-tensors",
        "FP8_BLOCK inputs",
        compressed(strategy="group", group_size=128),
        f32(1, 128),
        ("input",),
        512,
    ),
    ("compressed-tensors", "MXFP8", compressed(**MX32), pow2("ct_even"), ALL, None),
    ("nvidia-modelopt", "MXFP8", modelopt_mx, pow2("rceil"), ALL, None),
    (
        "nvidia-modelopt",
        "FP8 blocks",
        modelopt_blocks,
        f32(128, 128),
        ("weight",),
        None,
    ),
)


def digest(x: torch.Tensor) -> str:
    return hashlib.sha256(x.contiguous().numpy().tobytes()).hexdigest()


def main() -> None:
    path, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    weight, inputs = layer(path)
    tensors = {"weight": weight, "input": inputs, "edges": edges()}
    arrays = {
        name: (x if name == "edges" else x.view(torch.uint16)).numpy()
        for name, x in tensors.items()
    }
    rows = []
    for library, call, function, arguments, names, columns in CASES:
        # What a library computes of bf16 depends on its type; f32 is the rule.
        reads = [(name, torch.float32) for name in names]
        if arguments["scale"] == "f32" and "input" in names:
            reads.append(("input", torch.bfloat16))
        for name, dtype in reads:
            x = tensors[name][:, :columns].to(dtype).contiguous()
            codes, scales = function(x)
            scales = scales.float() if scales.is_floating_point() else scales
            row = {
                "library": f"{library} {importlib.metadata.version(library)}",
                "call": call,
                "tensor": name,
                "columns": columns,
                "read": str(dtype).removeprefix("torch."),
                "trine": arguments,
                "codes": digest(codes.contiguous().view(torch.uint8)),
                "scales": digest(scales),
            }
            rows.append(row)
    np.savez_compressed(folder / "layer.npz", **arrays)
    text = ",\n ".join(json.dumps(row) for row in rows)
    (folder / "libraries.json").write_text(f"[{text}]\n")


if __name__ == "__main__":
    main()
