"""Checkpoints stored in FP8 as DeepSeek stores them: the codes survive, bit for
bit, and what contradicts itself is refused.

The baseline is the same model with its dequantized weights in f32, so that the
two differ by the order of sums at most.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import struct
import sys
import unittest

import ml_dtypes
import numpy as np
import support

sys.path.insert(0, str(support.ROOT / "test" / "reference"))
from plugin import Reference

LLAMA, QWEN3 = support.DATA / "tiny-llama", support.DATA / "tiny-qwen3"
DEEPSEEK = support.DATA / "tiny-deepseek"
BLOCK = (16, 24)  # the last blocks of most weights are cut off
DTYPES = {
    "F32": np.dtype(np.float32),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
}


def read(folder: pathlib.Path) -> dict[str, np.ndarray]:
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        data = path.read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        for name, entry in json.loads(data[8 : 8 + size]).items():
            if name == "__metadata__":
                continue
            begin, end = (8 + size + at for at in entry["data_offsets"])
            array = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]])
            tensors[name] = array.reshape(entry["shape"])
    return tensors


def write(folder: pathlib.Path, tensors: dict[str, np.ndarray], config: dict) -> None:
    folder.mkdir(exist_ok=True)
    header, data = {}, b""
    names = {dtype: name for name, dtype in DTYPES.items()}
    for name, array in tensors.items():
        offsets = [len(data), len(data) + array.nbytes]
        header[name] = {
            "dtype": names[array.dtype],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        data += array.tobytes()
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(
        struct.pack("<Q", len(text)) + text + data
    )
    (folder / "config.json").write_text(json.dumps(config))


def quantized(
    ue8m0: bool, block: tuple[int, int] = BLOCK, source: pathlib.Path = LLAMA
) -> tuple[dict, dict]:
    """A tiny model with its projections in FP8, by NumPy and ml_dtypes; and with
    their values in f32."""
    coded, plain = {}, {}
    for name, weight in read(source).items():
        if "_proj" not in name or weight.ndim == 1:
            coded[name] = plain[name] = weight
            continue
        w = weight.astype(np.float32)
        rows, columns = w.shape
        padded = np.zeros([-(-n // b) * b for n, b in zip(w.shape, block, strict=True)])
        padded[:rows, :columns] = w
        tiles = padded.reshape(
            padded.shape[0] // block[0], block[0], padded.shape[1] // block[1], block[1]
        )
        scale = np.abs(tiles).max(axis=(1, 3)) / 448
        if ue8m0:
            scale = 2 ** np.ceil(np.log2(scale))
        scale = scale.astype(np.float32)
        each = np.repeat(np.repeat(scale, block[0], 0), block[1], 1)[:rows, :columns]
        codes = np.clip(w / each, -448, 448).astype(ml_dtypes.float8_e4m3fn)
        coded[name], coded[name + "_scale_inv"] = codes, scale
        plain[name] = codes.astype(np.float32) * each
    return coded, plain


CONFIG = {
    "quantization_config": {
        "activation_scheme": "dynamic",
        "fmt": "e4m3",
        "quant_method": "fp8",
        "weight_block_size": list(BLOCK),
    }
}
UE8M0 = {"quantization_config": CONFIG["quantization_config"] | {"scale_fmt": "ue8m0"}}


def model(
    name: str, tensors: dict, config: dict, source: pathlib.Path = LLAMA
) -> pathlib.Path:
    folder = support.folder() / name
    write(folder, tensors, json.loads((source / "config.json").read_text()) | config)
    return folder


def graph(folder: pathlib.Path) -> str:
    path = folder / "m.mlir"
    done = support.run("trine-compile", folder, "--emit=graph", "-o", path)
    assert done.returncode == 0, done.stderr
    return path.read_text()


class Stored(unittest.TestCase):
    TOKENS = np.arange(1, 41, dtype=np.int32).reshape(2, 20) * 7 % 250

    def logits(self, folder: pathlib.Path, **flags) -> np.ndarray:
        return support.model(folder, **flags).run("forward", tokens=self.TOKENS)[
            "logits"
        ]

    def test_codes_are_kept(self) -> None:
        for ue8m0, config in ((False, CONFIG), (True, UE8M0), (True, CONFIG)):
            coded, plain = quantized(ue8m0)
            with self.subTest(ue8m0=ue8m0):
                name = f"fp8-{int(ue8m0)}-{len(config['quantization_config'])}"
                fp8 = model(name, coded, config)
                text = graph(fp8)
                # Scales that are powers of two are bytes, whoever says so.
                self.assertEqual("xi8>" in text, ue8m0)
                self.assertIn("f8E4M3FN", text)
                want = self.logits(model(name + "-plain", plain, {}))
                got = self.logits(fp8, target="reference")
                self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())

    def test_qwen3(self) -> None:
        for ue8m0, config in ((False, CONFIG), (True, UE8M0)):
            coded, plain = quantized(ue8m0, source=QWEN3)
            with self.subTest(ue8m0=ue8m0):
                fp8 = model(f"qwen3-{int(ue8m0)}", coded, config, QWEN3)
                self.assertEqual(graph(fp8).count("f8E4M3FN> storage"), 14)
                want = self.logits(model(f"{fp8.name}-plain", plain, {}, QWEN3))
                for target in ("reference", "cpu"):
                    got = self.logits(fp8, target=target)
                    self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())

    def test_stored_as_bytes(self) -> None:
        coded, _ = quantized(True)
        as_f32 = self.logits(model("fp8-f32", coded, UE8M0), target="reference")
        for name in list(coded):
            if name.endswith("_scale_inv"):
                coded[name] = coded[name].astype(ml_dtypes.float8_e8m0fnu)
        as_bytes = self.logits(model("fp8-bytes", coded, UE8M0), target="reference")
        self.assertEqual(as_f32.tobytes(), as_bytes.tobytes())
        # Negative control: one scale of one block is another power of two.
        name = "model.layers.1.mlp.down_proj.weight_scale_inv"
        coded[name] = coded[name].copy()
        coded[name].view(np.uint8)[0, 0] ^= 1
        flipped = self.logits(model("fp8-flipped", coded, UE8M0), target="reference")
        self.assertNotEqual(as_bytes.tobytes(), flipped.tobytes())

    def test_package_decodes_to_the_checkpoint(self) -> None:
        """Values of the stored codes as the reference reads them."""
        coded, plain = quantized(False)
        folder = model("fp8-values", coded, CONFIG)
        text = graph(folder)
        name = "layers.0.mlp.gate_proj.weight"
        stored = next(
            line
            for line in text.splitlines()
            if f'@"{name}"' in line or f"@{name} " in line
        )
        self.assertIn("tensor<80x48xf8E4M3FN>", stored)
        source = support.folder() / "one.mlir"
        source.write_text(
            'graph.parameter @c : tensor<80x48xf8E4M3FN> storage "e4m3fn" '
            f'from ["model.{name}"]\n'
            'graph.parameter @s : tensor<5x2xf32> storage "f32" '
            f'from ["model.{name}_scale_inv"]\n'
            "func.func @value(%x: tensor<1xf32>) -> tensor<80x48xf32> {\n"
            "  %c = graph.weight @c : tensor<80x48xf8E4M3FN>\n"
            "  %s = graph.weight @s : tensor<5x2xf32>\n"
            "  %w = fp8.dequantize %c, %s block [16, 24] : tensor<80x48xf8E4M3FN>, "
            "tensor<5x2xf32> -> tensor<80x48xf32>\n"
            "  return %w : tensor<80x48xf32>\n}\n"
        )
        got = Reference(source, folder).run("value", {"arg0": np.zeros(1, np.float32)})
        self.assertEqual(got["result0"].tobytes(), plain[f"model.{name}"].tobytes())


class Experts(unittest.TestCase):
    """DeepSeek's own form: projections of attention, MLP and every expert."""

    TOKENS = np.arange(1, 15, dtype=np.int32).reshape(2, 7) * 7 % 90
    EXPERT = "model.layers.1.mlp.experts.5.up_proj.weight"
    BLOCKS = """version: 1
schemes:
  w: {elem: e4m3fn, block: [16, 24], scale: f32, rule: amax}
rules:
  - {match: '(^|\\.)(lm_head|gate)$', keep: source}
  - {match: '.', weight: w}
"""

    def logits(self, folder: pathlib.Path, **flags) -> np.ndarray:
        return support.model(folder, **flags).run("forward", tokens=self.TOKENS)[
            "logits"
        ]

    def test_the_same_as_its_values(self) -> None:
        for ue8m0, config in ((False, CONFIG), (True, UE8M0)):
            coded, plain = quantized(ue8m0, source=DEEPSEEK)
            name = f"deepseek-{int(ue8m0)}"
            fp8 = model(name, coded, config, DEEPSEEK)
            want = self.logits(model(name + "-plain", plain, {}, DEEPSEEK))
            for target in ("cpu", "reference"):
                with self.subTest(ue8m0=ue8m0, target=target):
                    got = self.logits(fp8, target=target)
                    self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())
            # Negative control: one scale of one expert is another power of two.
            scale = self.EXPERT + "_scale_inv"
            coded[scale] = coded[scale] * np.float32([[0.25, 1]])
            got = self.logits(model(name + "-flipped", coded, config, DEEPSEEK))
            self.assertGreater(support.gap(got, want), 1e-4 * np.abs(want).max())

    def test_steps(self) -> None:
        coded, _ = quantized(True, source=DEEPSEEK)
        steps = support.model(model("deepseek-steps", coded, UE8M0, DEEPSEEK))
        want = steps.run("forward", tokens=self.TOKENS)["logits"]
        session = steps.session(batch=2)
        got = session.run("prefill", tokens=self.TOKENS[:, :-1])["logits"]
        got = session.run("decode", tokens=self.TOKENS[:, -1:])["logits"]
        self.assertLess(support.gap(got, want[:, -1]), 1e-5 * np.abs(want).max())

    def test_a_recipe_makes_the_checkpoint(self) -> None:
        """Each expert's matrix in blocks of its own, cut off where it ends."""
        coded, _ = quantized(False, source=DEEPSEEK)
        source = read(DEEPSEEK)
        for name in [name for name in coded if "kv_b_proj" in name]:
            if name in source:
                coded[name] = source[name]
            else:
                del coded[name]
        want = self.logits(model("deepseek-coded", coded, CONFIG, DEEPSEEK))
        recipe = support.folder() / "blocks.yaml"
        recipe.write_text(self.BLOCKS)
        got = self.logits(DEEPSEEK, quantize=str(recipe))
        self.assertEqual(got.tobytes(), want.tobytes())

    def test_inputs_of_codes(self) -> None:
        want = self.logits(DEEPSEEK, quantize="FP8_BLOCK", target="reference")
        for cpu in ("native", "x86-64-v3"):
            with self.subTest(cpu=cpu):
                got = self.logits(DEEPSEEK, quantize="FP8_BLOCK", cpu=cpu)
                self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())
        # Negative control: rounding inputs is seen.
        plain = self.logits(DEEPSEEK, quantize="W8A16")
        self.assertGreater(support.gap(plain, want), 1e-3 * np.abs(want).max())

    def test_orders_are_refused(self) -> None:
        recipe = support.folder() / "chain.yaml"
        recipe.write_text(self.BLOCKS + "accumulate: {order: chain}\n")
        done = support.run("trine-compile", DEEPSEEK, f"--quantize={recipe}", "--check")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("layers.1.mlp.experts.gate_up", done.stderr)
        self.assertIn("in order free alone, the recipe asks for chain", done.stderr)

    def test_hostile(self) -> None:
        def drop(tensors: dict) -> None:
            del tensors[self.EXPERT + "_scale_inv"]

        def decode(tensors: dict) -> None:
            tensors[self.EXPERT] = tensors[self.EXPERT].astype(ml_dtypes.bfloat16)

        def cut(tensors: dict) -> None:
            scale = self.EXPERT + "_scale_inv"
            tensors[scale] = tensors[scale][:, :-1].copy()

        def lie(tensors: dict) -> None:
            for name in list(tensors):
                if ".experts.7." in name:
                    del tensors[name]

        def remove(tensors: dict) -> None:
            del tensors[self.EXPERT], tensors[self.EXPERT + "_scale_inv"]

        for change, what in (
            (drop, f"'{self.EXPERT}_scale_inv' is missing"),
            (decode, f"'{self.EXPERT}': expected e4m3fn, as "),
            (cut, "expected shape [1, 2] for blocks of [16, 24], got [1, 1]"),
            (remove, f"tensor '{self.EXPERT}' is missing"),
            (lie, "config.json says 8 experts, and there are 7"),
        ):
            with self.subTest(change.__name__):
                coded, _ = quantized(True, source=DEEPSEEK)
                change(coded)
                folder = model("hostile-experts", coded, UE8M0, DEEPSEEK)
                done = support.run("trine-compile", folder, "-o", folder / "x.trine")
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(what, done.stderr)
                self.assertNotIn("no place", done.stderr)


