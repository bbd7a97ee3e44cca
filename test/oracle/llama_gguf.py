"""A GGUF of architecture llama as transformers' LlamaForCausalLM in float32.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import gguf
import numpy as np
import tokenizers
import torch
from transformers import LlamaConfig, LlamaForCausalLM

# GGUF's name of a tensor within a block -> transformers'.
BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
MODEL = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}


class Reader:
    """Fields and dequantized tensors of a GGUF file."""

    def __init__(self, path: str) -> None:
        self.file = gguf.GGUFReader(path)

    def __getitem__(self, key: str):
        return self.file.fields[key].contents()

    def weights(self, heads: int, key_heads: int) -> dict[str, torch.Tensor]:
        result = {}
        for tensor in self.file.tensors:
            name = tensor.name.removesuffix(".weight")
            array = gguf.dequantize(tensor.data, tensor.tensor_type)
            array = np.array(array, np.float32)
            if name.startswith("blk."):
                _, layer, part = name.split(".")
                if part in ("attn_q", "attn_k"):
                    array = half_split(array, heads if part == "attn_q" else key_heads)
                name = f"model.layers.{layer}.{BLOCK[part]}"
            else:
                name = MODEL[name]
            result[name + ".weight"] = torch.from_numpy(array)
        return result


def half_split(array: np.ndarray, heads: int) -> np.ndarray:
    """GGUF stores rotary pairs side by side; transformers half a head apart."""
    rows, columns = array.shape
    pairs = array.reshape(heads, rows // heads // 2, 2, columns)
    return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(rows, columns))


def load_model(path: str) -> LlamaForCausalLM:
    read = Reader(path)
    heads = read["llama.attention.head_count"]
    key_heads = read["llama.attention.head_count_kv"]
    config = LlamaConfig(
        vocab_size=read["llama.vocab_size"],
        hidden_size=read["llama.embedding_length"],
        intermediate_size=read["llama.feed_forward_length"],
        num_hidden_layers=read["llama.block_count"],
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=read["llama.context_length"],
        rms_norm_eps=read["llama.attention.layer_norm_rms_epsilon"],
        rope_parameters={
            "rope_type": "default",
            "rope_theta": read["llama.rope.freq_base"],
        },
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).float().eval()
    loaded = model.load_state_dict(read.weights(heads, key_heads), strict=False)
    assert loaded.missing_keys == ["lm_head.weight"], loaded.missing_keys
    assert not loaded.unexpected_keys, loaded.unexpected_keys
    model.tie_weights()
    return model


def load_tokenizer(path: str) -> tokenizers.Tokenizer:
    """SmolLM's: single digits, then byte-level BPE."""
    read = Reader(path)
    tokens = read["tokenizer.ggml.tokens"]
    kinds = read["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in read["tokenizer.ggml.merges"]]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    control = gguf.TokenType.CONTROL
    tokenizer.add_special_tokens(
        [token for token, kind in zip(tokens, kinds, strict=True) if kind == control]
    )
    return tokenizer
