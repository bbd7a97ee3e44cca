"""Text <-> tokens: the package's tokenizer, chat template and special ids.

Part of Trine, under Apache-2.0 WITH LLVM-exception.
"""

import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

import jinja2
import jinja2.sandbox
import tokenizers

from .errors import Error

Message = dict[str, Any]
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def checked(text: str) -> str:
    """Text a tokenizer takes: a string of characters. Bytes of a command line that
    are no UTF-8 arrive as lone surrogates."""
    if not isinstance(text, str):
        raise Error(f"text: expected a string, got {type(text).__name__}", code=2)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Error(f"text: character {error.start} is no valid UTF-8") from None
    return text


class Text:
    """Made from the package's sections `tokenizer` (a Hugging Face
    tokenizer.json, whose own truncation and padding are ignored) and `text`."""

    def __init__(self, tokenizer: bytes, info: dict[str, Any]) -> None:
        try:
            self._source = tokenizer.decode()
            self._tokenizer = self._plain()
        except Exception as error:  # the library raises bare Exception
            raise Error(f"tokenizer: {error}") from None
        self.info = info

    def _plain(self) -> tokenizers.Tokenizer:
        tokenizer = tokenizers.Tokenizer.from_str(self._source)
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def tokenize(self, text: str) -> list[int]:
        """Adds no special tokens; a special token's text becomes its id."""
        return self._tokenizer.encode(checked(text), add_special_tokens=False).ids

    def detokenize(self, ids: Sequence[int]) -> str:
        """Special tokens appear as their text."""
        known = self._tokenizer.get_vocab_size()
        for token in ids:
            if not 0 <= token < known:
                raise Error(f"token: expected 0 to {known - 1}, got {token}")
        return self.decode(ids, special=True)

    def decode(self, ids: Sequence[int], special: bool) -> str:
        """Ids without a token give nothing: a model's vocabulary may be padded."""
        return self._tokenizer.decode(list(ids), skip_special_tokens=not special)

    def prompt(self, text: str) -> list[int]:
        """Tokens of a prompt that is no chat, after BOS where the model wants it."""
        start = [self.info["bos"]] if self.info.get("add_bos") else []
        return start + self.tokenize(text)

    def chat(self, messages: str | Sequence[Message]) -> list[int]:
        """Tokens of a conversation (one user message where it is a string) in the
        model's chat template, up to where the assistant answers. The template
        writes the special tokens itself."""
        source = self.info.get("chat_template")
        if not source:
            raise Error("chat: the model has no chat template; leave chat off")
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        try:
            rendered = _environment().from_string(source)
            text = rendered.render(
                messages=list(messages),
                add_generation_prompt=True,
                bos_token=self.info.get("bos_token") or "",
                eos_token=self.info.get("eos_token") or "",
            )
        except (jinja2.TemplateError, TypeError, ValueError) as error:
            raise Error(f"chat template: {error}") from None
        return self.tokenize(text)

    def sequences(self, texts: Iterable[str], limit: int) -> list[list[int]]:
        """Tokens of each text with the model's special tokens, cut to `limit`."""
        tokenizer = self._plain()
        tokenizer.enable_truncation(limit)
        batch = tokenizer.encode_batch([checked(text) for text in texts])
        return [encoded.ids for encoded in batch]

    def stream(self) -> "Stream":
        return Stream(self)


class Stream:
    """Tokens in one at a time, whole characters out: text is held back while
    its last character is incomplete. Special tokens have no text."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self._ids: list[int] = []
        # ids[start:end] are known text, kept because the meaning of a token's
        # leading space depends on what stands before it.
        self._start = self._end = 0

    def push(self, token: int) -> str:
        self._ids.append(token)
        piece = self._pending()
        if piece.endswith(REPLACEMENT):
            return ""
        if piece:
            self._start, self._end = self._end, len(self._ids)
        return piece

    def finish(self) -> str:
        """What is still held back, an incomplete character as U+FFFD."""
        piece = self._pending()
        self._start = self._end = len(self._ids)
        return piece

    def _pending(self) -> str:
        known = self._decode(self._ids[self._start : self._end])
        return self._decode(self._ids[self._start :])[len(known) :]

    def _decode(self, ids: list[int]) -> str:
        return self._text.decode(ids, special=False)


def _environment() -> jinja2.Environment:
    """The names chat templates of Hugging Face models rely on."""

    def raise_exception(message: str) -> None:
        raise jinja2.TemplateError(message)

    def tojson(
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(
        form
    )
    return environment
