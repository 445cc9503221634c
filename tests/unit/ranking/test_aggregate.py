"""Means and ranks are MTEB's own."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.ranking.aggregate import borda_points, borda_ranks, mean, type_means


def _ranks(scores: dict[str, list[float | None]]) -> dict[str, int]:
    return borda_ranks(borda_points(scores))


def test_a_missing_score_leaves_the_mean_empty() -> None:
    assert mean([0.5, 0.7]) == pytest.approx(0.6)
    assert mean([0.5, None]) is None
    assert mean([0.0, 0.0]) == 0.0
    assert mean([]) is None


def test_a_missing_score_leaves_only_its_own_type_empty() -> None:
    assert type_means({"STS": [0.2, 0.4], "Retrieval": [0.9, None]}) == {
        "STS": pytest.approx(0.3),
        "Retrieval": None,
    }


def test_borda_by_hand() -> None:
    # Two tasks, three models: points are (3 - rank) a task, a tie shares ranks 1 and 2 as 1.5.
    scores = {"a": [0.9, 0.5], "b": [0.9, 0.4], "c": [0.1, None]}
    assert borda_points(scores) == {"a": [1.5, 2.0], "b": [1.5, 1.0], "c": [0.0, 0.0]}
    assert _ranks(scores) == {"a": 1, "b": 2, "c": 3}


def test_equal_sums_share_the_better_rank() -> None:
    assert _ranks({"a": [0.9, 0.1], "b": [0.1, 0.9], "c": [0.0, 0.0]}) == {"a": 1, "b": 1, "c": 3}


def test_a_model_without_scores_neither_ranks_nor_counts() -> None:
    assert _ranks({"a": [0.1], "b": [None]}) == {"a": 1}
    assert _ranks({"a": []}) == {}
    assert _ranks({}) == {}


_SCORES = st.none() | st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])  # few values, so that many tie


@given(
    st.integers(1, 6).flatmap(
        lambda tasks: st.lists(st.lists(_SCORES, min_size=tasks, max_size=tasks), min_size=1, max_size=7)
    )
)
@settings(deadline=None, max_examples=60)
def test_borda_is_mtebs_with_ties_and_gaps(rows: list[list[float | None]]) -> None:
    from mteb.benchmarks import _create_table as mteb_table

    scores = {f"m{number}": row for number, row in enumerate(rows)}
    voting = {model: row for model, row in scores.items() if any(value is not None for value in row)}
    ours = _ranks(scores)
    assert ours.keys() == voting.keys()
    if not voting:
        return
    tasks = [f"t{number}" for number in range(len(rows[0]))]

    wide = pl.DataFrame(list(voting.values()), schema=dict.fromkeys(tasks, pl.Float64), orient="row")
    wide = wide.select([name for name in tasks if not wide[name].is_null().all()])
    by_columns = wide.select(mteb_table._get_borda_rank(wide.columns)).to_series().to_list()
    assert [ours[model] for model in voting] == by_columns

    long = pl.DataFrame(
        [
            {"model_name": model, "task_name": task, "score": value}
            for model, row in voting.items()
            for task, value in zip(tasks, row, strict=True)
            if value is not None
        ]
    )
    by_rows = mteb_table._borda_rank_from_long(long, n_models=len(voting))
    assert {model: ours[model] for model in voting} == dict(by_rows.iter_rows())


@given(st.lists(st.floats(-1, 1, allow_nan=False), min_size=1, max_size=60))
def test_the_mean_is_the_exact_one(values: list[float]) -> None:
    assert mean(values) == math.fsum(values) / len(values)
