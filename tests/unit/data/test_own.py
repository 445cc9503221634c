"""Sets of one's own as MTEB tasks: real tasks that MTEB scores, and every way in which files or specs are broken."""

import csv
import json
from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmteb_synth.data import own, source
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey
from mmteb_synth.errors import SourceError, SpecError
from mmteb_synth.specs import TaskSpec, read_task

Rows = list[dict[str, Any]]

PAIRS: Rows = [
    {"sentence1": "A red car", "sentence2": "A crimson car", "labels": 1},
    {"sentence1": "A red car", "sentence2": "Green apples", "labels": 0},
    {"sentence1": "Boiling water", "sentence2": "Hot water", "labels": 1},
]
CORPUS_ROWS: Rows = [
    {"id": "d1", "title": "Ice", "text": "Ice melts."},
    {"id": "d2", "title": "", "text": "It rains."},
]
QUERY_ROWS: Rows = [{"id": "q1", "text": "What melts?"}, {"id": "q2", "text": "What falls?"}]
JUDGED: Rows = [
    {"query-id": "q2", "corpus-id": "d2", "score": 1},
    {"query-id": "q1", "corpus-id": "d1", "score": 2},
]
RANKED: Rows = [{"query-id": query, "corpus-ids": ["d2", "d1"]} for query in ("q1", "q2")]
FILES: dict[str, dict[str, Rows]] = {
    "Classification": {
        "train": [
            {"text": f"{topic} {n}", "label": place} for n in range(3) for place, topic in enumerate("ab")
        ],
        "test": [{"text": "a 7", "label": 0}, {"text": "b 7", "label": 1}],
    },
    "Clustering": {
        "test": [
            {"sentences": f"{topic} number {n}", "labels": topic}
            for n in range(4)
            for topic in ("ice", "rain")
        ]
    },
    "PairClassification": {"test": PAIRS},
    "STS": {
        "test": [
            {"sentence1": "Ice", "sentence2": "Cold", "score": 4},
            {"sentence1": "Ice", "sentence2": "Tea", "score": 1.5},
            {"sentence1": "Rain", "sentence2": "Tea", "score": 0},
        ]
    },
    "Summarization": {
        "test": [
            {
                "text": "Ice melts when it is warm.",
                "human_summaries": ["Ice melts."],
                "machine_summaries": ["Ice is warm.", "Warmth melts ice.", "It rains."],
                "relevance": [2.0, 5.0, 0.0],
            }
        ]
    },
    "Retrieval": {"corpus": CORPUS_ROWS, "queries": QUERY_ROWS, "qrels": JUDGED},
    "Reranking": {"corpus": CORPUS_ROWS, "queries": QUERY_ROWS, "qrels": JUDGED, "top_ranked": RANKED},
}
PROTOCOLS = {
    "Clustering": '[protocol]\nmax_fraction_of_documents_to_embed = "none"\nmax_documents_per_cluster = 32',
    "Summarization": "[protocol]\nmin_score = 0\nmax_score = 5",
}


def load(spec: TaskSpec, tmp_path: Path, **options: Any) -> source.SourceSet:
    whole = source.read(spec, source_dir=None, scratch=tmp_path / "scratch")
    with Spool(tmp_path / "scratch") as spool:
        return source.cut(whole, spool=spool, **options)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
@pytest.mark.parametrize("kind", FILES)
def test_every_type_is_a_task_that_mteb_scores(kind: str, own_set: Any) -> None:
    spec = own_set("Mine", kind, FILES[kind], PROTOCOLS.get(kind, ""))
    task = own.task_class(spec, own.revision(spec))()
    model = mteb.get_model("mteb/baseline-random-encoder")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    score = result.task_results[0].get_score()
    assert -1 <= score <= 1
    assert task.metadata.type == kind
    assert task.metadata.license == "mit"


