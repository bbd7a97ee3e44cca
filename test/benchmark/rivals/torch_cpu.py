"""PyTorch, eager, with its fused attention.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import numpy
import shapes
import torch
from rivals.base import Base
from torch.nn import functional


class System(Base):
    def version(self):
        return torch.__version__

    def prepare(self):
        torch.set_num_threads(self.work["threads"])
        self.shape = shapes.ALL[self.work["model"]]
        kind = torch.bfloat16 if self.work["compute"] == "bf16" else torch.float32
        self.weights = {
            name: torch.from_numpy(numpy.array(array)).to(kind)
            for name, array in shapes.bert_weights(self.shape).items()
        }
        self.tokens = torch.tensor(self.work["tokens"])
        self.mask = torch.ones(len(self.tokens), 1, 1, self.tokens.shape[1]) > 0

    def dense(self, x, name):
        weights = self.weights
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(self, x, name):
        parts = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(x, x.shape[-1:], *parts, eps=1e-12)

    def layer(self, x, prefix):
        def split(name):
            rows = self.dense(x, f"{prefix}attention.self.{name}")
            return rows.unflatten(-1, (self.shape.heads, -1)).transpose(1, 2)

        heads = [split(name) for name in ("query", "key", "value")]
        mixed = functional.scaled_dot_product_attention(*heads, attn_mask=self.mask)
        mixed = mixed.transpose(1, 2).flatten(2)
        out = self.dense(mixed, f"{prefix}attention.output.dense")
        x = self.norm(out + x, f"{prefix}attention.output.LayerNorm")
        middle = functional.gelu(self.dense(x, f"{prefix}intermediate.dense"))
        out = self.dense(middle, f"{prefix}output.dense")
        return self.norm(out + x, f"{prefix}output.LayerNorm")

    @torch.inference_mode()
    def run(self):
        get = self.weights
        x = get["embeddings.word_embeddings.weight"][self.tokens]
        places = get["embeddings.position_embeddings.weight"][: x.shape[1]]
        x = x + places + get["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for index in range(self.shape.layers):
            x = self.layer(x, f"encoder.layer.{index}.")
        self.result = x

    def output(self):
        return self.result.float().numpy()
