"""A loaded package: its entries, its sessions, and text on top of them.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import dataclasses
import functools
import json
import operator
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import capi
from .errors import USAGE, Error
from .sampling import Sampler
from .text import Message, Text

EMBED_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Tensor:
    """An input or output: `dtype` is f32, f16, bf16 (as uint16 codes) or i32; a
    dimension is a number, or the name of a size free in every call."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    optional: bool = False


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a package can be asked for. A stateful one needs a session."""

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    stateful: bool


class Session:
    """The sequence state of `batch` rows, over the model's shared weights. Used
    by one thread at a time."""

    def __init__(self, model: "Model", batch: int = 1) -> None:
        self.model, self.batch = model, batch
        self._handle = capi.create_session(model._handle, batch)
        destroy = capi.library().trine_session_destroy
        self.close = weakref.finalize(self, destroy, self._handle)

    def run(self, entry: str, **inputs: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Runs an entry; a stateful one continues after what the session holds.
        A failing call leaves the session as it was."""
        declared = self.model._entry(entry)
        sent = {
            name: _convert(declared, name, value)
            for name, value in inputs.items()
            if value is not None
        }
        names = [output.name for output in declared.outputs]
        return capi.run(self._handle, entry, sent, names)

    @property
    def length(self) -> int | list[int]:
        """Tokens held: a number for one row, else one for each row."""
        get = capi.library().trine_session_length
        lengths = [get(self._handle, row) for row in range(self.batch)]
        return lengths[0] if self.batch == 1 else lengths

    def truncate(self, length: int) -> None:
        """Keeps the first `length` tokens of every row that has more."""
        capi.check(capi.library().trine_session_truncate(self._handle, length))

    def reset(self) -> None:
        """Forgets all tokens."""
        capi.library().trine_session_reset(self._handle)


