"""English sets through MTEB's own loading: from a mirror of the Hub, with the real datasets library."""

import dataclasses
import logging
from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth import facts
from mmteb_synth.data import source
from mmteb_synth.data.layout import SET_COLUMN
from mmteb_synth.data.source import SourceSet, eval_splits, identify
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey
from mmteb_synth.errors import SourceError, UsageError
from mmteb_synth.specs import TaskSpec

Rows = list[dict[str, Any]]

STS = "mteb/stsbenchmark-sts"
TEST = TableKey(DEFAULT, "test")


def sts_rows(word: str, count: int = 3) -> Rows:
    return [
        {"sentence1": f"{word} {row}", "sentence2": f"other {row}", "score": row / 2, "genre": "news"}
        for row in range(count)
    ]


def load(name: str | TaskSpec, mirror: Path | None, tmp_path: Path, **options: Any) -> SourceSet:
    spec = TaskSpec(name=name) if isinstance(name, str) else name
    splits = options.pop("splits", ())
    whole = source.read(spec, source_dir=mirror, scratch=tmp_path / "scratch", splits=splits)
    with Spool(tmp_path / "scratch") as spool:
        return source.cut(whole, spool=spool, **options)


def first_texts(found: SourceSet) -> list[str]:
    return list(found.tables[TEST].column("sentence1").to_pylist())


def test_another_mirror_of_the_same_name_is_never_taken_for_the_first(mirrored: Any, tmp_path: Path) -> None:
    one = mirrored(STS, {"default": {"test": sts_rows("iron")}}, mirror="a")
    two = mirrored(STS, {"default": {"test": sts_rows("copper")}}, mirror="b")
    assert first_texts(load("STSBenchmark", one, tmp_path)) == ["iron 0", "iron 1", "iron 2"]
    assert first_texts(load("STSBenchmark", two, tmp_path)) == ["copper 0", "copper 1", "copper 2"]
    assert first_texts(load("STSBenchmark", one, tmp_path))[0] == "iron 0"


def test_a_mirror_that_was_changed_in_place_is_read_anew(mirrored: Any, tmp_path: Path) -> None:
    mirror = mirrored(STS, {"default": {"test": sts_rows("iron")}})
    before = load("STSBenchmark", mirror, tmp_path)
    mirrored(STS, {"default": {"test": sts_rows("copper", 4)}})
    after = load("STSBenchmark", mirror, tmp_path)
    assert first_texts(after) == ["copper 0", "copper 1", "copper 2", "copper 3"]
    assert before.identity.mirror != after.identity.mirror
    assert before.identity.revision == after.identity.revision == "b0fddb56ed78048fa8b90373c8a3cfc37b684831"


def test_the_tasks_own_metadata_stay_as_mteb_made_them(mirrored: Any, tmp_path: Path) -> None:
    load("STSBenchmark", mirrored(STS, {"default": {"test": sts_rows("iron")}}), tmp_path)
    assert mteb.get_task("STSBenchmark").metadata.dataset["path"] == STS


def test_only_needed_columns_come_in_plain_types(mirrored: Any, tmp_path: Path) -> None:
    rows = [
        {"sentence1": "a", "sentence2": "b", "score": 1},
        {"sentence1": "c", "sentence2": "d", "score": 4},
    ]
    found = load("STSBenchmark", mirrored(STS, {"default": {"test": rows}}), tmp_path)
    assert found.tables[TEST].schema == pa.schema(
        [("score", pa.int64()), ("sentence1", pa.string()), ("sentence2", pa.string())]
    )
    assert (found.task_type, found.license, found.eval_splits) == ("STS", "not specified", ("test",))
    assert found.needed[TEST] is None
    assert found.train_split is None
    assert found.instance_attributes == {}


def test_columns_with_odd_names_are_said_in_a_spec(mirrored: Any, tmp_path: Path) -> None:
    rows = [{"first": "a", "sentence2": "b", "score": 1.0}] * 2
    mirror = mirrored(STS, {"default": {"test": rows}})
    with pytest.raises(
        SourceError, match="STSBenchmark, test: there is no column 'sentence1', only"
    ) as raised:
        load("STSBenchmark", mirror, tmp_path)
    assert "[columns]" in str(raised.value.hint)
    spec = TaskSpec(name="STSBenchmark", columns={"sentence1": "first"})
    assert first_texts(load(spec, mirror, tmp_path)) == ["a", "a"]


@pytest.mark.parametrize("name", ["sentence2", "score"])
def test_a_missing_value_is_named_with_its_row(name: str, mirrored: Any, tmp_path: Path) -> None:
    rows = sts_rows("iron")
    rows[1][name] = None
    mirror = mirrored(STS, {"default": {"test": rows}})
    with pytest.raises(SourceError, match=f"STSBenchmark, test, row 2: the column '{name}' is empty"):
        load("STSBenchmark", mirror, tmp_path)


