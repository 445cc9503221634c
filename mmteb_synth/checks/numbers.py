"""Numbers that were lost, changed or invented.

Digits are compared first, whatever separates them. Only where they differ is asked whether a form explains it: a
spelled number, a scale ("1.5 million" and "1.500.000"), a Roman numeral, 3 pm and 15:00, the 1990s and 90'lar, a month.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mmteb_synth.checks import spelling, thresholds
from mmteb_synth.checks.phrases import lowered
from mmteb_synth.checks.spelling import Spelling
from mmteb_synth.types import Kind, Languages, Severity, Verdict

_LIMITS = thresholds.section("numbers")
_SPELLED: int = _LIMITS["spelled_at_most"]
_REPEATED: int = _LIMITS["repeated_from_characters"]
_LISTED: int = _LIMITS["listed"]

_DIGIT = re.compile(r"\d")
_RUN = re.compile(r"\d+")
_POINT = re.compile(r"\d[.,٫٬'’·]\d")
_NUMBER = re.compile(r"\d+(?:(?:[.,٫٬'’·]|[ \u00a0\u202f\u2009](?=\d{3}(?!\d)))\d+)*")
"""Digits with the separators of any locale; a space only before a group of three."""

_MOST = 200
"""Differing numbers up to which explanations are looked for; more are runaway output."""

_LONGEST = 15
"""Digits of a number that has a value here; longer ones are names, as those of accounts."""

_GROUPED = re.compile(r"\d{1,3}(?:\D\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")
_FRACTIONS = {"½": ".5", "¼": ".25", "¾": ".75", "⅓": ".33", "⅔": ".67", "⅛": ".125"}
_WITH_FRACTION = re.compile(r"(?<=\d)\s?([½¼¾⅓⅔⅛])")
_ROMAN = re.compile(r"(?<!\w)[IVXLCDM]+(?!\w)")
_ROMAN_VALUES = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
_RAISED = dict(zip("0123456789", zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "₀₁₂₃₄₅₆₇₈₉", strict=True), strict=True))
_AFTERNOON = re.compile(r"\d\s?p\.?m\b|\b(?:evening|afternoon|night|noon)\b|\bp\.m\.|\bPM\b", re.IGNORECASE)
_BUDDHIST = 543
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class _Number:
    """A number in a text: its digits without separators, and what it may be worth; nothing where it has too many."""

    text: str
    digits: str
    values: frozenset[float]
    factor: float

    @property
    def whole(self) -> int:
        return int(self.digits) if len(self.digits) <= _LONGEST else -1


@dataclass(frozen=True, slots=True)
class _Side:
    """One of the two texts, for the search of explanations."""

    text: str
    lower: str
    spelling: Spelling | None


def numbers(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Finds numbers that were lost, changed or invented.

    A difference that another form of the number explains is none. It is a warning where the language's number words
    are not known and the number is small, or where the number still occurs, only less often.
    """
    if not _DIGIT.search(hypothesis) and not _DIGIT.search(source):
        return None
    lost, added = _differing(_digits(_NUMBER, source), _digits(_NUMBER, hypothesis))
    if not lost and not added:
        has_point = _POINT.search(source) or _POINT.search(hypothesis)
        return _moved_point(*_sides(source, hypothesis, languages)) if has_point else None
    runs_lost, runs_added = _differing(_digits(_RUN, source), _digits(_RUN, hypothesis))
    if not (runs_lost or runs_added) or _glued(source) == _glued(hypothesis):
        return None
    before, after = _sides(source, hypothesis, languages)
    unexplained = _unexplained(_NUMBER, before, after)
    if unexplained is None or (_is_split(before, after) and _unexplained(_RUN, before, after) is None):
        return None
    return _verdict(*unexplained, before, after)


def _moved_point(before: _Side, after: _Side) -> Verdict | None:
    """A number with its digits but another value: 1.5 that became 15 or 0.15."""
    translated: dict[str, list[_Number]] = {}
    for number in _numbers(_NUMBER, after):
        translated.setdefault(number.digits, []).append(number)
    for number in {each.text: each for each in _numbers(_NUMBER, before)}.values():
        same = translated.get(number.digits, [])
        if (
            not same
            or not number.values
            or any(not each.values or number.values & each.values for each in same)
        ):
            continue
        if Counter(_RUN.findall(number.text)) != Counter(_RUN.findall(same[0].text)):
            return _verdict([number], [same[0]], before, after)
    return None


