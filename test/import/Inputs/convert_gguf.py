#!/usr/bin/env python3
"""A tiny Qwen2 or Qwen3 of Hugging Face's form as llama.cpp's converter names it.

    convert_gguf.py FOLDER OUT

Names, and what they hold: ggml's gguf.md and gguf-py/gguf/constants.py.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import struct
import sys

import gguf_file
import numpy as np

NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    **{f"self_attn.{p}_proj": f"attn_{p}" for p in "qkv"},
    **{f"self_attn.{p}_norm": f"attn_{p}_norm" for p in "qk"},
    "self_attn.o_proj": "attn_output",
    **{f"mlp.{p}_proj": f"ffn_{p}" for p in ("gate", "up", "down")},
}


def name_of(tensor: str) -> str:
    node, kind = tensor.rsplit(".", 1)
    if node.startswith("model.layers."):
        _, _, layer, inner = node.split(".", 3)
        return f"blk.{layer}.{NAMES[inner]}.{kind}"
    return f"{NAMES[node]}.{kind}"


def tensors(folder: pathlib.Path) -> dict:
    data = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    result = {}
    for tensor, entry in json.loads(data[8 : 8 + size]).items():
        if tensor == "__metadata__":
            continue
        assert entry["dtype"] == "BF16"
        begin, end = (8 + size + at for at in entry["data_offsets"])
        payload, number = data[begin:end], gguf_file.BF16
        if len(entry["shape"]) == 1:  # norms and biases are always f32
            bits = np.frombuffer(payload, np.uint16).astype(np.uint32) << 16
            payload, number = bits.tobytes(), gguf_file.F32
        result[name_of(tensor)] = tuple(entry["shape"]), number, payload
    return result


def metadata(folder: pathlib.Path) -> dict:
    config = json.loads((folder / "config.json").read_text())
    rope = config["rope_parameters"]
    named = {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
        "rope.freq_base": rope["rope_theta"],
    }
    if size := config.get("head_dim"):
        named |= {"attention.key_length": size, "attention.value_length": size}
    if rope["rope_type"] == "yarn":
        original = rope["original_max_position_embeddings"]
        named |= {
            "rope.scaling.type": "yarn",
            "rope.scaling.factor": rope["factor"],
            "rope.scaling.original_context_length": original,
        }
    kind = config["model_type"]
    prefixed = {f"{kind}.{key}": value for key, value in named.items()}
    return {"general.architecture": kind} | prefixed | vocabulary(folder, config)


def vocabulary(folder: pathlib.Path, config: dict) -> dict:
    words = json.loads((folder / "tokenizer.json").read_text())
    tokens = {index: token for token, index in words["model"]["vocab"].items()}
    special = {added["id"] for added in words["added_tokens"] if added["special"]}
    rows = range(config["vocab_size"])  # converters fill what the table has more
    normal, control, unused = 1, 3, 5
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": [tokens.get(row, f"[PAD{row}]") for row in rows],
        "tokenizer.ggml.token_type": [
            control if row in special else normal if row in tokens else unused
            for row in rows
        ],
        "tokenizer.ggml.merges": [
            pair if isinstance(pair, str) else " ".join(pair)
            for pair in words["model"]["merges"]
        ],
        "tokenizer.ggml.eos_token_id": config["eos_token_id"],
    }


if __name__ == "__main__":
    source = pathlib.Path(sys.argv[1])
    gguf_file.write(sys.argv[2], metadata(source), tensors(source))
