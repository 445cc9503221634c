"""What is kept of sets whose rows stand for themselves, by MTEB's own task classes."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from typing import Any

import mteb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.data.layout import SET_COLUMN, layout_of
from mmteb_synth.data.profiles import BUDGETS, Budget, rows

NANO, STANDARD = BUDGETS["nano"], BUDGETS["standard"]
BANKING = mteb.get_task("Banking77Classification")
STS = mteb.get_task("STSBenchmark")
SPRINT = mteb.get_task("SprintDuplicateQuestions")
SUMMARIES = mteb.get_task("SummEvalSummarization.v2")
FAST = mteb.get_task("TwentyNewsgroupsClustering.v2")
LEGACY = mteb.get_task("TwentyNewsgroupsClustering")


def labelled(labels: list[Any], text: str = "text", label: str = "label") -> pa.Table:
    return pa.table({label: labels, text: [f"text {row}" for row in range(len(labels))]})


def scored(
    task: Any,
    table: pa.Table,
    budget: Budget,
    eligible: np.ndarray | None = None,
    seed: int = 0,
    split: str = "test",
) -> set[int]:
    marks = np.arange(table.num_rows) if eligible is None else eligible
    chosen = rows.scored(task, layout_of(task), split, table, marks, budget, seed).tolist()
    assert len(chosen) == len(set(chosen))
    return set(chosen)


def budget(base: Budget = NANO, **changes: Any) -> Budget:
    return dataclasses.replace(base, **changes)


def table_of(kind: str, count: int) -> tuple[Any, pa.Table]:
    texts = [f"text {row}" for row in range(count)]
    if kind == "classification":
        return BANKING, labelled([row % 7 for row in range(count)])
    if kind == "sts":
        return STS, pa.table(
            {"score": [row % 11 / 2 for row in range(count)], "sentence1": texts, "sentence2": texts}
        )
    if kind == "pairs":
        labels = [int(row % 50 == 0) for row in range(count)]
        return SPRINT, pa.table({"labels": labels, "sentence1": texts, "sentence2": texts})
    if kind == "fast clustering":
        return FAST, labelled([str(row % 9) for row in range(count)], "sentences", "labels")
    if kind == "legacy clustering":
        table = labelled([str(row % 5) for row in range(count)], "sentences", "labels")
        return LEGACY, table.add_column(0, SET_COLUMN, pa.array(np.arange(count) % 12))
    lists = [[text, f"{text} again"] for text in texts]
    return SUMMARIES, pa.table(
        {"relevance": [[1.0]] * count, "text": texts, "human_summaries": lists, "machine_summaries": lists}
    )


KINDS = ["classification", "sts", "pairs", "fast clustering", "legacy clustering", "summaries"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [0, 1, 40, 900])
def test_a_small_sample_lies_in_a_larger_one(kind: str, count: int) -> None:
    task, table = table_of(kind, count)
    whole = set(range(count))
    assert scored(task, table, NANO) <= scored(task, table, STANDARD) <= whole
    assert scored(task, table, budget(rows=10, pairs=10, clustered=60, articles=3)) <= scored(
        task, table, NANO
    )
    assert bool(scored(task, table, NANO)) == bool(count)


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_keeps_other_rows(kind: str) -> None:
    task, table = table_of(kind, 900)
    one, other = scored(task, table, NANO), scored(task, table, NANO, seed=7)
    assert one != other
    assert len(one) == len(other)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "legacy clustering"])
def test_only_what_mteb_shows_a_model_is_drawn(kind: str) -> None:
    task, table = table_of(kind, 900)
    shown = np.arange(0, 900, 3)
    assert scored(task, table, NANO, shown) <= set(shown.tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_move_are_the_same_rows(kind: str) -> None:
    task, table = table_of(kind, 900)
    order = np.random.default_rng(3).permutation(900)
    kept = {int(order[row]) for row in scored(task, table.take(order), NANO)}
    assert kept == scored(task, table, NANO)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=200), st.integers(1, 100))
def test_labels_keep_their_proportions(labels: list[int], size: int) -> None:
    kept = Counter(labels[row] for row in scored(BANKING, labelled(labels), budget(rows=size)))
    share = min(size / len(labels), 1.0)
    for label, count in Counter(labels).items():
        assert abs(kept[label] - share * count) <= 1 + share * len(set(labels))


def test_of_a_rare_label_of_pairs_there_are_some() -> None:
    task, table = table_of("pairs", 5_000)
    labels = table.column("labels").to_pylist()
    kept = Counter(labels[row] for row in scored(task, table, NANO))
    assert kept == {1: 20, 0: 80}


def test_scores_are_drawn_over_their_range() -> None:
    table = pa.table(
        {
            "score": [0.1] * 700 + [4.9] * 100 + [2.5] * 200,
            "sentence1": [str(n) for n in range(1000)],
            "sentence2": ["x"] * 1000,
        }
    )
    kept = scored(STS, table, NANO)
    assert [sum(low <= row < high for row in kept) for low, high in ((0, 700), (700, 800), (800, 1000))] == [
        70,
        10,
        20,
    ]
    alike = pa.table(
        {"score": [3.0] * 300, "sentence1": [str(n) for n in range(300)], "sentence2": ["x"] * 300}
    )
    assert len(scored(STS, alike, NANO)) == 100


def test_a_hierarchy_is_drawn_by_its_top() -> None:
    labels = [["physics", f"field {row}"] if row % 4 else ["law"] for row in range(800)]
    kept = Counter(labels[row][0] for row in scored(FAST, labelled(labels, "sentences", "labels"), NANO))
    assert kept == {"physics": 225, "law": 75}


def test_of_a_legacy_clustering_some_sets_and_some_of_their_texts() -> None:
    task, table = table_of("legacy clustering", 6_000)
    sets, labels = table.column(SET_COLUMN).to_pylist(), table.column("labels").to_pylist()
    kept = scored(task, table, NANO)
    assert sorted(Counter(sets[row] for row in kept).values()) == [100, 100, 100]
    for number in {sets[row] for row in kept}:
        of_set = Counter(labels[row] for row in kept if sets[row] == number)
        assert set(of_set.values()) == {20}


def test_what_trains_on_its_own_rows_keeps_enough_of_them() -> None:
    task = mteb.get_task("Banking77Classification")
    task.is_cross_validation = True
    table = labelled([row % 77 for row in range(4_000)])
    assert len(scored(task, table, NANO)) == 2 * 8 * 77
    assert len(scored(task, table, STANDARD)) == 4_000
    task.is_cross_validation = False
    assert len(scored(task, table, NANO)) == 200
    assert len(scored(task, table, NANO, split="train")) == 2 * 8 * 77


def pool(task: Any, labels: list[Any], eligible: np.ndarray | None = None) -> Callable[[Budget], Any]:
    table = labelled(labels)
    marks = np.arange(len(labels)) if eligible is None else eligible
    return lambda budget: rows.trained(task, layout_of(task), table, marks, budget, 0)


def test_a_pool_is_balanced() -> None:
    labels = [0] * 500 + [1] * 300 + [2] * 5
    chosen = pool(BANKING, labels)(NANO)
    assert Counter(labels[row] for row in chosen) == {0: 16, 1: 16, 2: 5}
    assert pool(BANKING, labels)(STANDARD) is None
    shown = np.arange(0, 805, 2)
    assert set(pool(BANKING, labels, shown)(NANO)) <= set(shown.tolist())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 4), max_size=3, unique=True), min_size=1, max_size=150))
def test_a_pool_of_several_labels_has_enough_of_each(labels: list[list[int]]) -> None:
    task = mteb.get_task("Banking77Classification")
    chosen = rows.trained(
        task,
        layout_of(task),
        pa.table(
            {"label": pa.array(labels, pa.list_(pa.int64())), "text": [str(n) for n in range(len(labels))]}
        ),
        np.arange(len(labels)),
        budget(pool=1),
        0,
    )
    whole = Counter(label for row in labels for label in row)
    kept = Counter(label for row in chosen for label in labels[row])
    assert all(kept[label] >= min(count, 8) for label, count in whole.items())
    assert len(chosen) <= 8 * len(whole)
