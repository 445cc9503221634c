"""The sample is random, stratified, nested and shared out fairly."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.reviewing.sampling import LEAST_OF_A_SET, allocate, draw, share_out


def test_rows_follow_size_with_a_minimum() -> None:
    assert allocate(10, {"a": 700, "b": 300}, 0) == {"a": 7, "b": 3}
    assert allocate(10, {"a": 990, "b": 10}, 2) == {"a": 8, "b": 2}
    assert allocate(10, {"a": 3, "b": 300}, 5) == {"a": 3, "b": 7}
    assert allocate(100, {"a": 3, "b": 4}, 5) == {"a": 3, "b": 4}
    assert allocate(5, {}, 1) == {}


def test_sainte_lague_as_published() -> None:
    # the worked example of Wikipedia's article on the method: 53,000, 24,000 and 23,000 votes for 7 seats
    assert allocate(7, {"A": 53_000, "B": 24_000, "C": 23_000}, 0) == {"A": 3, "B": 2, "C": 2}


@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 50), min_size=1, max_size=6),
    st.integers(0, 400),
    st.integers(0, 20),
)
def test_every_row_is_given_out_and_a_larger_total_takes_none_away(
    sizes: dict[str, int], total: int, least: int
) -> None:
    given_out = allocate(total, sizes, least)
    assert sum(given_out.values()) == min(total, sum(sizes.values()))
    assert all(0 <= given_out[name] <= size for name, size in sizes.items())
    if total // len(sizes) >= least:
        more = allocate(total + 1, sizes, least)
        assert all(more[name] >= given_out[name] for name in sizes)


SETS = {
    "Big": {"document": [f"d{n}" for n in range(900)], "query": [f"q{n}" for n in range(100)]},
    "Small": {"sentence": [f"s{n}" for n in range(60)]},
}


def drawn(total: int, seed: int = 0) -> dict[str, list[str]]:
    return draw(SETS, total, identity=str, seed=seed)


def test_sets_and_kinds_have_their_share() -> None:
    found = drawn(120)
    assert {name: len(rows) for name, rows in found.items()} == {"Big": 100, "Small": LEAST_OF_A_SET}
    assert Counter(row[0] for row in found["Big"]) == {"d": 90, "q": 10}
    assert found["Big"] != sorted(found["Big"])


def test_the_seed_decides_and_a_larger_sample_holds_the_smaller() -> None:
    assert drawn(120) == drawn(120)
    assert drawn(120) != drawn(120, seed=1)
    assert all(set(drawn(120)[name]) <= set(drawn(200)[name]) for name in SETS)


def test_every_row_is_as_likely_as_any_other() -> None:
    counts = Counter(row for seed in range(400) for row in drawn(80, seed)["Small"])
    # 20 of 60 rows in 400 draws: each is expected 133 times, with a standard deviation of 9.4
    assert len(counts) == 60
    assert all(133 - 45 < count < 133 + 45 for count in counts.values())


@pytest.mark.parametrize(("raters", "overlap"), [(1, 0), (2, 50), (3, 7), (2, 120), (4, 0)])
def test_all_get_the_overlap_and_one_gets_each_other_row(raters: int, overlap: int) -> None:
    sample = drawn(120)
    shares = share_out(sample, raters, overlap)
    every = [row for rows in sample.values() for row in rows]
    times = Counter(row for share in shares for row in share)
    assert set(times) == set(every)
    if raters > 1:
        assert Counter(times.values()) == Counter(
            {raters: overlap, **({1: 120 - overlap} if overlap < 120 else {})} if overlap else {1: 120}
        )
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1
