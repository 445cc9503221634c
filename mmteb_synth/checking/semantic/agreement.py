"""How well a check agrees with people: Kendall's tau-b between its scores and theirs, or that nobody knows."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from mmteb_synth.statistics import bootstrap
from mmteb_synth.statistics.agreement import kendall_taus

FEWEST = 10
"""Segments below which no agreement is told: the interval would span nearly everything."""

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How well a check ranks translations as people do.

    Attributes:
        tau: Kendall's tau-b, -1 to 1 (Kendall 1945, doi:10.1093/biomet/33.3.239); None where it is unknown.
        low: The lower end of its 95 % interval, by the percentile bootstrap over segments.
        high: Its upper end.
        segments: Segments that both have judged.
        unknown: Why it is unknown; empty where it is known.
    """

    tau: float | None = None
    low: float | None = None
    high: float | None = None
    segments: int = 0
    unknown: str = ""

    def __str__(self) -> str:
        """The agreement in words."""
        if self.tau is None:
            return f"agreement with people is unknown: {self.unknown}"
        return (
            f"agreement with people: Kendall's tau-b {self.tau:.2f} "
            f"(95 % interval {self.low:.2f} to {self.high:.2f}, {self.segments} segments)"
        )

    def as_record(self) -> dict[str, Any]:
        """The agreement for a manifest."""
        if self.tau is None:
            return {"tau": None, "segments": self.segments, "unknown": self.unknown}
        return {"tau": self.tau, "interval": [self.low, self.high], "segments": self.segments}


def esa_of(grades: pa.Table) -> dict[tuple[str, str], float]:
    """The mean ESA score of each graded segment, over its raters.

    Args:
        grades: Rows of `data.reviews.SCHEMA` for hypotheses that the set holds now.

    Returns:
        Source hash and kind to a mean, 0 to 100.
    """
    given: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in grades.select(["source_hash", "kind", "esa"]).to_pylist():
        if row["esa"] is not None:
            given[row["source_hash"], row["kind"]].append(row["esa"])
    return {segment: sum(values) / len(values) for segment, values in given.items()}


def agreement(scores: Mapping[tuple[str, str], float], esa: Mapping[tuple[str, str], float]) -> Agreement:
    """Compare a check's scores with people's.

    Args:
        scores: The check's, higher for better, by source hash and kind.
        esa: People's, in the same way.
    """
    both = sorted(scores.keys() & esa.keys())
    if not esa:
        return Agreement(unknown="nobody has graded this set; `mmteb-synth review export` asks for it")
    if len(both) < FEWEST:
        return Agreement(
            segments=len(both), unknown=f"only {len(both)} of the {len(esa)} graded segments were judged"
        )
    own = np.array([scores[segment] for segment in both])
    theirs = np.array([esa[segment] for segment in both])
    drawn = bootstrap.resamples(len(both), times=_RESAMPLES)
    counts = np.concatenate([np.ones((1, len(both))), bootstrap.counts(drawn)])
    tau, *taus = kendall_taus(own, theirs, counts)
    if math.isnan(tau):
        return Agreement(segments=len(both), unknown="all scores, or all grades, are equal")
    low, high = bootstrap.interval(taus)
    return Agreement(tau=round(float(tau), 4), low=round(low, 4), high=round(high, 4), segments=len(both))
