"""What becomes of rows whose text has no translation. Nothing goes silently: all is counted and noted."""

from __future__ import annotations

from collections.abc import Set
from typing import Literal

import numpy as np
import pyarrow as pa

from mmteb_synth.data.segments import failed_rows
from mmteb_synth.data.source import SourceSet
from mmteb_synth.data.tables import CORPUS, QRELS, QUERIES, TOP_RANKED, TableKey, Tables
from mmteb_synth.types import Kind, Segment

Policy = Literal["keep", "drop"]
KEEP: Policy = "keep"
DROP: Policy = "drop"


def settle(
    source: SourceSet, tables: Tables, failed: Set[Segment], policy: Policy
) -> tuple[Tables, dict[str, int], int]:
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
        The tables, how many rows of each table were dropped, and how many rows keep English.
    """
    texts = {(segment.text, segment.kind) for segment in failed}

    def has_failed(text: str, kind: Kind) -> bool:
        return (text, kind) in texts

    marks = {
        key: failed_rows(source.layout, source.tables[key], key, source.needed.get(key), has_failed)
        for key in tables
        if key.config in source.layout.text
    }
    kept = {key: int(rows.sum()) for key, rows in marks.items()}
    if policy == KEEP:
        return tables, {}, sum(kept.values())
    result, dropped = dict(tables), {}
    for key, rows in marks.items():
        droppable = rows & _droppable(source, key)
        if droppable.any():
            result[key] = tables[key].filter(pa.array(~droppable))
            dropped[f"{key.config}/{key.split}"] = int(droppable.sum())
            kept[key] -= int(droppable.sum())
    for split in source.eval_splits:
        if TableKey(QUERIES, split) in result:
            _follow(result, split)
    return result, dropped, sum(kept.values())


def _droppable(source: SourceSet, key: TableKey) -> np.ndarray:
    """Which rows of a table may go."""
    size = source.tables[key].num_rows
    if key.config == CORPUS:
        judged = set(source.tables[TableKey(QRELS, key.split)].column("corpus-id").to_pylist())
        return np.array([document not in judged for document in source.tables[key].column("id").to_pylist()], bool)
    keeps_place = source.task_type == "Clustering" or key.split not in source.eval_splits
    return np.full(size, not keeps_place)


def _follow(tables: Tables, split: str) -> None:
    """Take dropped queries and documents out of the judgements and candidate lists."""
    queries = set(tables[TableKey(QUERIES, split)].column("id").to_pylist())
    documents = set(tables[TableKey(CORPUS, split)].column("id").to_pylist())
    for config in (QRELS, TOP_RANKED):
        table = tables.get(TableKey(config, split))
        if table is not None:
            keep = [query in queries for query in table.column("query-id").to_pylist()]
            tables[TableKey(config, split)] = table.filter(pa.array(keep, pa.bool_()))
    ranked = tables.get(TableKey(TOP_RANKED, split))
    if ranked is not None:
        lists = [[document for document in row if document in documents] for row in ranked.column("corpus-ids").to_pylist()]
        column = pa.chunked_array([pa.array(lists, pa.list_(pa.string()))])
        tables[TableKey(TOP_RANKED, split)] = ranked.set_column(
            ranked.column_names.index("corpus-ids"), "corpus-ids", column
        )


def notes(failed: int, total: int, dropped: dict[str, int], kept: int) -> list[str]:
    """What a reader of a score must know of the failures."""
    lines = [f"{failed} of {total} segments have no translation"]
    if kept:
        lines.append(f"{kept} rows keep their English text")
    lines += [f"{count} rows of {table} were dropped" for table, count in sorted(dropped.items())]
    return ["; ".join(lines)]
