"""What is measured beside the rivals, and in which precision.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

from dataclasses import dataclass

import shapes
from shapes import BERT_BASE, LLAMA_1B, MINILM_L6, SMOLLM2_135M

ENCODER_RIVALS = (
    "openvino_cpu",
    "onnxruntime_cpu",
    "jax_cpu",
    "iree_cpu",
    "torch_cpu",
)
ONNX_READERS = ("openvino_cpu", "onnxruntime_cpu")
STORAGES = ("f32", "bf16", "q8_0", "q4_1", "q4_k")
# The precisions of Trine that are at least the rival's: llama.cpp multiplies
# weights of 4 and 8 bits with activations rounded to 8 bits.
COMPUTES = {"f32": ("f32",), "bf16": ("bf16",)}
QUANTIZED_COMPUTES = ("f32", "bf16", "int8")


@dataclass(frozen=True)
class Work:
    """One shape in one precision; `storage` is how the file holds the weights."""

    group: str
    kind: str  # encode, prefill, decode
    model: shapes.Bert | shapes.Llama
    batch: int
    length: int  # of the input; for decode, tokens held before the step
    storage: str

    @property
    def name(self):
        batch = f" b{self.batch}" if self.kind != "prefill" else ""
        at = f"at {self.length}" if self.kind == "decode" else f"S{self.length}"
        return f"{self.kind} {self.model.name}{batch} {at} {self.storage}"

    @property
    def rivals(self):
        if self.kind == "encode":
            return ENCODER_RIVALS
        # IREE for the time it takes to compile a decoder.
        extra = self.group == "costs" and self.model is SMOLLM2_135M
        return ("llama_cpp_cpu", *(("iree_cpu",) if extra else ()))

    @property
    def computes(self):
        return COMPUTES.get(self.storage, QUANTIZED_COMPUTES)

    def rival_compute(self, rival):
        if self.storage in COMPUTES:
            return self.storage
        return "int8" if rival == "llama_cpp_cpu" else "f32"

    @property
    def tokens(self):
        return self.batch * (1 if self.kind == "decode" else self.length)

    def flops(self):
        if self.kind != "decode":
            return self.model.flops(self.batch, self.length)
        attention = 4 * self.length * self.model.hidden * self.model.layers
        return self.batch * (2 * self.model.weights + attention)

    def bytes(self):
        """Weights a decode step reads."""
        return self.model.weights * shapes.BITS[self.storage] / 8

    def ids(self):
        """Token ids, [batch, length]; decode has one more, the step's."""
        count = self.length + (self.kind == "decode")
        limit = min(self.model.vocabulary, 30000)
        return [
            [(row * 101 + i * 37) % limit for i in range(count)]
            for row in range(self.batch)
        ]


def encoders(full):
    shapes = [(b, s) for b in (1, 8) for s in (16, 128, 512)]
    return [
        Work("encoders", "encode", model, batch, length, storage)
        for model in ((MINILM_L6, BERT_BASE) if full else (MINILM_L6,))
        for batch, length in (shapes if full else [(1, 128)])
        for storage in ("f32", "bf16")
    ]


def _llamas(full):
    if not full:
        return [(SMOLLM2_135M, "q4_1")]
    return [(m, storage) for m in (SMOLLM2_135M, LLAMA_1B) for storage in STORAGES]


def prompts(full):
    return [
        Work("prompts", "prefill", model, 1, length, storage)
        for model, storage in _llamas(full)
        for length in ((128, 512) if full else (128,))
    ]


def generation(full):
    return [
        Work("generation", "decode", model, 1, length, storage)
        for model, storage in _llamas(full)
        for length in ((32, 512, 2048) if full else (32, 512))
    ]


def batches(full):
    if not full:
        return []
    return [
        Work("batches", "decode", model, batch, 128, storage)
        for model, storage in (
            (SMOLLM2_135M, "q4_1"),
            (LLAMA_1B, "bf16"),
            (LLAMA_1B, "q4_k"),
        )
        for batch in (1, 2, 4, 8, 16)
    ]


def costs(full):
    """Works whose first run is measured, load and all."""
    return [
        Work("costs", "encode", MINILM_L6, 1, 128, "f32"),
        Work("costs", "prefill", SMOLLM2_135M, 1, 16, "q4_1"),
    ] + [Work("costs", "prefill", LLAMA_1B, 1, 16, s) for s in ("q8_0", "q4_k") if full]


GROUPS = {
    "encoders": encoders,
    "prompts": prompts,
    "generation": generation,
    "batches": batches,
}
