"""Tiny random Qwens as Hugging Face writes them, with what transformers computes
from them in float32 (goldens.npz) and tokenizers makes of texts (text.json).

test/data/tiny-qwen2: biases, tied embeddings, a sliding window in one of two
layers; in `full`, results without it. test/data/tiny-qwen3: norms of heads, a head size
of its own, YaRN, untied.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import pathlib
import sys

import tokenizers
import torch
from tiny import make_all, randomize, save_logits, write_json
from tokenizers import decoders, models, normalizers, pre_tokenizers
from transformers import (
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

# As in Qwen's tokenizer.json: GPT-4's with single digits.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# Contractions, digits one by one, line ends, a composed and a decomposed letter.
TEXTS = ["the other's THE'S 1234", "a\n\n  b\t  c ", "caf\u00e9 cafe\u0301 の", "!!\n?"]
SIZES = {
    "vocab_size": 272,
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "max_position_embeddings": 128,
    "rms_norm_eps": 1e-6,
    "bos_token_id": 256,
    "eos_token_id": 258,
    "attn_implementation": "eager",
}


def tokenizer() -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    vocabulary |= {token: 256 + index for index, token in enumerate(SPECIAL)}
    # The last three would join what the splits keep apart.
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("'", "s"), ("Ã", "©")]
    merges += [("1", "2"), ("Ġ", "Ġ"), ("e", "'")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    result = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    result.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(tokenizers.Regex(SPLIT), "isolated")
    bytes_only = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    result.pre_tokenizer = pre_tokenizers.Sequence([split, bytes_only])
    result.decoder = decoders.ByteLevel()
    result.add_special_tokens(SPECIAL)
    return result


@torch.no_grad()
def save_goldens(
    folder: pathlib.Path, to: pathlib.Path, model: torch.nn.Module
) -> None:
    """Of the weights in `folder` under the model's configuration."""
    # Read back: the conversion to bf16 has rounded the rotary frequencies too.
    model = type(model).from_pretrained(
        folder, config=model.config, dtype=torch.float32, attn_implementation="eager"
    )
    save_logits(to, model.eval(), SIZES["vocab_size"])


@torch.no_grad()
def save(folder: pathlib.Path, model: torch.nn.Module, seed: int) -> None:
    randomize(model.eval(), seed)
    model.to(torch.bfloat16).save_pretrained(folder)
    save_goldens(folder, folder, model)
    words = tokenizer()
    words.save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "text.json", {text: words.encode(text).ids for text in TEXTS})
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": False,
            "bos_token": None,
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "chat_template": CHAT_TEMPLATE,
        },
    )


def qwen2(folder: pathlib.Path) -> None:
    sizes = SIZES | {
        "num_attention_heads": 3,
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
    }
    window = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}
    save(folder, Qwen2ForCausalLM(Qwen2Config(**sizes, **window)), 11)
    (folder / "full").mkdir()
    save_goldens(folder, folder / "full", Qwen2ForCausalLM(Qwen2Config(**sizes)))


def qwen3(folder: pathlib.Path) -> None:
    config = Qwen3Config(
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        tie_word_embeddings=False,
        rope_parameters={
            "rope_type": "yarn",
            "rope_theta": 1e6,
            "factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        **SIZES,
    )
    save(folder, Qwen3ForCausalLM(config), 12)


if __name__ == "__main__":
    make_all(pathlib.Path(sys.argv[1]), {"tiny-qwen2": qwen2, "tiny-qwen3": qwen3})
