"""What becomes of rows without a translation: each case of keeping and dropping, for every kind of table."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mmteb_synth.data import source
from mmteb_synth.data.failures import DROP, KEEP, Settled, notes, settle
from mmteb_synth.data.segments import collect
from mmteb_synth.data.source import SourceSet
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey, Tables
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Segment

Rows = list[dict[str, Any]]


def translated(found: SourceSet, failed_texts: set[str], spool: Spool) -> tuple[Tables, set[Segment]]:
    """The set with every text in brackets, but for those that fail, which stay English."""
    wanted = collect(found.layout, found.tables, found.needed, "neutral", spool)
    failed = {segment for segment in wanted if segment.text in failed_texts}
    assert {segment.text for segment in failed} == failed_texts
    bracketed = [None if segment in failed else f"[{segment.text}]" for segment in wanted]
    return wanted.reassemble(pa.chunked_array([bracketed], pa.string()), spool), failed


@pytest.fixture
def settled(own_set: Any, tmp_path: Path, spool: Spool) -> Any:
    """Builds a set of one's own in which some texts fail, and settles it."""

    def run(
        kind: str, files: dict[str, Rows], failed: set[str], policy: str, toml: str = "", **options: Any
    ) -> Settled:
        spec = own_set("Mine", kind, files, toml)
        whole = source.read(spec, source_dir=None, scratch=tmp_path / "scratch")
        found = source.cut(whole, spool=spool, **options)
        tables, segments = translated(found, failed, spool)
        return settle(found, tables, segments, policy)  # type: ignore[arg-type]

    return run


def columns(found: Settled, config: str = DEFAULT, split: str = "test") -> dict[str, list[Any]]:
    return dict(found.tables[TableKey(config, split)].to_pydict())


PAIRS: Rows = [
    {"sentence1": "a one", "sentence2": "b one", "score": 1.0},
    {"sentence1": "a two", "sentence2": "b two", "score": 2.0},
    {"sentence1": "a three", "sentence2": "a one", "score": 3.0},
]


def test_kept_rows_stay_and_are_listed(settled: Any) -> None:
    found = settled("STS", {"test": PAIRS}, {"a one"}, KEEP)
    assert columns(found)["sentence1"] == ["a one", "[a two]", "[a three]"]
    assert columns(found)["sentence2"] == ["[b one]", "[b two]", "a one"]
    assert (found.kept, found.dropped) == ({"default/test": [0, 2]}, {})
    assert notes(1, 5, found) == ["1 of 5 segments have no translation; 2 rows keep their English text"]


def test_an_eval_row_is_dropped_with_its_score(settled: Any) -> None:
    found = settled("STS", {"test": PAIRS}, {"b two"}, DROP)
    assert columns(found) == {
        "score": [1.0, 3.0],
        "sentence1": ["[a one]", "[a three]"],
        "sentence2": ["[b one]", "[a one]"],
    }
    assert (found.kept, found.dropped) == ({}, {"default/test": [1]})
    assert notes(1, 5, found) == ["1 of 5 segments have no translation; 1 rows of default/test were dropped"]


def test_a_set_of_which_nothing_would_be_left_is_refused(settled: Any) -> None:
    with pytest.raises(
        SourceError, match="Mine: all rows of default/test that MTEB scores would be dropped"
    ) as raised:
        settled("STS", {"test": PAIRS}, {"a one", "b two"}, DROP)
    assert "--on-failure source" in str(raised.value.hint)


TRAIN: Rows = [{"text": f"train {word}", "label": place % 2} for place, word in enumerate("abcdef")]
EVAL: Rows = [{"text": f"eval {word}", "label": place % 2} for place, word in enumerate("ab")]


def test_training_rows_keep_their_place_and_english(settled: Any) -> None:
    files = {"train": TRAIN, "test": EVAL}
    found = settled("Classification", files, {"train b", "eval a"}, DROP)
    assert columns(found, split="train")["text"][:3] == ["[train a]", "train b", "[train c]"]
    assert columns(found)["text"] == ["[eval b]"]
    assert (found.kept, found.dropped) == ({"default/train": [1]}, {"default/test": [0]})
    assert notes(2, 8, found) == [
        "2 of 8 segments have no translation; 1 rows keep their English text; 1 rows of default/test were dropped"
    ]


def test_a_training_split_that_is_scored_keeps_its_rows_too(settled: Any) -> None:
    found = settled("Classification", {"train": TRAIN}, {"train b"}, DROP, 'eval_splits = ["train"]')
    assert (found.kept, found.dropped) == ({"default/train": [1]}, {})
    assert len(columns(found, split="train")["text"]) == 6


