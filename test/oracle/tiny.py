"""Tiny random checkpoints as Hugging Face writes them, with what transformers
computes from them in float32.

test/data/tiny-llama: grouped-query attention, biases, a head size of its own,
llama3 rope scaling, untied head, bf16, several safetensors. test/data/tiny-bert:
padding mask, CLS pooling, an integer buffer to be ignored. test/data/tiny-mixtral:
experts and a sliding window. test/data/tiny-deepseek: latent attention, experts in
groups, YaRN; test/data/tiny-deepseek-plain: without what can be left out of these.
`goldens.npz` in each:
inputs and outputs by case. Seeds are fixed: the files come out the same each time.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import shutil
import sys

import numpy as np
import tokenizers
import torch
from safetensors.torch import load_file, save_file
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    DeepseekV3Config,
    DeepseekV3ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<s>' + message['role'] + ': ' + "
    "message['content'] + '</s>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant: ' }}{% endif %}"
)


def randomize(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that every part shows in the result."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name.lower() and name.endswith("weight"):
            parameter.data = 1 + 0.2 * noise
        elif parameter.dim() == 1:
            parameter.data = 0.2 * noise
        else:
            parameter.data = noise * 1.5 / parameter.shape[-1] ** 0.5
    for name, buffer in model.named_buffers():
        if name.endswith("e_score_correction_bias"):
            buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))


def write_json(path: pathlib.Path, data: dict) -> None:
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")


def save_logits(folder: pathlib.Path, model: torch.nn.Module, vocabulary: int) -> None:
    goldens = {}
    for name, shape in (("one", (1, 1)), ("two", (2, 7)), ("long", (1, 45))):
        generator = torch.Generator().manual_seed(shape[1])
        tokens = torch.randint(0, vocabulary, shape, generator=generator)
        goldens[f"{name}.tokens"] = tokens.numpy().astype(np.int32)
        goldens[f"{name}.logits"] = model(tokens).logits.numpy()
    np.savez_compressed(folder / "goldens.npz", **goldens)


@torch.no_grad()
def llama(folder: pathlib.Path) -> None:
    config = LlamaConfig(
        vocab_size=288,
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        attention_bias=True,
        max_position_embeddings=256,
        rms_norm_eps=1e-5,
        tie_word_embeddings=False,
        bos_token_id=256,
        eos_token_id=257,
        pad_token_id=258,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 5000.0,
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).eval()
    randomize(model, 1)
    model.to(torch.bfloat16).save_pretrained(folder, max_shard_size="60KB")
    # Read back: the conversion above has rounded the rotary frequencies too.
    model = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    save_logits(folder, model, config.vocab_size)
    llama_tokenizer().save(str(folder / "tokenizer.json"), pretty=False)
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "<pad>",
            "chat_template": CHAT_TEMPLATE,
        },
    )


def llama_tokenizer() -> tokenizers.Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: index for index, letter in enumerate(letters)}
    special = ["<s>", "</s>", "<pad>"]
    vocabulary |= {token: 256 + index for index, token in enumerate(special)}
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("e", "r")]
    for left, right in merges:
        vocabulary[left + right] = len(vocabulary)
    tokenizer = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 256)]
    )
    return tokenizer


@torch.no_grad()
def mixtral(folder: pathlib.Path) -> None:
    config = MixtralConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=6,
        num_experts_per_tok=2,
        sliding_window=24,
        max_position_embeddings=128,
        attn_implementation="eager",
        bos_token_id=1,
        eos_token_id=2,
    )
    model = MixtralForCausalLM(config).eval()
    randomize(model, 3)
    model.to(torch.bfloat16).save_pretrained(folder)
    model = MixtralForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    save_logits(folder, model, config.vocab_size)


@torch.no_grad()
def deepseek(folder: pathlib.Path, **options) -> None:
    options = {
        "num_hidden_layers": 3,
        "q_lora_rank": 20,
        "n_group": 4,
        "topk_group": 2,
        "rope_parameters": {
            "rope_type": "yarn",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "original_max_position_embeddings": 32,
            "beta_fast": 32,
            "beta_slow": 1,
            "mscale": 1.0,
            "mscale_all_dim": 0.7,
        },
        **options,
    }
    config = DeepseekV3Config(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=40,
        moe_intermediate_size=16,
        num_attention_heads=4,
        num_key_value_heads=4,
        n_shared_experts=2,
        n_routed_experts=8,
        num_experts_per_tok=3,
        first_k_dense_replace=1,
        kv_lora_rank=18,
        qk_nope_head_dim=10,
        qk_rope_head_dim=8,
        v_head_dim=12,
        max_position_embeddings=128,
        bos_token_id=1,
        eos_token_id=2,
        attn_implementation="eager",
        **options,
    )
    model = DeepseekV3ForCausalLM(config).eval()
    randomize(model, 4)
    model.to(torch.bfloat16).save_pretrained(folder)
    model = DeepseekV3ForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    save_logits(folder, model, config.vocab_size)


def plain_deepseek(folder: pathlib.Path) -> None:
    deepseek(
        folder,
        num_hidden_layers=2,
        q_lora_rank=None,
        n_group=1,
        topk_group=1,
        norm_topk_prob=False,
        rope_interleave=False,
        attention_bias=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
    )


@torch.no_grad()
def bert(folder: pathlib.Path) -> None:
    words = ["the", "a", "cat", "dog", "sat", "on", "mat", "ran", "red", "blue"]
    words += ["##s", "##ed", "##ing"]
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = [*special, *words, *letters[1:], *(f"##{letter}" for letter in letters)]
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=72,
        max_position_embeddings=64,
        attn_implementation="eager",
    )
    model = BertModel(config).eval()
    randomize(model, 2)
    model.save_pretrained(folder)
    # Old checkpoints hold this buffer; importers ignore it by name.
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.position_ids"] = torch.arange(64)[None]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    goldens = {}
    for name, lengths in (("one", [1]), ("three", [9, 5, 1]), ("long", [64, 33])):
        shape = len(lengths), max(lengths)
        generator = torch.Generator().manual_seed(shape[1])
        ids = torch.randint(5, config.vocab_size, shape, generator=generator)
        mask = (torch.arange(shape[1])[None] < torch.tensor(lengths)[:, None]).int()
        hidden = model(ids * mask, attention_mask=mask).last_hidden_state
        goldens[f"{name}.tokens"] = (ids * mask).numpy().astype(np.int32)
        goldens[f"{name}.mask"] = mask.numpy().astype(np.int32)
        goldens[f"{name}.hidden"] = hidden.numpy()
        goldens[f"{name}.embedding"] = hidden[:, 0].numpy()
    np.savez_compressed(folder / "goldens.npz", **goldens)
    bert_tokenizer(tokens).save(str(folder / "tokenizer.json"), pretty=False)
    bert_sentence_files(folder)


def bert_tokenizer(tokens: list[str]) -> tokenizers.Tokenizer:
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = tokenizers.Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(tokens[:5])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def bert_sentence_files(folder: pathlib.Path) -> None:
    library = "sentence_transformers.models"
    modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
    listing = [
        {"idx": index, "name": str(index), "path": path, "type": f"{library}.{kind}"}
        for index, (path, kind) in enumerate(modules)
    ]
    write_json(folder / "modules.json", listing)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 16})
    (folder / "1_Pooling").mkdir()
    write_json(
        folder / "1_Pooling" / "config.json",
        {
            "word_embedding_dimension": 32,
            "pooling_mode_cls_token": True,
            "pooling_mode_mean_tokens": False,
            "pooling_mode_max_tokens": False,
        },
    )


def make_all(data: pathlib.Path, models: dict) -> None:
    """Each model's folder anew. `models`: name -> function of the folder."""
    for name, make in models.items():
        folder = data / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
        print(name, size, sorted(f.name for f in folder.iterdir()))


if __name__ == "__main__":
    make_all(
        pathlib.Path(sys.argv[1]),
        {
            "tiny-llama": llama,
            "tiny-bert": bert,
            "tiny-mixtral": mixtral,
            "tiny-deepseek": deepseek,
            "tiny-deepseek-plain": plain_deepseek,
        },
    )
