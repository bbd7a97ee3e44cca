"""Compiling holds at most 1 GB of anonymous memory, also where the weights are
more: a Llama of zeros, in files that take no room on the disk.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import os
import pathlib
import shutil
import tempfile
import unittest

import trine

LLAMA = pathlib.Path(__file__).resolve().parents[1] / "data" / "tiny-llama"
BOUND = 10**9
HIDDEN, INNER, WORDS, LAYERS = 2048, 8192, 32000, 4
SIZES = {
    "hidden_size": HIDDEN,
    "intermediate_size": INNER,
    "vocab_size": WORDS,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 16,
    "num_key_value_heads": 16,
    "head_dim": HIDDEN // 16,
    "attention_bias": False,
    "tie_word_embeddings": True,
    "dtype": "float32",
}


def tensors() -> dict[str, tuple[int, ...]]:
    shapes = {"embed_tokens": (WORDS, HIDDEN), "norm": (HIDDEN,)}
    for layer in range(LAYERS):
        at = f"layers.{layer}."
        for part in "qkvo":
            shapes[f"{at}self_attn.{part}_proj"] = (HIDDEN, HIDDEN)
        shapes[f"{at}mlp.gate_proj"] = shapes[f"{at}mlp.up_proj"] = (INNER, HIDDEN)
        shapes[f"{at}mlp.down_proj"] = (HIDDEN, INNER)
        shapes[f"{at}input_layernorm"] = (HIDDEN,)
        shapes[f"{at}post_attention_layernorm"] = (HIDDEN,)
    return {f"model.{name}.weight": shape for name, shape in shapes.items()}


def write_zeros(path: pathlib.Path) -> int:
    """A sparse safetensors file; the bytes of its weights."""
    header, end = {}, 0
    for name, shape in tensors().items():
        begin, end = end, end + 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(path, 8 + len(text) + end)
    return end


class Memory(unittest.TestCase):
    @unittest.skipIf(
        os.getenv("TRINE_TEST_LEVEL") == "quick", "writes 1.3 GB: not with --quick"
    )
    def test_compiling_more_weights_than_the_bound(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for file in LLAMA.glob("*token*.json"):
                shutil.copy(file, folder)
            config = json.loads((LLAMA / "config.json").read_text()) | SIZES
            (folder / "config.json").write_text(json.dumps(config))
            size = write_zeros(folder / "model.safetensors")
            report = folder / "report.json"
            trine.compile(folder, folder / "model.trine", report=report)
            phases = json.loads(report.read_text())["phases"]
            package = (folder / "model.trine").stat().st_size
        self.assertGreater(min(size, package), 1.2 * BOUND)
        peaks = {phase["name"]: phase["anonymous_peak_bytes"] for phase in phases}
        self.assertGreater(min(peaks.values()), 0)  # /proc was read
        self.assertEqual({k: v for k, v in peaks.items() if v > BOUND}, {})


if __name__ == "__main__":
    unittest.main()