def test_an_unstorable_column_is_named(mirrored: Any, tmp_path: Path) -> None:
    rows = [{"sentence1": {"x": "a"}, "sentence2": "b", "score": 1.0}]
    mirror = mirrored(STS, {"default": {"test": rows}})
    with pytest.raises(SourceError, match="STSBenchmark, test, sentence1: a column of type struct"):
        load("STSBenchmark", mirror, tmp_path)


def test_counts_that_differ_from_mtebs_are_reported_with_both_numbers(mirrored: Any, tmp_path: Path) -> None:
    found = load("STSBenchmark", mirrored(STS, {"default": {"test": sts_rows("iron")}}), tmp_path)
    assert found.differences == (
        "test: num_samples is 3, MTEB's statistics say 1379",
        "test: number_of_characters is 39, MTEB's statistics say 147886",
    )


def test_a_classification_brings_its_training_rows(mirrored: Any, tmp_path: Path) -> None:
    rows = {
        split: [{"text": f"{split} {row}", "label": row % 2, "label_text": "x"} for row in range(count)]
        for split, count in (("train", 60), ("test", 4))
    }
    mirror = mirrored("mteb/banking77", {"default": rows})
    found = load("Banking77Classification", mirror, tmp_path)
    train = TableKey(DEFAULT, "train")
    assert (found.train_split, set(found.tables)) == ("train", {train, TEST})
    marks = found.needed[train]
    assert marks is not None
    assert 2 * 8 < marks.sum() < 60
    assert load("Banking77Classification", mirror, tmp_path, all_rows=True).needed[train] is None
    limited = load("Banking77Classification", mirror, tmp_path, limit=2)
    assert {key: table.num_rows for key, table in limited.tables.items()} == {train: 60, TEST: 2}
    limited_marks = limited.needed[train]
    assert limited_marks is not None
    assert (limited_marks == marks).all()


def test_a_missing_split_is_named(mirrored: Any, tmp_path: Path) -> None:
    rows = [{"text": "a", "label": 0}] * 3
    mirror = mirrored("mteb/banking77", {"default": {"test": rows}})
    with pytest.raises(SourceError, match="Banking77Classification has no split 'train'; it has test"):
        load("Banking77Classification", mirror, tmp_path)
    mirror = mirrored(STS, {"default": {"dev": sts_rows("iron")}})
    with pytest.raises(SourceError, match="STSBenchmark has no split 'test'; it has dev"):
        load("STSBenchmark", mirror, tmp_path)


def test_what_the_transform_sets_on_the_task_is_kept(mirrored: Any, tmp_path: Path) -> None:
    sets = [
        {
            "sentences": [f"text {place} {row}" for row in range(1100)],
            "labels": [f"topic {row % 4}" for row in range(1100)],
        }
        for place in range(2)
    ]
    mirror = mirrored("mteb/reddit-clustering", {"default": {"test": sets}})
    found = load("RedditClustering.v2", mirror, tmp_path)
    assert found.instance_attributes == {"max_fraction_of_documents_to_embed": None}
    assert found.tables[TEST].num_rows == 2048  # the transform's sample
    assert found.needed[TEST] is None
    assert type(found.task).max_fraction_of_documents_to_embed == 0.04
    assert not [line for line in found.differences if "transform" in line]


