"""What becomes of rows whose text has no translation. Nothing goes silently: all is counted, listed and noted."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mmteb_synth.data.segments import failed_rows
from mmteb_synth.data.source import SourceSet
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED, TableKey, Tables
from mmteb_synth.errors import SourceError
from mmteb_synth.types import Segment

Policy = Literal["keep", "drop"]
KEEP: Policy = "keep"
DROP: Policy = "drop"

_ID = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A set whose failures are dealt with.

    Attributes:
        tables: Its expanded tables.
        kept: For each table the rows that keep English texts: ids where it has them, otherwise numbers from 0.
        dropped: For each table the rows of the English set that were left out, in the same way.
    """

    tables: Tables
    kept: dict[str, list[int | str]] = field(default_factory=dict)
    dropped: dict[str, list[int | str]] = field(default_factory=dict)


def settle(source: SourceSet, tables: Tables, failed: Set[Segment], policy: Policy) -> Settled:
    """Keep the English of failed texts, or drop their rows where that is safe.

    A dropped row is an eval row, an unjudged document, or a query with its judgements and candidates. Train and
    clustering rows keep their English, because their place decides MTEB's draws; so do judged documents, because
    a query's only relevant one would go with them.

    Args:
        source: The English set.
        tables: The reassembled expanded tables, in which failed texts are English.
        failed: The segments without a translation.
        policy: `keep` or `drop`.

    Returns:
        The tables, with which rows were kept and which dropped. Numbers of kept rows are those of the tables.

    Raises:
        SourceError: No row of a scored table would be left.
    """
    result = dict(tables)
    kept: dict[str, list[int | str]] = {}
    dropped: dict[str, list[int | str]] = {}
    for key, rows in failed_rows(source.layout, source.tables, source.needed, failed).items():
        gone = rows & _droppable(source, key) if policy == DROP else np.zeros(len(rows), bool)
        marks = source.needed.get(key)
        shown = np.ones(len(rows), bool) if marks is None else marks
        if gone.any() and not (shown & ~gone).any():
            raise SourceError(
                f"{source.spec.name}: all rows of {key.config}/{key.split} that MTEB scores would be dropped",
                hint="translate more of it first, or build with --on-failure source",
            )
        table = source.tables[key]
        if gone.any():
            dropped[f"{key.config}/{key.split}"] = _names(table, gone)
            result[key] = tables[key].filter(pa.array(~gone))
        if (rows & ~gone).any():
            kept[f"{key.config}/{key.split}"] = _names(result[key], (rows & ~gone)[~gone])
    for split in source.eval_splits:
        if TableKey(QUERIES, split) in result and dropped:
            _follow(result, split)
    return Settled(tables=result, kept=kept, dropped=dropped)


def notes(failed: int, total: int, settled: Settled) -> list[str]:
    """What a reader of a score must know of the failures, as one line."""
    parts = [f"{failed} of {total} segments have no translation"]
    kept = sum(map(len, settled.kept.values()))
    if kept:
        parts.append(f"{kept} rows keep their English text")
    parts += [f"{len(rows)} rows of {table} were dropped" for table, rows in sorted(settled.dropped.items())]
    return ["; ".join(parts)]


def _droppable(source: SourceSet, key: TableKey) -> np.ndarray:
    """Which rows of a table may go."""
    table = source.tables[key]
    if key.config == CORPUS:
        judged = source.tables[TableKey(QRELS, key.split)].column("corpus-id")
        return ~np.asarray(pc.is_in(table.column(_ID), judged.unique()).to_numpy())
    draws_from = key.split not in source.eval_splits or key.split == getattr(source.task, "train_split", None)
    return np.full(table.num_rows, source.task_type != "Clustering" and not draws_from)


def _follow(tables: Tables, split: str) -> None:
    """Take dropped queries and documents out of the judgements and candidate lists."""
    queries = tables[TableKey(QUERIES, split)].column(_ID).unique()
    for config in (QRELS, TOP_RANKED):
        table = tables.get(TableKey(config, split))
        if table is not None:
            tables[TableKey(config, split)] = table.filter(pc.is_in(table.column("query-id"), queries))
    ranked = tables.get(TableKey(TOP_RANKED, split))
    if ranked is not None:
        documents = set(tables[TableKey(CORPUS, split)].column(_ID).to_pylist())
        lists = [
            [document for document in row if document in documents]
            for row in ranked.column("corpus-ids").to_pylist()
        ]
        column = pa.chunked_array([pa.array(lists, pa.list_(pa.string()))])
        index = ranked.column_names.index("corpus-ids")
        tables[TableKey(TOP_RANKED, split)] = ranked.set_column(index, "corpus-ids", column)


def _names(table: pa.Table, marks: np.ndarray) -> list[int | str]:
    """The marked rows by id, or by number where they have none."""
    if _ID in table.column_names:
        return list(table.column(_ID).filter(pa.array(marks)).to_pylist())
    return [int(row) for row in np.flatnonzero(marks)]
