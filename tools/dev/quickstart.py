"""Generates from a prompt, streaming, and compares sentences.

Usage: quickstart.py PROMPT LANGUAGE-MODEL.trine ENCODER.trine
Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import os
import sys
import time

import trine

SENTENCES = [
    "A cat sits on the mat.",
    "A kitten rests on a rug.",
    "The stock market fell sharply today.",
    "Shares lost much of their value this afternoon.",
]


def generate(prompt: str, package: str) -> None:
    model = trine.load(package)
    tokens, times = [], []

    def noted():
        for token in model.sample(ids, 64, trine.Sampler()):
            times.append(time.perf_counter())
            tokens.append(token)
            yield token

    ids = model.encode_prompt(prompt)
    print(f"\n{prompt}", end="", flush=True)
    start = time.perf_counter()
    for piece in model.stream(noted()):
        print(piece, end="", flush=True)
    first, rest = times[0] - start, times[-1] - times[0]
    print(f"\n\nprompt: {len(ids)} tokens, {len(ids) / first:.0f} tokens/s")
    if rest:
        rate = (len(tokens) - 1) / rest
        print(f"generated: {len(tokens)} tokens, {rate:.0f} tokens/s")
    where(package)


def embed(package: str) -> None:
    model = trine.load(package)
    start = time.perf_counter()
    vectors = model.embed(SENTENCES)
    seconds = time.perf_counter() - start
    print("\ncosine similarity")
    for index, (row, text) in enumerate(
        zip(vectors @ vectors.T, SENTENCES, strict=True)
    ):
        cells = " ".join(f"{value:6.3f}" for value in row)
        print(f"{index + 1}  {cells}  {text}")
    print(f"\n{len(SENTENCES)} sentences in {1e3 * seconds:.1f} ms")
    where(package)


def where(package: str) -> None:
    print(f"package: {package}, {os.path.getsize(package) / 2**20:.0f} MiB")


if __name__ == "__main__":
    prompt, language_model, encoder = sys.argv[1:]
    generate(prompt, language_model)
    embed(encoder)
