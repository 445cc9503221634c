"""Intervals and tests by resampling: loops over the same draws, scipy's own bootstrap, and published examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmteb_synth.statistics import bootstrap
from mmteb_synth.statistics.bootstrap import counts, holm, interval, paired_p, resamples, shifted_p, widened

VALUES = np.array([0.31, 0.55, 0.62, 0.48, 0.90, 0.12, 0.77])


def test_draws_are_the_same_every_time() -> None:
    drawn = resamples(7, times=50)
    assert drawn.shape == (50, 7)
    assert set(np.unique(drawn)) <= set(range(7))
    assert (drawn == resamples(7, times=50)).all()
    assert (drawn != resamples(7, times=50, seed=1)).any()
    assert (resamples(7, times=50, seed=(0, 3)) != resamples(7, times=50, seed=(0, 4))).any()


def test_counts_are_how_often_each_was_drawn() -> None:
    drawn = resamples(6, times=40)
    expected = [[list(row).count(unit) for unit in range(6)] for row in drawn.tolist()]
    assert counts(drawn).tolist() == expected


def test_the_interval_of_a_mean_is_that_of_a_loop_over_the_same_draws() -> None:
    drawn = resamples(len(VALUES), times=400)
    means = sorted(math.fsum(VALUES[place] for place in row) / len(row) for row in drawn.tolist())

    def quantile(share: float) -> float:  # linear between the two nearest, as numpy has it
        place = share * (len(means) - 1)
        below = math.floor(place)
        return means[below] + (place - below) * (means[min(below + 1, len(means) - 1)] - means[below])

    for level in (0.95, widened(len(VALUES))):
        found = interval(counts(drawn) @ VALUES / len(VALUES), level)
        assert found == pytest.approx((quantile((1 - level) / 2), quantile((1 + level) / 2)), abs=1e-12)


def test_the_interval_is_scipys_percentile_interval() -> None:
    theirs = stats.bootstrap(
        (VALUES,), np.mean, n_resamples=2000, method="percentile", random_state=np.random.default_rng(0)
    )
    ours = interval(theirs.bootstrap_distribution)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=1e-12)
    # and with draws of our own, but for chance
    mine = interval(VALUES[resamples(len(VALUES))].mean(axis=1))
    assert mine == pytest.approx(tuple(theirs.confidence_interval), abs=0.02)


def test_undefined_resamples_are_left_out() -> None:
    assert interval([0.1, math.nan, 0.3], level=1.0) == (0.1, 0.3)
    assert all(math.isnan(end) for end in interval([math.nan, math.nan]))
    assert all(math.isnan(end) for end in interval([]))


def test_the_level_is_widened_as_hesterberg_has_it() -> None:
    # Hesterberg 2015, section 4.3: a quantile of t by the square root of n / (n - 1), on the normal's scale.
    by_hand = 2 * stats.norm.cdf(stats.t.ppf(0.975, 6) * math.sqrt(7 / 6)) - 1
    assert widened(7) == pytest.approx(by_hand, abs=1e-12)
    assert widened(7) == pytest.approx(0.9918, abs=1e-4)
    assert widened(10_000) == pytest.approx(0.95, abs=1e-4)
    levels = [widened(n) for n in range(2, 60)]
    assert levels == sorted(levels, reverse=True)


def test_below_the_fewest_units_the_interval_is_always_the_whole_range() -> None:
    n = bootstrap.FEWEST
    assert (1 - widened(n - 1)) / 2 < (n - 1) ** -(n - 1)
    assert (1 - widened(n)) / 2 > n**-n


def test_intervals_of_few_units_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(11)
    drawn = counts(resamples(7, times=1000))
    plain = wide = 0
    for _ in range(1000):
        means = drawn @ generator.normal(size=7) / 7
        plain += interval(means).low <= 0 <= interval(means).high
        wide += interval(means, widened(7)).low <= 0 <= interval(means, widened(7)).high
    assert plain / 1000 < 0.9
    assert 0.9 < wide / 1000 < 0.97


def test_paired_p_is_that_of_a_loop() -> None:
    differences = np.array([0.05, -0.01, 0.02, 0.08, 0.01, -0.03, 0.04])
    drawn = resamples(7, times=300)
    mean = math.fsum(differences) / 7

    def t(values: list[float], around: float) -> float:
        middle = math.fsum(values) / len(values)
        spread = math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
        return abs(middle - around) / (spread / math.sqrt(len(values))) if spread else math.inf

    found = t(list(differences), 0.0)
    as_far = sum(t([differences[place] for place in row], mean) >= found for row in drawn.tolist())
    assert paired_p(differences, counts(drawn)) == pytest.approx((1 + as_far) / 301, abs=1e-12)


@given(st.lists(st.integers(-1_000_000, 1_000_000), min_size=2, max_size=12))
def test_paired_p_is_two_sided_and_never_zero(millionths: list[int]) -> None:
    differences = [value / 1_000_000 for value in millionths]  # mteb's files have six digits
    drawn = counts(resamples(len(differences), times=99))
    p = paired_p(differences, drawn)
    assert 0.01 <= p <= 1
    assert paired_p([-value for value in differences], drawn) == p


def test_equal_models_and_equal_differences() -> None:
    drawn = counts(resamples(7, times=99))
    assert paired_p([0.0] * 7, drawn) == 1.0
    assert paired_p([0.1] * 7, drawn) == 0.01
    assert (
        paired_p([0.3 - 0.2, 0.2 - 0.1, 0.5 - 0.4], counts(resamples(3, times=99))) == 0.01
    )  # but for rounding


def test_the_test_of_few_units_errs_as_rarely_as_it_says() -> None:
    generator = np.random.default_rng(5)
    drawn = counts(resamples(7, times=500))
    wrong = sum(paired_p(generator.normal(size=7), drawn) < 0.05 for _ in range(400))
    assert wrong / 400 < 0.07


def test_shifted_p_by_hand() -> None:
    # Moved by .4 they are -.5, -.1, 0, .3 and .6: two of them are as far from zero as .4, and so is .4 itself.
    assert shifted_p(0.4, [-0.1, 0.3, 0.4, 0.7, 1.0, math.nan]) == pytest.approx(3 / 6)
    assert shifted_p(0.0, [0.0, 0.0]) == 1.0


def test_the_furthest_of_pairs_is_that_of_a_loop_over_them() -> None:
    pairs = np.random.default_rng(1).normal(size=(5, 7))
    drawn = counts(resamples(7, times=200))
    together = bootstrap.student_distances(pairs, drawn)
    alone = [bootstrap.student_distances([pair], drawn) for pair in pairs]
    assert together.found == pytest.approx([one.found[0] for one in alone])
    assert together.furthest == pytest.approx(np.max([one.furthest for one in alone], axis=0))
    p = [sum(together.furthest >= found) for found in together.found]
    assert together.p_values() == pytest.approx([(1 + count) / 201 for count in p])
    assert all(together.p_values() >= [paired_p(pair, drawn) for pair in pairs])


def test_pairs_that_never_vary_are_no_measure_for_others() -> None:
    drawn = counts(resamples(7, times=99))
    pairs = np.array([VALUES - 0.4, np.zeros(7), np.full(7, 0.1)])
    alone = bootstrap.student_distances(pairs[:1], drawn)
    together = bootstrap.student_distances(pairs, drawn)
    assert together.p_values().tolist() == [alone.p_values()[0], 1.0, 0.01]


def test_what_differs_on_few_units_loses_its_spread() -> None:
    for same, units in ((2, 5), (3, 7), (37, 41)):
        rest = [float(place) for place in range(1, units - same + 1)]
        assert bootstrap.keeps_its_spread([0.0] * same + rest)
        assert not bootstrap.keeps_its_spread([0.0, 1e-6, *[0.0] * (same - 1), *rest[1:]])
    assert bootstrap.keeps_its_spread([0.1] * 7)
    assert bootstrap.keeps_its_spread([0.0] * 7)
    assert bootstrap.keeps_its_spread([0.3 - 0.2, 0.2 - 0.1, 0.5 - 0.4, 0.1, 0.1])


def test_shifted_distances_by_hand() -> None:
    # a resample in which a pair has no value is left out for all of them; a pair without a spread is no measure
    first, second = [-0.1, 0.3, 0.4, 0.7, 1.0, math.nan], [0.1, 0.3, 0.1, 0.3, 0.2, 9.0]
    found = bootstrap.shifted_distances([0.4, 0.2, 0.0], [first, second, [0.0] * 6])
    spreads = [np.std(first[:5]), np.std(second[:5])]
    assert found.found == pytest.approx([0.4 / spreads[0], 0.2 / spreads[1], 0.0])
    moved = [
        [abs(value - 0.4) / spreads[0], abs(other - 0.2) / spreads[1]]
        for value, other in zip(first[:5], second[:5], strict=True)
    ]
    assert found.furthest == pytest.approx([max(both) for both in moved])
    assert bootstrap.shifted_distances([0.1], [[math.nan]]).p_values().tolist() == [1.0]


def test_holm_by_hand() -> None:
    # .005 is the smallest of four, .01 the next of three, .03 of two; .04 may not get below it.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.2]) == pytest.approx([0.2])
    assert holm([]).tolist() == []


@given(st.lists(st.floats(0, 1, allow_nan=False), max_size=9))
def test_holm_rejects_what_the_step_down_procedure_rejects(values: list[float]) -> None:
    rejected = set()
    for step, place in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        if values[place] * (len(values) - step) > 0.05:
            break
        rejected.add(place)
    found = {place for place, value in enumerate(holm(values)) if value <= 0.05}
    assert found == rejected