class Hostile(unittest.TestCase):
    """Each is refused with a message that names the tensor and the rule."""

    WEIGHT = "model.layers.0.mlp.up_proj.weight"
    SCALE = WEIGHT + "_scale_inv"

    def refused(self, change, config: dict = UE8M0) -> str:
        coded, _ = quantized(True)
        change(coded)
        folder = model("hostile", coded, config)
        done = support.run("trine-compile", folder, "-o", folder / "x.trine")
        self.assertIn(done.returncode, (1, 4), done.stderr)
        self.assertFalse((folder / "x.trine").exists())
        return done.stderr

    def put(self, value: float):
        def change(tensors: dict) -> None:
            tensors[self.SCALE] = tensors[self.SCALE].copy()
            tensors[self.SCALE][1, 1] = value

        return change

    def test_scales_that_are_no_scales(self) -> None:
        for value, what in (
            (np.nan, "expected a positive number, got nan"),
            (np.inf, "expected a positive number, got inf"),
            (0.0, "expected a positive number, got 0"),
            (-0.5, "expected a positive number, got -0.5"),
            (0.75, "expected a power of two, which scale_fmt ue8m0 promises"),
        ):
            with self.subTest(value=value):
                message = self.refused(self.put(value))
                self.assertIn(f"tensor '{self.SCALE}': scale [1, 1]: {what}", message)

    def test_the_byte_of_nan(self) -> None:
        def change(tensors: dict) -> None:
            for name in list(tensors):
                if name.endswith("_scale_inv"):
                    tensors[name] = tensors[name].astype(ml_dtypes.float8_e8m0fnu)
            tensors[self.SCALE].view(np.uint8)[1, 1] = 0xFF

        self.assertIn("expected a positive number, got nan", self.refused(change))

    def test_shapes(self) -> None:
        def swap(tensors: dict) -> None:
            tensors[self.SCALE] = np.ascontiguousarray(tensors[self.SCALE].T)

        def cut(tensors: dict) -> None:
            tensors[self.SCALE] = tensors[self.SCALE][:, :-1].copy()

        def drop(tensors: dict) -> None:
            del tensors[self.SCALE]

        def rename(tensors: dict) -> None:
            scale = tensors.pop(self.SCALE)
            tensors[self.WEIGHT + "_scale"] = scale

        for change, what in (
            (
                swap,
                "expected shape [5, 2] for blocks of [16, 24], got [2, 5]; its axes",
            ),
            (cut, "expected shape [5, 2] for blocks of [16, 24], got [5, 1]"),
            (drop, f"'{self.WEIGHT}' is stored as e4m3fn"),
            (rename, "scales of compressed-tensors or ModelOpt"),
        ):
            with self.subTest(change.__name__):
                message = self.refused(change)
                self.assertIn(self.SCALE.removesuffix("_inv"), message)
                self.assertIn(what, message)

    def test_configurations(self) -> None:
        for key, value, what in (
            ("quant_method", "compressed-tensors", "quant_method 'compressed-tensors'"),
            ("quant_method", "modelopt", "quant_method 'modelopt'"),
            ("weight_block_size", [16], "two positive sizes"),
            ("weight_block_size", [16, 0], "two positive sizes"),
            ("scale_fmt", "e5m3", "scale_fmt 'e5m3'"),
            ("fmt", "e5m2", "fmt 'e5m2'; Trine reads e4m3"),
            ("activation_scheme", "static", "activation_scheme 'static'"),
        ):
            with self.subTest(key=key, value=value):
                quantization = CONFIG["quantization_config"] | {key: value}
                message = self.refused(
                    lambda tensors: None, {"quantization_config": quantization}
                )
                self.assertIn(what, message)


