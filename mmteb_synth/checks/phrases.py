"""What models say around translations or in their place, in English and in the target's language.

The words lie in phrases.toml, one table a language. `label` is shared with the reading of answers.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from mmteb_synth import languages
from mmteb_synth.types import Language

_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The phrases of one language, in lower case; phrases.toml says what each is. All empty where none are known.

    Attributes:
        negation: What any match of `cannot` holds.
        cannot: Finds the speaker's own inability.
        sorry: How a refusal begins.
        translate: Stems of the words for a translation.
        help: Stems of the words for help, requests and content.
        machine: How a model speaks of itself.
        sure: Matches the cheerful beginning of an answer.
        note: Finds the beginning of a remark, as "(note:".
        closing: How a helpful answer ends.
        alternative: Finds what leads to another translation, as "or:" at the head of a line or in brackets.
        answer: Matches "yes," and "no,".
    """

    negation: tuple[str, ...]
    cannot: re.Pattern[str]
    sorry: tuple[str, ...]
    translate: tuple[str, ...]
    help: tuple[str, ...]
    machine: tuple[str, ...]
    sure: re.Pattern[str]
    note: re.Pattern[str]
    closing: tuple[str, ...]
    alternative: re.Pattern[str]
    answer: re.Pattern[str]


@functools.lru_cache(maxsize=512)
def of(code: str) -> Phrases:
    """The phrases of a language.

    Args:
        code: As MTEB writes it, `tur-Latn`.
    """
    row = _tables().get(key(code), {})
    return Phrases(
        negation=tuple(row.get("negation", ())),
        cannot=re.compile("|".join(row["cannot"])) if row else _NOTHING,
        sorry=tuple(row.get("sorry", ())),
        translate=tuple(row.get("translate", ())),
        help=tuple(row.get("help", ())),
        machine=tuple(row.get("machine", ())),
        sure=_pattern(row.get("sure"), r"\W*(?:{0})(?=\s*[!,.:！，。：])"),
        note=_pattern(
            row.get("note"),
            r"(?:^|\s|[.!?…:。！？：][\s\"'”’»)\]]{{0,4}}|[(\[（【*_])\s{{0,3}}[(\[（【*_]{{0,4}}(?P<word>{0})s?(?:\s[^\n:：.()]{{0,40}})?[*_]*\s?[:：]",
        ),
        closing=tuple(row.get("closing", ())),
        alternative=_pattern(
            row.get("or"),
            r"(?:^|\n|[.!?…。！？]\s)[\s*_]{{0,4}}(?:{0})[*_]*(?:\s[^\n:：.]{{0,20}})?\s?(?:[:：]|\n)|[(\[（]\s{{0,3}}(?:{0})(?:[:：,，、]|\s)",
        ),
        answer=_pattern(row.get("answer"), r"\W*(?:{0})\s*[,.!:，。！،、]"),
    )


@functools.lru_cache(maxsize=512)
def key(code: str) -> str:
    """What the tables by language call one: ISO 639-3, of the macro-language where there is one, as `zho` for Mandarin.

    Args:
        code: As MTEB writes it, `cmn-Hans`.
    """
    return languages.family(code).split("-")[0]


def short(text: str) -> str:
    """A quotation of at most 80 characters in one line."""
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def lowered(text: str) -> str:
    """A text in lower case, with the apostrophe of keyboards; Turkish İ becomes one letter."""
    return text.replace("’", "'").replace("İ", "i").lower()


def first(words: tuple[str, ...], text: str) -> str | None:
    """The first of some words that occurs in a text."""
    for word in words:
        if word in text:
            return word
    return None


@functools.lru_cache(maxsize=64)
def label(language: Language | None) -> re.Pattern[str]:
    """The labels of an answer: the words for a translation, and the language's name in English and in itself, by CLDR.

    Args:
        language: The target language; None for the words alone.

    Returns:
        A pattern to match at an answer's beginning, as "Translation:" and "Türkçe:"; it ignores case.
    """
    names = ["Translation", "Translated text"]
    if language is not None:
        import langcodes

        own = langcodes.Language.get(language.iso639_3)
        for name in {language.name, own.language_name(), own.autonym()}:
            names += [name, f"{name} translation", f"Translation into {name}", f"Translation in {name}"]
    return re.compile(
        rf"\s*(?:[*_#]+\s*)?(?:{_any(names)})(?:\s*\([^\n()]*\))?[*_]*\s*:[*_]*\s*",
        re.IGNORECASE,
    )


def _pattern(words: list[str] | None, form: str) -> re.Pattern[str]:
    return re.compile(form.format(_any(words))) if words else _NOTHING


def _any(words: list[str]) -> str:
    """A pattern for any of the words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    text = resources.files("mmteb_synth.checks").joinpath("phrases.toml").read_text("utf-8")
    return tomllib.loads(text)
