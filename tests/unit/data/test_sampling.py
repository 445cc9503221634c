"""The rows that are translated are those whose text MTEB shows a model: watched while the real MTEB evaluates."""

import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pyarrow as pa
import pytest
from datasets import Dataset, DatasetDict
from made_up_sources import WORDS
from mteb.abstasks import (
    AbsTaskClassification,
    AbsTaskClustering,
    AbsTaskClusteringLegacy,
    AbsTaskPairClassification,
    AbsTaskRetrieval,
    AbsTaskSTS,
)
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.summarization import AbsTaskSummarization
from mteb.models.model_implementations.random_baseline import RandomEncoderBaseline

from mmteb_synth.data import sampling
from mmteb_synth.data.extraction import extract
from mmteb_synth.data.layout import Layout, collapse, expand, layout_of
from mmteb_synth.data.sampling import limit_rows, needed_rows
from mmteb_synth.data.segments import Needed, collect
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey, Tables
from mmteb_synth.errors import SourceError

DRAWS = random.Random(7)


class Spy(RandomEncoderBaseline):
    """MTEB's random baseline, which remembers what it was shown."""

    def __init__(self) -> None:
        super().__init__("mteb/baseline-random-encoder", "1")
        self.mteb_model_meta = mteb.get_model_meta("mteb/baseline-random-encoder")
        self.shown: list[str] = []

    def encode(self, inputs: Any, **options: Any) -> Any:
        for batch in inputs:
            self.shown += batch["text"]
        return super().encode(inputs, **options)


def a_task(
    base: type[Any], kind: str, data: Any, *, splits: Sequence[str] = ("test",), **attributes: Any
) -> Any:
    """A real MTEB task over data in memory."""
    scores = {"Classification": "accuracy", "Clustering": "v_measure", "Retrieval": "ndcg_at_10"}
    metadata = TaskMetadata(
        name="Watched",
        description="A set to watch.",
        dataset={"path": "nowhere", "revision": "1"},
        type=kind,
        category="t2t",
        modalities=["text"],
        eval_splits=list(splits),
        eval_langs=["eng-Latn"],
        main_score=scores.get(kind, "max_ap" if kind == "PairClassification" else "cosine_spearman"),
    )

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        self.dataset, self.data_loaded = data, True

    return type("Watched", (base,), {"metadata": metadata, "load_data": load_data, **attributes})()


def evaluate(task: Any, data: Any = None) -> tuple[list[str], dict[str, Any]]:
    """What the model was shown, and every score; of other data where some are given."""
    spy, fresh = Spy(), type(task)()
    if data is not None:
        fresh.dataset, fresh.data_loaded = data, True
    result = mteb.evaluate(spy, fresh, cache=None, co2_tracker=False, show_progress_bar=False)
    return spy.shown, result.task_results[0].scores


@dataclass
class Prepared:
    """A task's layout, expanded tables and needed rows."""

    layout: Layout
    tables: Tables
    needed: Needed

    def texts(self) -> list[str]:
        """The needed texts as MTEB puts them together for a model."""
        found = []
        for key, table in self.tables.items():
            names = [name for name in self.layout.text.get(key.config, {}) if name in table.column_names]
            marks = self.needed.get(key)
            for row, values in enumerate(table.select(names).to_pylist()):
                if marks is not None and not marks[row]:
                    continue
                if key.config in (CORPUS, QUERIES):
                    found.append(" ".join(values.values()).strip())
                else:
                    for value in values.values():
                        found += [value] if isinstance(value, str) else value
        return found

    def blanked(self) -> Any:
        """The data as MTEB holds them, with everything empty that isn't needed."""
        with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spool:
            found = collect(self.layout, self.tables, self.needed, "neutral", spool)
            return as_mteb(collapse(self.layout, found.reassemble(None, spool)))


def prepare(task: Any, splits: Sequence[str] = ("test",)) -> Prepared:
    fresh = type(task)()
    fresh.load_data()
    layout = layout_of(fresh)
    train = getattr(fresh, "train_split", None)
    names = [*splits, *([train] if train and train not in splits else [])]
    tables = dict(extract(fresh, layout, {}, names))
    return Prepared(layout, tables, needed_rows(fresh, layout, tables, splits))


