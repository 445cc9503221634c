"""The report as one HTML page that needs nothing but itself: counts, distributions, and the worst examples."""

from __future__ import annotations

import heapq
import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth import languages
from mmteb_synth.checking.report import CheckedSet, CheckReport, Flagged
from mmteb_synth.checks import CHECKS_VERSION
from mmteb_synth.data.manifest import sample_creation
from mmteb_synth.paths import write_text
from mmteb_synth.types import Verdict

EXAMPLES = 20
"""So many examples of a check and severity are shown, the worst ones."""

_SHORT = 400
"""Characters of a text that are shown before it is opened."""
_LONGEST = 20_000
"""Characters of a text that are in the page at all."""

_OCTAVES = 3
_BINS_AN_OCTAVE = 4

_LOW_IS_WORSE = {"script"}
"""Checks that measure what is right of a text. All others, but for judges, measure what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    """A text as the page shows it: whole, or its beginning before it is opened."""

    text: str
    start: str
    length: int
    left_out: int
    direction: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Example:
    """A segment beside what is said of it."""

    set: CheckedSet
    language: str
    found: Flagged
    findings: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """What one check finds, over all sets."""

    check: str
    severity: str
    segments: int
    share: float
    examples: Sequence[_Example]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bar:
    """One bar of a histogram: its share of the highest, and what it counts."""

    height: float
    count: int
    low: float
    high: float


def write(report: CheckReport, file: Path) -> None:
    """Write the page.

    Args:
        report: What was found.
        file: Where to.

    Raises:
        SynthError: It can't be written.
    """
    write_text(file, render(report))


def render(report: CheckReport) -> str:
    """The page as HTML. Every text in it is escaped.

    Args:
        report: What was found.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=_shown, score=_score, rate=_rate)
    made: str = environment.get_template("page.html.j2").render(
        sets=report.sets,
        outcomes=("translated", "repaired", "flagged", "failed"),
        groups=_groups(report),
        histograms={one.name: _histogram(one.ledger) for one in report.sets if one.ledger is not None},
        octaves=range(-_OCTAVES, _OCTAVES + 1),
        examples_at_most=EXAMPLES,
        checks_version=CHECKS_VERSION,
        sample_creation=sample_creation,
        language_of=_language_of,
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
    )
    return made


def _language_of(one: CheckedSet) -> str:
    """The language's name, as a heading has it."""
    return languages.parse(one.dataset.manifest.language).name if one.dataset else ""


def _groups(report: CheckReport) -> list[_Group]:
    """The findings of all sets by check and severity, errors and what is most frequent first.

    A segment is an example of the first thing that is said of it.
    """
    total = sum(len(one.ledger) for one in report.sets if one.ledger is not None)
    counts: dict[tuple[str, str], int] = {}
    worst: dict[tuple[str, str], list[tuple[float, int, _Example]]] = {}
    for number, example in enumerate(_examples(report)):
        for finding in {(one.check, one.severity) for one in example.findings}:
            counts[finding] = counts.get(finding, 0) + 1
        first = example.findings[0]
        heap = worst.setdefault((first.check, first.severity), [])
        entry = (_badness(first, example), -number, example)  # of equally bad ones, the first
        (heapq.heappush if len(heap) < EXAMPLES else heapq.heappushpop)(heap, entry)
    return [
        _Group(
            check=check,
            severity=severity,
            segments=count,
            share=count / total,
            examples=[example for _, _, example in sorted(worst.get((check, severity), []), reverse=True)],
        )
        for (check, severity), count in sorted(
            counts.items(), key=lambda item: (item[0][1], -item[1], item[0][0])
        )
    ]


def _examples(report: CheckReport) -> Iterator[_Example]:
    for one in report.sets:
        if one.dataset is None:
            continue
        language = languages.bcp47(one.dataset.manifest.language)
        for found in one.flagged():
            findings = found.findings()
            if findings:
                yield _Example(set=one, language=language, found=found, findings=findings)


def _badness(verdict: Verdict, example: _Example) -> float:
    """How bad a finding is among those of its check; what has no score comes last."""
    if verdict.score is None or math.isnan(verdict.score):
        return -math.inf
    of_judge = verdict not in example.found.verdicts
    return -verdict.score if of_judge or verdict.check in _LOW_IS_WORSE else abs(verdict.score)


def _histogram(ledger: pa.Table) -> list[_Bar]:
    """How often a translation has how many characters for one of its source, in quarters of octaves."""
    done = ledger.filter(pc.is_valid(ledger.column("hypothesis")))
    before, after = (
        np.maximum(pc.utf8_length(done.column(name)).to_numpy(), 1) for name in ("source", "hypothesis")
    )
    edges = np.linspace(-_OCTAVES, _OCTAVES, 2 * _OCTAVES * _BINS_AN_OCTAVE + 1)
    counts, _ = np.histogram(np.clip(np.log2(after / before), -_OCTAVES, _OCTAVES), bins=edges)
    highest = max(int(counts.max()), 1)
    return [
        _Bar(height=int(count) / highest, count=int(count), low=float(2**low), high=float(2**high))
        for count, low, high in zip(counts, edges[:-1], edges[1:], strict=True)
    ]


def _shown(text: str) -> _Text:
    """How a text is shown; a page with a book in it would not open."""
    kept = text[:_LONGEST]
    return _Text(
        text=kept,
        start=text[:_SHORT],
        length=len(text),
        left_out=len(text) - len(kept),
        direction=_direction(kept),
    )


def _direction(text: str) -> str:
    """Where most letters of a text run to; the first one, by which browsers go, may be a foreign name's."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    return "rtl" if sum(kind in ("R", "AL") for kind in kinds) > kinds.count("L") else "ltr"


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _rate(values: Sequence[float]) -> str:
    rate, low, high = (f"{100 * value:.1f}" for value in values)
    return f"{rate} % ({low} to {high} %)"
