"""English sets of the user's own (and the bundled ones): files described by a spec, as an MTEB task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetDict
from datasets.fingerprint import generate_random_fingerprint
from mteb.abstasks import (
    AbsTaskClassification,
    AbsTaskClustering,
    AbsTaskPairClassification,
    AbsTaskRetrieval,
    AbsTaskSTS,
)
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.abstasks.text.summarization import AbsTaskSummarization
from pydantic import ValidationError

from mmteb_synth import hashing
from mmteb_synth.data.rows import Kind, read_rows
from mmteb_synth.data.spool import Spool
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED
from mmteb_synth.errors import SourceError, SpecError
from mmteb_synth.specs import MAIN_SCORES, TaskSpec, TaskType

_BASES: dict[TaskType, type[Any]] = {
    "Classification": AbsTaskClassification,
    "Clustering": AbsTaskClustering,
    "PairClassification": AbsTaskPairClassification,
    "Reranking": AbsTaskRetrieval,
    "Retrieval": AbsTaskRetrieval,
    "STS": AbsTaskSTS,
    "Summarization": AbsTaskSummarization,
}
"""MTEB's base class of each type."""
_CATEGORIES = {"Classification": "t2c", "Clustering": "t2c"}


def revision(spec: TaskSpec) -> str:
    """The digest of a spec of one's own and of its files."""
    return hashing.files_digest(
        [(name, path) for name, path in _paths(spec).items()] + [("spec", _home(spec))]
    )[:40]


def task_class(spec: TaskSpec, revision: str, spool: Spool | None = None) -> type[Any]:
    """The MTEB class of a set of one's own.

    Args:
        spec: A spec with files.
        revision: The digest of its files; they are read only when the task loads its data.
        spool: Where a corpus and queries are kept; None keeps them in memory.

    Returns:
        A subclass of MTEB's abstract class for the type, which reads the spec's files.
    """
    if spec.type is None:
        raise SpecError(f"{spec.name}: a set of one's own needs a type")

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        if not self.data_loaded:
            self.dataset = _load(spec, spool)
            self.data_loaded = True

    attributes = {
        "metadata": _metadata(spec, spec.type, revision),
        "load_data": load_data,
        "__module__": __name__,
        **spec.protocol.attributes(),
    }
    return type(spec.name.replace("-", "_").replace(".", "_"), (_BASES[spec.type],), attributes)


def _metadata(spec: TaskSpec, kind: TaskType, revision: str) -> TaskMetadata:
    try:
        return TaskMetadata(
            name=spec.name,
            description=spec.description or spec.name,
            reference=spec.reference,
            dataset={"path": spec.name, "revision": revision},
            type=kind,
            category=_CATEGORIES.get(kind, "t2t"),
            modalities=["text"],
            eval_splits=list(spec.own_splits),
            eval_langs=["eng-Latn"],
            main_score=spec.main_score or MAIN_SCORES[kind],
            license=spec.license,
            sample_creation="created",
            bibtex_citation=spec.citation or "",
        )
    except ValidationError as error:
        problem = error.errors()[0]
        raise SpecError(
            f"{spec.path or spec.name}: {problem['loc'][0]} is {problem['input']!r:.80}, which MTEB doesn't take: "
            f"{problem['msg']}",
            hint="licences are written in small letters, as apache-2.0, or as a URL",
        ) from error


def _home(spec: TaskSpec) -> Path:
    if spec.path is None:
        raise SpecError(f"{spec.name}: a spec with [files] must be read from a file")
    return spec.path


def _paths(spec: TaskSpec) -> dict[str, Path]:
    paths = {name: _home(spec).parent / file for name, file in spec.files.items()}
    for name, path in paths.items():
        if not path.is_file():
            raise SourceError(
                f"{spec.name}: no such file for {name!r}: {path}", hint=f"mend [files] in {spec.path}"
            )
    return paths


def _load(spec: TaskSpec, spool: Spool | None) -> Any:
    paths = _paths(spec)
    if CORPUS in paths:
        data = _retrieval(spec, paths, spool)
        return {"default": dict.fromkeys(spec.own_splits, data)}
    columns = _COLUMNS[str(spec.type)]
    tables = {split: read_rows(path, columns, spec.columns) for split, path in paths.items()}
    for split, table in tables.items():
        _check_values(spec, paths[split], table)
    return DatasetDict({split: _dataset(table) for split, table in tables.items()})


