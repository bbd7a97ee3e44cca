"""Goldens of all-MiniLM-L6-v2: sentence embeddings of 20 texts by transformers in
float32, pooled and normalized as sentence-transformers does.

test/data/minilm/sentences.json: text and tokens; embeddings.npy: f32 [20, 384].
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import json
import pathlib
import sys

import numpy as np
import tokenizers
import torch
from transformers import BertModel

SENTENCES = [
    "Hello",
    "cat",
    "A cat sits on the mat.",
    "A kitten rests on a rug.",
    "The stock market fell sharply today.",
    "Shares lost much of their value this afternoon!",
    "What is the capital of France?",
    "Paris is the capital and largest city of France.",
    "def add(a, b): return a + b",
    "1234567890 3.14159 1e-7",
    "Straße, naïve, façade, coöperate, Ångström",
    "東京は日本の首都です。",
    "UPPER CASE AND lower case are the same here",
    "punctuation... does it? matter; or: not! (perhaps)",
    "antidisestablishmentarianism floccinaucinihilipilification",
    "word " * 30,
    "The quick brown fox jumps over the lazy dog. " * 6,
    "In the beginning the universe was created, which made many people angry. " * 12,
    "A sentence that is repeated until it exceeds every limit of the model. " * 30,
    "x" * 250,
]
LIMIT = 256  # sentence_bert_config.json


@torch.no_grad()
def main(model_folder: str, folder: pathlib.Path) -> None:
    model = BertModel.from_pretrained(
        model_folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = tokenizers.Tokenizer.from_file(f"{model_folder}/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(LIMIT)
    rows, vectors = [], []
    for text in SENTENCES:
        ids = tokenizer.encode(text).ids
        hidden = model(torch.tensor([ids])).last_hidden_state[0]
        vector = torch.nn.functional.normalize(hidden.mean(0), dim=0)
        rows.append({"text": text, "tokens": ids})
        vectors.append(vector.numpy())
    print([len(row["tokens"]) for row in rows])
    folder.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "sentences.json").write_text(f"[\n{lines}\n]\n")
    np.save(folder / "embeddings.npy", np.stack(vectors))


if __name__ == "__main__":
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
