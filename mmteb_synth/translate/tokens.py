"""Tokens, counted by the models' own tokenizers. Their data come in packages, so that nothing is downloaded."""

from __future__ import annotations

import functools
import tomllib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib import util
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from mmteb_synth.errors import MissingExtraError
from mmteb_synth.translate.templates import Message
from mmteb_synth.types import Language

TokenizerName = Literal["cl100k_base", "o200k_base", "mistral"]

MISTRAL_INSTALL = "pip install 'mmteb-synth[plan]'"

_FOLDER = Path(__file__).parent
_REMEMBERED = 4096
"""Strings of which the count is remembered: the instructions come again with every text."""


class Tokenizer(Protocol):
    """Counts as a model does."""

    def count(self, text: str) -> int:
        """The tokens of a text."""
        ...

    def prompt(self, messages: Sequence[Message]) -> int:
        """The tokens of a chat as the model is sent it, those that its template adds among them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """How many tokens a translation takes for each token of its English.

    Attributes:
        factor: The ratio; 1 for English.
        source: What it was measured on; None where it is a guess.
    """

    factor: float
    source: str | None


def tokenizer_of(model: str, declared: str | None = None) -> tuple[TokenizerName, bool]:
    """The tokenizer to count a model's tokens with.

    Args:
        model: The model's name, as its endpoint or MTEB knows it.
        declared: What its preset says; by default the model's name decides.

    Returns:
        The tokenizer's name, and whether it is the model's own; otherwise it stands in for one that no package
        carries.
    """
    if declared is not None:
        known = next((name for name in get_args(TokenizerName) if name == declared), None)
        return known or _content()["stand_in"], known is not None
    name = model.rsplit("/", 1)[-1].lower()
    for entry in _content()["models"]:
        if any(fnmatchcase(name, pattern) for pattern in entry["names"]):
            return entry["tokenizer"], True
    return _content()["stand_in"], False


def check(name: TokenizerName) -> None:
    """Make sure that a tokenizer can be loaded, without the half second that this takes.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    needed = ("mistral_common", "sentencepiece") if name == "mistral" else ()
    if not all(map(util.find_spec, needed)):
        raise MissingExtraError("counting Mixtral's tokens", MISTRAL_INSTALL)


@functools.cache
def load(name: TokenizerName) -> Tokenizer:
    """A tokenizer by name.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    check(name)
    return _Mistral() if name == "mistral" else _OpenAI(name)


def expansion(language: Language, name: TokenizerName) -> Expansion:
    """How many tokens a translation takes for each token of its English.

    Args:
        language: The language of the translation.
        name: The tokenizer that counts both.
    """
    if language.iso639_3 == "eng":
        return Expansion(factor=1.0, source="English")
    measured = _measured().get(language.code)
    if measured:
        return Expansion(factor=measured[name], source=measured["source"])
    guess = _content()["guess"]["latin" if language.script == "Latn" else "other"]
    return Expansion(factor=guess[name], source=None)


@functools.cache
def _content() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "tokens.toml").read_text("utf-8"))


@functools.cache
def _measured() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "token_expansion.toml").read_text("utf-8"))


class _OpenAI:
    """The tokenizers of OpenAI's models.

    Each message of a chat costs three tokens besides its role and content, and the answer's beginning three more:
    OpenAI's cookbook, "How to count tokens with tiktoken".
    """

    def __init__(self, name: TokenizerName) -> None:
        with warnings.catch_warnings():
            # It reads its data through a function that Python 3.11 deprecated and 3.13 took back.
            warnings.simplefilter("ignore", DeprecationWarning)
            import bpe_openai

            self._encode = bpe_openai.get_encoding(name).encode_ordinary
        self._remembered = functools.lru_cache(_REMEMBERED)(self.count)

    def count(self, text: str) -> int:
        return len(self._encode(text))

    def prompt(self, messages: Sequence[Message]) -> int:
        return 3 + sum(4 + self._remembered(message["content"]) for message in messages)


class _Mistral:
    """The tokenizer of Mixtral 8x7B and Mistral 7B (version 1 in mistral-common); a chat is `<s> [INST] … [/INST]`."""

    def __init__(self) -> None:
        # The package itself is not imported: it takes a second, and only its data are wanted.
        found = util.find_spec("mistral_common")
        assert found is not None
        assert found.origin is not None
        from sentencepiece import SentencePieceProcessor

        data = Path(found.origin).parent / "data" / "tokenizer.model.v1"
        self._encode = SentencePieceProcessor(model_file=str(data)).encode
        self._line = functools.lru_cache(_REMEMBERED)(self._count_line)

    def count(self, text: str) -> int:
        first, *others = text.split("\n")
        start = len(self._encode(first)) or (1 if others else 0)  # the space that is put before everything
        return start + sum(map(self._line, others))

    def prompt(self, messages: Sequence[Message]) -> int:
        return 1 + sum(self.count(f"[INST] {message['content']} [/INST]") for message in messages)

    def _count_line(self, line: str) -> int:
        # A line break is a token by itself, so lines can be counted one by one; the encoder puts a space before each.
        return len(self._encode(f"\n{line}")) - 1
