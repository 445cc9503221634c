"""What would have come out with other tasks, or other examples: intervals and tests by resampling.

The bootstrap draws as many units as there are, with replacement, many times over, and looks how a statistic varies
(Efron and Tibshirani 1993, "An Introduction to the Bootstrap"). Benchmarks have few units, seven tasks in some, and with
few of them its plain form promises too much: the percentile interval of a mean of 7 normal numbers, meant to hold the
truth in 95 % of cases, holds it in 88 %, and the plain test calls one in nine pairs of equal models different. So the
interval is taken at a wider level (`widened`), and the test compares t statistics (`paired_p`); both then keep to 95 and
5 %.

`scipy.stats.bootstrap` gives an interval of one statistic. Here the draws themselves are needed: all models of a board
see the same ones, so that means, differences, ranks and tests belong together, and one matrix product makes them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RESAMPLES = 5000
"""How many times is drawn. The ends of an interval are then sure to about a fiftieth of its width."""

SEED = 0
"""Where the draws begin: equal results give equal intervals."""

LEVEL = 0.95
"""How often an interval is meant to hold the truth."""

FEWEST = 5
"""Units below which there is no interval. Of four, the rarest resample (four times the same unit) has a probability of
1/256, more than the widened interval of a mean leaves at its ends (1/8400): its ends would always be the lowest and the
highest unit, whatever the others are."""

_ROUNDING = 1e-9
"""What is left between equal differences of floating point numbers, as a share of them."""

_NEAR = 0.1
"""Differences nearer than this to each other, as a share of their standard deviation, are as good as equal."""

_WITHOUT_SPREAD = 0.015
"""So large a share of resamples may hold nearly equal differences only: two of five units, three of seven, 37 of 41."""

_PAIRS_AT_ONCE = 256
"""So many pairs of models are held in memory at once: 10 MB for each matrix of their resamples."""

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class Interval(NamedTuple):
    """The ends of an interval, in the unit of what it is of."""

    low: float
    high: float


def resamples(n: int, *, times: int = RESAMPLES, seed: int | Sequence[int] = SEED) -> Places:
    """Draw units with replacement.

    Args:
        n: How many units there are, at least 1; as many are drawn each time.
        times: How many times is drawn.
        seed: Equal ones give equal draws.

    Returns:
        The places of the units drawn, of shape (times, n), each from 0 to n - 1.
    """
    return np.random.default_rng(seed).integers(n, size=(times, n))


def counts(drawn: Places) -> Floats:
    """How often each unit was drawn: a sum over a resample is then a product with this matrix.

    Args:
        drawn: From `resamples`, of shape (times, n).

    Returns:
        Of shape (times, n); each row sums to n.
    """
    times, n = drawn.shape
    flat = drawn + n * np.arange(times)[:, None]
    return np.bincount(flat.ravel(), minlength=times * n).reshape(times, n).astype(np.float64)


def interval(values: npt.ArrayLike, level: float = LEVEL) -> Interval:
    """The percentile interval (Efron and Tibshirani 1993, section 13.3).

    Args:
        values: The statistic of each resample; NaN where it is not defined there.
        level: How often it is meant to hold the truth, between 0 and 1.

    Returns:
        Its ends; NaN where no resample has a value.
    """
    array = np.asarray(values, dtype=np.float64)
    defined = array[~np.isnan(array)]
    if not defined.size:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


@cache
def widened(n: int, level: float = LEVEL) -> float:
    """The level at which the percentile interval of a mean of few units keeps what `level` promises.

    The plain interval is too narrow in two ways: a resample varies less than a sample, by the square root of (n - 1) / n,
    and normal quantiles are nearer to the middle than those of Student's t. The expanded percentile interval mends both
    (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69:371-386).

    Args:
        n: How many units, at least 2.
        level: What the interval is meant to keep.

    Returns:
        The level to ask `interval` for: 0.992 for 7 units, 0.955 for 41.
    """
    from scipy import stats

    quantile = stats.t.ppf((1 + level) / 2, n - 1) * math.sqrt(n / (n - 1))
    return float(1 - 2 * stats.norm.sf(quantile))


class Distances(NamedTuple):
    """How far pairs of models are apart, and how far they would be by chance.

    Attributes:
        found: Each pair's distance, of shape (pairs,).
        furthest: The largest distance of all pairs in each resample in which they are made equal, of shape (times,).
    """

    found: Floats
    furthest: Floats

    def p_values(self) -> Floats:
        """For each pair the share of resamples in which a pair is as far apart, the found one counted among them.

        So none is 0 (Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 4.2). They hold for all
        pairs at once, whichever of them one looks at afterwards: the single step by the largest statistic of Westfall and Young 1993,
        "Resampling-Based Multiple Testing".

        Returns:
            Between 1 / (times + 1) and 1, of shape (pairs,).
        """
        times = len(self.furthest)
        nearer = np.searchsorted(np.sort(self.furthest), self.found, side="left")
        return np.asarray((1 + times - nearer) / (1 + times))


def keeps_its_spread(differences: npt.ArrayLike) -> bool:
    """Whether hardly any resample of a pair's differences holds nearly equal ones only.

    Such a resample has no spread, and whatever its mean is, its distance is beyond measure. That is right for the pair
    itself, which nothing tells apart then; among others it would be a measure for none. Two prompts of one model are such a
    pair, where they differ on two tasks of seven.

    Args:
        differences: One model's score less the other's on each unit, of shape (n,).
    """
    ordered = np.sort(np.asarray(differences, dtype=np.float64))
    n = len(ordered)
    near = _NEAR * ordered.std() + _ROUNDING * np.abs(ordered).max()
    alike = int((np.searchsorted(ordered, ordered + near, side="right") - np.arange(n)).max())
    return alike == n or (alike / n) ** n <= _WITHOUT_SPREAD  # what is the same everywhere has none to lose


def student_distances(differences: npt.ArrayLike, drawn: Floats) -> Distances:
    """How far pairs of models are apart in the mean, by the t statistic but for a factor that depends on n.

    The differences are moved so that their mean is zero, as if the models were equal, and resampled (Efron and Tibshirani
    1993, section 16.4).

    Args:
        differences: One model's score less the other's on each unit, of shape (pairs, n); n is at least 2.
        drawn: From `counts`, of shape (times, n).
    """
    given = np.asarray(differences, dtype=np.float64)
    times, n = drawn.shape
    # the same difference everywhere: its t statistic is infinite, and so it is by chance never
    varied = np.ptp(given, axis=1) > _ROUNDING * np.abs(given).max(axis=1)
    found = np.where(given.any(axis=1), np.inf, 0.0)
    found[varied] = np.abs(given[varied].mean(axis=1)) / given[varied].std(axis=1)
    moved = given[varied] - given[varied].mean(axis=1, keepdims=True)
    furthest = np.zeros(times)
    for start in range(0, len(moved), _PAIRS_AT_ONCE):
        some = moved[start : start + _PAIRS_AT_ONCE].T
        means = drawn @ some / n
        variances = np.maximum(drawn @ some**2 / n - means**2, 0.0)
        # a resample of one unit has no spread: as far as can be, if that unit is not the mean itself
        with np.errstate(divide="ignore", invalid="ignore"):
            distances = np.abs(means) / np.sqrt(variances)
        furthest = np.fmax(furthest, np.fmax.reduce(distances, axis=1))
    return Distances(found, furthest)


def shifted_distances(found: npt.ArrayLike, resampled: npt.ArrayLike) -> Distances:
    """How far pairs of models are apart in a statistic that is no plain mean, as a rank correlation, by its spread.

    The resampled differences are moved to zero, as if the models were equal (Berg-Kirkpatrick, Burkett and Klein 2012, "An
    Empirical Investigation of Statistical Significance in NLP", aclanthology.org/D12-1091). For hundreds of units: with
    few it finds too much, which is what `student_distances` is for.

    Args:
        found: The differences on the whole sample, of shape (pairs,).
        resampled: The differences on each resample, of shape (pairs, times); where one is not defined (NaN), the resample
            is left out.
    """
    whole = np.asarray(found, dtype=np.float64)
    values = np.asarray(resampled, dtype=np.float64)
    values = values[:, ~np.isnan(values).any(axis=0)]
    if not values.size:
        return Distances(np.zeros(len(whole)), np.zeros(0))
    spread = values.std(axis=1)
    varied = spread > _ROUNDING * np.abs(values).max(axis=1)
    distances = np.where(whole != 0, np.inf, 0.0)
    distances[varied] = np.abs(whole[varied]) / spread[varied]
    moved = np.abs(values[varied] - whole[varied, None]) / spread[varied, None]
    return Distances(distances, moved.max(axis=0, initial=0.0))


def paired_p(differences: npt.ArrayLike, drawn: Floats) -> float:
    """Whether two models differ in the mean: the two-sided p-value of a paired, studentised bootstrap test.

    Args:
        differences: As `student_distances` has them, of one pair: of shape (n,). Equal models have a p-value of 1.
        drawn: From `counts`, of shape (times, n).
    """
    return float(student_distances(np.asarray(differences)[None], drawn).p_values()[0])


def shifted_p(found: float, resampled: npt.ArrayLike) -> float:
    """Whether two models differ in a statistic that is no plain mean: a two-sided p-value.

    Args:
        found: As `shifted_distances` has it, of one pair.
        resampled: Of shape (times,).
    """
    return float(shifted_distances([found], np.asarray(resampled)[None]).p_values()[0])


def holm(p_values: npt.ArrayLike) -> Floats:
    """Correct p-values for how many there are (Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure").

    The smallest is multiplied by their number, the next by one less, and so on; none gets smaller than the one before
    it, or larger than 1. Whichever of the tests have nothing to find, the chance that any of them seems to find
    something is then at most the level. scipy has only corrections of the false discovery rate.

    Args:
        p_values: Of tests that belong together, of shape (n,).

    Returns:
        The corrected ones, of shape (n,), in the same order.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected
