"""How sure means and ranks are: with other tasks, and with other examples of the same tasks.

A task is drawn whole, with its scores in all languages of a table: they are translations of one another, and not as much
evidence as so many tasks would be (a cluster bootstrap: Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from mmteb_synth.statistics.bootstrap import FEWEST, Floats, Interval, counts, interval, resamples, widened


class Part(NamedTuple):
    """What a mean is a mean of: one task in one language.

    Attributes:
        task: What is drawn whole.
        value: Its score; None where it is missing.
        draws: What the score would have been with other examples, of shape (times,); None where nobody knows.
    """

    task: str
    value: float | None
    draws: Floats | None = None


Parts = Sequence[Sequence[Part]]
"""The mean of these is the mean over the outer ones' means: of types or languages. A plain mean has one outer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A mean and its 95 % intervals.

    Attributes:
        value: The mean; None where one of its scores is missing.
        tasks: Had the tasks been others of their kind; None for fewer than `FEWEST` tasks.
        examples: Had the same tasks had other examples; None where the predictions of a score weren't kept.
    """

    value: float | None = None
    tasks: Interval | None = None
    examples: Interval | None = None

    def times(self, factor: float) -> Estimate:
        """The same on another scale."""
        return Estimate(
            value=None if self.value is None else factor * self.value,
            tasks=_times(self.tasks, factor),
            examples=_times(self.examples, factor),
        )


def estimate(value: float | None, parts: Parts) -> Estimate:
    """A mean with its intervals.

    Args:
        value: The mean of the parts; None where a score is missing, and then there is no interval either.
        parts: What it is a mean of.
    """
    if value is None:
        return Estimate()
    return Estimate(value=value, tasks=over_tasks(parts), examples=over_examples(parts))


def over_tasks(parts: Parts) -> Interval | None:
    """The interval of a mean, had the tasks been others of their kind.

    The expanded percentile interval of Hesterberg 2015 (see `statistics.bootstrap.widened`). Where it is a mean of
    means, a task of a small type or language keeps the greater weight that it has in it.

    Args:
        parts: What it is a mean of; all have a value.

    Returns:
        None for fewer than `FEWEST` tasks.
    """
    tasks = sorted({part.task for group in parts for part in group})
    if len(tasks) < FEWEST:
        return None
    place = {task: number for number, task in enumerate(tasks)}
    sums, weights = np.zeros(len(tasks)), np.zeros(len(tasks))
    for inner in parts:
        for part in inner:
            sums[place[part.task]] += (math.nan if part.value is None else part.value) / len(inner)
            weights[place[part.task]] += 1 / len(inner)
    drawn = drawn_tasks(len(tasks))
    return interval((drawn @ sums) / (drawn @ weights), widened(len(tasks)))


def over_examples(parts: Parts) -> Interval | None:
    """The interval of a mean, had the same tasks had other examples: the percentile interval over draws of these.

    Args:
        parts: What it is a mean of.

    Returns:
        None where the draws of a part are not known.
    """
    mean = mean_of_means(parts)
    return None if mean is None else interval(mean)


def mean_of_draws(draws: Sequence[Floats | None]) -> Floats | None:
    """The mean in each draw; None where one is not known, or there are none."""
    known = [values for values in draws if values is not None]
    return np.asarray(np.mean(known, axis=0)) if known and len(known) == len(draws) else None


def mean_of_means(parts: Parts) -> Floats | None:
    """The mean in each draw of what a mean is of; None where one is not known, or there are none."""
    return mean_of_draws([mean_of_draws([part.draws for part in group]) for group in parts])


@cache
def drawn_tasks(n: int) -> Floats:
    """How often each of n tasks is drawn in each resample: the same for all models and tables."""
    return counts(resamples(n))


def rank_intervals(points: Floats, tasks: Sequence[str]) -> list[tuple[int, int] | None]:
    """Between which ranks each model would stand, had the tasks been others of their kind.

    Models are ranked anew in each resample (Goldstein and Spiegelhalter 1996, "League Tables and Their Limitations",
    Journal of the Royal Statistical Society A 159:385-443), by their Borda points as ever.

    Args:
        points: Borda points, of shape (models, cells).
        tasks: Which task each cell is of.

    Returns:
        For each model the better and the worse end; None for fewer than `FEWEST` tasks.
    """
    from scipy.stats import rankdata

    units, places = np.unique(np.asarray(tasks), return_inverse=True)
    if len(units) < FEWEST or not len(points):
        return [None] * len(points)
    sums = points @ (places[:, None] == np.arange(len(units)))
    ranks = rankdata(-(drawn_tasks(len(units)) @ sums.T), method="min", axis=1)
    level = widened(len(units))
    ends = [interval(column, level) for column in ranks.T]
    return [(math.floor(low), math.ceil(high)) for low, high in ends]


def _times(ends: Interval | None, factor: float) -> Interval | None:
    return None if ends is None else Interval(factor * ends.low, factor * ends.high)
