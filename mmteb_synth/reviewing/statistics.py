"""What people's grades say of a set: rates with intervals, and how far the raters agree."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pyarrow as pa

VERIFIED_ROWS = 100
"""Rows of a set that a named person must have graded before it may be called verified."""

_ERRORS = ("major", "critical")
_NORMAL_95 = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


class Rate(NamedTuple):
    """A share with its 95 % interval, 0 to 1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha for each answer; None where no two raters graded one segment, or all said the same."""

    esa: float | None = None
    severity: float | None = None
    label: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a set, or of several, from people.

    Attributes:
        name: The set; `total` for several.
        reviewers: Who graded it.
        rows: Segments of the random sample that were graded.
        errors: Of them those with a major or critical error.
        error_rate: The estimated share of segments with a major or critical error.
        label_survival: The estimated share of segments whose label holds; `unsure` is not yes.
        esa_mean: The estimated mean of the ESA scores, 0 to 100.
        alpha: How far the raters agree.
        date: When the last grade was imported.
    """

    name: str
    reviewers: tuple[str, ...] = ()
    rows: int = 0
    errors: int = 0
    error_rate: Rate | None = None
    label_survival: Rate | None = None
    esa_mean: float | None = None
    alpha: Alpha = Alpha()
    date: str = ""

    @property
    def missing(self) -> int:
        """Rows that the name `verified` still needs."""
        return max(VERIFIED_ROWS - self.rows, 0)

    def record(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The facts as the manifest has them; nothing where no row of the sample was graded.

        Args:
            before: What the manifest has; how far the judge agrees with people is not known here, and kept.
        """
        if not self.rows:
            return {}
        return {
            "reviewers": list(self.reviewers),
            "rows": self.rows,
            "errors": self.errors,
            "error_rate": _listed(self.error_rate),
            "label_survival": _listed(self.label_survival),
            "esa_mean": self.esa_mean,
            "alpha": self.alpha.esa,
            "date": self.date,
            "judge_agreement": before.get("judge_agreement"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Segment:
    """All that was said of one segment of the sample. Its weight is the number of segments that it stands for."""

    name: str
    kind: str
    grades: Sequence[Mapping[str, Any]]
    weight: float = 1.0

    @property
    def has_error(self) -> bool:
        """What most say; in a tie the worse."""
        count = sum(grade["severity"] in _ERRORS for grade in self.grades)
        return 2 * count >= len(self.grades)

    @property
    def label_holds(self) -> bool:
        """What most say; in a tie the worse."""
        count = sum(bool(grade["label_holds"] == "yes") for grade in self.grades)
        return 2 * count > len(self.grades)

    @property
    def esa(self) -> float:
        return math.fsum(grade["esa"] for grade in self.grades) / len(self.grades)


def of_set(name: str, grades: pa.Table, sizes: Mapping[str, int]) -> Facts:
    """What people say of one set.

    Args:
        name: The set.
        grades: The grades of what it holds, of `data.reviews.current`.
        sizes: How many segments of each kind it holds.
    """
    return of_sets(name, {name: (grades, sizes)})


def of_sets(name: str, sets: Mapping[str, tuple[pa.Table, Mapping[str, int]]]) -> Facts:
    """What people say of several sets together, in which each counts by its size.

    A sample takes more of small sets and kinds than their share. So each graded segment is weighted with the number of
    segments of its set and kind that it stands for, which makes the rates unbiased (Horvitz and Thompson 1952); a kind
    of which nothing was graded is not represented. Segments that were not drawn at random count for nothing here, but
    for agreement.

    Args:
        name: What to call them.
        sets: For each the grades of what it holds, and how many segments of each kind it holds.
    """
    graded: list[_Segment] = []
    sampled: list[_Segment] = []
    for set_name, (table, sizes) in sets.items():
        found = _segments(set_name, table)
        drawn = [segment for segment in found if any(grade["sampled"] for grade in segment.grades)]
        counts = Counter(segment.kind for segment in drawn)
        graded += found
        sampled += [
            _Segment(
                name=set_name,
                kind=segment.kind,
                grades=segment.grades,
                weight=sizes[segment.kind] / counts[segment.kind],
            )
            for segment in drawn
        ]
    grades = [grade for segment in graded for grade in segment.grades]
    return Facts(
        name=name,
        reviewers=tuple(sorted({grade["rater"] for grade in grades})),
        rows=len(sampled),
        errors=sum(segment.has_error for segment in sampled),
        error_rate=_rate(sampled, lambda segment: segment.has_error),
        label_survival=_rate(sampled, lambda segment: segment.label_holds),
        esa_mean=_mean([(segment.weight, segment.esa) for segment in sampled]),
        alpha=_alphas(graded),
        date=max((grade["date"] for grade in grades), default=""),
    )


def wilson(share: float, rows: float) -> Rate:
    """A share with Wilson's 95 % score interval (Wilson 1927).

    Args:
        share: The share that was found, 0 to 1.
        rows: How many rows it was found in; for weighted rows their effective number, so it need not be whole.
    """
    square = _NORMAL_95**2
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = _NORMAL_95 / (1 + square / rows) * math.sqrt(share * (1 - share) / rows + square / (4 * rows**2))
    # at 0 and 1 the bound is the share itself, but for the last digit
    low, high = min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share)
    return Rate(share, low, high)


def krippendorff_alpha(
    answers: Mapping[str, Mapping[str, Any]], level: Literal["nominal", "interval"]
) -> float | None:
    """Krippendorff's alpha between raters, by nltk.

    Args:
        answers: For each segment the answer of each rater who gave one.
        level: `interval` for numbers, whose distance counts; `nominal` for names.

    Returns:
        1 for agreement, 0 for what chance would give, less for less; None where no segment has two answers or all
        answers are one, since alpha is not defined then.

    Raises:
        MissingExtraError: nltk is not installed.
    """
    pairable = {segment: said for segment, said in answers.items() if len(said) > 1}
    if len({answer for said in pairable.values() for answer in said.values()}) < 2:
        return None
    # nltk (Apache 2.0) rather than krippendorff, which is GPL. Its top level hides the module behind another's name.
    from nltk.metrics.agreement import AnnotationTask
    from nltk.metrics.distance import binary_distance, interval_distance

    task = AnnotationTask(
        [(rater, segment, answer) for segment, said in pairable.items() for rater, answer in said.items()],
        distance=interval_distance if level == "interval" else binary_distance,
    )
    return float(task.alpha())


def _segments(name: str, table: pa.Table) -> list[_Segment]:
    """The graded segments of a set; who only corrected or commented has graded nothing."""
    by_segment: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in table.to_pylist():
        if row["severity"] is not None:
            by_segment[row["source_hash"], row["kind"]].append(row)
    return [_Segment(name=name, kind=kind, grades=grades) for (_, kind), grades in by_segment.items()]


def _rate(segments: Sequence[_Segment], holds: Callable[[_Segment], bool]) -> Rate | None:
    """The weighted share, with an interval for Kish's effective number of rows."""
    share = _mean([(segment.weight, float(holds(segment))) for segment in segments])
    if share is None:
        return None
    weights = [segment.weight for segment in segments]
    effective = math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)
    return wilson(min(max(share, 0.0), 1.0), effective)


def _mean(values: Iterable[tuple[float, float]]) -> float | None:
    pairs = list(values)
    if not pairs:
        return None
    return math.fsum(weight * value for weight, value in pairs) / math.fsum(weight for weight, _ in pairs)


def _alphas(segments: Sequence[_Segment]) -> Alpha:
    def said(column: str) -> dict[str, dict[str, Any]]:
        return {
            f"{segment.name}/{segment.kind}/{segment.grades[0]['source_hash']}": {
                grade["rater"]: grade[column] for grade in segment.grades
            }
            for segment in segments
        }

    return Alpha(
        esa=krippendorff_alpha(said("esa"), "interval"),
        severity=krippendorff_alpha(said("severity"), "nominal"),
        label=krippendorff_alpha(said("label_holds"), "nominal"),
    )


def _listed(rate: Rate | None) -> list[float] | None:
    return None if rate is None else list(rate)