def test_a_transform_that_sets_something_else_than_was_known_is_reported(
    mirrored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = dataclasses.replace(facts.tasks()["STSBenchmark"], sets={"max_score": 4})
    monkeypatch.setattr(facts, "task", lambda _: known)
    found = load("STSBenchmark", mirrored(STS, {"default": {"test": sts_rows("iron")}}), tmp_path)
    assert "MTEB's transform was known to set max_score to 4, and it is not set" in found.differences


def test_a_legacy_clustering_is_expanded(mirrored: Any, tmp_path: Path) -> None:
    sets = [{"sentences": ["a", "b"], "labels": ["x", "y"]}, {"sentences": ["c"], "labels": ["x"]}]
    mirror = mirrored("mteb/reddit-clustering", {"default": {"test": sets}})
    found = load("RedditClustering", mirror, tmp_path)
    assert found.tables[TEST].to_pydict() == {
        SET_COLUMN: [0, 0, 1],
        "labels": ["x", "y", "x"],
        "sentences": ["a", "b", "c"],
    }
    marks = found.needed[TEST]
    assert marks is not None
    assert marks.tolist() == [True, True, False]  # MTEB scores a set of one label without looking at it


def test_pairs_in_one_row_are_expanded(mirrored: Any, tmp_path: Path) -> None:
    rows = [{"sent1": ["a", "b"], "sent2": ["c", "d"], "labels": [0, 1]}]
    mirror = mirrored("mteb/twitterurlcorpus-pairclassification", {"default": {"test": rows}})
    found = load("TwitterURLCorpus", mirror, tmp_path)
    assert found.tables[TEST].to_pydict() == {
        "labels": [0, 1],
        "sentence1": ["a", "b"],
        "sentence2": ["c", "d"],
    }


def test_of_a_set_with_several_languages_english_is_taken(mirrored: Any, tmp_path: Path) -> None:
    rows = [
        {"sentence1": f"{lang} one", "sentence2": f"{lang} two", "score": 1.0, "lang": lang}
        for lang in ("de", "en", "en", "tr")
    ]
    mirror = mirrored("mteb/sts22-crosslingual-sts", {"default": {"test": rows}})
    found = load("STS22.v2", mirror, tmp_path)
    assert first_texts(found) == ["en one", "en one"]
    assert "test: num_samples is 2, MTEB's statistics say 197" in found.differences


def retrieval_configs(*, ranked: bool) -> dict[str, dict[str, Rows]]:
    corpus = [{"_id": f"d{row}", "title": f"title {row}", "text": f"text {row}"} for row in range(4)]
    queries = [{"_id": f"q{row}", "text": f"query {row}"} for row in range(3)]
    judged = [("q2", "d3", 1), ("q0", "d1", 1), ("q2", "d0", 0)]
    qrels = [{"query-id": query, "corpus-id": document, "score": score} for query, document, score in judged]
    configs = {"corpus": {"corpus": corpus}, "queries": {"queries": queries}, "default": {"test": qrels}}
    if ranked:
        lists = [{"query-id": f"q{row}", "corpus-ids": ["d3", f"d{row}"]} for row in (2, 0)]
        configs["top_ranked"] = {"test": lists}
    return configs


def test_a_retrieval_set_is_read_whole_and_in_order(mirrored: Any, tmp_path: Path) -> None:
    found = load("SciFact", mirrored("mteb/scifact", retrieval_configs(ranked=False)), tmp_path)
    tables = {key.config: table.to_pydict() for key, table in found.tables.items()}
    assert tables[CORPUS] == {
        "id": ["d0", "d1", "d2", "d3"],
        "title": [f"title {row}" for row in range(4)],
        "text": [f"text {row}" for row in range(4)],
    }
    assert tables[QUERIES] == {
        "id": ["q0", "q2"],
        "text": ["query 0", "query 2"],
    }  # MTEB leaves out the others
    assert tables[QRELS] == {
        "query-id": ["q0", "q2", "q2"],
        "corpus-id": ["d1", "d3", "d0"],
        "score": [1, 1, 0],
    }
    assert TOP_RANKED not in tables


def test_of_a_large_corpus_only_the_rows_are_counted(
    mirrored: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = mirrored("mteb/scifact", retrieval_configs(ranked=False))
    every = [line.split(" is ")[0] for line in load("SciFact", mirror, tmp_path).differences]
    monkeypatch.setattr(source, "_COUNTED_BY_MTEB", 3)
    rows = [line.split(" is ")[0] for line in load("SciFact", mirror, tmp_path).differences]
    assert (every, rows) == (
        ["test: num_samples", "test: number_of_characters"],
        ["test: num_samples"],
    )


def test_a_reranking_set_brings_its_candidates(mirrored: Any, tmp_path: Path) -> None:
    mirror = mirrored("mteb/MindSmallReranking", retrieval_configs(ranked=True))
    found = load("MindSmallReranking", mirror, tmp_path)
    assert found.tables[TableKey(TOP_RANKED, "test")].to_pydict() == {
        "query-id": ["q0", "q2"],
        "corpus-ids": [["d3", "d0"], ["d3", "d2"]],
    }
    marks = found.needed[TableKey(CORPUS, "test")]
    assert marks is not None
    assert marks.tolist() == [True, False, True, True]
    limited = load("MindSmallReranking", mirror, tmp_path, limit=1)
    assert limited.tables[TableKey(CORPUS, "test")].column("id").to_pylist() == ["d0", "d1", "d2", "d3"]


def test_articles_of_a_summarization_are_read_only_with_all_rows(mirrored: Any, tmp_path: Path) -> None:
    row = {
        "text": "article",
        "human_summaries": ["h"],
        "machine_summaries": ["m", "n"],
        "relevance": [1.0, 2.0],
    }
    mirror = mirrored("mteb/summeval", {"default": {"test": [row]}})
    found = load("SummEvalSummarization.v2", mirror, tmp_path)
    assert found.tables[TEST].column_names == ["relevance", "text", "human_summaries", "machine_summaries"]
    assert found.layout.unread == {DEFAULT: {"text": "document"}}
    whole = load("SummEvalSummarization.v2", mirror, tmp_path, all_rows=True)
    assert whole.layout.unread == {}
    assert whole.tables[TEST].equals(found.tables[TEST])


def test_without_hub_and_mirror_the_error_names_the_set_and_both_ways(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match="could not load STSBenchmark: the data set mteb/stsbenchmark-sts"
    ) as raised:
        load("STSBenchmark", None, tmp_path)
    hint = str(raised.value.hint)
    assert "hf download --repo-type dataset mteb/stsbenchmark-sts --revision b0fddb56ed" in hint
    assert "--local-dir DIR/mteb/stsbenchmark-sts" in hint
    assert "--source-dir DIR" in hint
    assert "where the Hub can be reached" in hint


def test_a_mirror_without_the_set_says_so_before_anything_is_loaded(mirrored: Any, tmp_path: Path) -> None:
    mirror = mirrored(STS, {"default": {"test": sts_rows("iron")}})
    with pytest.raises(SourceError, match="mteb/scifact is not in the mirror") as raised:
        identify(TaskSpec(name="SciFact"), mirror)
    assert "--revision d56462d0e63a25450459c4f213e49ffdb866f7f9" in str(raised.value.hint)
    (tmp_path / "mirror/mteb/scifact/.cache").mkdir(parents=True)
    (tmp_path / "mirror/mteb/scifact/.cache/lock").write_text("")
    with pytest.raises(SourceError, match="is empty"):
        identify(TaskSpec(name="SciFact"), mirror)


@pytest.mark.parametrize("damage", ["cut", "text", "config"])
def test_a_broken_mirror_is_an_error_of_the_set(damage: str, mirrored: Any, tmp_path: Path) -> None:
    configs = {"default": {"test": sts_rows("iron", 500)}}
    mirror = mirrored(STS, configs)
    file = mirror / STS / "default-test.parquet"
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif damage == "text":
        file.write_text("sentence1,sentence2\n")
    else:
        (mirror / STS / "README.md").write_text("---\nconfigs: 3\n---\n")
    with pytest.raises(
        SourceError, match="mteb/stsbenchmark-sts could not be read from the mirror"
    ) as raised:
        load("STSBenchmark", mirror, tmp_path)
    assert "hf download" in str(raised.value.hint)


def test_a_column_that_mtebs_loading_needs_is_an_error_of_the_set(mirrored: Any, tmp_path: Path) -> None:
    configs = retrieval_configs(ranked=False)
    configs["default"]["test"] = [{"query-id": "q0", "corpus-id": "d1"}]
    with pytest.raises(SourceError, match=r"could not load SciFact.*score"):
        load("SciFact", mirrored("mteb/scifact", configs), tmp_path)


def test_splits_are_the_suites_the_specs_or_test() -> None:
    massive = TaskSpec(name="MassiveIntentClassification")
    assert eval_splits(massive) == ("test",)
    assert eval_splits(massive, ("validation",)) == ("validation",)
    spec = TaskSpec(name="MassiveIntentClassification", eval_splits=("validation",))
    assert eval_splits(spec) == ("validation",)
    with pytest.raises(UsageError, match="STSBenchmark has no split 'dev'; it has test"):
        eval_splits(TaskSpec(name="STSBenchmark"), ("dev",))


def test_a_task_without_data_of_its_own_has_no_identity() -> None:
    with pytest.raises(SourceError, match="MTEB has no task CQADupstackRetrieval with data of its own"):
        identify(TaskSpec(name="CQADupstackRetrieval"))


def test_identity_is_known_without_loading() -> None:
    identity = identify(TaskSpec(name="STSBenchmark"))
    assert (identity.dataset, identity.mirror, identity.short) == (STS, None, "b0fddb56")
    assert identity.mteb_version == mteb.__version__


def test_statistics_that_cannot_be_computed_stop_nothing(
    mirrored: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{"first": "a", "sentence2": "b", "score": 1.0}] * 2
    spec = TaskSpec(name="STSBenchmark", columns={"sentence1": "first"})
    with caplog.at_level(logging.WARNING):
        found = load(spec, mirrored(STS, {"default": {"test": rows}}), tmp_path)
    assert found.differences == ()
    assert "no statistics of STSBenchmark test" in caplog.text


def test_parquet_files_of_other_types_give_the_same_tables(mirrored: Any, tmp_path: Path) -> None:
    mirror = mirrored(STS, {"default": {"test": sts_rows("iron")}})
    before = load("STSBenchmark", mirror, tmp_path).tables[TEST]
    file = mirror / STS / "default-test.parquet"
    table = pq.read_table(file)
    texts = table.column("sentence1").dictionary_encode()
    other = table.set_column(0, "sentence1", texts).set_column(
        1, "sentence2", table.column(1).cast(pa.large_string())
    )
    pq.write_table(other, file)
    assert load("STSBenchmark", mirror, tmp_path).tables[TEST].equals(before)
