"""Which rows MTEB will show a model, by MTEB's own random draws, and the first N rows for a trial."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.layout import SET_COLUMN, Layout
from mmteb_synth.data.segments import Needed
from mmteb_synth.data.tables import CORPUS, DEFAULT, QRELS, QUERIES, TOP_RANKED, TableKey, Tables, is_list
from mmteb_synth.errors import SourceError

DRAW_ATTRIBUTES = (
    "samples_per_label",
    "n_experiments",
    "is_cross_validation",
    "max_fraction_of_documents_to_embed",
    "max_document_to_embed",
    "max_documents_per_cluster",
    "n_clusters",
    "max_depth",
    "seed",
)
"""What decides MTEB's draws. Recorded with a data set that leaves texts out, and compared before it is scored."""


def needed_rows(task: Any, layout: Layout, tables: Tables, eval_splits: Sequence[str]) -> Needed:
    """The rows of each table whose text MTEB will show a model, and that can change a score.

    Args:
        task: The English MTEB task with the attributes that its transform set; its data are not touched.
        layout: Its layout.
        tables: Its expanded tables.
        eval_splits: The splits that are scored, in MTEB's order.

    Returns:
        For each table a boolean mark a row, or None where all rows are shown.
    """
    families = {base.__name__ for base in type(task).__mro__}
    if "AbsTaskClassification" in families:
        return _classification(task, tables, eval_splits)
    if "AbsTaskClustering" in families:
        return _clustering(task, tables, eval_splits)
    if layout.grouped:
        return {key: _several_labels(table, task.label_column_name) for key, table in tables.items()}
    if "AbsTaskRetrieval" in families:
        return _retrieval(tables, eval_splits)
    return dict.fromkeys(tables)


def draws(task: Any) -> dict[str, Any]:
    """The attributes that decide a task's draws, for the record."""
    return {name: getattr(task, name) for name in DRAW_ATTRIBUTES if hasattr(task, name)}


def _classification(task: Any, tables: Tables, eval_splits: Sequence[str]) -> Needed:
    """Train rows that MTEB's undersampling draws in any of its experiments; all rows of the scored splits."""
    needed: dict[TableKey, np.ndarray | None] = dict.fromkeys(tables)
    train = TableKey(DEFAULT, task.train_split)
    if task.is_cross_validation or task.train_split in eval_splits:
        return needed
    labels = _Labels(tables[train].column(task.label_column_name).to_pylist())
    marks = np.zeros(len(labels), bool)
    order = None
    for experiment in range(task.n_experiments):
        _, order, drawn = task._undersample_data(labels, experiment, order)  # noqa: SLF001  MTEB's own draw
        marks[drawn] = True
    needed[train] = None if marks.all() else marks
    return needed


class _Labels:
    """What MTEB's draw reads of a training set. A real one gives its labels row by row, in a minute for 400K."""

    def __init__(self, labels: list[Any]) -> None:
        self._labels = labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, column: str) -> list[Any]:
        return self._labels

    def select(self, rows: Sequence[int]) -> None:
        """Nothing: only the numbers of the drawn rows are wanted."""


def _clustering(task: Any, tables: Tables, eval_splits: Sequence[str]) -> Needed:
    """The sample that AbsTaskClustering embeds. One generator serves all splits of a task."""
    generator = random.Random(task.seed)
    keys = [TableKey(DEFAULT, split) for split in eval_splits]
    return {key: _draw(task, tables[key], generator) for key in keys}


def generator_at(task: Any, tables: Tables, eval_splits: Sequence[str], split: str) -> random.Random:
    """The generator of an AbsTaskClustering as it stands when the turn of a split comes.

    Args:
        task: The MTEB task.
        tables: Its tables; of the splits before this one only sizes and labels are read.
        eval_splits: All splits that are scored, in MTEB's order.
        split: One of these.
    """
    generator = random.Random(task.seed)
    for before in eval_splits[: eval_splits.index(split)]:
        _draw(task, tables[TableKey(DEFAULT, before)], generator)
    return generator


def _draw(task: Any, table: pa.Table, generator: random.Random) -> np.ndarray | None:
    """The rows of a clustering's split that are embedded; the bootstrap that follows draws from the generator too."""
    size = table.num_rows
    drawn = _sample_size(task, size)
    marks = None
    if drawn == 0:
        raise SourceError(
            f"MTEB embeds {task.max_fraction_of_documents_to_embed:.0%} of a clustering's texts, and of {size} "
            "that is none",
            hint="take more rows, or say how many in [protocol] for a set of one's own",
        )
    if drawn is not None:
        marks = np.zeros(size, bool)
        marks[generator.sample(range(size), k=drawn)] = True
    depth = _depth(table.column(task.label_column_name), marks, task.max_depth)
    for _ in range(depth * task.n_clusters):
        generator.choices(range(max(size, 1)), k=task.max_documents_per_cluster)
    return marks


