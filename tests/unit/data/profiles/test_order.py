"""The order of rows: the same everywhere, whatever rows stand beside them, and proportional in every beginning."""

from collections import Counter
from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmteb_synth.data.profiles.order import by_hash, hashes, in_proportion, ranks_within

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=120)


def numbers_of(count: int, seed: int = 0) -> np.ndarray:
    return hashes((f"row {row}" for row in range(count)), seed)


def test_hashes_are_the_same_on_every_machine() -> None:
    # blake2b of 8 bytes, keyed with the seed's digits, big end first
    assert hashes(["SciFact", "", "\ud800"], 0).tolist() == [
        4433476176728989480,
        9502881449170513252,
        14808079705700584338,
    ]
    assert hashes(["SciFact"], 7).tolist() == [16477697652421689331]


def test_another_seed_is_another_order() -> None:
    assert by_hash(numbers_of(50)).tolist() != by_hash(numbers_of(50, 1)).tolist()


@given(st.permutations(range(30)), st.integers(0, 30))
def test_neither_the_order_nor_other_rows_change_who_comes_first(rows: list[int], left_out: int) -> None:
    texts = [f"row {row}" for row in rows]
    drawn = [texts[row] for row in by_hash(hashes(texts, 0))]
    fewer = [text for text in texts if text != f"row {left_out}"]
    again = [fewer[row] for row in by_hash(hashes(fewer, 0))]
    assert again == [text for text in drawn if text != f"row {left_out}"]
    assert drawn == [f"row {row}" for row in by_hash(numbers_of(30))]


@given(LABELS, st.data())
def test_every_beginning_is_in_proportion(labels: list[int], data: st.DataObject) -> None:
    """Sainte-Laguë by brute force: the next row is of the label with the largest size / (2 * seats + 1)."""
    size = data.draw(st.integers(0, len(labels)))
    drawn = Counter(labels[row] for row in in_proportion(labels, numbers_of(len(labels)))[:size])
    whole, seats = Counter(labels), Counter[int]()
    quotients = {label: Fraction(count) for label, count in whole.items()}
    for _ in range(size):
        best = max(quotients[label] for label in whole if seats[label] < whole[label])
        tied = [label for label in whole if seats[label] < whole[label] and quotients[label] == best]
        taken = next((label for label in tied if drawn[label] > seats[label]), None)
        assert taken is not None, "a label with a lower quotient was drawn before"
        seats[taken] += 1
        quotients[taken] = Fraction(whole[taken], 2 * seats[taken] + 1)
    assert +drawn == +seats


@given(LABELS, st.integers(0, 10))
def test_some_of_each_label_come_first(labels: list[int], least: int) -> None:
    order = in_proportion(labels, numbers_of(len(labels)), least=least)
    assert sorted(order) == list(range(len(labels)))
    promised = sum(min(count, least) for count in Counter(labels).values())
    first = Counter(labels[row] for row in order[:promised])
    assert first == +Counter({label: min(count, least) for label, count in Counter(labels).items()})


@given(LABELS)
def test_ranks_count_the_rows_of_a_label(labels: list[int]) -> None:
    ranks, sizes = ranks_within(labels, numbers_of(len(labels)))
    for label, count in Counter(labels).items():
        rows = [row for row, one in enumerate(labels) if one == label]
        assert sorted(ranks[rows]) == list(range(count))
        assert set(sizes[rows]) == {count}
        assert [rows[place] for place in np.argsort(ranks[rows])] == sorted(
            rows, key=lambda row: numbers_of(len(labels))[row]
        )
