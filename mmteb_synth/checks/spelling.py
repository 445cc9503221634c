"""Whether a text spells a number in words, by the table number_words.toml. Only asked where digits differ."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any

from mmteb_synth.checks.phrases import key

_SCALES = {
    "thousand": 1e3,
    "myriad": 1e4,
    "lakh": 1e5,
    "million": 1e6,
    "crore": 1e7,
    "hundred_million": 1e8,
    "billion": 1e9,
    "trillion": 1e12,
}
_UNSPACED = frozenset({"zho", "jpn", "kor", "yue"})
_HAN_DIGITS = str.maketrans("0123456789", "〇一二三四五六七八九")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How one language spells numbers.

    Attributes:
        units: Finds each of 0 to 19.
        ones: Finds each of 0 to 9, within words too, as in `veinticinco`.
        tens: Finds each of 0, 10 … 90.
        hundred: Finds hundreds and centuries.
        thousand: Finds thousands.
        scales: Matches a scale behind digits, with its factor; the longest first.
        has_han_digits: Whether years may be spelled digit by digit, as 一九九八.
    """

    units: tuple[re.Pattern[str], ...]
    ones: tuple[re.Pattern[str], ...]
    tens: tuple[re.Pattern[str], ...]
    hundred: re.Pattern[str]
    thousand: re.Pattern[str]
    scales: tuple[tuple[re.Pattern[str], float], ...]
    has_han_digits: bool

    def spells(self, number: int, text: str) -> bool:
        """Whether the words of a number stand in a text. Lenient: they may stand apart and be inflected.

        Args:
            number: The number.
            text: The text, in lower case.
        """
        if self.has_han_digits and str(number).translate(_HAN_DIGITS) in text.replace("零", "〇"):
            return True
        if number < 100:
            return self._spells_small(number, text)
        if number % 100 == 0 and number < 1000:
            return self.hundred.search(text) is not None
        if number % 1000 == 0 and number < 1_000_000:
            return self.thousand.search(text) is not None
        return any(
            number % factor == 0 and pattern.search(text) for pattern, factor in self.scales if factor >= 1e6
        )

    def _spells_small(self, number: int, text: str) -> bool:
        if number < 20:
            return self.units[number].search(text) is not None
        ten, unit = divmod(number, 10)
        if number == 45 and self.units[15].search(text):  # a quarter to
            return True
        return bool(self.tens[ten].search(text) and (not unit or self.ones[unit].search(text)))

    def names_scale(self, factor: float, text: str) -> bool:
        """Whether a text has the word for a factor, as `milliard` for 10^9 without a digit before it.

        Args:
            factor: The factor, as 1e9.
            text: The text, in lower case.
        """
        return any(own == factor and pattern.search(text) for pattern, own in self.scales)

    def scale(self, text: str) -> float:
        """The factor that a text behind digits begins with, as 1,000,000 of " million"; 1.0 where there is none.

        Args:
            text: What stands behind the digits, in lower case.
        """
        after = text.lstrip(" -\u00a0\u202f")
        return next((factor for pattern, factor in self.scales if pattern.match(after)), 1.0)


@functools.lru_cache(maxsize=512)
def of(code: str) -> Spelling | None:
    """How a language spells numbers; None where it isn't known.

    Args:
        code: The language as MTEB writes it, `tur-Latn`.
    """
    name = key(code)
    row = _tables().get(name)
    if row is None:
        return None
    spaced = name not in _UNSPACED
    scales = [(row[scale], factor) for scale, factor in _SCALES.items() if scale in row]
    longest = sorted(scales, key=lambda scale: -max(map(len, scale[0].split())))
    return Spelling(
        units=tuple(_pattern(words, spaced) for words in row["units"]),
        ones=tuple(_pattern(words, spaced, within=True) for words in row["units"][:10]),
        tens=tuple(_pattern(words, spaced, within=True) for words in row["tens"]),
        hundred=_pattern(row["hundred"], spaced, within=True),
        thousand=_pattern(row["thousand"], spaced, within=True),
        scales=tuple((_pattern(words, spaced), factor) for words, factor in longest),
        has_han_digits=name in {"zho", "jpn", "yue"},
    )


def _pattern(words: str, spaced: bool, *, within: bool = False) -> re.Pattern[str]:
    """A pattern for the words of one number. Tens and hundreds may stand within words, as in `fünfundzwanzig`."""
    forms = []
    for word in words.split():
        whole = word.endswith(".")
        form = re.escape(word.removesuffix(".")).replace("_", r"[\s\-]*")
        before = r"(?<!\w)" if spaced and (whole or not within) else ""
        forms.append(before + form + (r"(?!\w)" if whole else ""))
    return re.compile("|".join(forms) if forms else r"(?!)")


@functools.cache
def _tables() -> dict[str, dict[str, Any]]:
    text = resources.files("mmteb_synth.checks").joinpath("number_words.toml").read_text("utf-8")
    return tomllib.loads(text)
