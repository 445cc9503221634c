"""A score is low where wrong pairs score as much; and where nothing can be told, nothing is flagged."""

from __future__ import annotations

import numpy as np
import pytest

from mmteb_synth.checking.semantic.thresholds import partners, table, threshold

RNG = np.random.default_rng(7)
WRONG = list(RNG.normal(0.10, 0.08, 1000))
OWN = list(RNG.normal(0.80, 0.08, 1000))


def test_what_scores_like_wrong_pairs_is_below_the_line() -> None:
    line = threshold(OWN, WRONG).value
    assert line is not None
    assert np.mean(np.array(WRONG) < line) == pytest.approx(0.99, abs=0.002)
    assert min(OWN) > line


def test_a_third_of_bad_pairs_does_not_hide_them() -> None:
    clean = threshold(OWN, WRONG)
    mixed = threshold(OWN[:667] + WRONG[:333], WRONG)
    assert mixed.value == clean.value


def test_a_model_that_can_not_tell_flags_nothing_and_says_so() -> None:
    blind = list(RNG.normal(0.20, 0.10, 1000))
    line = threshold(blind, WRONG)
    assert line.value is None
    assert "can't tell" in line.rule


def test_few_pairs_are_no_yardstick() -> None:
    line = threshold([0.9, 0.8, 0.1], [0.1, 0.2, 0.1])
    assert line.value is None
    assert "too few" in line.rule


@pytest.mark.parametrize(("count", "most"), [(0, 10), (1, 10), (2, 10), (3, 10), (999, 200), (2500, 1000)])
def test_a_wrong_pair_never_joins_a_row_with_itself(count: int, most: int) -> None:
    found = partners(count, most)
    assert all(source != hypothesis for source, hypothesis in found)
    assert all(0 <= place < count for pair in found for place in pair)
    assert len(found) <= most
    assert len(set(found)) == len(found)
    assert (len(found) >= min(count, most) / 2) or count < 2


def test_the_table_has_what_is_read_from_it() -> None:
    assert 0.5 < table()["wrong_pairs_quantile"] < 1
    assert table()["fewest_pairs"] <= table()["wrong_pairs_for_quality"] <= table()["wrong_pairs"]
