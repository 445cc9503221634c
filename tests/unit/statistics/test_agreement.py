"""The vectorised statistics against loops over scipy and over plain definitions."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mmteb_synth.statistics import agreement
from mmteb_synth.statistics.bootstrap import counts, interval, resamples


def both_sides(n, values, seed):
    """Two sides of n scores, of few different values so that many are equal."""
    random = np.random.default_rng(seed)
    return random.integers(values, size=n) / values, random.integers(values, size=n) / values


def scipys(function, a, b, drawn):
    """One statistic a resample, by scipy."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constant samples
        return np.array([function(a[places], b[places]).statistic for places in drawn])


@pytest.mark.parametrize(("n", "values"), [(2, 2), (3, 2), (5, 4), (12, 5), (30, 1000)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(agreement.kendall_taus, stats.kendalltau), (agreement.spearman_rhos, stats.spearmanr)],
    ids=["tau", "rho"],
)
def test_resamples_have_scipys_correlations(n, values, ours, theirs):
    a, b = both_sides(n, values, seed=n)
    drawn = resamples(n, times=200, seed=1)

    found, expected = ours(a, b, counts(drawn)), scipys(theirs, a, b, drawn)

    np.testing.assert_allclose(found, expected, atol=1e-12)  # NaN where scipy has NaN


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_a_sample_has_scipys_correlations(pairs):
    a, b = np.array(pairs, dtype=float).T
    once = np.ones((1, len(pairs)))

    np.testing.assert_allclose(
        agreement.kendall_taus(a, b, once), scipys(stats.kendalltau, a, b, [np.arange(len(a))]), atol=1e-12
    )
    np.testing.assert_allclose(
        agreement.spearman_rhos(a, b, once), scipys(stats.spearmanr, a, b, [np.arange(len(a))]), atol=1e-12
    )


def test_many_models_are_compared_block_by_block(monkeypatch):
    a, b = both_sides(40, 9, seed=3)
    weights = counts(resamples(40, times=20))
    whole = agreement.kendall_taus(a, b, weights), agreement.spearman_rhos(a, b, weights)

    monkeypatch.setattr(agreement, "_AT_ONCE", 7 * 40)

    np.testing.assert_allclose(agreement.kendall_taus(a, b, weights), whole[0])
    np.testing.assert_allclose(agreement.spearman_rhos(a, b, weights), whole[1])


def lost_by_hand(chooser, trusted):
    first = [right for by, right in zip(chooser, trusted, strict=True) if by == max(chooser)]
    return max(trusted) - sum(first) / len(first)


@pytest.mark.parametrize("values", [2, 6, 1000])
def test_points_lost_are_the_best_score_less_that_of_the_model_put_first(values):
    chooser, trusted = both_sides(9, values, seed=values)
    drawn = resamples(9, times=100)

    lost = agreement.points_lost(chooser, trusted, counts(drawn))

    expected = [lost_by_hand(list(chooser[places]), list(trusted[places])) for places in drawn]
    np.testing.assert_allclose(lost, expected, atol=1e-12)


def test_chance_loses_the_best_score_less_the_mean():
    _, trusted = both_sides(9, 50, seed=2)
    drawn = resamples(9, times=100)

    lost = agreement.points_lost_by_chance(trusted, counts(drawn))

    np.testing.assert_allclose(lost, [trusted[places].max() - trusted[places].mean() for places in drawn])


@pytest.mark.parametrize("parts", [1, 2, 3])
@pytest.mark.parametrize("values", [2, 4, 1000])
def test_the_best_part_is_cut_by_the_trusted_scores_and_keeps_equal_ones(parts, values):
    _, trusted = both_sides(10, values, seed=values + parts)
    drawn = resamples(10, times=100)

    kept = agreement.best_part(trusted, counts(drawn), parts)

    for places, row in zip(drawn, kept, strict=True):
        wanted = math.ceil(10 / parts)
        last = sorted(trusted[places], reverse=True)[wanted - 1]
        expected = [np.count_nonzero(places == one) if trusted[one] >= last else 0 for one in range(10)]
        assert list(row) == expected


def test_a_part_without_two_different_scores_has_no_correlation():
    trusted = np.array([0.9, 0.1, 0.2])
    best = agreement.best_part(trusted, np.ones((1, 3)), 3)

    assert list(best[0]) == [1, 0, 0]
    assert np.isnan(agreement.kendall_taus([3, 2, 1], trusted, best)).all()
    assert np.isnan(agreement.spearman_rhos([3, 2, 1], trusted, best)).all()
    assert agreement.points_lost([3, 2, 1], trusted, best) == [0]


def test_where_no_model_counts_nothing_is_lost_or_won():
    nobody = np.zeros((1, 3))

    assert np.isnan(agreement.points_lost([1, 2, 3], [1, 2, 3], nobody)).all()
    assert np.isnan(agreement.points_lost_by_chance([1, 2, 3], nobody)).all()


def test_a_resample_that_says_nothing_makes_the_interval_wider():
    values = np.array([0.8] * 80 + [np.nan] * 20)

    assert interval(values) == (0.8, 0.8)
    assert agreement.cautious_interval(values) == (-1, 1)
    assert agreement.cautious_interval(np.array([0.7, 0.9] * 50)) == (0.7, 0.9)