def as_mteb(tables: Tables) -> Any:
    if not any(key.config == CORPUS for key in tables):
        return DatasetDict({key.split: Dataset(table) for key, table in tables.items()})
    ranked = tables.get(TableKey(TOP_RANKED, "test"))
    qrels: dict[str, dict[str, int]] = {}
    for row in tables[TableKey(QRELS, "test")].to_pylist():
        qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
    split = {
        "corpus": Dataset(tables[TableKey(CORPUS, "test")]),
        "queries": Dataset(tables[TableKey(QUERIES, "test")]),
        "relevant_docs": qrels,
        "top_ranked": ranked and {row["query-id"]: row["corpus-ids"] for row in ranked.to_pylist()},
    }
    return {"default": {"test": split}}


def sentence(number: int) -> str:
    """A sentence that no other number has."""
    return f"{DRAWS.choice(WORDS)} {DRAWS.choice(WORDS)} {number}"


def sentences(count: int, start: int = 0) -> list[str]:
    return [sentence(number) for number in range(start, start + count)]


def labelled(count: int, start: int, **columns: Callable[[int], Any]) -> Dataset:
    (text, label) = columns
    return Dataset.from_dict(
        {
            text: [columns[text](start + number) for number in range(count)],
            label: [columns[label](number) for number in range(count)],
        }
    )


def classification(**attributes: Any) -> Any:
    data = DatasetDict(
        {
            split: labelled(count, start, text=sentence, label=lambda number: number % 3)
            for split, count, start in (("train", 60, 0), ("validation", 9, 100), ("test", 12, 200))
        }
    )
    return a_task(AbsTaskClassification, "Classification", data, **attributes)


def clustering(label: Callable[[int], Any], **attributes: Any) -> Any:
    data = DatasetDict(
        {
            split: labelled(count, start, sentences=sentence, labels=label)
            for split, count, start in (("validation", 40, 0), ("test", 50, 100))
        }
    )
    quick = {"max_documents_per_cluster": 32, "n_clusters": 3}
    return a_task(AbsTaskClustering, "Clustering", data, **{**quick, **attributes})


def legacy() -> Any:
    sets = [[0, 1, 0, 1], [5, 5, 5], [0, 1, 2]]
    data = {
        "sentences": [sentences(len(labels), 10 * place) for place, labels in enumerate(sets)],
        "labels": sets,
    }
    return a_task(AbsTaskClusteringLegacy, "Clustering", DatasetDict(test=Dataset.from_dict(data)))


def pair(*, one_row: bool = False) -> Any:
    columns = {"sentence1": sentences(8), "sentence2": sentences(8, 50), "labels": [0, 1] * 4}
    held = {name: [values] for name, values in columns.items()} if one_row else columns
    return a_task(AbsTaskPairClassification, "PairClassification", DatasetDict(test=Dataset.from_dict(held)))


def sts() -> Any:
    columns = {"sentence1": sentences(8), "sentence2": sentences(8, 50), "score": [1.0, 2.5, 4.0, 0.5] * 2}
    return a_task(AbsTaskSTS, "STS", DatasetDict(test=Dataset.from_dict(columns)))


def summarization() -> Any:
    columns = {
        "text": sentences(3),
        "human_summaries": [sentences(2, 10 * row) for row in range(1, 4)],
        "machine_summaries": [sentences(4, 100 * row) for row in range(1, 4)],
        "relevance": [[1.0, 2.0, 3.0, 5.0], [2.0, 1.0, 4.0, 3.0], [5.0, 1.0, 2.0, 4.0]],
    }
    data = DatasetDict(test=Dataset.from_dict(columns))
    return a_task(AbsTaskSummarization, "Summarization", data, min_score=0, max_score=5)


def retrieval(*, ranked: bool = False, instructions: bool = False) -> Any:
    documents, queries = 30, 6
    asked = {"id": [f"q{n}" for n in range(queries)], "text": sentences(queries, 500)}
    if instructions:
        asked["instruction"] = sentences(queries, 600)
    split = {
        "corpus": Dataset.from_dict(
            {
                "id": [f"d{n}" for n in range(documents)],
                "title": ["" if n % 2 else f"title {n}" for n in range(documents)],
                "text": sentences(documents),
            }
        ),
        "queries": Dataset.from_dict(asked),
        "relevant_docs": {f"q{n}": {f"d{n}": 1, f"d{n + 10}": 0} for n in range(queries) if n != 3},
        # a query that nobody judged has candidates too, which are not shown on its account
        "top_ranked": {f"q{n}": [f"d{n + step}" for step in (0, 1, 10)] for n in range(queries)}
        if ranked
        else None,
    }
    if ranked:
        split["top_ranked"]["q3"] = ["d29"]
    return a_task(AbsTaskRetrieval, "Retrieval", {"default": {"test": split}})


