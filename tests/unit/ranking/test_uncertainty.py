"""Intervals and rank groups are those of loops over the same draws, and of examples worked by hand."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from mmteb_synth.ranking import uncertainty
from mmteb_synth.ranking.aggregate import borda_points
from mmteb_synth.ranking.uncertainty import Estimate, Part, draws_of, estimate, group
from mmteb_synth.statistics.bootstrap import holm, interval, paired_p, resamples, widened

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


def _groups(*rows: Sequence[float | None]) -> list[int | None]:
    return [place.group for place in group([_parts(row) for row in rows])]


NOISE = [0.013, -0.021, 0.008, 0.017, -0.011, 0.002, -0.008]


def _shifted(by: float, noise: float = 1.0, turn: int = 0) -> list[float]:
    turned = [*NOISE[turn:], *NOISE[:turn]]
    return [value + by + noise * error for value, error in zip(ROW, turned, strict=True)]


def test_models_far_apart_have_groups_of_their_own_and_near_ones_share() -> None:
    near = _shifted(0.001)
    assert _groups(_shifted(0.2), near, ROW, _shifted(-0.3, turn=2)) == [1, 2, 2, 3]


def test_equal_models_share_and_one_alone_leads() -> None:
    assert _groups(ROW, ROW, ROW) == [1, 1, 1]
    assert _groups(ROW) == [1]
    assert _groups() == []


def test_a_chain_ends_where_the_first_of_the_group_can_be_told_apart() -> None:
    """Each is near the one above it, and the last far from the first."""
    chain = [_shifted(-0.012 * step, noise=1.0, turn=step) for step in range(6)]
    places = group([_parts(row) for row in chain])
    assert all(place.p_above is None or place.p_above > 0.05 for place in places)
    numbers = [place.group for place in places]
    assert numbers[:2] == [1, 1]
    assert numbers[-1] == 2
    assert numbers == sorted(numbers)  # type: ignore[type-var]
    leads = numbers.index(2)
    assert places[leads].p_first is not None
    assert places[leads].p_first <= 0.05  # type: ignore[operator]


def test_p_values_are_holms_of_the_paired_tests() -> None:
    rows = [_shifted(0.03), ROW, _shifted(-0.025, turn=3)]
    places = group([_parts(row) for row in rows])
    drawn = uncertainty.drawn_tasks(7)

    def p(upper: int, lower: int) -> float:
        return paired_p(np.subtract(rows[upper], rows[lower]), drawn)

    above = holm([p(0, 1), p(1, 2)])
    assert places[0].p_above is None
    assert [place.p_above for place in places[1:]] == pytest.approx(above.tolist())
    first = holm([p(0, 1), p(0, 2)])
    assert places[1].p_first == pytest.approx(first[0])


def test_who_ranks_higher_with_the_lower_mean_is_not_told_apart() -> None:
    assert _groups(ROW, _shifted(0.2)) == [1, 1]


def test_only_what_both_have_is_compared() -> None:
    gap = [None, *_shifted(-0.3)[1:]]
    assert _groups(ROW, gap) == [1, 2]
    few = [*_shifted(-0.3)[:4], None, None, None]
    assert _groups(ROW, few) == [1, 1]  # four tasks tell nothing


def test_with_few_tasks_examples_tell_models_apart_where_they_are_known() -> None:
    generator = np.random.default_rng(3)
    noise = generator.normal(scale=0.01, size=(3, 200))

    def model(value: float, own: float) -> list[Part]:
        errors = noise + generator.normal(scale=own, size=noise.shape)
        return [Part(name, value, value + error) for name, error in zip("abc", errors, strict=True)]

    rows = [model(0.9, 0.001), model(0.8, 0.001), model(0.799, 0.02)]
    assert [place.group for place in group(rows)] == [1, 2, 2]
    assert draws_of(rows) == "examples"
    unknown = [*rows, [Part("a", 0.1), Part("b", 0.1), Part("c", 0.1)]]
    assert draws_of(unknown) is None
    assert {place.group for place in group(unknown)} == {None}
    assert draws_of([_parts(ROW)]) == "tasks"
    assert draws_of([]) is None


def test_examples_that_both_share_count_less_than_those_of_their_own() -> None:
    """The test is paired: what moves both models alike moves no difference."""
    shared = np.random.default_rng(4).normal(scale=0.1, size=500)
    rows = [[Part("a", 0.51, 0.51 + shared)], [Part("a", 0.5, 0.5 + shared)]]
    first, second = (uncertainty.over_examples([row]) for row in rows)
    assert first is not None
    assert second is not None
    assert first.low < second.high  # their intervals overlap
    assert [place.group for place in group(rows)] == [1, 2]


def test_equal_models_are_told_apart_as_rarely_as_the_test_says() -> None:
    generator = np.random.default_rng(8)
    wrong = 0
    for _ in range(150):
        rows = generator.normal(size=(4, 7))
        ordered = sorted(rows.tolist(), key=lambda row: -statistics.fmean(row))
        wrong += set(_groups(*ordered)) != {1}
    # sorting first picks the largest of six differences, which no test knows of
    assert wrong / 150 < 0.2


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(range(3), 2)])
def test_the_test_agrees_with_student_on_plain_data(first: int, second: int) -> None:
    rows = np.random.default_rng(2).normal(size=(3, 41)) + np.array([[0.0], [0.6], [1.0]])
    difference = rows[first] - rows[second]
    ours = paired_p(difference, uncertainty.drawn_tasks(41))
    assert ours == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, abs=0.02)
