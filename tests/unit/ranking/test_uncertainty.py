"""Intervals are those of loops over the same draws, and of examples worked by hand."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest

from mmteb_synth.ranking import uncertainty
from mmteb_synth.ranking.aggregate import borda_points
from mmteb_synth.ranking.uncertainty import Estimate, Part, estimate
from mmteb_synth.statistics.bootstrap import interval, resamples, widened

ROW = [0.31, 0.55, 0.62, 0.48, 0.90, 0.12, 0.77]
NAMES = [f"t{number}" for number in range(7)]


def _parts(values: Sequence[float | None], names: Sequence[str] = NAMES) -> list[Part]:
    return [Part(name, value) for name, value in zip(names, values, strict=True)]


def _quantiles(values: list[float], n: int) -> tuple[float, float]:
    level = widened(n)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def test_the_interval_of_a_plain_mean() -> None:
    found = estimate(statistics.fmean(ROW), [_parts(ROW)])
    means = [statistics.fmean(ROW[place] for place in drawn) for drawn in resamples(7).tolist()]
    assert found.tasks == pytest.approx(_quantiles(means, 7), abs=1e-12)
    assert found.tasks is not None
    assert found.tasks.low < statistics.fmean(ROW) < found.tasks.high
    assert found.examples is None


def test_a_task_is_drawn_with_all_its_languages() -> None:
    other = [value / 2 for value in ROW]
    both = [*_parts(ROW), *_parts(other)]
    means = [
        statistics.fmean([*(ROW[place] for place in drawn), *(other[place] for place in drawn)])
        for drawn in resamples(7).tolist()
    ]
    found = uncertainty.over_tasks([both])
    assert found == pytest.approx(_quantiles(means, 7), abs=1e-12)
    alone = uncertainty.over_tasks([_parts([*ROW, *other], [f"t{number}" for number in range(14)])])
    assert found is not None
    assert alone is not None
    assert alone.high - alone.low < found.high - found.low  # as if it were twice the evidence


def test_the_interval_of_a_mean_of_means_keeps_its_weights() -> None:
    """Three types of four, two and one tasks: the last one's task weighs four times as much as the first one's."""
    groups = [_parts(ROW[:4], NAMES[:4]), _parts(ROW[4:6], NAMES[4:6]), _parts(ROW[6:], NAMES[6:])]
    weights = [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 1.0]
    means = [
        math.fsum(weights[place] * ROW[place] for place in drawn)
        / math.fsum(weights[place] for place in drawn)
        for drawn in resamples(7).tolist()
    ]
    assert uncertainty.over_tasks(groups) == pytest.approx(_quantiles(means, 7), abs=1e-12)


def test_a_mean_of_means_of_one_task_each_is_the_plain_mean() -> None:
    found = uncertainty.over_tasks([_parts([value], [name]) for name, value in zip(NAMES, ROW, strict=True)])
    assert found == pytest.approx(uncertainty.over_tasks([_parts(ROW)]), abs=1e-12)


def test_few_tasks_have_no_interval() -> None:
    assert uncertainty.over_tasks([_parts(ROW[:4], NAMES[:4])]) is None
    assert uncertainty.over_tasks([_parts(ROW[:5], NAMES[:5])]) is not None
    assert uncertainty.over_tasks([_parts(ROW[:4], NAMES[:4]) * 2]) is None  # in two languages
    assert uncertainty.over_tasks([]) is None


def test_a_mean_that_is_missing_has_no_interval() -> None:
    assert estimate(None, [_parts([*ROW[:6], None])]) == Estimate()


def test_over_examples_it_is_the_mean_in_each_draw() -> None:
    generator = np.random.default_rng(0)
    draws = [generator.normal(size=50) for _ in range(3)]
    parts = [Part(name, 0.5, values) for name, values in zip("abc", draws, strict=True)]
    plain = [statistics.fmean(values) for values in zip(*draws, strict=True)]
    assert uncertainty.over_examples([parts]) == pytest.approx(interval(plain), abs=1e-12)
    nested = [statistics.fmean([(one + two) / 2, three]) for one, two, three in zip(*draws, strict=True)]
    assert uncertainty.over_examples([parts[:2], parts[2:]]) == pytest.approx(interval(nested), abs=1e-12)
    assert uncertainty.over_examples([[*parts, Part("d", 0.5)]]) is None
    assert uncertainty.over_examples([]) is None


def test_another_scale() -> None:
    found = Estimate(value=0.5, tasks=interval([0.1, 0.2]), examples=None).times(100)
    assert (found.value, found.examples) == (50.0, None)
    assert found.tasks == pytest.approx((10.25, 19.75))


def test_rank_intervals_rank_each_resample_anew() -> None:
    scores = {"a": ROW, "b": [*ROW[3:], *ROW[:3]], "c": [0.5] * 7}
    points = np.array([*borda_points(scores).values()])
    ranks: dict[str, list[float]] = {name: [] for name in scores}
    won = borda_points(scores)
    for drawn in resamples(7).tolist():
        sums = {name: math.fsum(row[place] for place in drawn) for name, row in won.items()}
        for name, value in sums.items():
            ranks[name].append(1 + sum(other > value for other in sums.values()))
    expected = [_quantiles(values, 7) for values in ranks.values()]
    assert uncertainty.rank_intervals(points, NAMES) == [
        (math.floor(low), math.ceil(high)) for low, high in expected
    ]
    assert uncertainty.rank_intervals(points[:, :4], NAMES[:4]) == [None, None, None]
    assert uncertainty.rank_intervals(np.array([]), NAMES) == []
