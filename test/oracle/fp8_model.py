"""Goldens of quantized models: the negative log-likelihood (nats a token) that
transformers' SmolLM2-135M-Instruct has of a text, window by window, with weights
and inputs of its layers rounded as each recipe says. What a recipe means is
written here anew, in torch; nothing is shared with Trine.

The text is Python's language reference as Debian 12 ships it, pydoc_data/topics.py
of libpython3.11-stdlib: English prose of 170 thousand tokens that is on every
machine which has Debian's Python, so that anyone can repeat the figures.
It was chosen before anything was measured on it.

test/data/fp8/tokens.npy: u16 [98 + 8, 512], its first tokens in windows; the last
8 are for calibration. test/data/fp8/nll.json: {recipe: [nll of each window]}, as
many windows as `--windows` (default all, an hour; goldens already there are kept).
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import argparse
import copy
import functools
import hashlib
import json
import pathlib
import pydoc_data.topics

import llama_gguf
import ml_dtypes
import numpy as np
import torch

WINDOWS, CALIBRATION, LENGTH = 98, 8, 512
TEXT_SHA256 = "71f2ff5d99bdc1f9c48c5c2353ad138201c5ca1c377e0226857ef8fa89b8bcee"
LARGEST = 448.0  # of E4M3FN

# (weight, input): block, kind of scale, least amax; None: kept.
WEIGHT_F32 = ((128, 128), "amax", 0.0)
MX, MX_FLOOR = ((1, 32), "rceil", 0.0), ((1, 32), "floor", 0.0)
RECIPES = {
    "baseline": (None, None),
    "W8A16": (WEIGHT_F32, None),
    "W8A16_UE8M0": (((128, 128), "rceil", 0.0), None),
    "FP8_DYNAMIC": (((1, 0), "amax", 0.0), ((1, 0), "amax", 0.0)),
    "FP8_BLOCK": (WEIGHT_F32, ((1, 128), "amax", 0.0)),
    "DEEPSEEK": (((128, 128), "rceil", 1e-4), ((1, 128), "rceil", 1e-4)),
    "MXFP8": (MX, MX),
    "MXFP8_FLOOR": (MX_FLOOR, MX_FLOOR),
    "FP8": (((0, 0), "amax", 0.0), "static"),
}


def scale_of(amax: torch.Tensor, rule: str) -> torch.Tensor:
    """f32 scales of blocks with these largest magnitudes."""
    if rule == "amax":
        return amax / torch.tensor(LARGEST)
    # In double amax / 448 is a power of two only where it is one exactly.
    exact = amax.double() / (LARGEST if rule == "rceil" else 1)
    fraction, exponent = torch.frexp(exact)  # fraction in [0.5, 1)
    if rule == "rceil":
        exponent = exponent - (fraction == 0.5).int()
    else:
        exponent = exponent - 1 - 8  # 448 = 1.75 * 2^8
    exponent = torch.where(amax == 0, torch.tensor(-127), exponent)
    return torch.ldexp(torch.ones_like(exact), exponent.clamp(-127, 127)).float()


def codes_of(x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """x / scale rounded once to E4M3FN, saturating; 0 where the scale is 0."""
    ratio = torch.where(scale == 0, torch.zeros(()), x / scale)
    return ratio.clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)


def rounded(x: torch.Tensor, scheme) -> torch.Tensor:
    """x [.., M, K] through codes and scales."""
    (rows, columns), rule, floor = scheme
    height, width = x.shape[-2:]
    rows, columns = rows or height, columns or width
    pad = (0, -width % columns, 0, -height % rows)
    tiles = torch.nn.functional.pad(x, pad)
    padded = tiles.shape
    tiles = tiles.unflatten(-1, (-1, columns)).unflatten(-3, (-1, rows))
    amax = tiles.abs().amax(dim=(-3, -1), keepdim=True).clamp(min=floor)
    scale = scale_of(amax, rule)
    values = codes_of(tiles, scale).float() * scale
    return values.reshape(padded)[..., :height, :width]


def rounded_static(x: torch.Tensor, amax: float) -> torch.Tensor:
    scale = scale_of(torch.tensor(amax, dtype=torch.float32), "amax")
    return codes_of(x, scale).float() * scale


def check_rounding() -> None:
    """torch rounds as ml_dtypes does, of every bf16 value in range."""
    x = np.arange(65536, dtype=np.uint16).view(ml_dtypes.bfloat16).astype(np.float32)
    x = x[np.abs(x) <= LARGEST]
    want = x.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
    got = torch.from_numpy(x).to(torch.float8_e4m3fn).view(torch.uint8).numpy()
    assert (got == want).all()


def layers(model):
    """The quantized layers: all but the head."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name != "lm_head":
            yield name, module


def variant(base, recipe: str, amax: dict[str, float]):
    """The model with weights rounded, and hooks that round inputs."""
    weight, inputs = RECIPES[recipe]
    if weight is None:
        return base
    # Copies share what is not quantized.
    kept = {id(p): p for p in (base.model.embed_tokens.weight, base.lm_head.weight)}
    model = copy.deepcopy(base, kept)
    for name, layer in layers(model):
        layer.weight.data = rounded(layer.weight.data, weight)
        if inputs is None:
            continue
        if inputs == "static":
            change = functools.partial(rounded_static, amax=amax[name])
        else:
            change = functools.partial(rounded, scheme=inputs)
        layer.register_forward_pre_hook(lambda _, args, f=change: (f(args[0]),))
    return model


def calibrate(base, windows: torch.Tensor) -> dict[str, float]:
    """The largest magnitude of each layer's input."""
    amax: dict[str, float] = {}

    def note(name, args):
        amax[name] = max(amax.get(name, 0.0), float(args[0].abs().max()))

    hooks = [
        layer.register_forward_pre_hook(lambda _, args, name=name: note(name, args))
        for name, layer in layers(base)
    ]
    for window in windows:
        base.model(window[None])
    for hook in hooks:
        hook.remove()
    return amax


def nll(model, window: torch.Tensor) -> float:
    """Of the window's tokens but the first, given those before."""
    logits = model(window[None]).logits[0, :-1]
    return float(torch.nn.functional.cross_entropy(logits.double(), window[1:]))


def read_tokens(path: str) -> np.ndarray:
    text = "\n\n".join(pydoc_data.topics.topics.values())
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == TEXT_SHA256, f"another text: {digest}"
    ids = llama_gguf.load_tokenizer(path).encode(text).ids
    count = (WINDOWS + CALIBRATION) * LENGTH
    return np.array(ids[:count], np.uint16).reshape(-1, LENGTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="the GGUF")
    parser.add_argument("folder", type=pathlib.Path, help="test/data/fp8")
    parser.add_argument("--windows", type=int, default=WINDOWS)
    options = parser.parse_args()
    check_rounding()
    tokens = read_tokens(options.model)
    np.save(options.folder / "tokens.npy", tokens)
    windows = torch.from_numpy(tokens.astype(np.int64))
    path = options.folder / "nll.json"
    results = json.loads(path.read_text()) if path.exists() else {}
    with torch.inference_mode():
        base = llama_gguf.load_model(options.model)
        amax = calibrate(base, windows[WINDOWS:])
        models = {recipe: variant(base, recipe, amax) for recipe in RECIPES}
        for index in range(options.windows):
            for recipe, model in models.items():
                known = results.setdefault(recipe, [])
                if len(known) == index:
                    known.append(round(nll(model, windows[index]), 6))
            path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