class Recipes(unittest.TestCase):
    def test_unknown(self) -> None:
        for recipe in ("FP9", "no/such.yaml"):
            done = support.run(
                "trine-compile", LLAMA, f"--quantize={recipe}", "--emit=graph"
            )
            self.assertEqual(done.returncode, 2)
            self.assertIn("neither a file nor one of FP8, FP8_DYNAMIC", done.stderr)

    def test_weights_are_rounded_as_numpy_rounds_them(self) -> None:
        _, plain = quantized(False, (128, 128))
        want = support.model(model("w8a16", plain, {})).run(
            "forward", tokens=Stored.TOKENS
        )["logits"]
        got = support.model(LLAMA, target="reference", quantize="W8A16").run(
            "forward", tokens=Stored.TOKENS
        )["logits"]
        self.assertLess(support.gap(got, want), 1e-5 * np.abs(want).max())

    def test_presets(self) -> None:
        """Quantized inputs move the logits further than quantized weights, whose
        noise random weights amplify to 15 %."""
        want = support.model(LLAMA).run("forward", tokens=Stored.TOKENS)["logits"]
        noise = {}
        for preset in ("W8A16", "FP8_DYNAMIC", "FP8_BLOCK", "DEEPSEEK", "MXFP8"):
            got = support.model(LLAMA, target="reference", quantize=preset).run(
                "forward", tokens=Stored.TOKENS
            )["logits"]
            noise[preset] = np.sqrt(np.mean((got - want) ** 2) / np.mean(want**2))
            # An input that lies between two codes may become either: its sum
            # was rounded in another order.
            for cpu in ("native", "x86-64-v3"):
                compiled = support.model(LLAMA, quantize=preset, cpu=cpu)
                on_cpu = compiled.run("forward", tokens=Stored.TOKENS)["logits"]
                bound = 1e-5 if preset == "W8A16" else 0.02
                with self.subTest(preset, cpu=cpu):
                    distance = np.linalg.norm(on_cpu - got) / np.linalg.norm(got)
                    self.assertLess(distance, bound)
        least = noise.pop("W8A16")
        for preset, level in noise.items():
            with self.subTest(preset):
                self.assertGreater(level, least)
                self.assertLess(level, 1.5 * least)