def _digits(pattern: re.Pattern[str], text: str) -> list[str]:
    """The numbers of a text as ASCII digits without separators."""
    found = pattern.findall(text)
    if found and not text.isascii():
        found = [_plain(number) for number in found]
    return [re.sub(r"\D", "", number) if not number.isdigit() else number for number in found]


def _plain(number: str) -> str:
    """A number with ASCII digits, of whatever script it was."""
    return "".join(str(int(sign)) if sign.isdecimal() else sign for sign in number)


def _differing(before: list[str], after: list[str]) -> tuple[Counter[str], Counter[str]]:
    if before == after:
        return Counter(), Counter()
    left, right = Counter(before), Counter(after)
    return left - right, right - left


def _glued(text: str) -> str:
    """All digits of a text in their order: equal where only separators differ, as in telephone numbers."""
    return "".join(_digits(_RUN, text))


def _is_split(before: _Side, after: _Side) -> bool:
    """Whether the two texts group digits differently, so that comparing single runs of digits may be fairer."""
    return bool(re.search(r"\d\D\d", before.text) or re.search(r"\d\D\d", after.text))


def _sides(source: str, hypothesis: str, languages: Languages) -> tuple[_Side, _Side]:
    return (
        _Side(source, lowered(source), spelling.of(languages.source.code)),
        _Side(hypothesis, lowered(hypothesis), spelling.of(languages.target.code)),
    )


def _unexplained(
    pattern: re.Pattern[str], before: _Side, after: _Side
) -> tuple[list[_Number], list[_Number]] | None:
    """The numbers that are missing and those that are new, without those that another form explains."""
    lost, added = _without_equal(list(_numbers(pattern, before)), list(_numbers(pattern, after)))
    if len(lost) + len(added) > _MOST:
        return lost, added
    for number in list(lost):
        match = next((other for other in added if _same(number, other, before, after)), None)
        if match is not None:
            lost.remove(number)
            added.remove(match)
    lost = [number for number in lost if not _said_otherwise(number, after, before)]
    added = [number for number in added if not _said_otherwise(number, before, after)]
    added = [number for number in added if not _is_month(number, before, after)]
    return (lost, added) if lost or added else None


def _without_equal(before: list[_Number], after: list[_Number]) -> tuple[list[_Number], list[_Number]]:
    """Both lists without the numbers whose digits are equal, as multisets."""
    counts = Counter(number.digits for number in before) & Counter(number.digits for number in after)
    kept: list[list[_Number]] = []
    for numbers_of_side in (before, after):
        left = counts.copy()
        rest = []
        for number in numbers_of_side:
            if left[number.digits] > 0:
                left[number.digits] -= 1
            else:
                rest.append(number)
        kept.append(rest)
    return kept[0], kept[1]


def _numbers(pattern: re.Pattern[str], side: _Side) -> Iterator[_Number]:
    text = _WITH_FRACTION.sub(lambda match: _FRACTIONS[match[1]], side.text)
    lower = lowered(text)
    if len(lower) != len(text):  # a letter whose small form is two; then scales are not looked for
        lower = text
    for match in pattern.finditer(text):
        number = _plain(match[0])
        factor = side.spelling.scale(lower[match.end() : match.end() + 24]) if side.spelling else 1.0
        yield _Number(match[0], re.sub(r"\D", "", number), _values(number, factor), factor)


def _values(number: str, factor: float) -> frozenset[float]:
    """What a number may be worth: separators stand for thousands or for decimals, as the locale has it."""
    digits = re.sub(r"\D", "", number)
    if len(digits) > _LONGEST:
        return frozenset()
    values = {float(digits)} if number.isdigit() or _GROUPED.fullmatch(number) else set()
    head, _, tail = re.sub(r"[^\d]", ".", number).rpartition(".")
    if head and not (values and tail == "000"):  # 30,000 is not 30
        values.add(float(f"{head.replace('.', '')}.{tail}"))
    return frozenset(round(value * factor, 6) for value in values) | (
        frozenset(values) if factor > 1 else frozenset()
    )


