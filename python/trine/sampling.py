"""Logits in, the next token out.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy as np

from .errors import USAGE, Error


class Sampler:
    """Chooses a token from f32 logits [V]. `temperature` 0 is greedy (the lowest
    id among equals); otherwise softmax(logits / temperature) restricted to the
    `top_k` most likely tokens (0: all), then to the smallest set whose
    probability reaches `top_p`. The same seed gives the same choices."""

    def __init__(
        self,
        temperature: float = 0,
        top_k: int = 0,
        top_p: float = 1,
        seed: int = 0,
    ) -> None:
        if not 0 <= temperature < float("inf"):
            raise Error(f"temperature: expected at least 0, got {temperature}", USAGE)
        if top_k < 0:
            raise Error(f"top_k: expected at least 0, got {top_k}", USAGE)
        if not 0 < top_p <= 1:
            raise Error(f"top_p: expected more than 0, at most 1, got {top_p}", USAGE)
        if seed < 0:
            raise Error(f"seed: expected at least 0, got {seed}", USAGE)
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.random = np.random.default_rng(seed)

    def __call__(self, logits: np.ndarray) -> int:
        if self.temperature == 0:
            return int(np.argmax(logits))
        scaled = logits.astype(np.float64) / self.temperature
        order = np.argsort(-scaled, kind="stable")
        if self.top_k:
            order = order[: self.top_k]
        weights = np.exp(scaled[order] - scaled[order[0]])
        total = np.cumsum(weights / weights.sum())
        if self.top_p < 1:
            kept = int(np.searchsorted(total, self.top_p)) + 1
            order, total = order[:kept], total[:kept]
        index = np.searchsorted(total, self.random.random() * total[-1], side="right")
        return int(order[min(index, len(order) - 1)])
