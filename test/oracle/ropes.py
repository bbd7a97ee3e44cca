"""Rotary embedding in float64, its scaled frequencies checked against those of
transformers.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import dataclasses
import math

import numpy as np
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


@dataclasses.dataclass(frozen=True)
class Scaling:
    """graph.rope_scaling; `low` and `high` are llama3's low_freq_factor and
    high_freq_factor, yarn's beta_slow and beta_fast."""

    kind: str
    factor: float
    low: float = 1.0
    high: float = 1.0
    original_length: int = 0

    def mlir(self, attention: float) -> str:
        return (
            f"<{self.kind}, factor = {self.factor} : f64, low = {self.low} : f64, "
            f"high = {self.high} : f64, original_length = {self.original_length}, "
            f"attention = {attention!r} : f64>"
        )

    def parameters(self) -> dict:
        names = {
            "linear": {},
            "llama3": {"low_freq_factor": self.low, "high_freq_factor": self.high},
            "yarn": {"beta_slow": self.low, "beta_fast": self.high},
        }[self.kind]
        if self.original_length:
            names["original_max_position_embeddings"] = self.original_length
        return {"rope_type": self.kind, "factor": self.factor, **names}


def frequencies(theta: float, dims: int, scaling: Scaling | None):
    """Inverse frequencies [dims / 2] and the factor of cos and sin."""
    plain = theta ** (-2 * np.arange(dims // 2) / dims)
    if scaling is None:
        return plain, 1.0
    result = SCALED[scaling.kind](plain, theta, dims, scaling)
    attention = 0.1 * math.log(scaling.factor) + 1 if scaling.kind == "yarn" else 1.0
    check(result, attention, theta, dims, scaling)
    return result, attention


def linear(plain, theta, dims, scaling):
    return plain / scaling.factor


def llama3(plain, theta, dims, scaling):
    """Llama 3.1: long waves are stretched, short ones kept, a ramp between."""
    turns = scaling.original_length * plain / (2 * math.pi)
    blend = (turns - scaling.low) / (scaling.high - scaling.low)
    blend = np.clip(blend, 0, 1)
    return plain * (blend + (1 - blend) / scaling.factor)


def yarn(plain, theta, dims, scaling):
    """YaRN (arXiv 2309.00071), section 3.2."""

    def pair(turns):
        ratio = scaling.original_length / (turns * 2 * math.pi)
        return dims * math.log(ratio) / (2 * math.log(theta))

    first = max(math.floor(pair(scaling.high)), 0)
    last = min(math.ceil(pair(scaling.low)), dims - 1)
    ramp = np.clip((np.arange(dims // 2) - first) / max(last - first, 1e-3), 0, 1)
    return plain * ((1 - ramp) + ramp / scaling.factor)


SCALED = {"linear": linear, "llama3": llama3, "yarn": yarn}


def check(result, attention, theta, dims, scaling) -> None:
    """transformers' frequencies, in float32, are the same."""
    config = LlamaConfig(
        head_dim=dims,
        max_position_embeddings=int(scaling.original_length * scaling.factor) or 2048,
        rope_parameters={"rope_theta": theta, **scaling.parameters()},
    )
    expected, factor = ROPE_INIT_FUNCTIONS[scaling.kind](config, "cpu")
    np.testing.assert_allclose(result, expected.numpy(), rtol=1e-6)
    assert abs(factor - attention) < 1e-6, (factor, attention)


def rotate(x, positions, inverse, attention, style):
    """x [B, S, H, D], positions [B, S]; the first 2·len(inverse) elements turn."""
    result = x.astype(np.float64)
    count = len(inverse)
    angle = positions[:, :, None, None] * inverse
    cosine, sine = attention * np.cos(angle), attention * np.sin(angle)
    if style == "half":
        first, second = slice(0, count), slice(count, 2 * count)
    else:
        first, second = slice(0, 2 * count, 2), slice(1, 2 * count, 2)
    a, b = result[..., first].copy(), result[..., second].copy()
    result[..., first] = a * cosine - b * sine
    result[..., second] = b * cosine + a * sine
    return result
