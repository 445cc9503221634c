"""Judges a whole set: different sources with one translation, one source with two, phrases leaked from an example.

What one pair can't show. Memory stays small for any number of rows: what occurs only once, as nearly everything does, is
known by its hash alone, and what may occur often is looked at again.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from mmteb_synth.checks import thresholds
from mmteb_synth.checks.phrases import short
from mmteb_synth.types import Language, Severity, Verdict

_LIMITS = thresholds.section("across")
_LETTERS: int = _LIMITS["content_letters"]
_LEAST_CONTENT: int = _LIMITS["least_content"]
_SHARED: float = _LIMITS["shared_content"]
_COMPARED: int = _LIMITS["compared"]
_PHRASE_WORDS: int = _LIMITS["phrase_words"]
_PHRASE_CHARACTERS: int = _LIMITS["phrase_characters"]
_PHRASE_ROWS: int = _LIMITS["phrase_rows"]
_PHRASE_SHARE: float = _LIMITS["phrase_share"]
_PHRASE_SURELY: float = _LIMITS["phrase_surely"]
_WINDOW: int = _LIMITS["window"]

_WORD = re.compile(r"\w+")
_STEM = 5
"""Letters that words are compared by, so that `plays` and `playing` are one."""

_UNSPACED = frozenset(thresholds.section("text")["unspaced"])
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio, as Fibonacci hashing has it
_MOST_COUNTERS = 25
"""Binary digits of the number of counters of runs: 128 MiB of them at most."""
_HASHED_AT_ONCE = 10_000
_LOOKED_AT = 200
"""Rows of one phrase whose sources are compared; more would not change the shares."""

_Found = dict[int, list[Verdict]]
_Item = TypeVar("_Item")


def judge(
    sources: Sequence[str], hypotheses: Sequence[str], target: Language
) -> dict[int, tuple[Verdict, ...]]:
    """What only shows across rows.

    Args:
        sources: The English texts; repeated ones are judged by whether their translations are the same.
        hypotheses: Their translations, in the same order; empty ones are passed over.
        target: The language of the translations.

    Returns:
        The verdicts by row, errors first; only rows that there are any for. `collision`: a source that says something
        else has the same translation. `inconsistent`: the same source has another translation too. `leaked`: the
        translation holds a phrase that many have and their sources don't.
    """
    found: _Found = defaultdict(list)
    _collisions(sources, hypotheses, found)
    _inconsistencies(sources, hypotheses, found)
    _leaks(sources, hypotheses, target, found)
    return {
        row: tuple(sorted(verdicts, key=lambda verdict: verdict.severity))
        for row, verdicts in sorted(found.items())
    }


def _collisions(sources: Sequence[str], hypotheses: Sequence[str], found: _Found) -> None:
    """Different sources with one translation. Case, punctuation and white space make no difference on either side."""
    for rows in _groups(hypotheses):
        by_source: dict[str, int] = {}
        for row in rows:
            by_source.setdefault(_plain(sources[row]), row)
        if len(by_source) == 1:
            continue
        compared = _spread(list(by_source), _COMPARED + 1)  # one of which may be a row's own source
        content = {plain: _content(plain) for plain in compared}
        for row in rows:
            plain = _plain(sources[row])
            own = _content(plain)
            others = [other for other in compared if other != plain]
            farthest = min(others, key=lambda other: _overlap(own, content[other]))
            found[row].append(_collision(sources[by_source[farthest]], own, content[farthest]))


def _collision(other: str, own: frozenset[str], content: frozenset[str]) -> Verdict:
    """Sources that share nothing can't be one text; two greetings can, so it takes some words to be sure."""
    shared = _overlap(own, content)
    sure = shared < _SHARED and min(len(own), len(content)) >= _LEAST_CONTENT
    return Verdict(
        check="collision",
        severity="error" if sure else "warning",
        reason=f"another source, “{short(other)}”, has the same translation; translate what is different",
        score=round(shared, 3),
    )


def _inconsistencies(sources: Sequence[str], hypotheses: Sequence[str], found: _Found) -> None:
    """One source with two translations."""
    for rows in _groups(sources, exact=True):
        given = {hypotheses[row] for row in rows if hypotheses[row].strip()}
        if len(given) < 2:
            continue
        for row in rows:
            if hypotheses[row].strip():
                other = min(given - {hypotheses[row]})
                told = f"the same source has another translation too: “{short(other)}”; use one"
                found[row].append(Verdict(check="inconsistent", severity="warning", reason=told))


def _leaks(sources: Sequence[str], hypotheses: Sequence[str], target: Language, found: _Found) -> None:
    """Phrases that many translations have although their sources have little in common."""
    unspaced = target.script in _UNSPACED
    length = _PHRASE_CHARACTERS if unspaced else _PHRASE_WORDS

    def pieces(text: str) -> Sequence[str]:
        return _ends(list(text) if unspaced else text.split())

    told: set[int] = set()
    for group in _shared_runs(lambda: map(pieces, hypotheses), len(hypotheses), length):
        rows = sorted({row for row, _ in group})
        if len(rows) < _PHRASE_ROWS or told.issuperset(rows):
            continue
        distinct = {_plain(sources[row]): row for row in rows}
        share = _corresponding(sources, list(distinct.values()))
        if len(distinct) < _PHRASE_ROWS or share >= _PHRASE_SHARE:
            continue
        severity: Severity = "error" if share < _PHRASE_SURELY else "warning"
        for row, start in group:
            if row in told:
                continue
            told.add(row)
            phrase = ("" if unspaced else " ").join(pieces(hypotheses[row])[start : start + length])
            other = sources[rows[0] if rows[0] != row else rows[1]]
            reason = (
                f"“{short(phrase)}” stands in {len(rows)} translations whose sources don't share it, as in that of "
                f"“{short(other)}”; translate only what this source says"
            )
            found[row].append(
                Verdict(check="leaked", severity=severity, reason=reason, score=round(share, 3))
            )


