"""How sure means and ranks are: with other tasks, and with other examples of the same tasks.

A task is drawn whole, with its scores in all languages of a table: they are translations of one another, and not as much
evidence as so many tasks would be (a cluster bootstrap: Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from mmteb_synth.statistics.bootstrap import (
    FEWEST,
    Floats,
    Interval,
    counts,
    holm,
    interval,
    paired_p,
    resamples,
    shifted_p,
    widened,
)

SIGNIFICANT = 0.05
"""Corrected p-values up to this tell two models apart."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model stands, and how sure that is.

    Attributes:
        group: The models that can't be told apart share one, 1 being the best; None where nothing is known.
        p_above: The corrected p-value of its difference to the model above it.
        p_first: The same to the first of the group above it, or of its own where it does not lead one.
        low: The better end of its rank's 95 % interval over tasks.
        high: The worse end.
    """

    group: int | None = None
    p_above: float | None = None
    p_first: float | None = None
    low: int | None = None
    high: int | None = None


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
    mean = _mean_of_groups(parts)
    return None if mean is None else interval(mean)


def mean_of_draws(draws: Sequence[Floats | None]) -> Floats | None:
    """The mean in each draw; None where one is not known, or there are none."""
    known = [values for values in draws if values is not None]
    return np.asarray(np.mean(known, axis=0)) if known and len(known) == len(draws) else None


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


def group(ordered: Sequence[Sequence[Part]]) -> list[Place]:
    """Put models that can't be told apart into groups.

    Going down the ranking, a model opens a new group when it can be told apart from the model above it, or from the
    first of the group; otherwise it shares the group. The first rule alone would chain: each model near the one above
    it, and the last far from the first. Two models are told apart where the one that ranks higher also has the higher
    mean over what both have, and the paired bootstrap test finds p up to .05 after Holm's correction: for how many
    neighbours there are, or for how many models stand below the first of the group.

    Tasks are drawn where there are `FEWEST` of them; otherwise examples, where they are known of every score.

    Clusters between which a test finds a difference are how the Conference on Machine Translation ranks (Bojar et al.
    2016, "Findings of the 2016 Conference on Machine Translation", aclanthology.org/W16-2301, section 3.4); comparing
    each with the best is the idea of Hsu 1981, "Simultaneous Confidence Intervals for All Distances from the Best".

    Args:
        ordered: For each model by rank its scores, the same cells in the same order.

    Returns:
        For each model its group and p-values.
    """
    test = _test(ordered)
    if test is None:
        return [Place() for _ in ordered]

    def against(first: int) -> list[float]:
        """For each model the corrected p-value against one above it; 1 above that."""
        return [*[1.0] * (first + 1), *holm([test(first, row) for row in range(first + 1, len(ordered))])]

    neighbours = [1.0, *holm([test(row - 1, row) for row in range(1, len(ordered))])]
    to_first = against(0)
    number = 1
    places = []
    for row in range(len(ordered)):
        p_above, p_first = float(neighbours[row]), float(to_first[row])
        if row and min(p_above, p_first) <= SIGNIFICANT:
            number += 1
            to_first = against(row)
        places.append(Place(group=number, p_above=p_above if row else None, p_first=p_first if row else None))
    return places


def draws_of(ordered: Sequence[Sequence[Part]]) -> str | None:
    """What `group` draws: `tasks`, `examples`, or None where it can tell nothing."""
    if len({part.task for part in (ordered[0] if ordered else ())}) >= FEWEST:
        return "tasks"
    known = bool(ordered and ordered[0]) and all(
        part.draws is not None for parts in ordered for part in parts
    )
    return "examples" if known else None


def _test(ordered: Sequence[Sequence[Part]]) -> Callable[[int, int], float] | None:
    """The p-value of the first of two models being the better one, which is 1 where it is not."""
    drawn = draws_of(ordered)
    if drawn is None:
        return None

    def test(upper: int, lower: int) -> float:
        both = [
            (part.task, part.value - other.value)
            for part, other in zip(ordered[upper], ordered[lower], strict=True)
            if part.value is not None and other.value is not None
        ]
        if math.fsum(difference for _, difference in both) <= 0:
            return 1.0
        if drawn == "tasks":
            return _p_over_tasks(both)
        return _p_over_examples(ordered[upper], ordered[lower])

    return test


def _p_over_tasks(both: Iterable[tuple[str, float]]) -> float:
    by_task: dict[str, float] = {}
    for task, difference in both:
        by_task[task] = by_task.get(task, 0.0) + difference
    if len(by_task) < FEWEST:
        return 1.0
    return paired_p([by_task[task] for task in sorted(by_task)], drawn_tasks(len(by_task)))


def _p_over_examples(upper: Sequence[Part], lower: Sequence[Part]) -> float:
    mine, theirs = _mean_of_groups([upper]), _mean_of_groups([lower])
    if mine is None or theirs is None:
        return 1.0
    found = math.fsum(
        (one.value or 0.0) - (other.value or 0.0) for one, other in zip(upper, lower, strict=True)
    )
    return shifted_p(found / len(upper), mine - theirs)


def _mean_of_groups(parts: Parts) -> Floats | None:
    return mean_of_draws([mean_of_draws([part.draws for part in group]) for group in parts])


def _times(ends: Interval | None, factor: float) -> Interval | None:
    return None if ends is None else Interval(factor * ends.low, factor * ends.high)
