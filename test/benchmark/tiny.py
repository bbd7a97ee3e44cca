"""A random Llama as a Hugging Face directory, for timing the compiler.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import struct

import numpy


def safetensors(path, tensors):
    """Writes f32 arrays in the safetensors format."""
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {
            "dtype": "F32",
            "shape": array.shape,
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(array.tobytes())


def llama(folder, layers, hidden=128, ffn=256, heads=4, kv_heads=2, vocabulary=512):
    """Returns the directory; equal arguments give equal bytes."""
    folder.mkdir(exist_ok=True)
    random = numpy.random.default_rng(layers)
    head = hidden // heads

    def matrix(rows, columns):
        return (random.standard_normal((rows, columns)) / 16).astype(numpy.float32)

    tensors = {
        "model.embed_tokens.weight": matrix(vocabulary, hidden),
        "model.norm.weight": numpy.ones(hidden, numpy.float32),
    }
    for layer in range(layers):
        prefix = f"model.layers.{layer}."
        for name, rows, columns in (
            ("self_attn.q_proj", heads * head, hidden),
            ("self_attn.k_proj", kv_heads * head, hidden),
            ("self_attn.v_proj", kv_heads * head, hidden),
            ("self_attn.o_proj", hidden, heads * head),
            ("mlp.gate_proj", ffn, hidden),
            ("mlp.up_proj", ffn, hidden),
            ("mlp.down_proj", hidden, ffn),
        ):
            tensors[f"{prefix}{name}.weight"] = matrix(rows, columns)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{prefix}{name}.weight"] = numpy.ones(hidden, numpy.float32)
    safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(
        json.dumps(
            {
                "architectures": ["LlamaForCausalLM"],
                "model_type": "llama",
                "hidden_size": hidden,
                "intermediate_size": ffn,
                "num_hidden_layers": layers,
                "num_attention_heads": heads,
                "num_key_value_heads": kv_heads,
                "vocab_size": vocabulary,
                "rms_norm_eps": 1e-5,
                "rope_theta": 10000.0,
                "max_position_embeddings": 512,
                "hidden_act": "silu",
                "tie_word_embeddings": True,
            }
        )
    )
    return folder
