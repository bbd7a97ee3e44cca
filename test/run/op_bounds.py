"""The error a CPU kernel may make against the reference, given the inputs and the
exact result: contraction 2·√K·2⁻²⁴·Σ|a·b|, elementwise 4 ulp, norm and softmax 1e-6 of
the row's largest magnitude; f16 and bf16 results one ulp of theirs more, because
both sides round.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy as np

HALF_ULP = 2.0**-24
Array = np.ndarray
Arrays = dict[str, Array]


def exact(inputs: Arrays, result: Array) -> Array:
    return np.zeros(1)


def ulps(count: float, of: str | None = None):
    """Of the result, or of an input's magnitude where the op's documentation says
    so."""

    def bound(inputs: Arrays, result: Array) -> Array:
        size = np.abs(inputs[of] if of else result).astype(np.float32)
        finite = np.where(np.isfinite(size), size, 0)
        return count * np.spacing(np.maximum(finite, np.float32(1e-30)))

    return bound


def row(inputs: Arrays, result: Array) -> Array:
    return 1e-6 * np.abs(result).max(-1, keepdims=True, initial=0)


def product(x: Array, w: Array) -> Array:
    """x [.., K] · w [.., K, N]."""
    return 2 * np.sqrt(x.shape[-1]) * HALF_ULP * (np.abs(x) @ np.abs(w))


def linear(inputs: Arrays, result: Array) -> Array:
    bound = product(inputs["x"], inputs["w"].T)
    if "b" in inputs:
        terms = 2 * np.sqrt(inputs["x"].shape[-1]) * HALF_ULP
        bound = bound + terms * np.abs(inputs["b"])
    return bound


def gated(inputs: Arrays, result: Array) -> Array:
    """No activation is steeper than 1.13; |activation(x)| ≤ |x|."""
    x, gate, up = inputs["x"], inputs["g"].T, inputs["u"].T
    at_gate, at_up = np.abs(x @ gate), np.abs(x @ up)
    slip = 1.13 * product(x, gate) + 8 * HALF_ULP * at_gate
    return slip * at_up + at_gate * product(x, up) + 8 * HALF_ULP * at_gate * at_up


def attention(scale: float, rounding: float = 0):
    def bound(inputs: Arrays, result: Array) -> Array:
        """A logit's error d moves a probability p by at most p·(e^2d - 1); the sum
        of probabilities is 1, so the weighted sum moves by that times max |v|.
        `rounding` of the probabilities, too."""
        q, k, v = (np.abs(inputs[key]) for key in "qkv")
        if k.size == 0:
            return np.zeros(1)
        group = q.shape[2] // k.shape[2]
        k, v = (x.repeat(group, axis=2).swapaxes(1, 2) for x in (k, v))
        logits = scale * q.swapaxes(1, 2) @ k.swapaxes(2, 3)
        slip = 2 * np.sqrt(q.shape[-1]) * HALF_ULP * logits.max(-1, keepdims=True)
        sums = 1e-6 + rounding + 2 * np.sqrt(k.shape[2]) * HALF_ULP
        wide = (np.expm1(2 * slip) + sums) * v.max(2, keepdims=True)
        return wide.swapaxes(1, 2)

    return bound


def pair(dims: int, axis: int):
    """4 ulp of the magnitude of the pair that turns together: neighbours for axis
    -1, halves for -2; frequencies and angle are not the kernel's. What is beyond
    `dims` passes through."""

    def bound(inputs: Arrays, result: Array) -> Array:
        x = inputs["x"]
        split = (dims // 2, 2) if axis == -1 else (2, dims // 2)
        pairs = x[..., :dims].reshape(*x.shape[:-1], *split)
        size = np.broadcast_to(np.hypot.reduce(pairs, axis, keepdims=True), pairs.shape)
        whole = np.zeros_like(x)
        whole[..., :dims] = 8 * HALF_ULP * size.reshape(*x.shape[:-1], dims)
        return whole

    return bound


def mean(inputs: Arrays, result: Array) -> Array:
    return 4 * HALF_ULP * np.abs(inputs["x"]).sum(1)