class Model:
    """A package in memory. Threads may share it."""

    def __init__(self, path: str, device: str, threads: int) -> None:
        self._handle = capi.load(path, device, threads)
        self.close = weakref.finalize(self, capi.library().trine_unload, self._handle)
        self.manifest: dict[str, Any] = json.loads(
            capi.library().trine_manifest(self._handle)
        )
        self.entries = {
            entry.name: entry for entry in map(_entry, self.manifest["entries"])
        }
        self._idle: list[Session] = []

    def run(self, entry: str, **inputs: npt.ArrayLike) -> dict[str, np.ndarray]:
        """Runs a stateless entry: arrays by name in, arrays by name out. Whole
        numbers are taken for i32 and any real number for f32, f16 and bf16
        (uint16 arrays are bf16 codes)."""
        if self._entry(entry).stateful:
            raise Error(f"{entry}: keeps state; run it on model.session()", USAGE)
        try:
            session = self._idle.pop()
        except IndexError:
            session = Session(self)
        result = session.run(entry, **inputs)
        self._idle.append(session)
        return result

    def session(self, batch: int = 1) -> Session:
        """A new, empty session of `batch` rows."""
        return Session(self, batch)

    def tokenize(self, text: str) -> list[int]:
        """Adds no BOS or EOS; a special token's text becomes its id."""
        return self.text.tokenize(text)

    def detokenize(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        return self.text.detokenize(_ids(ids))

    def generate(
        self,
        prompt: str | Sequence[Message],
        chat: bool = False,
        max_tokens: int = 64,
        **sampling: Any,
    ) -> Iterator[str]:
        """Yields text as it is made, whole characters at a time, special tokens
        left out. `chat` puts the prompt, or a list of messages with `role` and
        `content`, into the model's chat template. `sampling`: `temperature`,
        `top_k`, `top_p`, `seed` (see Sampler). Ends after `max_tokens`, an
        end-of-sequence token, or where the package's longest sequence is full.
        """
        ids = self.encode_prompt(prompt, chat)
        return self.stream(self.sample(ids, max_tokens, Sampler(**sampling)))

    def generate_tokens(
        self,
        ids: Sequence[int],
        max_tokens: int = 64,
        temperature: float = 0,
        **sampling: Any,
    ) -> list[int]:
        """The new tokens only, an end-of-sequence token included; `ids` are taken
        as they are. Otherwise as generate."""
        sampler = Sampler(temperature, **sampling)
        return list(self.sample(_ids(ids), max_tokens, sampler))

    def encode_prompt(
        self, prompt: str | Sequence[Message], chat: bool = False
    ) -> list[int]:
        """The tokens generate starts from."""
        if chat:
            return self.text.chat(prompt)
        if not isinstance(prompt, str):
            raise Error("prompt: expected text where chat is off", USAGE)
        return self.text.prompt(prompt)

    def sample(
        self, ids: Sequence[int], max_tokens: int, choose: Callable[..., int]
    ) -> Iterator[int]:
        """Yields the tokens generate is made of; `choose`: logits [V] -> token."""
        if max_tokens < 0:
            raise Error(f"max_tokens: expected at least 0, got {max_tokens}", USAGE)
        if not len(ids):
            raise Error("prompt: expected at least one token, got none")
        return self._sample(ids, max_tokens, choose)

    def _sample(
        self, ids: Sequence[int], max_tokens: int, choose: Callable[..., int]
    ) -> Iterator[int]:
        session = self.session()
        # A prompt that is too long is the runtime's to refuse.
        room = max(self.manifest["max_sequence"] - len(ids), 0) + 1
        entry, tokens = "prefill", ids
        for _ in range(min(max_tokens, room)):
            token = choose(session.run(entry, tokens=[tokens])["logits"][0])
            yield token
            if token in self.eos:
                return
            entry, tokens = "decode", [token]

    def stream(self, tokens: Iterable[int]) -> Iterator[str]:
        """Tokens to text as they come, whole characters at a time."""
        stream = self.text.stream()
        for token in tokens:
            if piece := stream.push(token):
                yield piece
        if piece := stream.finish():
            yield piece

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, H]: one vector a text, pooled and normalized as the model's
        files say. Adds the model's special tokens; cuts at
        sentence_bert_config.json's max_seq_length, else the model's limit."""
        if isinstance(texts, str):
            raise Error("texts: expected a list of texts, got one text", USAGE)
        limit = self.manifest["max_sequence"]
        limit = min(self.text_info.get("max_seq_length") or limit, limit)
        rows = self.text.sequences(texts, limit)
        width = self._entry("embed").outputs[0].shape[-1]
        result = np.empty((len(rows), width), np.float32)
        # Rows of like length together: padding is work thrown away.
        order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
        step = min(EMBED_BATCH, self.manifest["max_batch"])
        for start in range(0, len(order), step):
            batch = order[start : start + step]
            tokens, mask = self._pad([rows[row] for row in batch])
            output = self.run("embed", tokens=tokens, mask=mask)
            result[batch] = output["embedding"]
        return result

    @property
    def has_text(self) -> bool:
        """Whether the package has a tokenizer."""
        return bool(self._section("tokenizer"))

    @functools.cached_property
    def text(self) -> Text:
        """The tokenizer and what belongs to it. Error 1 where there is none."""
        if not self.has_text:
            raise Error("tokenizer: the package has none; use tokens")
        return Text(self._section("tokenizer"), self.text_info)

    @functools.cached_property
    def text_info(self) -> dict[str, Any]:
        """Section `text`: `bos`, `eos`, `pad`, `add_bos`, `chat_template`, ..."""
        return json.loads(self._section("text") or b"{}")

    @functools.cached_property
    def eos(self) -> frozenset[int]:
        """The tokens that end a sequence."""
        return frozenset(self.text_info.get("eos") or [])

    def _section(self, name: str) -> bytes | None:
        return capi.section(self._handle, name)

    def _pad(self, rows: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
        shape = len(rows), max(map(len, rows))
        tokens = np.full(shape, self.text_info.get("pad") or 0, np.int32)
        mask = np.zeros(shape, np.int32)
        for index, row in enumerate(rows):
            tokens[index, : len(row)] = row
            mask[index, : len(row)] = 1
        return tokens, mask

    def _entry(self, name: str) -> Entry:
        if name not in self.entries:
            known = ", ".join(self.entries)
            raise Error(f"{name}: the package has no such entry; it has {known}")
        return self.entries[name]


def load(path: str | os.PathLike[str], device: str = "cpu", threads: int = 0) -> Model:
    """Loads a package. `threads` 0: the CPUs this process may use. Raises Error
    with code 1 (damaged package), 2 (not a path) or 5 (CPU feature, device
    missing)."""
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(name, str):
        raise Error(f"path: expected str or os.PathLike, got {path!r}", USAGE)
    if threads < 0:
        raise Error(f"threads: expected at least 0, got {threads}", USAGE)
    return Model(name, device, threads)


def _ids(ids: Sequence[int]) -> list[int]:
    try:
        return [operator.index(token) for token in ids]
    except TypeError as error:
        raise Error(f"tokens: expected whole numbers: {error}") from None


def _entry(data: dict[str, Any]) -> Entry:
    symbols = data.get("symbols", [])

    def tensors(kind: str) -> tuple[Tensor, ...]:
        return tuple(
            Tensor(
                tensor["name"],
                tensor["dtype"],
                tuple(_dimension(size, symbols) for size in tensor["shape"]),
                bool(tensor.get("optional")),
            )
            for tensor in data[kind]
        )

    stateful = bool(data.get("stateful"))
    return Entry(data["name"], tensors("inputs"), tensors("outputs"), stateful)


def _dimension(size: Any, symbols: list[str]) -> int | str:
    """A manifest's size: a number, or a polynomial of the entry's symbols."""
    if not isinstance(size, dict):
        return size
    terms = []
    for coefficient, *factors in size["terms"]:
        names = [symbols[factor] for factor in factors]
        number = [] if coefficient == 1 and names else [str(coefficient)]
        terms.append("*".join(number + names))
    return " + ".join(terms)


def _convert(entry: Entry, name: str, value: npt.ArrayLike) -> tuple[str, np.ndarray]:
    """The input in the entry's dtype. Shapes are the runtime's to check."""
    declared = next((i for i in entry.inputs if i.name == name), None)
    if declared is None:
        known = ", ".join(i.name for i in entry.inputs)
        raise Error(f"{entry.name}: no input {name}; expected {known}")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise Error(f"{entry.name}: {name}: {error}") from None
    dtype, wanted = declared.dtype, capi.NUMPY[declared.dtype]
    if dtype == "i32":
        bounds = np.iinfo(np.int32)
        if array.size == 0 and array.dtype.kind == "f":
            array = array.astype(np.int32)  # an empty list has no type
        if array.dtype.kind not in "iub":
            raise Error(f"{entry.name}: {name}: expected i32, got {array.dtype}")
        if array.size and not (bounds.min <= array.min() and array.max() <= bounds.max):
            raise Error(f"{entry.name}: {name}: a value does not fit i32")
    elif wanted.kind == "u" and array.dtype != wanted:
        raise Error(
            f"{entry.name}: {name}: expected {dtype} as {wanted} codes, "
            f"got {array.dtype}"
        )
    elif array.dtype.kind not in "iubf":
        raise Error(f"{entry.name}: {name}: expected {dtype}, got {array.dtype}")
    return dtype, np.ascontiguousarray(array, wanted).reshape(array.shape)
