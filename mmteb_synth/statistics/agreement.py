"""How alike two sides rank models, on many resamples at once, and what it costs to choose by one of them.

Every function takes the two sides' scores of n models and how often each model counts, one row for each resample (from
`bootstrap.counts`): a row of ones is the sample itself. scipy's functions take one sample each; for thousands of
resamples that is minutes, and here a few products of matrices. The tests hold both to the same numbers.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mmteb_synth.statistics.bootstrap import LEVEL, Interval, interval

Floats = npt.NDArray[np.float64]

_AT_ONCE = 2**22
"""Pairs of models held in memory at once, so that a comparison of thousands stays within 100 MB."""


def kendall_taus(a: npt.ArrayLike, b: npt.ArrayLike, counts: Floats) -> Floats:
    """Kendall's tau-b of each resample.

    Source: Kendall 1945, "The Treatment of Ties in Ranking Problems", doi:10.1093/biomet/33.3.239. It is that of
    `scipy.stats.kendalltau` on the models repeated as often as they count.

    Args:
        a: One side's scores, of shape (n,).
        b: The other side's, in the same order.
        counts: How often each model counts, of shape (times, n).

    Returns:
        -1 to 1, of shape (times,); NaN where a side has no two different scores.
    """
    one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    both, first, second = np.zeros((3, len(counts)))
    for rows in _blocks(len(one)):
        ones, others = _signs(one, rows), _signs(other, rows)
        here = counts[:, rows]
        both += (here @ (ones * others) * counts).sum(axis=1)
        first += (here @ np.abs(ones) * counts).sum(axis=1)
        second += (here @ np.abs(others) * counts).sum(axis=1)
    return _ratio(both, np.sqrt(first * second))


def spearman_rhos(a: npt.ArrayLike, b: npt.ArrayLike, counts: Floats) -> Floats:
    """Spearman's rho of each resample: the correlation of ranks, equal scores sharing the mean of theirs.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things", doi:10.2307/1412159. It is that
    of `scipy.stats.spearmanr` on the models repeated as often as they count.

    Args:
        a: One side's scores, of shape (n,).
        b: The other side's, in the same order.
        counts: How often each model counts, of shape (times, n).

    Returns:
        -1 to 1, of shape (times,); NaN where a side has no two different scores.
    """
    sizes = counts.sum(axis=1, keepdims=True)
    # twice the rank is the models below less those above, and one more than there are; the last two shift all alike
    first, second = (_distances(np.asarray(side, dtype=np.float64), counts) for side in (a, b))
    first, second = (
        ranks - (ranks * counts).sum(axis=1, keepdims=True) / np.maximum(sizes, 1)
        for ranks in (first, second)
    )
    both, one, other = (
        (counts * product).sum(axis=1) for product in (first * second, first * first, second * second)
    )
    return _ratio(both, np.sqrt(one * other))


def points_lost(chooser: npt.ArrayLike, trusted: npt.ArrayLike, counts: Floats) -> Floats:
    """What it costs to take the model that one side puts first: the trusted side's best score less that model's.

    Where the chooser puts several first, one of them is taken at random: their mean counts.

    Args:
        chooser: The scores of the side that one chooses by, of shape (n,).
        trusted: The scores of the side that is right.
        counts: How often each model counts, of shape (times, n).

    Returns:
        0 or more, in the trusted side's unit, of shape (times,); NaN where no model counts.
    """
    right = np.asarray(trusted, dtype=np.float64)
    by = np.where(counts > 0, np.asarray(chooser, dtype=np.float64), -np.inf)
    first = counts * (by == by.max(axis=1, keepdims=True))
    return _best(right, counts) - _ratio(first @ right, first.sum(axis=1))


def points_lost_by_chance(trusted: npt.ArrayLike, counts: Floats) -> Floats:
    """What it costs on average to take any model: the best score less the mean.

    Args:
        trusted: The scores of the side that is right, of shape (n,).
        counts: How often each model counts, of shape (times, n).

    Returns:
        0 or more, in the scores' unit, of shape (times,); NaN where no model counts.
    """
    right = np.asarray(trusted, dtype=np.float64)
    return _best(right, counts) - _ratio(counts @ right, counts.sum(axis=1))


def best_part(trusted: npt.ArrayLike, counts: Floats, parts: int) -> Floats:
    """Leave only the best models of each resample: the better half, the best third.

    Args:
        trusted: The scores that say which are better, of shape (n,).
        counts: How often each model counts, of shape (times, n).
        parts: 1 leaves all, 2 the better half, 3 the best third; rounded up, and models equal to the last one stay too.

    Returns:
        The counts, of shape (times, n), with zeros for the others.
    """
    right = np.asarray(trusted, dtype=np.float64)
    order = np.argsort(-right, kind="stable")
    above = np.cumsum(counts[:, order], axis=1)
    wanted = np.ceil(counts.sum(axis=1, keepdims=True) / parts)
    last = (above < wanted).sum(axis=1)  # the place of the model that fills the part
    return np.where(right >= right[order][last][:, None], counts, 0.0)


def cautious_interval(values: Floats, level: float = LEVEL, *, reach: float = 1.0) -> Interval:
    """The percentile interval of a correlation. A resample in which it is not defined could have said anything.

    So it counts as -1 at the lower end and as 1 at the upper one; leaving it out would make the interval of three models
    look surer than that of thirty.

    Args:
        values: From `kendall_taus` or `spearman_rhos`.
        level: How often the interval is meant to hold the truth.
        reach: What stands in the place of 1: 2 for the difference of two correlations.
    """
    undefined = np.isnan(values)
    return Interval(
        interval(np.where(undefined, -reach, values), level).low,
        interval(np.where(undefined, reach, values), level).high,
    )


def _signs(side: Floats, rows: slice) -> Floats:
    """For each of some models and each of all: whether the first is above (1), level with (0) or below the other (-1)."""
    return np.sign(side[rows, None] - side[None, :])


def _distances(side: Floats, counts: Floats) -> Floats:
    """For each model of each resample, how many stand below it less how many stand above."""
    return np.concatenate([counts @ _signs(side, rows).T for rows in _blocks(len(side))], axis=1)


def _blocks(n: int) -> list[slice]:
    """Blocks of models whose pairs with all models fit into memory."""
    step = max(1, _AT_ONCE // max(1, n))
    return [slice(start, start + step) for start in range(0, n, step)]


def _best(scores: Floats, counts: Floats) -> Floats:
    best: Floats = np.where(counts > 0, scores, -np.inf).max(axis=1)
    return np.where(np.isfinite(best), best, np.nan)


def _ratio(above: Floats, below: Floats) -> Floats:
    """The quotient; NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
