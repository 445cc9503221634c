"""English sets of the user's own (and the bundled ones): files described by a spec, as an MTEB task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mteb
import pyarrow as pa
from datasets import Dataset, DatasetDict
from mteb.abstasks.task_metadata import TaskMetadata

from mmteb_synth import hashing
from mmteb_synth.data.rows import read_rows
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED
from mmteb_synth.errors import SourceError, SpecError
from mmteb_synth.specs import MAIN_SCORES, TaskSpec

_FAMILIES = {
    "Classification": "AbsTaskClassification",
    "Clustering": "AbsTaskClustering",
    "PairClassification": "AbsTaskPairClassification",
    "Reranking": "AbsTaskRetrieval",
    "Retrieval": "AbsTaskRetrieval",
    "STS": "AbsTaskSTS",
    "Summarization": "AbsTaskSummarization",
}
"""MTEB's base class of each type."""
_CATEGORIES = {"Classification": "t2c", "Clustering": "t2c"}


def revision(spec: TaskSpec) -> str:
    """The digest of a spec of one's own and of its files."""
    return hashing.files_digest([(name, path) for name, path in _paths(spec).items()] + [("spec", _home(spec))])[:40]


def task_class(spec: TaskSpec, revision: str) -> type[Any]:
    """The MTEB class of a set of one's own.

    Args:
        spec: A spec with files.
        revision: The digest of its files; they are read only when the task loads its data.

    Returns:
        A subclass of MTEB's abstract class for the type, which reads the spec's files.
    """
    kind = spec.type
    if kind is None:
        raise SpecError(f"{spec.name}: a set of one's own needs a type")
    metadata = TaskMetadata(
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

    def load_data(self: Any, num_proc: int | None = None, **_: Any) -> None:
        if not self.data_loaded:
            self.dataset = _load(spec)
            self.data_loaded = True

    attributes = {"metadata": metadata, "load_data": load_data, "__module__": __name__, **spec.protocol.attributes()}
    return type(spec.name.replace("-", "_").replace(".", "_"), (_base(_FAMILIES[kind]),), attributes)


def _base(family: str) -> type[Any]:
    found: type[Any] | None = getattr(mteb.abstasks, family, None)
    if found is None:
        from mteb.abstasks.text.summarization import AbsTaskSummarization

        return AbsTaskSummarization
    return found


def _home(spec: TaskSpec) -> Path:
    if spec.path is None:
        raise SpecError(f"{spec.name}: a spec with [files] must be read from a file")
    return spec.path


def _paths(spec: TaskSpec) -> dict[str, Path]:
    paths = {name: _home(spec).parent / file for name, file in spec.files.items()}
    for name, path in paths.items():
        if not path.is_file():
            raise SourceError(f"{spec.name}: no such file for {name!r}: {path}", hint=f"mend [files] in {spec.path}")
    return paths


def _load(spec: TaskSpec) -> Any:
    paths = _paths(spec)
    if CORPUS in paths:
        return {"default": {split: _retrieval(spec, paths) for split in spec.own_splits}}
    columns = _columns(spec)
    return DatasetDict({split: Dataset(read_rows(path, columns, spec.columns)) for split, path in paths.items()})


def _columns(spec: TaskSpec) -> dict[str, pa.DataType | None]:
    """The columns that MTEB reads for the type and the Arrow types they must have; None for any."""
    texts = pa.list_(pa.string())
    return {
        "Classification": {"text": pa.string(), "label": pa.int64()},
        "Clustering": {"sentences": pa.string(), "labels": None},
        "PairClassification": {"sentence1": pa.string(), "sentence2": pa.string(), "labels": pa.int64()},
        "STS": {"sentence1": pa.string(), "sentence2": pa.string(), "score": pa.float64()},
        "Summarization": {
            "text": pa.string(),
            "human_summaries": texts,
            "machine_summaries": texts,
            "relevance": pa.list_(pa.float64()),
        },
    }[str(spec.type)]


def _retrieval(spec: TaskSpec, paths: dict[str, Path]) -> dict[str, Any]:
    text = {"id": pa.string(), "text": pa.string()}
    corpus = read_rows(paths[CORPUS], text, spec.columns, optional={"title": pa.string()})
    queries = read_rows(paths[QUERIES], text, spec.columns, optional={"instruction": pa.string()})
    pairs = {"query-id": pa.string(), "corpus-id": pa.string(), "score": pa.int64()}
    qrels: dict[str, dict[str, int]] = {}
    documents, asked = set(corpus.column("id").to_pylist()), set(queries.column("id").to_pylist())
    for row, judged in enumerate(read_rows(paths[QRELS], pairs, spec.columns).to_pylist(), start=1):
        _known(judged["corpus-id"], documents, "document", paths[QRELS], row)
        _known(judged["query-id"], asked, "query", paths[QRELS], row)
        qrels.setdefault(judged["query-id"], {})[judged["corpus-id"]] = judged["score"]
    ranked = None
    if TOP_RANKED in paths:
        lists = {"query-id": pa.string(), "corpus-ids": pa.list_(pa.string())}
        ranked = {}
        for row, listed in enumerate(read_rows(paths[TOP_RANKED], lists, spec.columns).to_pylist(), start=1):
            for document in listed["corpus-ids"]:
                _known(document, documents, "document", paths[TOP_RANKED], row)
            ranked[listed["query-id"]] = listed["corpus-ids"]
    return {"corpus": Dataset(corpus), "queries": Dataset(queries), "relevant_docs": qrels, "top_ranked": ranked}


def _known(value: str, known: set[str], what: str, path: Path, row: int) -> None:
    if value not in known:
        raise SourceError(f"{path}, row {row}: there is no {what} with the id {value!r}")