def _sample_size(task: Any, size: int) -> int | None:
    if task.max_fraction_of_documents_to_embed is not None:
        return min(size, int(task.max_fraction_of_documents_to_embed * size))
    if task.max_document_to_embed is not None:
        return min(size, int(task.max_document_to_embed))
    return None


def _depth(labels: pa.ChunkedArray, marks: np.ndarray | None, max_depth: int | None) -> int:
    if not is_list(labels.type):
        return 1
    shown = labels if marks is None else labels.filter(pa.array(marks))
    depth = max((len(label) for label in shown.to_pylist()), default=1)
    return depth if max_depth is None else min(depth, max_depth)


def _several_labels(table: pa.Table, label_column: str) -> np.ndarray | None:
    """MTEB skips a set of a legacy clustering whose texts all bear one label."""
    groups = table.group_by(SET_COLUMN).aggregate([(label_column, "count_distinct")])
    several = groups.filter(pc.field(f"{label_column}_count_distinct") > 1).column(SET_COLUMN)
    return _marks(table.column(SET_COLUMN), several)


def _retrieval(tables: Tables, eval_splits: Sequence[str]) -> Needed:
    """Queries with a judged document; where candidates are given, only the documents among them.

    MTEB embeds the whole corpus of a reranking task, but ranks only the candidates.
    """
    needed: dict[TableKey, np.ndarray | None] = {}
    for split in eval_splits:
        judged = tables[TableKey(QRELS, split)].column("query-id")
        queries = TableKey(QUERIES, split)
        needed[queries] = _marks(tables[queries].column("id"), judged)
        ranked = tables.get(TableKey(TOP_RANKED, split))
        if ranked is not None:
            candidates = pc.list_flatten(_where(ranked, "query-id", judged).column("corpus-ids"))
            corpus = TableKey(CORPUS, split)
            needed[corpus] = _marks(tables[corpus].column("id"), candidates)
    return needed


def _marks(values: pa.ChunkedArray, wanted: pa.ChunkedArray) -> np.ndarray | None:
    """Which values are among the wanted ones; None where all are."""
    marks = pc.is_in(values, wanted.unique()).to_numpy()
    return None if marks.all() else np.asarray(marks)


def limit_rows(tables: Tables, eval_splits: Sequence[str], limit: int) -> Tables:
    """The first rows of the scored splits, for a trial; train rows are kept whole.

    Args:
        tables: Expanded tables.
        eval_splits: The splits that are scored.
        limit: How many rows; for retrieval and reranking how many queries, with their judged and candidate
            documents and the first `limit` others.

    Returns:
        The smaller tables.
    """
    result = dict(tables)
    for split in eval_splits:
        if TableKey(QUERIES, split) in tables:
            _limit_queries(result, split, limit)
        else:
            key = TableKey(DEFAULT, split)
            result[key] = tables[key].slice(0, limit)
    return result


def _limit_queries(tables: Tables, split: str, limit: int) -> None:
    keys = {config: TableKey(config, split) for config in (QUERIES, CORPUS, QRELS, TOP_RANKED)}
    judged = _where(tables[keys[QUERIES]], "id", tables[keys[QRELS]].column("query-id"))
    kept = judged.slice(0, limit).column("id")
    for config, column in ((QUERIES, "id"), (QRELS, "query-id"), (TOP_RANKED, "query-id")):
        if keys[config] in tables:
            tables[keys[config]] = _where(tables[keys[config]], column, kept)
    documents = set(tables[keys[QRELS]].column("corpus-id").to_pylist())
    if keys[TOP_RANKED] in tables:
        documents.update(pc.list_flatten(tables[keys[TOP_RANKED]].column("corpus-ids")).to_pylist())
    corpus = tables[keys[CORPUS]]
    others = [document for document in corpus.column("id").to_pylist() if document not in documents]
    tables[keys[CORPUS]] = _where(
        corpus, "id", pa.chunked_array([[*documents, *others[:limit]]], pa.string())
    )


def _where(table: pa.Table, column: str, wanted: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.is_in(table.column(column), wanted.unique()))
