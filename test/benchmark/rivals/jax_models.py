"""A BERT and a Llama in jax.numpy, for XLA and (as StableHLO) for IREE.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import jax
import jax.numpy as jnp
import numpy
import shapes


def program(work):
    """A function and its arguments; the weights are its constants."""
    tokens = numpy.array(work["tokens"], numpy.int32)
    if work["kind"] == "encode":
        return bert(work), (tokens, numpy.ones_like(tokens))
    return llama(work), (tokens,)


def bert(work):
    """tokens, mask → hidden."""
    shape = shapes.ALL[work["model"]]
    kind = jnp.bfloat16 if work["compute"] == "bf16" else jnp.float32
    weights = shapes.bert_weights(shape)
    get = {
        name: jnp.asarray(array, jnp.float32 if "LayerNorm" in name else kind)
        for name, array in weights.items()
    }

    def dense(x, name):
        # A contraction in `kind` with sums in f32.
        product = jnp.matmul(
            x.astype(kind),
            get[f"{name}.weight"].T,
            preferred_element_type=jnp.float32,
        )
        return product + get[f"{name}.bias"].astype(jnp.float32)

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-12)
        return x * get[f"{name}.weight"] + get[f"{name}.bias"]

    def layer(x, prefix, mask):
        def split(name):
            rows = dense(x, f"{prefix}attention.self.{name}").astype(kind)
            return rows.reshape(*x.shape[:2], shape.heads, -1)

        q, k, v = split("query"), split("key"), split("value")
        scores = jnp.einsum("bqhd,bkhd->bhqk", q, k, preferred_element_type=jnp.float32)
        weights = jax.nn.softmax(scores * q.shape[-1] ** -0.5 + mask, axis=-1)
        mixed = jnp.einsum(
            "bhqk,bkhd->bqhd",
            weights.astype(kind),
            v,
            preferred_element_type=jnp.float32,
        )
        out = dense(mixed.reshape(x.shape), f"{prefix}attention.output.dense")
        x = norm(out + x, f"{prefix}attention.output.LayerNorm")
        middle = dense(x, f"{prefix}intermediate.dense")
        middle = jax.nn.gelu(middle, approximate=False)
        out = dense(middle, f"{prefix}output.dense")
        return norm(out + x, f"{prefix}output.LayerNorm")

    def encode(tokens, mask):
        length = tokens.shape[1]
        x = get["embeddings.word_embeddings.weight"][tokens]
        x = x + get["embeddings.position_embeddings.weight"][:length]
        x = x + get["embeddings.token_type_embeddings.weight"][0]
        x = norm(x.astype(jnp.float32), "embeddings.LayerNorm")
        closed = (1.0 - mask.astype(jnp.float32))[:, None, None, :] * -10000.0
        for index in range(shape.layers):
            x = layer(x, f"encoder.layer.{index}.", closed)
        return x

    return encode


def llama(work):
    """tokens → logits of the last, all weights f32."""
    from gguf import GGUFReader
    from gguf.quants import dequantize

    shape = shapes.ALL[work["model"]]
    get = {
        tensor.name: dequantize(tensor.data, tensor.tensor_type)
        for tensor in GGUFReader(work["gguf"]).tensors
    }
    theta = 10000.0 if shape is shapes.LLAMA_1B else 100000.0
    half = shape.hidden // shape.heads // 2

    def norm(x, name):
        x = x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-5)
        return x * get[f"{name}.weight"]

    def rope(x):
        # GGUF stores rotated pairs side by side.
        angle = jnp.arange(x.shape[1])[:, None] * theta ** (-jnp.arange(half) / half)
        sine, cosine = (f(angle)[None, :, None] for f in (jnp.sin, jnp.cos))
        a, b = x[..., ::2], x[..., 1::2]
        pair = a * cosine - b * sine, a * sine + b * cosine
        return jnp.stack(pair, -1).reshape(x.shape)

    def layer(x, prefix):
        def dense(x, name):
            return x @ get[f"{prefix}{name}.weight"].T

        normed = norm(x, f"{prefix}attn_norm")
        q, k, v = (
            dense(normed, f"attn_{name}").reshape(*x.shape[:2], -1, 2 * half)
            for name in "qkv"
        )
        mixed = jax.nn.dot_product_attention(rope(q), rope(k), v, is_causal=True)
        x = x + dense(mixed.reshape(x.shape), "attn_output")
        normed = norm(x, f"{prefix}ffn_norm")
        gate = jax.nn.silu(dense(normed, "ffn_gate"))
        return x + dense(gate * dense(normed, "ffn_up"), "ffn_down")

    def prefill(tokens):
        x = jnp.asarray(get["token_embd.weight"])[tokens]
        for index in range(shape.layers):
            x = layer(x, f"blk.{index}.")
        x = norm(x[:, -1], "output_norm")
        head = get.get("output.weight", get["token_embd.weight"])
        return x @ head.T

    return prefill