BOTH = ("validation", "test")
EXACT = {
    "classification": (classification(samples_per_label=2, n_experiments=3), ("test",)),
    "classification that draws every row": (classification(samples_per_label=100), ("test",)),
    "classification scored on its train split": (classification(splits=("train",)), ("train",)),
    "classification by cross-validation": (
        classification(splits=("train",), is_cross_validation=True, n_splits=2),
        ("train",),
    ),
    "clustering": (clustering(lambda number: number % 4), ("test",)),
    "clustering of a fixed number": (
        clustering(
            lambda number: number % 4, max_fraction_of_documents_to_embed=None, max_document_to_embed=7
        ),
        ("test",),
    ),
    "clustering of everything": (
        clustering(lambda number: number % 4, max_fraction_of_documents_to_embed=None),
        ("test",),
    ),
    "clustering with a second split": (
        clustering(lambda number: number % 2, splits=BOTH, max_fraction_of_documents_to_embed=0.2),
        BOTH,
    ),
    "hierarchical clustering with a second split": (
        clustering(
            lambda number: ["a", f"b{number % 2}", f"c{number % 3}"][: 1 + number % 3],
            splits=BOTH,
            max_fraction_of_documents_to_embed=0.3,
        ),
        BOTH,
    ),
    "hierarchical clustering to a depth": (
        clustering(
            lambda number: [f"a{number % 2}", f"b{number % 2}", f"c{number % 3}"],
            splits=BOTH,
            max_fraction_of_documents_to_embed=0.3,
            max_depth=2,
        ),
        BOTH,
    ),
    "legacy clustering": (legacy(), ("test",)),
    "pairs": (pair(), ("test",)),
    "pairs in one row": (pair(one_row=True), ("test",)),
    "sts": (sts(), ("test",)),
    "summarization": (summarization(), ("test",)),
    "retrieval": (retrieval(), ("test",)),
    "retrieval with instructions": (retrieval(instructions=True), ("test",)),
}


@pytest.mark.parametrize("name", EXACT)
def test_needed_texts_are_what_mteb_shows_a_model(name: str) -> None:
    task, splits = EXACT[name]
    shown, scores = evaluate(of_splits(task, splits))
    found = prepare(task, splits)
    assert set(shown) == set(found.texts())
    blanked, same = evaluate(of_splits(task, splits), found.blanked())
    assert same == scores
    assert sorted(blanked) == sorted(shown)


def of_splits(task: Any, splits: Sequence[str]) -> Any:
    """The task with metadata that score these splits."""
    metadata = task.metadata.model_copy(update={"eval_splits": list(splits)})
    return type("Watched", (type(task),), {"metadata": metadata})()


def test_of_a_rerankings_corpus_only_candidates_are_needed() -> None:
    task = retrieval(ranked=True)
    shown, scores = evaluate(task)
    found = prepare(task)
    corpus = TableKey(CORPUS, "test")
    ids = found.tables[corpus].column("id").to_pylist()
    marks = found.needed[corpus]
    assert marks is not None
    assert {ids[row] for row in np.flatnonzero(marks)} == {
        f"d{n + step}" for n in (0, 1, 2, 4, 5) for step in (0, 1, 10)
    }
    assert set(found.texts()) < set(shown)  # MTEB embeds the whole corpus, and ranks the candidates only
    _, same = evaluate(task, found.blanked())
    assert same == scores


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_blanking_a_needed_text_does_change_the_score() -> None:
    """The proof above could fail."""
    task, splits = EXACT["classification"]
    _, scores = evaluate(task)
    found = prepare(task, splits)
    train = TableKey(DEFAULT, "train")
    marks = found.needed[train]
    assert marks is not None
    found.needed = {**found.needed, train: ~marks}
    assert evaluate(task, found.blanked())[1] != scores


def test_a_sample_of_nothing_is_refused() -> None:
    task = clustering(lambda number: number % 4, max_fraction_of_documents_to_embed=0.01)
    with pytest.raises(SourceError, match="MTEB embeds 1% of a clustering's texts, and of 50 that is none"):
        prepare(task)


