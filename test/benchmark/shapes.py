"""The models that are measured, in the files each system reads.

Everything is made once, in build-rivals/models; random weights where no
checkpoint is needed to tell the time.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy
from tiny import safetensors

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build-rivals" / "models"
SMOLLM2 = ROOT / "models" / "smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = ROOT / "models" / "minilm"
# Bits a weight, scales included.
BITS = {"f32": 32, "bf16": 16, "q8_0": 8.5, "q4_1": 5, "q4_k": 4.5}


@dataclass(frozen=True)
class Bert:
    """Shapes of an encoder, and where its Hugging Face directory lies."""

    name: str
    directory: Path
    layers: int
    hidden: int
    ffn: int
    heads: int
    vocabulary: int = 30522
    positions: int = 512

    @property
    def weights(self):
        """Weights a token is multiplied with."""
        return self.layers * (4 * self.hidden**2 + 2 * self.hidden * self.ffn)

    def flops(self, batch, length):
        attention = 4 * length * self.hidden * self.layers
        return batch * length * (2 * self.weights + attention)


@dataclass(frozen=True)
class Llama:
    """Shapes of a decoder-only model."""

    name: str
    layers: int
    hidden: int
    ffn: int
    heads: int
    kv_heads: int
    vocabulary: int

    @property
    def weights(self):
        """Weights a token is multiplied with."""
        kv = self.hidden // self.heads * self.kv_heads
        layer = 2 * self.hidden * (self.hidden + kv) + 3 * self.hidden * self.ffn
        return self.layers * layer + self.vocabulary * self.hidden

    def flops(self, batch, length):
        head = self.vocabulary * self.hidden
        dense = 2 * (length * (self.weights - head) + head)
        return batch * (dense + 2 * length**2 * self.hidden * self.layers)


MINILM_L6 = Bert("MiniLM-L6", MINILM, 6, 384, 1536, 12)
BERT_BASE = Bert("BERT-base", CACHE / "bert-base", 12, 768, 3072, 12)
SMOLLM2_135M = Llama("SmolLM2-135M", 30, 576, 1536, 9, 3, 49152)
LLAMA_1B = Llama("Llama-1.1B", 22, 2048, 5632, 32, 4, 32000)
ALL = {model.name: model for model in (MINILM_L6, BERT_BASE, SMOLLM2_135M, LLAMA_1B)}


def read_safetensors(path):
    """Name → f32 array, views of the mapped file."""
    data = numpy.memmap(path, mode="r")
    (size,) = struct.unpack("<Q", data[:8].tobytes())
    header = json.loads(data[8 : 8 + size].tobytes())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            tensors[name] = data[begin:end].view("<f4").reshape(entry["shape"])
    return tensors


def bert_weights(model):
    """The arrays of a BERT under the names of the Hugging Face checkpoint."""
    tensors = read_safetensors(directory(model) / "model.safetensors")
    return {name.removeprefix("bert."): array for name, array in tensors.items()}


def directory(model):
    """The encoder as a Hugging Face directory, made of noise if missing."""
    if (model.directory / "model.safetensors").exists():
        return model.directory
    random = numpy.random.default_rng(0)
    hidden, tensors = model.hidden, {}

    def add(name, *shape):
        noise = random.standard_normal(shape, dtype=numpy.float32)
        tensors[name] = noise * numpy.float32(0.03)

    def dense(name, n, k):
        add(f"{name}.weight", n, k)
        add(f"{name}.bias", n)

    def norm(name):
        tensors[f"{name}.weight"] = numpy.ones(hidden, numpy.float32)
        tensors[f"{name}.bias"] = numpy.zeros(hidden, numpy.float32)

    for name, rows in (
        ("word", model.vocabulary),
        ("position", model.positions),
        ("token_type", 2),
    ):
        add(f"embeddings.{name}_embeddings.weight", rows, hidden)
    norm("embeddings.LayerNorm")
    for layer in range(model.layers):
        prefix = f"encoder.layer.{layer}."
        for name in ("query", "key", "value"):
            dense(f"{prefix}attention.self.{name}", hidden, hidden)
        dense(f"{prefix}attention.output.dense", hidden, hidden)
        norm(f"{prefix}attention.output.LayerNorm")
        dense(f"{prefix}intermediate.dense", model.ffn, hidden)
        dense(f"{prefix}output.dense", hidden, model.ffn)
        norm(f"{prefix}output.LayerNorm")
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": hidden,
        "intermediate_size": model.ffn,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": model.positions,
        "num_attention_heads": model.heads,
        "num_hidden_layers": model.layers,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "vocab_size": model.vocabulary,
    }
    model.directory.mkdir(parents=True, exist_ok=True)
    (model.directory / "config.json").write_text(json.dumps(config))
    safetensors(model.directory / "model.safetensors", tensors)
    return model.directory


def _q4_k(random, rows, columns):
    """Valid random Q4_K blocks: weights around zero, deviation about 0.02."""
    blocks = random.integers(0, 256, (rows, columns // 256, 144), dtype=numpy.uint8)
    scale = numpy.array([8e-5, 7.5 * 8e-5], "<f2").view(numpy.uint8)
    blocks[:, :, :4] = scale
    return blocks.reshape(rows, -1)


def gguf(model, storage):
    """The file of a Llama with all matrices stored as `storage`. The layers are
    copies: only names and places differ."""
    if model is SMOLLM2_135M and storage == "q4_1":
        return SMOLLM2
    if storage == "q4_k" and model.hidden % 256:
        raise ValueError(f"rows of {model.hidden} are no whole blocks of 256 weights")
    path = CACHE / f"{model.name.lower()}-{storage}.gguf"
    if path.exists():
        return path
    import gguf as library
    from gguf import GGMLQuantizationType as Type

    CACHE.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(0)
    writer = library.GGUFWriter(path.with_suffix(".part"), "llama")
    writer.add_context_length(4096)
    writer.add_embedding_length(model.hidden)
    writer.add_block_count(model.layers)
    writer.add_feed_forward_length(model.ffn)
    writer.add_head_count(model.heads)
    writer.add_head_count_kv(model.kv_heads)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(model.hidden // model.heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(model.vocabulary)
    writer.add_tokenizer_model("no_vocab")
    kind = getattr(Type, storage.upper())

    def matrix(rows, columns):
        if storage == "q4_k":
            return _q4_k(random, rows, columns)
        noise = random.standard_normal((rows, columns), dtype=numpy.float32)
        return library.quants.quantize(noise * numpy.float32(0.02), kind)

    def add(name, array):
        raw = None if array.dtype == numpy.float32 else kind
        writer.add_tensor(name, array, raw_dtype=raw)

    kv = model.hidden // model.heads * model.kv_heads
    shapes = {
        "attn_q": (model.hidden, model.hidden),
        "attn_k": (kv, model.hidden),
        "attn_v": (kv, model.hidden),
        "attn_output": (model.hidden, model.hidden),
        "ffn_gate": (model.ffn, model.hidden),
        "ffn_up": (model.ffn, model.hidden),
        "ffn_down": (model.hidden, model.ffn),
    }
    layer = {name: matrix(*shape) for name, shape in shapes.items()}
    ones = numpy.ones(model.hidden, numpy.float32)
    add("token_embd.weight", matrix(model.vocabulary, model.hidden))
    for index in range(model.layers):
        for name, array in layer.items():
            add(f"blk.{index}.{name}.weight", array)
        for name in ("attn_norm", "ffn_norm"):
            add(f"blk.{index}.{name}.weight", ones)
    add("output_norm.weight", ones)
    add("output.weight", matrix(model.vocabulary, model.hidden))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".part").rename(path)
    return path
