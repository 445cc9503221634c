"""What is kept of retrieval and reranking: queries with all that was judged for them, hard negatives, random ones."""

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmteb_synth.data.profiles import BUDGETS, retrieval
from mmteb_synth.data.profiles.retrieval import CANDIDATE, JUDGED, NEGATIVE, RANDOM, Kept
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED, TableKey, Tables

SCIFACT = mteb.get_task("SciFact")
ARGUANA = mteb.get_task("ArguAna")
MIND = mteb.get_task("MindSmallReranking")
SMALL = dataclasses.replace(BUDGETS["nano"], queries=5, fewest=2, judged=12, negatives=2, others=3)
LARGE = dataclasses.replace(BUDGETS["nano"], queries=9, fewest=4, judged=30, negatives=4, others=8)
WORDS = ["iron", "copper", "river", "meadow", "lantern", "harbour", "pepper", "velvet"]


def tables(
    qrels: dict[str, list[str]],
    *,
    documents: int = 60,
    ranked: dict[str, list[str]] | None = None,
    queries: Any = (),
) -> Tables:
    names = [*dict.fromkeys([*qrels, *(ranked or {}), *queries])]
    found = {
        TableKey(CORPUS, "test"): pa.table(
            {
                "id": [f"d{n}" for n in range(documents)],
                "title": ["" for _ in range(documents)],
                "text": [f"{WORDS[n % 8]} {WORDS[n // 8 % 8]} number{n}" for n in range(documents)],
            }
        ),
        TableKey(QUERIES, "test"): pa.table(
            {
                "id": pa.array(names, pa.string()),
                "text": pa.array([WORDS[len(name) % 8] for name in names], pa.string()),
            }
        ),
        TableKey(QRELS, "test"): pa.table(
            {
                "query-id": pa.array([one for one, many in qrels.items() for _ in many], pa.string()),
                "corpus-id": pa.array([name for many in qrels.values() for name in many], pa.string()),
            }
        ),
    }
    if ranked is not None:
        found[TableKey(TOP_RANKED, "test")] = pa.table(
            {"query-id": list(ranked), "corpus-ids": pa.array(list(ranked.values()), pa.list_(pa.string()))}
        )
    return found


def kept(task: Any, given: Tables, budget: Any = SMALL, seed: int = 0) -> Kept:
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spool:
        return retrieval.kept(task, given, "test", budget, seed, spool)


def names(given: Tables, config: str, numbers: Any) -> list[str]:
    ids = given[TableKey(config, "test")].column("id").to_pylist()
    return [ids[row] for row in numbers]


QRELS_ST = st.dictionaries(
    st.integers(0, 40).map("q{}".format),
    st.lists(st.integers(0, 70).map("d{}".format), min_size=1, max_size=6, unique=True),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(QRELS_ST, st.integers(0, 3))
def test_all_that_was_judged_for_a_kept_query_is_kept(qrels: dict[str, list[str]], seed: int) -> None:
    given = tables(qrels)
    found = kept(SCIFACT, given, seed=seed)
    asked = names(given, QUERIES, found.queries)
    documents = names(given, CORPUS, found.documents)
    there = {f"d{n}" for n in range(60)}
    judged = {name for one in asked for name in qrels[one]} & there
    assert judged == {name for name, why in zip(documents, found.reasons, strict=True) if why == JUDGED}
    assert len(asked) <= 5
    assert len(asked) >= min(2, len(qrels))
    assert len(asked) <= 2 or len({name for one in asked for name in qrels[one]}) <= 12
    assert list(found.queries) == sorted(found.queries)
    assert list(found.documents) == sorted(set(found.documents))


@settings(max_examples=40, deadline=None)
@given(QRELS_ST)
def test_a_small_sample_lies_in_a_larger_one(qrels: dict[str, list[str]]) -> None:
    small, large = (kept(SCIFACT, tables(qrels), budget) for budget in (SMALL, LARGE))
    assert set(small.queries) <= set(large.queries)
    assert set(small.documents) <= set(large.documents)


def test_hard_negatives_are_the_best_that_nobody_judged() -> None:
    given = tables({"q": ["d1"]})
    given[TableKey(QUERIES, "test")] = pa.table({"id": ["q"], "text": ["copper number9 number17"]})
    found = kept(SCIFACT, given, dataclasses.replace(SMALL, others=0))
    assert names(given, CORPUS, found.documents) == ["d1", "d9", "d17"]
    assert found.reasons == [JUDGED, NEGATIVE, NEGATIVE]


def test_random_documents_come_from_the_whole_corpus() -> None:
    given = tables({"q": ["d1"]})
    found = kept(SCIFACT, given, dataclasses.replace(SMALL, negatives=0, others=10))
    assert 9 <= found.reasons.count(RANDOM) <= 10
    other = kept(SCIFACT, given, dataclasses.replace(SMALL, negatives=0, others=10), seed=7)
    assert set(found.documents) != set(other.documents)


@pytest.mark.parametrize(("task", "expected"), [(ARGUANA, ["d9"]), (SCIFACT, ["d17"])])
def test_a_query_that_is_a_document_is_no_negative_of_its_own(task: Any, expected: list[str]) -> None:
    given = tables({"d17": ["d1"]})
    given[TableKey(QUERIES, "test")] = pa.table({"id": ["d17"], "text": ["copper river number17"]})
    budget = dataclasses.replace(SMALL, negatives=1, others=0)
    found = kept(task, given, budget)
    documents = [
        name
        for name, why in zip(names(given, CORPUS, found.documents), found.reasons, strict=True)
        if why == NEGATIVE
    ]
    assert task.ignore_identical_ids == (task is ARGUANA)
    assert (documents == expected) if task is SCIFACT else ("d17" not in documents and len(documents) == 1)


def test_queries_that_nobody_judged_are_left_out() -> None:
    given = tables({"q1": ["d1"]}, queries=["q2", "q3"])
    assert names(given, QUERIES, kept(SCIFACT, given).queries) == ["q1"]


def test_candidates_are_kept_whole_and_nothing_is_added() -> None:
    ranked = {f"q_{n}_0": [f"d{n * 3 + step}" for step in range(3)] for n in range(10)}
    given = tables({one: many[:1] for one, many in ranked.items()}, ranked=ranked)
    found = kept(MIND, given)
    asked = names(given, QUERIES, found.queries)
    expected = {name for one in asked for name in ranked[one]}
    assert set(names(given, CORPUS, found.documents)) == expected
    assert {*found.reasons} == {JUDGED, CANDIDATE}
    assert len(asked) == 4  # twelve candidates, and then no more


def test_queries_that_are_scored_as_one_stay_together() -> None:
    """MIND's score is taken over the sub-queries of an impression, which differ behind the last underscore."""
    qrels = {f"u{group}_{part}": [f"d{group}"] for group in range(12) for part in range(3)}
    given = tables(qrels, ranked={one: [*many, "d50"] for one, many in qrels.items()})
    asked = names(given, QUERIES, kept(MIND, given).queries)
    groups = {one.rpartition("_")[0] for one in asked}
    assert len(groups) == 5
    assert len(asked) == 15
    alone = names(given, QUERIES, kept(mteb.get_task("AskUbuntuDupQuestions"), given).queries)
    assert len(alone) == 5


def test_a_set_without_judgements_keeps_only_random_documents() -> None:
    found = kept(SCIFACT, tables({}))
    assert list(found.queries) == []
    assert found.reasons == [RANDOM] * 3
