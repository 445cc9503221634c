"""Output that runs in circles, or comes twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import regex

from mmteb_synth.checks import lengths, thresholds
from mmteb_synth.types import Kind, Languages, Verdict

_REPETITION = thresholds.section("repetition")
_DOUBLED = thresholds.section("doubled")

_LOOP = regex.compile(r"(\S{1,12}?)\1{7,}")
_NOT_WORDS = regex.compile(r"[^\p{L}\p{N}\p{M}]+")
_TAIL = 240
_START = 8
_UNSPACED = frozenset(thresholds.section("text")["unspaced"])


def repetition(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether a translation says the same again and again, more than its source does."""
    words = hypothesis.split()
    if len(max(words, key=len, default="")) > _REPETITION["long_word"] and (loop := _LOOP.search(hypothesis)):
        if loop[1] * 4 not in source:
            return _repeated(loop[0], 1.0)
        return None
    if languages.target.script in _UNSPACED:
        tail = hypothesis[-_TAIL:]
        found, share, limit = _again(tail, 6), _share(tail, 6), _REPETITION["unspaced_share"]
        own = _share(source[-_TAIL:], 6)
    elif len(words) - len(set(words)) < _REPETITION["least"]:
        return None
    else:
        found, share, limit = _again(words), _share(words), _REPETITION["share"]
        own = _share(source.split())
    if found < _REPETITION["least"] or share - own < limit:
        return None
    phrase = Counter(zip(words, words[1:], words[2:], strict=False)).most_common(1)
    return _repeated(" ".join(phrase[0][0]) if phrase else hypothesis[-20:], share)


def doubled(source: str, hypothesis: str, languages: Languages, kind: Kind) -> Verdict | None:
    """Whether the translation comes twice, word for word or in two wordings."""
    score = lengths.deviation(source, hypothesis, languages.target.code)
    if score < _DOUBLED["length"] and hypothesis.count(hypothesis[:_START]) < 2:
        return None
    text = hypothesis.casefold()
    words = _NOT_WORDS.sub(" ", text).split()
    if languages.target.script in _UNSPACED:
        letters = "".join(words)
        parts = list(map("".join, pairwise(letters)))
    else:
        parts = words
    if len(parts) < 2:
        return None
    share = _overlap(parts)
    if share < _DOUBLED["share"]:
        return None
    own = _overlap(_NOT_WORDS.sub(" ", source.casefold()).split())
    limit = _DOUBLED["share"] if score >= _DOUBLED["long"] else _DOUBLED["same"]
    if score < _DOUBLED["length"]:
        limit = 1.0
    if share < limit or share - own < _DOUBLED["more"]:
        return None
    reason = f"the translation seems to come twice: its halves have {share:.0%} of their words in common"
    return Verdict(check="doubled", severity="error", reason=reason, score=round(share, 3))


def _again(parts: Sequence[str], size: int = 3) -> int:
    """How many runs of some neighbouring parts, words or characters, a text has had before."""
    runs = len(parts) - size + 1
    return runs - len(set(zip(*(parts[at:] for at in range(size)), strict=False))) if runs > 0 else 0


def _share(parts: Sequence[str], size: int = 3) -> float:
    """The share of the parts that begin a run which came before."""
    return _again(parts, size) / max(len(parts), 1)


def _overlap(parts: Sequence[str]) -> float:
    """The share of the parts that both halves have, at the best of three places to halve a text."""
    middle = len(parts) // 2
    return max(
        (
            (Counter(parts[:at]) & Counter(parts[at:])).total() / max(at, len(parts) - at)
            for at in (middle, middle + 1, middle - 1)
            if 0 < at < len(parts)
        ),
        default=0.0,
    )


def _repeated(phrase: str, share: float) -> Verdict:
    shown = phrase if len(phrase) <= 40 else f"{phrase[:40]}…"
    return Verdict(
        check="repetition",
        severity="error",
        reason=f"the translation runs in circles: {shown!r} comes again and again",
        score=round(share, 3),
    )
