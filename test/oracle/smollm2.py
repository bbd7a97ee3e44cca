"""Goldens of SmolLM2-135M-Instruct: what transformers generates greedily from ten
prompts, on the GGUF's dequantized weights.

test/data/smollm2/goldens.json: for each prompt its text, tokens, the new tokens
(64, or up to end of sequence) and the gap between the two largest logits at each.
test/data/smollm2/logits.npy: f32 [10, V], the last prompt token's logits.
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import sys

import llama_gguf
import numpy as np
import torch

NEW_TOKENS, EOS = 64, 2
PROMPTS = [
    "The",
    "The capital of France is",
    "Once upon a time, in a village at the edge of a great forest,",
    "def fibonacci(n):\n    ",
    "In 1969, 2 astronauts walked on the Moon; 600 million people",
    "Über die Brücke gehen, naïve café, 東京, 🚀:",
    "Q: What is 17 + 25?\nA:",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by "
    "Hugging Face<|im_end|>\n<|im_start|>user\nWhat is gravity?<|im_end|>\n"
    "<|im_start|>assistant\n",
    "Water boils at a lower temperature on a mountain because the pressure of the "
    "air is lower there. " * 4 + "The pressure cooker works the other way round:",
    "List of countries and their capitals. "
    + " ".join(
        f"{number}. {country}: {capital}."
        for number, (country, capital) in enumerate(
            [
                ("Germany", "Berlin"),
                ("Japan", "Tokyo"),
                ("Kenya", "Nairobi"),
                ("Peru", "Lima"),
                ("Norway", "Oslo"),
                ("Egypt", "Cairo"),
                ("Canada", "Ottawa"),
                ("Cuba", "Havana"),
                ("Greece", "Athens"),
                ("Vietnam", "Hanoi"),
                ("Portugal", "Lisbon"),
                ("Ireland", "Dublin"),
                ("Senegal", "Dakar"),
                ("Nepal", "Kathmandu"),
                ("Chile", "Santiago"),
                ("Poland", "Warsaw"),
                ("Iraq", "Baghdad"),
                ("Fiji", "Suva"),
                ("Mongolia", "Ulaanbaatar"),
                ("Ghana", "Accra"),
            ],
            1,
        )
    )
    + " 21. Italy:",
]


@torch.no_grad()
def greedy(model, ids: list[int]) -> tuple[list[int], list[float], np.ndarray]:
    """New tokens, their top-2 gaps, the logits after the prompt."""
    tokens, gaps, first = [], [], None
    step, cache = torch.tensor([ids]), None
    while len(tokens) < NEW_TOKENS and (not tokens or tokens[-1] != EOS):
        output = model(step, past_key_values=cache, use_cache=True)
        cache, logits = output.past_key_values, output.logits[0, -1]
        if first is None:
            first = logits.numpy()
        top = torch.topk(logits, 2)
        tokens.append(int(top.indices[0]))
        gaps.append(float(top.values[0] - top.values[1]))
        step = top.indices[:1][None]
    return tokens, gaps, first


def main(gguf: str, folder: pathlib.Path) -> None:
    model, tokenizer = llama_gguf.load_model(gguf), llama_gguf.load_tokenizer(gguf)
    goldens, logits = [], []
    for text in PROMPTS:
        ids = tokenizer.encode(text).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
        tokens, gaps, first = greedy(model, ids)
        print(len(ids), len(tokens), min(gaps), repr(tokenizer.decode(tokens)[:60]))
        gaps = [float(f"{gap:.6g}") for gap in gaps]
        goldens.append(
            {"text": text, "prompt": ids, "tokens": tokens, "top2_gaps": gaps}
        )
        logits.append(first)
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(golden, ensure_ascii=False) for golden in goldens)
    (folder / "goldens.json").write_text(f"[\n{lines}\n]\n")
    np.save(folder / "logits.npy", np.stack(logits))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
