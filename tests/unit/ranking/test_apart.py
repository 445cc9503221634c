"""Rank groups are those of loops over the same draws, and of examples worked by hand."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

import numpy as np
import pytest
from scipy import stats

from mmteb_synth.ranking import uncertainty
from mmteb_synth.ranking.apart import draws_of, group
from mmteb_synth.ranking.uncertainty import Part
from mmteb_synth.statistics.bootstrap import holm, paired_p, resamples

ROW = [0.31, 0.55, 0.62, 0.48, 0.90, 0.12, 0.77]
NAMES = [f"t{number}" for number in range(7)]


def _parts(values: Sequence[float | None], names: Sequence[str] = NAMES) -> list[Part]:
    return [Part(name, value) for name, value in zip(names, values, strict=True)]


def _groups(*rows: Sequence[float | None]) -> list[int | None]:
    names = [f"t{number}" for number in range(len(rows[0]))] if rows else []
    return [place.group for place in group([_parts(row, names) for row in rows])]


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


def _t(values: Sequence[float], around: float = 0.0) -> float:
    """Student's t of a mean, but for its sign."""
    if len(set(values)) == 1:  # what was drawn has no spread
        return math.inf if values[0] != around else 0.0
    return abs(statistics.fmean(values) - around) / (statistics.stdev(values) / math.sqrt(len(values)))


def _unlikely(t: float, n: int) -> float:
    return 2 * float(stats.t.sf(t, n - 1))


def test_p_values_of_neighbours_are_holms_of_the_paired_tests() -> None:
    rows = [_shifted(0.03), ROW, _shifted(-0.025, turn=3)]
    places = group([_parts(row) for row in rows])
    drawn = uncertainty.drawn_tasks(7)

    def p(upper: int, lower: int) -> float:
        return paired_p(np.subtract(rows[upper], rows[lower]), drawn)

    above = holm([p(0, 1), p(1, 2)])
    assert (places[0].p_above, places[0].p_first) == (None, None)
    assert [place.p_above for place in places[1:]] == pytest.approx(above.tolist())


def test_p_values_to_the_first_are_those_of_a_loop_over_all_pairs() -> None:
    """Each pair is held to the most unlikely one of each resample; one model lacks a task, so that its pairs have six."""
    rows: list[list[float | None]] = [[*_shifted(0.03)], [*ROW], [None, *_shifted(-0.005, turn=3)[1:]]]
    differences = {
        pair: [
            one - other
            for one, other in zip(rows[pair[0]], rows[pair[1]], strict=True)
            if one is not None and other is not None
        ]
        for pair in itertools.combinations(range(3), 2)
    }
    assert [len(values) for values in differences.values()] == [7, 6, 6]
    draws = {n: resamples(n).tolist() for n in (6, 7)}
    smallest = [
        min(
            _unlikely(
                _t([values[place] for place in draws[len(values)][time]], statistics.fmean(values)),
                len(values),
            )
            for values in differences.values()
        )
        for time in range(400)
    ]
    found = {pair: _unlikely(_t(values), len(values)) for pair, values in differences.items()}
    expected = {pair: sum(value <= p for value in smallest) / len(smallest) for pair, p in found.items()}
    places = group([_parts(row) for row in rows])
    assert [place.group for place in places] == [1, 2, 2]
    assert places[1].p_first == pytest.approx(expected[0, 1], abs=0.03)  # 400 of the 5,000 draws
    assert places[2].p_first == pytest.approx(expected[1, 2], abs=0.05)


def test_models_that_differ_on_few_tasks_only_hide_no_others() -> None:
    """As two prompts of one model: in a third of the resamples their difference has no spread, and is beyond measure."""
    twin = [*ROW[:6], ROW[6] - 0.01]
    places = group([_parts(row) for row in (_shifted(0.03), ROW, twin)])
    assert [place.group for place in places] == [1, 2, 2]
    assert [place.p_first for place in places[1:]] == [pytest.approx(0.01, abs=0.005), 1.0]


def test_of_two_models_both_p_values_are_the_paired_tests() -> None:
    _, second = group([_parts(ROW), _parts(_shifted(-0.005))])
    p = paired_p(np.subtract(ROW, _shifted(-0.005)), uncertainty.drawn_tasks(7))
    assert (second.p_above, second.p_first) == (p, p)


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


def test_equal_models_are_told_apart_as_rarely_as_the_tests_say() -> None:
    """Who comes out first was chosen by the scores: Holm's correction, which does not know, errs on 5 of these boards."""
    generator = np.random.default_rng(8)
    wrong = 0
    for _ in range(30):
        rows = generator.normal(size=(20, 41))
        ordered = sorted(rows.tolist(), key=lambda row: -statistics.fmean(row))
        wrong += set(_groups(*ordered)) != {1}
    assert wrong <= 2


@pytest.mark.parametrize(("first", "second"), [*itertools.combinations(range(3), 2)])
def test_the_test_agrees_with_student_on_plain_data(first: int, second: int) -> None:
    rows = np.random.default_rng(2).normal(size=(3, 41)) + np.array([[0.0], [0.6], [1.0]])
    difference = rows[first] - rows[second]
    ours = paired_p(difference, uncertainty.drawn_tasks(41))
    assert ours == pytest.approx(stats.ttest_1samp(difference, 0).pvalue, abs=0.02)
