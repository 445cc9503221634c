"""How long a translation is for its source, in standard deviations from what is usual in its language."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

from mmteb_synth import languages
from mmteb_synth.checks import thresholds
from mmteb_synth.types import Kind, Languages, Severity, Verdict

_LENGTH = thresholds.section("length")


class Band(NamedTuple):
    """The distribution of log(characters of a translation / characters of its English).

    Attributes:
        mean: Its mean.
        spread: Its standard deviation at one character; it falls with the root of the length.
        unsure: How far the mean may be off.
    """

    mean: float
    spread: float
    unsure: float


def deviation(source: str, hypothesis: str, code: str) -> float:
    """How many standard deviations a translation is longer (or shorter: negative) than usual.

    Args:
        source: The English text.
        hypothesis: Its translation.
        code: The translation's language, as `tur-Latn`.
    """
    mean, spread, unsure = band(code)
    length = len(source) + 1
    variance = unsure**2 + float(_LENGTH["floor"]) ** 2 + spread**2 / length
    return (math.log((len(hypothesis) + 1) / length) - mean) / math.sqrt(variance)


def usual(source: str, code: str) -> int:
    """The usual length of a translation, in characters."""
    return round(len(source) * math.exp(band(code).mean))


@functools.lru_cache(maxsize=256)
def band(code: str) -> Band:
    """The band of a language: its own, else that of its script, else a wide one.

    Args:
        code: As MTEB writes it.
    """
    if code.startswith("eng-"):
        return Band(0.0, _LENGTH["least_spread"], 0.0)
    own, scripts = thresholds.lengths("languages"), thresholds.lengths("scripts")
    row = next((own[each] for each in (code, *sorted(languages.equivalents(code))) if each in own), None)
    row = row or scripts.get(code.split("-", 1)[1]) or _LENGTH["elsewhere"]
    return Band(row["mean"], row["spread"], row["unsure"])


def length(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation is far longer or shorter than is usual in its language."""
    score = deviation(source, hypothesis, languages.target.code)
    if abs(score) < _LENGTH["warning"]:
        return None
    reason = (
        f"the translation has {len(hypothesis)} characters where about "
        f"{usual(source, languages.target.code)} are usual in {languages.target.name}"
    )
    severity: Severity = "error" if abs(score) >= _LENGTH["error"] else "warning"
    return Verdict(check="length", severity=severity, reason=reason, score=round(score, 2))