def write(path: Path, rows: Rows) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_every_form_of_file_gives_the_same_rows_under_odd_names(suffix: str, tmp_path: Path) -> None:
    odd = [
        {"note": "x", "b": row["sentence2"], "same": row["labels"], "a": row["sentence1"]} for row in PAIRS
    ]
    write(tmp_path / f"pairs{suffix}", odd)
    (tmp_path / "Mine.toml").write_text(
        'type = "PairClassification"\ndescription = "x"\nlicense = "mit"\n'
        f'[files]\nvalidation = "pairs{suffix}"\n'
        '[columns]\nsentence1 = "a"\nsentence2 = "b"\nlabels = "same"\n'
    )
    found = load(read_task(tmp_path / "Mine.toml"), tmp_path)
    assert found.eval_splits == ("validation",)
    (table,) = found.tables.values()
    assert table.to_pylist() == [{"labels": row["labels"], **row} for row in PAIRS]


def test_a_retrieval_set_is_read_whole(own_set: Any, tmp_path: Path) -> None:
    found = load(own_set("Mine", "Reranking", FILES["Reranking"]), tmp_path)
    assert {key.config: table.to_pylist() for key, table in found.tables.items()} == {
        CORPUS: CORPUS_ROWS,
        QUERIES: QUERY_ROWS,
        QRELS: [JUDGED[1], JUDGED[0]],  # in the order of the queries
        TOP_RANKED: RANKED,
    }
    assert (found.task_type, found.license, found.train_split) == ("Reranking", "mit", None)


def test_the_training_split_comes_along(own_set: Any, tmp_path: Path) -> None:
    found = load(own_set("Mine", "Classification", FILES["Classification"]), tmp_path)
    assert (found.eval_splits, found.train_split) == (("test",), "train")
    assert set(found.tables) == {TableKey(DEFAULT, "train"), TableKey(DEFAULT, "test")}


def test_the_revision_follows_files_and_spec(own_set: Any, tmp_path: Path) -> None:
    spec = own_set("Mine", "STS", FILES["STS"])
    first = own.revision(spec)
    assert own.revision(own_set("Mine", "STS", FILES["STS"])) == first
    changed = [*FILES["STS"]["test"][:-1], {"sentence1": "Rain", "sentence2": "Tea", "score": 1}]
    assert own.revision(own_set("Mine", "STS", {"test": changed})) != first
    assert own.revision(own_set("Mine", "STS", FILES["STS"], 'register = "informal"')) != first
    assert len(first) == 40


def with_row(kind: str, table: str, row: dict[str, Any]) -> dict[str, Rows]:
    return {**FILES[kind], table: [*FILES[kind][table], row]}


SUMMARY = FILES["Summarization"]["test"][0]


@pytest.mark.parametrize(
    ("kind", "table", "row", "problem"),
    [
        ("PairClassification", "test", PAIRS[0] | {"labels": 2}, "row 4: a label of a pair is 0 or 1, not 2"),
        ("PairClassification", "test", PAIRS[0] | {"labels": "yes"}, "row 4: column 'labels' is 'yes'"),
        ("Classification", "train", {"text": "a", "label": "sports"}, "row 7: column 'label' is 'sports'"),
        (
            "STS",
            "test",
            {"sentence1": "a", "sentence2": None, "score": 1},
            "row 4: column 'sentence2' is empty",
        ),
        (
            "STS",
            "test",
            {"sentence1": "a", "sentence2": "b", "score": None},
            "row 4: column 'score' is empty",
        ),
        ("Summarization", "test", SUMMARY | {"relevance": [1.0]}, "row 2: .* it has 1, 3 and 1"),
        ("Summarization", "test", SUMMARY | {"human_summaries": []}, "row 2: .* it has 0, 3 and 3"),
        ("Summarization", "test", SUMMARY | {"machine_summaries": ["a", None, "c"]}, "row 2: column"),
        ("Retrieval", "corpus", {"id": "d1", "title": "", "text": "x"}, "row 3: the id 'd1' is there twice"),
        ("Retrieval", "queries", {"id": "q2", "text": "x"}, "row 3: the id 'q2' is there twice"),
        ("Retrieval", "corpus", {"id": "d3", "text": "x"}, "row 3: column 'title' is empty"),
        (
            "Retrieval",
            "qrels",
            JUDGED[0] | {"corpus-id": "d9"},
            "row 3: there is no document with the id 'd9'",
        ),
        ("Retrieval", "qrels", JUDGED[0] | {"query-id": "q9"}, "row 3: there is no query with the id 'q9'"),
        ("Retrieval", "qrels", JUDGED[0], "row 3: 'q2' and 'd2' are judged twice"),
        ("Retrieval", "qrels", JUDGED[0] | {"score": 0.5}, "row 3: column 'score' is 0.5"),
        ("Reranking", "top_ranked", RANKED[0], "row 3: the query 'q1' is there twice"),
        ("Reranking", "top_ranked", RANKED[0] | {"query-id": "q9"}, "row 3: there is no query .* 'q9'"),
    ],
)
def test_a_wrong_row_is_named(
    kind: str, table: str, row: dict[str, Any], problem: str, own_set: Any, tmp_path: Path
) -> None:
    spec = own_set("Mine", kind, with_row(kind, table, row), PROTOCOLS.get(kind, ""))
    with pytest.raises(SourceError, match=problem) as raised:
        load(spec, tmp_path)
    assert f"Mine.{table}.jsonl" in raised.value.message