def test_clustering_rows_keep_their_place_and_english(settled: Any) -> None:
    rows = [{"sentences": f"text {word}", "labels": word} for word in "abcd"]
    toml = '[protocol]\nmax_fraction_of_documents_to_embed = "none"'
    found = settled("Clustering", {"test": rows}, {"text c"}, DROP, toml)
    assert columns(found)["sentences"] == ["[text a]", "[text b]", "text c", "[text d]"]
    assert (found.kept, found.dropped) == ({"default/test": [2]}, {})


def test_a_summarization_loses_the_whole_article(settled: Any) -> None:
    rows = [
        {
            "text": "article",
            "human_summaries": [f"human {n}"],
            "machine_summaries": [f"one {n}", f"two {n}"],
            "relevance": [1.0, 2.0],
        }
        for n in "ab"
    ]
    toml = "[protocol]\nmin_score = 0\nmax_score = 5"
    found = settled("Summarization", {"test": rows}, {"two a"}, DROP, toml)
    assert columns(found)["machine_summaries"] == [["[one b]", "[two b]"]]
    assert found.dropped == {"default/test": [0]}


FILES: dict[str, Rows] = {
    "corpus": [{"id": f"d{n}", "title": f"title {n}", "text": f"document {n}"} for n in "abcd"],
    "queries": [{"id": f"q{n}", "text": f"query {n}"} for n in "ab"],
    "qrels": [
        {"query-id": "qa", "corpus-id": "da", "score": 1},
        {"query-id": "qa", "corpus-id": "db", "score": 0},
        {"query-id": "qb", "corpus-id": "db", "score": 1},
    ],
    "top_ranked": [
        {"query-id": "qa", "corpus-ids": ["dd", "da", "dc"]},
        {"query-id": "qb", "corpus-ids": ["dc", "db"]},
    ],
}


def test_judged_documents_keep_english_and_unjudged_ones_go(settled: Any) -> None:
    found = settled("Reranking", FILES, {"title a", "document c"}, DROP)
    assert columns(found, CORPUS)["id"] == ["da", "db", "dd"]
    assert columns(found, CORPUS)["title"][0] == "title a"
    assert columns(found, CORPUS)["text"][0] == "[document a]"
    assert columns(found, TOP_RANKED) == {"query-id": ["qa", "qb"], "corpus-ids": [["dd", "da"], ["db"]]}
    assert len(columns(found, QRELS)["score"]) == 3
    assert (found.kept, found.dropped) == ({"corpus/test": ["da"]}, {"corpus/test": ["dc"]})


def test_a_query_goes_with_its_judgements_and_candidates(settled: Any) -> None:
    found = settled("Reranking", FILES, {"query a"}, DROP)
    assert columns(found, QUERIES) == {"id": ["qb"], "text": ["[query b]"]}
    assert columns(found, QRELS) == {"query-id": ["qb"], "corpus-id": ["db"], "score": [1]}
    assert columns(found, TOP_RANKED) == {"query-id": ["qb"], "corpus-ids": [["dc", "db"]]}
    assert len(columns(found, CORPUS)["id"]) == 4
    assert (found.kept, found.dropped) == ({}, {"queries/test": ["qa"]})


def test_the_same_holds_without_candidates(settled: Any) -> None:
    files = {name: rows for name, rows in FILES.items() if name != "top_ranked"}
    found = settled("Retrieval", files, {"query b", "document d"}, DROP)
    assert columns(found, QUERIES)["id"] == ["qa"]
    assert columns(found, CORPUS)["id"] == ["da", "db", "dc"]
    assert set(columns(found, QRELS)["query-id"]) == {"qa"}
    assert TableKey(TOP_RANKED, "test") not in found.tables


def test_queries_of_which_no_judged_one_would_be_left_are_refused(settled: Any) -> None:
    queries = [*FILES["queries"], {"id": "qc", "text": "nobody judged this"}]
    with pytest.raises(SourceError, match="all rows of queries/test that MTEB scores would be dropped"):
        settled("Reranking", {**FILES, "queries": queries}, {"query a", "query b"}, DROP)


def test_what_is_not_failing_is_carried_by_reference(settled: Any) -> None:
    found = settled("STS", {"test": PAIRS}, {"a one"}, KEEP)
    assert found.tables[TableKey(DEFAULT, "test")].column("score").equals(pa.chunked_array([[1.0, 2.0, 3.0]]))