class Static(unittest.TestCase):
    """A scale of the input that is one for all rows and matrices."""

    SCHEME = "#fp8.scheme<f8E4M3FN, f32, [0, 0], amax>"
    SOURCE = f"""
graph.parameter @c : tensor<80x48xf8E4M3FN> storage "bf16" quantized {SCHEME}
  from ["model.layers.0.mlp.gate_proj.weight"]
graph.parameter @s : tensor<1x1xf32> storage "bf16" quantized {SCHEME}
  from ["model.layers.0.mlp.gate_proj.weight"]
func.func @layer(%x: tensor<?x?x48xf32> {{graph.name = "x"}}) -> tensor<?x?x80xf32> {{
  %c = graph.weight @c : tensor<80x48xf8E4M3FN>
  %s = graph.weight @s : tensor<1x1xf32>
  %one = graph.constant dense<0.01> : tensor<1xf32>
  %q = fp8.encode %x, %one block [0, 0]
    : tensor<?x?x48xf32>, tensor<1xf32> -> tensor<?x?x48xf8E4M3FN>
  %y = fp8.scaled_matmul %q scales %one [0, 0], %c scales %s [0, 0] group 0
    : tensor<?x?x48xf8E4M3FN> scales tensor<1xf32>, tensor<80x48xf8E4M3FN>,
      tensor<1x1xf32> -> tensor<?x?x80xf32>
  return %y : tensor<?x?x80xf32>
}}
"""

    def test_kernels(self) -> None:
        source = support.folder() / "static.mlir"
        source.write_text(self.SOURCE)
        reference = Reference(source, LLAMA)
        rng = np.random.default_rng(2)
        for cpu in ("native", "x86-64-v3"):
            model = support.model(source, weights_from=str(LLAMA), cpu=cpu)
            for shape in ((1, 1, 48), (2, 1, 48), (2, 33, 48)):
                x = rng.standard_normal(shape).astype(np.float32)
                x.reshape(-1)[-1] = 1000  # saturates
                want = reference.run("layer", {"x": x})["result0"]
                got = model.run("layer", x=x)["result0"]
                with self.subTest(cpu=cpu, shape=shape):
                    self.assertLess(support.gap(got, want), 1e-6 * np.abs(want).max())


if __name__ == "__main__":
    unittest.main()
