"""How well a board ranks models as trusted scores do, beside the ceiling and beside what English alone would say."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mmteb_synth.statistics import agreement
from mmteb_synth.statistics.bootstrap import LEVEL, SEED, counts, interval, resamples, widened

Floats = npt.NDArray[np.float64]

RESAMPLES = 2000
"""How often the models are drawn anew."""

SPLITS = 50
"""Into halves the trusted tasks are split in all ways, or in so many at random where there are more."""

ALL = "all"

PARTS = {ALL: 1, "better half": 2, "best third": 3}
"""Among whom one chooses: the part of the models that are best by the trusted scores, rounded up."""

FEWEST = 3
"""Models below which nothing is compared: two are ranked alike or not, and that is a coin's throw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def width(self) -> float:
        """From end to end; infinite where there is none."""
        return math.inf if self.low is None or self.high is None else self.high - self.low


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A statistic of the models, and of each resample of them; NaN where it is not defined.

    Attributes:
        value: On the models themselves.
        draws: On each resample, of shape (times,).
        reach: How far from zero it could be, where that is known: what is not defined could be as far.
    """

    value: float
    draws: Floats
    reach: float | None = None

    def less(self, other: Drawn) -> Drawn:
        """The difference to another statistic of the same resamples."""
        reach = None if self.reach is None or other.reach is None else self.reach + other.reach
        return Drawn(value=self.value - other.value, draws=self.draws - other.draws, reach=reach)

    def estimate(self, level: float) -> Estimate:
        """The value with its percentile interval."""
        if self.reach is None:
            ends = interval(self.draws, level)
        else:
            ends = agreement.cautious_interval(self.draws, level, reach=self.reach)
        value, low, high = (None if math.isnan(number) else number for number in (self.value, *ends))
        return Estimate(value=value, low=low, high=high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """One side held to the other, among one part of the models.

    Attributes:
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        lost: Points lost by choosing the side's best, on the scores' own scale.
    """

    tau: Drawn
    rho: Drawn
    lost: Drawn


class Models:
    """The models that are compared, and the same resamples of them for every statistic.

    Args:
        n: How many there are.
    """

    def __init__(self, n: int) -> None:
        self.level = widened(n, LEVEL)
        self._weights = np.concatenate([np.ones((1, n)), counts(resamples(n, times=RESAMPLES, seed=SEED))])

    def compare(self, chooser: npt.ArrayLike, trusted: npt.ArrayLike) -> dict[str, Statistics]:
        """Hold one side to the other.

        Args:
            chooser: The scores of the side that one chooses by, of shape (n,).
            trusted: The scores of the side that is right, in the same order.

        Returns:
            Statistics for each of `PARTS`.
        """
        found = {}
        for name, parts in PARTS.items():
            weights = agreement.best_part(trusted, self._weights, parts)
            found[name] = Statistics(
                tau=_drawn(agreement.kendall_taus(chooser, trusted, weights), reach=1.0),
                rho=_drawn(agreement.spearman_rhos(chooser, trusted, weights), reach=1.0),
                lost=_drawn(agreement.points_lost(chooser, trusted, weights)),
            )
        return found

    def by_chance(self, trusted: npt.ArrayLike) -> dict[str, Drawn]:
        """The points that choosing any model loses, for each of `PARTS`."""
        return {
            name: _drawn(
                agreement.points_lost_by_chance(trusted, agreement.best_part(trusted, self._weights, parts))
            )
            for name, parts in PARTS.items()
        }

    def ceiling(self, trusted: npt.ArrayLike) -> dict[str, Statistics] | None:
        """How well halves of the trusted tasks rank models as the other halves do.

        A half has half the tasks, so that the whole set would agree better with another one like it: the ceiling is
        low rather than high. It is not lengthened by the formula of Spearman and Brown, which holds for correlations of
        sums and not for tau.

        Args:
            trusted: Scores, of shape (n, tasks).

        Returns:
            For each of `PARTS` the means over all splits, each half once the chooser; None for one task.
        """
        table = np.asarray(trusted, dtype=np.float64)
        every: list[dict[str, Statistics]] = []
        for half in _halves(table.shape[1]):
            one, other = means(table[:, half]), means(np.delete(table, half, axis=1))
            every += [self.compare(one, other), self.compare(other, one)]
        if not every:
            return None
        return {
            name: Statistics(
                tau=_mean([found[name].tau for found in every]),
                rho=_mean([found[name].rho for found in every]),
                lost=_mean([found[name].lost for found in every]),
            )
            for name in PARTS
        }


def means(table: Floats) -> Floats:
    """The mean of each row, rounded so that models with the same mean are level, whatever the order of adding."""
    rounded: Floats = np.round(table.mean(axis=1), 9)
    return rounded


def _halves(tasks: int) -> list[list[int]]:
    """The first halves of the ways to split tasks; where their number is odd, one half has one more."""
    size = tasks // 2
    if size == 0:
        return []
    total = math.comb(tasks, size) // (2 if 2 * size == tasks else 1)
    if total <= SPLITS:
        # of an even number, each split would come twice: the half with the first task stands for both
        every = itertools.combinations(range(tasks), size)
        return [list(half) for half in every if 2 * size < tasks or 0 in half]
    random = np.random.default_rng(SEED)
    return [sorted(random.permutation(tasks)[:size].tolist()) for _ in range(SPLITS)]


def _drawn(values: Floats, reach: float | None = None) -> Drawn:
    return Drawn(value=float(values[0]), draws=values[1:], reach=reach)


def _mean(found: Sequence[Drawn]) -> Drawn:
    return Drawn(
        value=float(np.mean([one.value for one in found])),
        draws=np.mean([one.draws for one in found], axis=0),
        reach=found[0].reach,
    )