def _dataset(table: pa.Table) -> Dataset:
    """A table as MTEB takes it. Left to itself, `datasets` would copy all of it to find a fingerprint."""
    return Dataset(table, fingerprint=generate_random_fingerprint())


_COLUMNS: dict[str, dict[str, Kind]] = {
    "Classification": {"text": str, "label": int},
    "Clustering": {"sentences": str, "labels": object},
    "PairClassification": {"sentence1": str, "sentence2": str, "labels": int},
    "STS": {"sentence1": str, "sentence2": str, "score": float},
    "Summarization": {
        "text": str,
        "human_summaries": list[str],
        "machine_summaries": list[str],
        "relevance": list[float],
    },
}
"""The columns that MTEB reads for each type, and what they hold."""


def _check_values(spec: TaskSpec, path: Path, table: pa.Table) -> None:
    """Refuse what MTEB would only notice, or not even notice, when it computes the score."""
    if spec.type == "PairClassification":
        for row, label in enumerate(table.column("labels").to_pylist(), start=1):
            if label not in (0, 1):
                raise SourceError(f"{path}, row {row}: a label of a pair is 0 or 1, not {label}")
    elif spec.type == "Summarization":
        for row, values in enumerate(table.to_pylist(), start=1):
            machine, grades = values["machine_summaries"], values["relevance"]
            if not machine or not values["human_summaries"] or len(machine) != len(grades):
                raise SourceError(
                    f"{path}, row {row}: it needs human summaries, and as many machine summaries as grades in "
                    f"relevance; it has {len(values['human_summaries'])}, {len(machine)} and {len(grades)}"
                )


def _retrieval(spec: TaskSpec, paths: dict[str, Path], spool: Spool | None) -> dict[str, Any]:
    def read(table: str, columns: dict[str, Kind], optional: dict[str, Kind] | None = None) -> pa.Table:
        return read_rows(paths[table], columns, spec.columns, optional, spool)

    corpus = read(CORPUS, {"id": str, "text": str}, {"title": str})
    queries = read(QUERIES, {"id": str, "text": str}, {"instruction": str})
    documents, asked = _ids(corpus, paths[CORPUS]), _ids(queries, paths[QUERIES])
    qrels: dict[str, dict[str, int]] = {}
    pairs = read(QRELS, {"query-id": str, "corpus-id": str, "score": int})
    for row, judged in enumerate(pairs.to_pylist(), start=1):
        query, document = judged["query-id"], judged["corpus-id"]
        _known(document, documents, "document", paths[QRELS], row)
        _known(query, asked, "query", paths[QRELS], row)
        if document in qrels.setdefault(query, {}):
            raise SourceError(f"{paths[QRELS]}, row {row}: {query!r} and {document!r} are judged twice")
        qrels[query][document] = judged["score"]
    ranked = None
    if TOP_RANKED in paths:
        listed = read(TOP_RANKED, {"query-id": str, "corpus-ids": list[str]})
        ranked = _candidates(listed, paths[TOP_RANKED], documents, asked)
        for query in qrels:
            _known(query, ranked.keys(), "row for the query", paths[TOP_RANKED])
    return {
        CORPUS: _dataset(corpus),
        QUERIES: _dataset(queries),
        "relevant_docs": qrels,
        TOP_RANKED: ranked,
    }


def _candidates(table: pa.Table, path: Path, documents: set[str], asked: set[str]) -> dict[str, list[str]]:
    """The documents to rank for each query."""
    ranked: dict[str, list[str]] = {}
    for row, listed in enumerate(table.to_pylist(), start=1):
        _known(listed["query-id"], asked, "query", path, row)
        if listed["query-id"] in ranked:
            raise SourceError(f"{path}, row {row}: the query {listed['query-id']!r} is there twice")
        for document in listed["corpus-ids"]:
            _known(document, documents, "document", path, row)
        ranked[listed["query-id"]] = listed["corpus-ids"]
    return ranked


def _ids(table: pa.Table, path: Path) -> set[str]:
    """The ids of a table, each of which must be there once."""
    ids = table.column("id").to_pylist()
    known = set(ids)
    if len(known) < len(ids):
        twice = next(value for value, count in Counter(ids).items() if count > 1)
        row = ids.index(twice, ids.index(twice) + 1) + 1
        raise SourceError(f"{path}, row {row}: the id {twice!r} is there twice")
    return known


def _known(value: str, known: Collection[str], what: str, path: Path, row: int | None = None) -> None:
    if value not in known:
        place = path if row is None else f"{path}, row {row}"
        raise SourceError(f"{place}: there is no {what} with the id {value!r}")