def _same(lost: _Number, added: _Number, before: _Side, after: _Side) -> bool:
    """Whether two numbers with different digits are one, said differently."""
    if lost.values & added.values:
        return True
    a, b = lost.whole, added.whole
    if len(lost.digits) <= 2 and len(added.digits) <= 2:
        noon = a == 12 and b in (0, 24)
        later = 1 <= a <= 11 and b == a + 12
        if noon or (later and (_AFTERNOON.search(before.text) or _are_clocks(lost, added, before, after))):
            return True
    long, short = sorted((a, b), reverse=True)
    if 1000 < long < 2200 and short < 100:
        decade = long % 100 == short and long % 10 == 0
        century = long % 100 == 0 and short == long // 100 + 1
        both = before.text + after.text
        cut = long % 100 == short and any(f"{sign}{short:02d}" in both for sign in "'’-–/")
        return decade or century or cut
    return b == a + _BUDDHIST


def _are_clocks(lost: _Number, added: _Number, before: _Side, after: _Side) -> bool:
    """Whether both are hours of a clock, as 2:30 and 14:30, and the first not in the morning."""
    return (
        re.search(rf"\b{lost.text}[:.]\d\d(?!\s?a\.?m)", before.lower) is not None
        and re.search(rf"\b{added.text}(?:[:.h]\d\dh?|\s?(?:h|uhr))\b", after.lower) is not None
    )


def _said_otherwise(number: _Number, other: _Side, own: _Side) -> bool:
    """Whether the other text spells a number in words, in Roman numerals, or raised as in m²."""
    if len(number.digits) > _LONGEST:
        return False
    whole, words = number.whole, other.spelling
    is_round_year = f"{whole}s" in own.lower and 1000 < whole < 2200
    romans = _romans(other.text)
    return (
        (words is not None and words.spells(whole, other.lower))
        or (words is not None and is_round_year and words.spells(whole % 100, other.lower))
        or (
            words is not None
            and number.factor > 1
            and whole == 1
            and words.names_scale(number.factor, other.lower)
        )
        or whole in romans
        or (is_round_year and whole // 100 + 1 in romans)
        or (len(number.digits) == 1 and any(sign in other.text for sign in _RAISED[number.digits]))
        or (
            number.digits in ("2", "3") and f"m{number.digits}" in own.text
        )  # km2, which may become square kilometres
        or (number.digits == "00" and ":00" in own.text)
        or ("24/7" in own.text and whole in (24, 7))
    )


def _romans(text: str) -> set[int]:
    """The values of a text's Roman numerals. A single I, C, D, L or M is mostly a word or a name."""
    return {_roman(match) for match in _ROMAN.findall(text) if len(match) > 1 or match in "VX"}


def _roman(numeral: str) -> int:
    values = [_ROMAN_VALUES[sign] for sign in numeral]
    following = [*values[1:], 0]
    return sum(-value if value < after else value for value, after in zip(values, following, strict=True))


def _is_month(number: _Number, before: _Side, after: _Side) -> bool:
    """Whether a source names the month that stands in a date as a number, as July in 7月 and 4.7."""
    month = number.text
    if not 1 <= number.whole <= 12 or _MONTHS[number.whole - 1] not in before.lower:
        return False
    date = rf"(?<!\d){month}\s?[月월]|\d[./\-]\s?{month}(?!\d)|(?<!\d){month}[./\-]\d"
    return re.search(date, after.text) is not None


def _verdict(lost: list[_Number], added: list[_Number], before: _Side, after: _Side) -> Verdict:
    if len(lost) == len(added) == 1:
        told = f"the number {lost[0].text} became {added[0].text}; keep the source's number"
    else:
        parts = [f"the number {number.text} is missing" for number in lost[:_LISTED]]
        parts += [f"the number {number.text} is not in the source" for number in added[:_LISTED]]
        told = "; ".join(parts)
    severity: Severity = "error"
    if all(_may_be_form(number, after, before) for number in lost) and all(
        _may_be_form(number, before, after) for number in added
    ):
        severity = "warning"
    return Verdict(check="numbers", severity=severity, reason=told, score=float(len(lost) + len(added)))


def _may_be_form(number: _Number, other: _Side, own: _Side) -> bool:
    """Whether a form that is not known here may explain a number: an unknown number word, a repetition, a date."""
    if other.spelling is None and number.whole <= _SPELLED:
        return True
    if len(own.text) >= _REPEATED and number.digits in _digits(_NUMBER, other.text):
        return True
    return number.whole <= 12 and (f"{number.text}/" in own.text or f"/{number.text}" in own.text)