def _ends(pieces: list[str]) -> Sequence[str]:
    """The words, or characters, at both ends of a text: all of it where it is short."""
    return pieces if len(pieces) <= 2 * _WINDOW else pieces[:_WINDOW] + pieces[-_WINDOW:]


def _shared_runs(
    texts: Callable[[], Iterable[Sequence[str]]], count: int, length: int
) -> Iterable[list[tuple[int, int]]]:
    """Where runs of a length stand that enough texts have: (row, start) of each, the most frequent runs first.

    Args:
        texts: Gives the words or characters of all texts; called twice, so that they need not be held.
        count: How many texts there are.
        length: Words or characters of a run.
    """
    places = 1 << min((2 * _WINDOW * count).bit_length(), _MOST_COUNTERS)
    counters = np.zeros(
        places, np.uint32
    )  # of one or more runs each: no run is more frequent than its counter says
    for hashes, _, _ in _runs(texts(), length):
        np.add.at(counters, hashes & np.uint64(places - 1), 1)
    often = [
        tuple(column[counters[run[0] & np.uint64(places - 1)] >= _PHRASE_ROWS] for column in run)
        for run in _runs(texts(), length)
    ]
    if not often:
        return
    hashes, rows, starts = map(np.concatenate, zip(*often, strict=True))
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    borders = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1], [True])))
    counts = np.diff(borders)
    groups = np.flatnonzero(counts >= _PHRASE_ROWS)
    for group in groups[np.lexsort((order[borders[groups]], -counts[groups]))]:
        found = order[borders[group] : borders[group + 1]]
        yield list(zip(rows[found].tolist(), starts[found].tolist(), strict=True))


def _runs(texts: Iterable[Sequence[str]], length: int) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The hash, row and start of every run of words or characters, for some thousand texts at a time."""
    remaining, before = iter(texts), 0
    while some := list(itertools.islice(remaining, _HASHED_AT_ONCE)):
        sizes = np.fromiter(map(len, some), dtype=np.int64, count=len(some))
        flat = np.fromiter(map(hash, itertools.chain.from_iterable(some)), dtype=np.int64).view(np.uint64)
        count = max(len(flat) - length + 1, 0)
        hashes = np.zeros(count, np.uint64)
        for place in range(length):
            hashes = (hashes ^ flat[place : count + place]) * _MULTIPLIER
            hashes ^= hashes >> np.uint64(29)
        ends = np.cumsum(sizes)
        rows = np.repeat(np.arange(len(some)), sizes)[:count]
        starts = np.arange(count) - (ends - sizes)[rows]
        whole = starts + length <= sizes[rows]
        yield hashes[whole], rows[whole] + before, starts[whole]
        before += len(some)


def _corresponding(sources: Sequence[str], rows: Sequence[int]) -> float:
    """The largest share of some sources that have a pair of words, or a content word, in common."""
    looked_at = _spread(rows, _LOOKED_AT)
    counts: Counter[object] = Counter()
    for row in looked_at:
        words = [word[:_STEM] for word in _WORD.findall(sources[row].lower())]
        pairs = itertools.pairwise(words)
        counts.update({*pairs, *(word for word in words if len(word) >= _LETTERS)})
    return max(counts.values(), default=0) / len(looked_at)


def _groups(texts: Sequence[str], *, exact: bool = False) -> Iterable[list[int]]:
    """The rows of each text that occurs more than once; empty texts are passed over."""

    def plain(text: str) -> str:
        return text if exact else _plain(text)

    hashes = np.fromiter((hash(plain(text)) for text in texts), dtype=np.int64, count=len(texts))
    order = np.argsort(hashes, kind="stable")
    equal = hashes[order][1:] == hashes[order][:-1]
    again = np.zeros(len(hashes), bool)
    again[order[1:][equal]] = again[order[:-1][equal]] = True
    first: dict[str, int] = {}
    groups: dict[str, list[int]] = {}
    for row in np.flatnonzero(again).tolist():
        text = plain(texts[row])
        if text.strip():
            earlier = first.setdefault(text, row)
            if earlier != row:
                groups.setdefault(text, [earlier]).append(row)
    return groups.values()


def _plain(text: str) -> str:
    """A text without case, punctuation and white space; one of punctuation alone stays."""
    return " ".join(_WORD.findall(text.lower())) or text.strip()


def _content(text: str) -> frozenset[str]:
    """What a text is about: its longer words, by their beginnings, and its numbers."""
    words = _WORD.findall(text.lower())
    return frozenset(word[:_STEM] for word in words if len(word) >= _LETTERS or word.isdigit())


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """What two sources share, of the smaller one; 1 where one says nothing."""
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller else 1.0


def _spread(items: Sequence[_Item], count: int) -> Sequence[_Item]:
    """At most so many of some items, from all over."""
    return items if len(items) <= count else [items[place * len(items) // count] for place in range(count)]
