"""The words of a text that a translator should not leave as they are."""

from __future__ import annotations

import functools
import re

AROUND = ".,;:!?\"“”„‘’'«»‹›()[]…¿¡—–-*。、，！？؟،"
_SMALL_IN_NAMES = frozenset(
    ["of", "the", "and", "in", "on", "at", "to", "for", "from", "with", "by", "or", "an", "as", "vs", "de", "la", "du", "van", "von", "der", "el"]
)  # fmt: skip
_SPAN = re.compile(r"`[^`]*`")
_CODE = frozenset("/\\@#`{}%<>=_")


@functools.lru_cache(maxsize=64)
def bare_words(text: str) -> frozenset[str]:
    """The different words of a text, without the punctuation around them.

    Args:
        text: Any text.
    """
    return frozenset([word.strip(AROUND) for word in text.split()])


@functools.lru_cache(maxsize=64)
def ordinary_words(text: str) -> frozenset[str]:
    """The different words written in small letters only, without those that names have too, as "of" and "the".

    Addresses, handles and placeholders are not among them, as they are no mere letters, nor is code in backticks.

    Args:
        text: Any text; of scripts without small letters only the Latin words count.
    """
    words = bare_words(_SPAN.sub(" ", text) if "`" in text else text)
    ordinary = [word for word in words if word.islower() and word.isalpha() and len(word) > 1]
    return frozenset(ordinary) - _SMALL_IN_NAMES


def count_of_words(text: str) -> int:
    """How many words a text has, without numbers, code, addresses, and what names have too.

    Args:
        text: Any text.
    """
    return sum(
        word.casefold() not in _SMALL_IN_NAMES and _CODE.isdisjoint(word) and any(map(str.isalpha, word))
        for word in text.split()
    )