def test_candidates_must_be_there_for_every_judged_query(own_set: Any, tmp_path: Path) -> None:
    spec = own_set("Mine", "Reranking", {**FILES["Reranking"], "top_ranked": RANKED[:1]})
    with pytest.raises(SourceError, match="there is no row for the query with the id 'q2'"):
        load(spec, tmp_path)
    unknown = [RANKED[0], RANKED[1] | {"corpus-ids": ["d1", "d7"]}]
    with pytest.raises(SourceError, match="row 2: there is no document with the id 'd7'"):
        load(own_set("Mine", "Reranking", {**FILES["Reranking"], "top_ranked": unknown}), tmp_path)


def test_a_missing_file_is_named_before_anything_is_read(own_set: Any, tmp_path: Path) -> None:
    spec = own_set("Mine", "STS", FILES["STS"])
    (tmp_path / "Mine.test.jsonl").unlink()
    with pytest.raises(SourceError, match=r"Mine: no such file for 'test': .*Mine\.test\.jsonl") as raised:
        source.identify(spec)
    assert raised.value.hint == f"mend [files] in {spec.path}"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('license = "MIT"', "license is 'MIT', which MTEB doesn't take"),
        ('reference = "my desk"', "reference is 'my desk', which MTEB doesn't take"),
    ],
)
def test_what_mteb_does_not_take_in_a_spec_is_an_error_of_the_spec(
    line: str, problem: str, own_set: Any, tmp_path: Path
) -> None:
    spec = own_set("Mine", "STS", FILES["STS"])
    key, _, value = line.partition(" = ")
    broken = spec.model_copy(update={key: value.strip('"')})
    with pytest.raises(SpecError, match=problem) as raised:
        load(broken, tmp_path)
    assert "Mine.toml" in raised.value.message


def test_a_spec_that_was_read_from_no_file_has_no_files(own_set: Any) -> None:
    spec = own_set("Mine", "STS", FILES["STS"]).model_copy(update={"path": None})
    with pytest.raises(SpecError, match="must be read from a file"):
        own.revision(spec)


def test_protocol_attributes_are_the_tasks(own_set: Any) -> None:
    toml = "[protocol]\nsamples_per_label = 3\nn_experiments = 2"
    spec = own_set("My-own.set", "Classification", FILES["Classification"], toml)
    task = own.task_class(spec, "1")()
    assert (task.samples_per_label, task.n_experiments) == (3, 2)
    spec = own_set("Mine", "Clustering", FILES["Clustering"], PROTOCOLS["Clustering"])
    assert own.task_class(spec, "1").max_fraction_of_documents_to_embed is None