def test_a_large_training_set_is_drawn_from_in_no_time() -> None:
    labels = pa.chunked_array([np.arange(200_000) % 50])
    tables = {
        TableKey(DEFAULT, "train"): pa.table({"label": labels, "text": labels.cast(pa.string())}),
        TableKey(DEFAULT, "test"): pa.table({"label": labels[:1], "text": ["a"]}),
    }
    task = classification()
    marks = needed_rows(task, layout_of(task), tables, ("test",))[TableKey(DEFAULT, "train")]
    assert marks is not None
    assert 50 * 8 < marks.sum() <= 50 * 8 * 10


def test_what_decides_the_draws_is_on_record() -> None:
    assert sampling.draws(classification(samples_per_label=2)) == {
        "samples_per_label": 2,
        "n_experiments": 10,
        "is_cross_validation": False,
        "seed": 42,
    }
    assert sampling.draws(clustering(lambda number: number)) == {
        "max_fraction_of_documents_to_embed": 0.04,
        "max_document_to_embed": None,
        "max_documents_per_cluster": 32,
        "n_clusters": 3,
        "max_depth": None,
        "seed": 42,
    }


def limited(task: Any, count: int) -> Tables:
    fresh = type(task)()
    fresh.load_data()
    layout = layout_of(fresh)
    splits = ["test", "train"] if hasattr(fresh, "train_split") else ["test"]
    return limit_rows(dict(extract(fresh, layout, {}, splits)), ["test"], count)


@pytest.mark.parametrize(
    ("task", "rows"),
    [
        (classification(), {"test": 3, "train": 60}),
        (clustering(lambda number: number), {"test": 3}),
        (legacy(), {"test": 3}),
        (pair(), {"test": 3}),
        (pair(one_row=True), {"test": 3}),
        (sts(), {"test": 3}),
        (summarization(), {"test": 3}),
    ],
)
def test_a_limit_counts_eval_rows_and_keeps_train_rows(task: Any, rows: dict[str, int]) -> None:
    found = limited(task, 3)
    assert {key.split: table.num_rows for key, table in found.items()} == rows


def test_a_limited_legacy_clustering_ends_in_the_middle_of_a_set() -> None:
    (table,) = collapse(layout_of(legacy()), limited(legacy(), 6)).values()
    assert table.column("labels").to_pylist() == [[0, 1, 0, 1], [5, 5]]


@pytest.mark.parametrize("ranked", [False, True])
def test_a_limited_retrieval_keeps_what_its_queries_need_and_some_others(ranked: bool) -> None:
    found = limited(retrieval(ranked=ranked), 4)
    ids = {
        key.config: table.column("id" if "id" in table.column_names else "query-id").to_pylist()
        for key, table in found.items()
    }
    asked = [0, 1, 2, 4]  # nobody judged the query 3
    assert ids[QUERIES] == [f"q{n}" for n in asked]
    assert list(dict.fromkeys(ids[QRELS])) == ids[QUERIES]
    judged = {n + step for n in asked for step in ((0, 1, 10) if ranked else (0, 10))}
    others = [n for n in range(30) if n not in judged][:4]
    assert ids[CORPUS] == [f"d{n}" for n in sorted({*judged, *others})]
    if ranked:
        assert ids[TOP_RANKED] == ids[QUERIES]


def test_a_limit_beyond_the_data_keeps_all() -> None:
    task = retrieval(ranked=True)
    assert limited(task, 1000)[TableKey(CORPUS, "test")].num_rows == 30
    assert limited(sts(), 1000)[TableKey(DEFAULT, "test")].num_rows == 8


def test_the_first_rows_of_the_needed_ones_are_collected(spool: Spool) -> None:
    task = sts()
    tables = limited(task, 2)
    found = collect(layout_of(task), tables, {}, "neutral", spool)
    assert (len(found), found.counts.rows, found.counts.texts) == (4, 2, 4)


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({"sentences": [["a", "b"], ["c"]], "labels": [[0, 1], [0, 1]]}, r"row 2: .* hold 2, 1"),
        ({"sentences": [["a"], []], "labels": [[0], []]}, r"row 2: .* and not empty, and hold 0, 0"),
    ],
)
def test_lists_of_different_lengths_are_refused(columns: dict[str, Any], problem: str) -> None:
    table = pa.table(columns).select(["labels", "sentences"])
    with pytest.raises(SourceError, match=problem):
        expand(layout_of(legacy()), TableKey(DEFAULT, "test"), table)


def test_a_legacy_clustering_without_lists_is_refused() -> None:
    table = pa.table({"labels": [1], "sentences": ["a"]})
    with pytest.raises(SourceError, match="lists of texts and of labels"):
        expand(layout_of(legacy()), TableKey(DEFAULT, "test"), table)
